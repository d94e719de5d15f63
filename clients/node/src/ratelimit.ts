/** LW.RATELIMIT and LW.PEEK, and their reply as HTTP headers. */
import { durationArgument, secondsRoundedUp } from "./duration.js";
import { wrongModule } from "./errors.js";
import { bindingLimit, limitArguments, type Limit } from "./limits.js";
import type { Bytes, Command, RedisReply } from "./redis/connection.js";

export type Headers = Record<string, string>;

export function rateLimitCommand(name: "LW.RATELIMIT" | "LW.PEEK", key: Bytes, limits: readonly Limit[], cost: number): Command {
  const args = [name, key, ...limitArguments(limits)];
  if (cost !== 1) args.push("COST", String(cost));
  return { args, key };
}

export class RateLimitResult {
  constructor(
    readonly allowed: boolean,
    /**
     * Like `remaining` and `resetAfterMs`, that of the binding limit: the one with the least room.
     */
    readonly limit: number,
    readonly remaining: number,
    /**
     * 0 if allowed; Infinity if the call costs more than a limit, so that waiting does not help.
     */
    readonly retryAfterMs: number,
    readonly resetAfterMs: number,
    /** The limits of the call. */
    readonly limits: readonly Limit[],
  ) {}

  static parse(reply: RedisReply, limits: readonly Limit[], command: string): RateLimitResult {
    if (!Array.isArray(reply) || reply.length !== 5) throw wrongModule(command);
    const [limited, limit, remaining, retryAfterMs, resetAfterMs] = reply.map(Number) as [number, number, number, number, number];
    return new RateLimitResult(limited === 0, limit, remaining, retryAfterMs < 0 ? Infinity : retryAfterMs, resetAfterMs, limits);
  }

  /** Whole seconds, rounded up, at least 1; undefined if allowed or if waiting does not help. */
  get retryAfterSeconds(): number | undefined {
    if (this.allowed || this.retryAfterMs === Infinity) return undefined;
    return Math.max(1, secondsRoundedUp(this.retryAfterMs));
  }

  /**
   * `X-RateLimit-*`, `RateLimit` and `RateLimit-Policy` (IETF draft), and `Retry-After` for a denial.
   * `policy` is the name in the IETF's fields.
   */
  headers(policy = "default"): Headers {
    const { limits, limit, remaining } = this;
    const reset = secondsRoundedUp(this.resetAfterMs);
    const nameOf = (one: Limit) => (limits.length === 1 ? policy : `${policy}-${windowName(one)}`);
    const binding = bindingLimit(limits, limit);
    const headers: Headers = {
      "X-RateLimit-Limit": String(limit),
      "X-RateLimit-Remaining": String(remaining),
      "X-RateLimit-Reset": String(reset),
      "RateLimit-Policy": limits.map((one) => policyItem(nameOf(one), one)).join(", "),
      RateLimit: `"${binding ? nameOf(binding) : policy}";r=${remaining};t=${reset}`,
    };
    const retryAfter = this.retryAfterSeconds;
    if (retryAfter !== undefined) headers["Retry-After"] = String(retryAfter);
    return headers;
  }
}

function policyItem(name: string, { limit, windowMs }: Limit): string {
  const item = `"${name}";q=${limit}`;
  // `w` is in whole seconds, so other windows have none.
  return windowMs % 1000 === 0 ? `${item};w=${windowMs / 1000}` : item;
}

function windowName({ windowMs }: Limit): string {
  const length = durationArgument(windowMs);
  return length.endsWith("ms") ? length : `${length}s`;
}
