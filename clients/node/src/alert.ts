/** LW.ALERT */
import { durationArgument, windowMs, type Duration } from "./duration.js";
import type { Command } from "./redis/connection.js";

export type AlertOptions =
  | { dedup?: undefined; cooldown?: undefined }
  /** Raises no alert if one with the same type and `dedup` was raised in the last `cooldown`. */
  | { dedup: string; cooldown: Duration };

export function alertCommand(type: string, data: unknown, options: AlertOptions): Command {
  const args = ["LW.ALERT", type, JSON.stringify(data)];
  if (options.dedup !== undefined) args.push("DEDUP", options.dedup, "COOLDOWN", durationArgument(windowMs(options.cooldown)));
  return { args };
}
