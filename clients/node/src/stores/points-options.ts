/** The options of the limiter for rate-limiter-flexible. */
import type { RateLimiterLike } from "rate-limiter-flexible";
import { ConfigurationError } from "../errors.js";
import type { OptionRules, Rule } from "../known-options.js";
import { BOOLEAN } from "../rules.js";
import { STORE_CLIENT, STORE_NAME, type StoreClient } from "./store.js";

export interface RateLimiterLockWatchOptions {
  /** A `LockWatch`, or the argument of its constructor. */
  storeClient: StoreClient;
  points: number;
  /** Seconds; 0 for ten years. */
  duration: number;
  /** Part of the Redis keys, and the policy in counters; `rlflx` unless given. */
  keyPrefix?: string | undefined;
  /** Seconds for which a key is denied that exceeds its limit. Its count begins anew then. */
  blockDuration?: number | undefined;
  execEvenly?: boolean | undefined;
  execEvenlyMinDelayMs?: number | undefined;
  /** Decides while Redis is away. */
  insuranceLimiter?: RateLimiterLike | undefined;
}

const NUMBER: Rule = { expected: "a number, like 100", accepts: (value) => Number.isFinite(value) };
const SECONDS: Rule = { expected: "0 or a positive number of seconds, like 60", accepts: (value) => Number.isFinite(value) && (value as number) >= 0 };

export const RATE_LIMITER_OPTIONS: OptionRules<RateLimiterLockWatchOptions> = {
  storeClient: STORE_CLIENT,
  points: { ...NUMBER, required: true },
  duration: { ...SECONDS, required: true },
  keyPrefix: STORE_NAME,
  blockDuration: SECONDS,
  execEvenly: BOOLEAN,
  execEvenlyMinDelayMs: NUMBER,
  insuranceLimiter: { expected: "a limiter of rate-limiter-flexible, like new RateLimiterMemory({ points: 10, duration: 1 })", accepts: isLimiter },
};

const IMPOSSIBLE: Readonly<Record<string, string>> = {
  inMemoryBlockOnConsumed: "denied calls are not counted, and cost one round trip without a write: leave it out, or use blockDuration",
  inMemoryBlockDuration: "denied calls are not counted, and cost one round trip without a write: leave it out, or use blockDuration",
  customIncrTtlLuaScript: "the module decides, and no script",
};

/** The peer's default. */
export const DEFAULT_NAME = "rlflx";

/** Options of RateLimiterRedis without a meaning here. */
const NEEDLESS = ["rejectIfRedisNotReady", "useRedisPackage", "useRedis3AndLowerPackage"];

/** Throws for options that are not possible, and drops those that mean nothing here. */
export function ownOptions(given: RateLimiterLockWatchOptions): RateLimiterLockWatchOptions {
  const impossible = Object.keys(given).find((name) => Object.hasOwn(IMPOSSIBLE, name));
  if (impossible !== undefined) throw new ConfigurationError(`${impossible} is not possible with lockwatch: ${IMPOSSIBLE[impossible]}`);
  return Object.fromEntries(Object.entries(given).filter(([name]) => !NEEDLESS.includes(name))) as unknown as RateLimiterLockWatchOptions;
}

function isLimiter(value: unknown): boolean {
  return typeof (value as { consume?: unknown } | null)?.consume === "function";
}
