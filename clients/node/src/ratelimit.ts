/** LW.RATELIMIT, LW.PEEK, LW.REFUND and LW.SETTLE, and the reply of a limit as HTTP headers. */
import { secondsRoundedUp } from "./duration.js";
import { DEFAULT_HEADERS, limitHeaders, type HeaderKind } from "./limit-headers.js";
import { knownLimits, limitArguments, type Limit, type ParsedLimits } from "./limits.js";
import type { Bytes, Command, RedisReply } from "./redis/connection.js";
import { integers } from "./redis/replies.js";

export type Headers = Record<string, string>;

export interface RateLimitOptions {
  /** The number of units that the call takes from each limit. */
  cost?: number | undefined;
  /** Counts the call even if it is denied. */
  force?: boolean | undefined;
  /** The result has `timeMs`, which `refund` and `settle` need. */
  withTime?: boolean | undefined;
}

export function rateLimitCommand(
  name: "LW.RATELIMIT" | "LW.PEEK",
  key: Bytes,
  limits: ParsedLimits,
  cost: number,
  { force = false, withTime = false }: Omit<RateLimitOptions, "cost"> = {},
): Command {
  const args = [name, key, ...limitArguments(limits)];
  if (cost !== 1) args.push("COST", String(cost));
  if (force) args.push("FORCE");
  if (withTime) args.push("WITHTIME");
  return { args, key };
}

export function refundCommand(key: Bytes, units: number, at: number): Command {
  return { args: ["LW.REFUND", key, String(units), "AT", String(at)], key };
}

export function settleCommand(key: Bytes, reserved: number, actual: number, at: number): Command {
  return { args: ["LW.SETTLE", key, String(reserved), String(actual), "AT", String(at)], key };
}

/** What `settle` changed. */
export interface Settlement {
  /** Units that were given back. */
  readonly refunded: number;
  /** Units that were recorded in addition. */
  readonly recorded: number;
  /** When they were recorded: Unix milliseconds. Undefined if none were. */
  readonly timeMs: number | undefined;
}

export function parseSettlement(reply: RedisReply): Settlement {
  const [refunded, recorded, time] = integers(reply, 3, "LW.SETTLE") as [number, number, number];
  return { refunded, recorded, timeMs: time === 0 ? undefined : time };
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
    /** The limits of the call. Empty if a policy of the server decided. */
    readonly limits: readonly Limit[],
    /**
     * When the units were recorded, for `refund` and `settle`: Unix milliseconds. Undefined if none
     * were, or without `withTime`.
     */
    readonly timeMs?: number,
  ) {}

  static parse(reply: RedisReply, limits: ParsedLimits, command: string, withTime = false): RateLimitResult {
    const numbers = integers(reply, withTime ? 6 : 5, command) as [number, number, number, number, number, number?];
    const [limited, limit, remaining, retryAfterMs, resetAfterMs, time] = numbers;
    const wait = retryAfterMs < 0 ? Infinity : retryAfterMs;
    return new RateLimitResult(limited === 0, limit, remaining, wait, resetAfterMs, knownLimits(limits), time === 0 ? undefined : time);
  }

  /** Whole seconds, rounded up, at least 1; undefined if allowed or if waiting does not help. */
  get retryAfterSeconds(): number | undefined {
    if (this.allowed || this.retryAfterMs === Infinity) return undefined;
    return Math.max(1, secondsRoundedUp(this.retryAfterMs));
  }

  /**
   * `X-RateLimit-*`, `RateLimit` and `RateLimit-Policy` (IETF draft), and `Retry-After` for a denial.
   * `policy` is the name in the IETF's fields. `kinds` chooses others, as the option `headers` does.
   */
  headers(policy = "default", kinds: readonly HeaderKind[] = DEFAULT_HEADERS): Headers {
    const headers = limitHeaders(this, policy, kinds);
    const retryAfter = this.retryAfterSeconds;
    if (retryAfter !== undefined) headers["Retry-After"] = String(retryAfter);
    return headers;
  }
}
