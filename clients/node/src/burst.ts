/** LW.BURST */
import { durationArgument, windowMs, type Duration } from "./duration.js";
import type { Bytes, Command, RedisReply } from "./redis/connection.js";
import { integers } from "./redis/replies.js";

/**
 * The request, for the data of the alert. Leave the query string out of `endpoint`, because it can
 * hold secrets.
 */
export interface Caller {
  ip?: string | undefined;
  endpoint?: string | undefined;
  method?: string | undefined;
  agent?: Bytes | undefined;
}

export interface BurstOptions extends Caller {
  /** The minimum time between two alerts of the key; the module's 60 s unless given. */
  cooldown?: Duration | undefined;
}

export interface BurstResult {
  readonly burst: boolean;
  /** The number of calls in the window, including this one. */
  readonly count: number;
  /** Whether this call raised an alert. */
  readonly alerted: boolean;
}

export function burstCommand(key: Bytes, threshold: number, length: number, options: BurstOptions): Command {
  const args = ["LW.BURST", key, String(threshold), durationArgument(length)];
  if (options.cooldown !== undefined) args.push("COOLDOWN", durationArgument(windowMs(options.cooldown)));
  if (options.ip !== undefined) args.push("IP", options.ip);
  if (options.endpoint !== undefined) args.push("ENDPOINT", options.endpoint);
  if (options.method !== undefined) args.push("METHOD", options.method);
  if (options.agent !== undefined) args.push("AGENT", options.agent);
  return { args, key };
}

export function parseBurst(reply: RedisReply): BurstResult {
  const [burst, count, alerted] = integers(reply, 3, "LW.BURST") as [number, number, number];
  return { burst: burst === 1, count, alerted: alerted === 1 };
}
