/** What @nestjs/throttler calls. */
import type { PlainFailureMode } from "../http/fallback.js";
import type { OptionRules } from "../known-options.js";
import { FAILURE_MODE } from "../rules.js";
import { Blocks } from "./blocks.js";
import { STORE_OPTIONS, StoreLimits, wholeLimit, type StoreClient, type StoreOptions } from "./store.js";

export interface ThrottlerStorageOptions extends StoreOptions {
  /** What happens to a request if Redis fails: `allow` lets it through, `deny` answers 503. */
  onRedisFailure?: PlainFailureMode | undefined;
}

export const THROTTLER_STORAGE_OPTIONS: OptionRules<ThrottlerStorageOptions> = {
  ...STORE_OPTIONS,
  onRedisFailure: FAILURE_MODE,
};

/** What the guard of @nestjs/throttler is told. Times are in seconds. */
export interface ThrottlerRecord {
  totalHits: number;
  timeToExpire: number;
  isBlocked: boolean;
  timeToBlockExpire: number;
}

/**
 * `ThrottlerModule.forRoot({ throttlers: [{ ttl: 60_000, limit: 100 }], storage: new
 * LockWatchThrottlerStorage(lw) })`
 */
export class LockWatchThrottlerStorage {
  readonly #limits: StoreLimits;
  readonly #mode: PlainFailureMode;

  /** @param client a `LockWatch`, or the argument of its constructor */
  constructor(client: StoreClient, options: ThrottlerStorageOptions = {}) {
    this.#limits = StoreLimits.of(client, options, THROTTLER_STORAGE_OPTIONS, "throttler", "LockWatchThrottlerStorage");
    this.#mode = options.onRedisFailure ?? "allow";
  }

  /** Times are in milliseconds. A `blockDuration` that is equal to `ttl`, as it is unless given, is no block. */
  async increment(key: string, ttl: number, limit: number, blockDuration: number, throttlerName: string): Promise<ThrottlerRecord> {
    const named = `${throttlerName}:${key}`;
    const ask = async () => (blockDuration > 0 && blockDuration !== ttl ? this.#blocking(named, ttl, limit, blockDuration) : this.#sliding(named, ttl, limit));
    return this.#limits.decide(ask, (record) => !record.isBlocked, { instead: this.#mode === "allow" ? () => recordOf(1, ttl) : undefined });
  }

  /** Called by NestJS. Closes the client of a storage that was given a URL. */
  async onApplicationShutdown(): Promise<void> {
    await this.#limits.close();
  }

  /** The window alone decides. */
  async #sliding(key: string, ttl: number, given: number): Promise<ThrottlerRecord> {
    const limit = wholeLimit(given);
    const result = await this.#limits.hit(this.#limits.keyOf(key), limit, ttl);
    if (result.allowed) return recordOf(limit - result.remaining, result.resetAfterMs);
    return recordOf(limit + 1, result.resetAfterMs, Math.min(result.retryAfterMs, ttl));
  }

  /** A denied client is blocked for a time of its own, and begins anew then. */
  async #blocking(key: string, ttl: number, given: number, blockDuration: number): Promise<ThrottlerRecord> {
    const limit = wholeLimit(given);
    const blocks = new Blocks(this.#limits);
    const { allowed, remaining, resetAfterMs, blockedForMs } = await blocks.hit(key, limit, ttl);
    if (allowed) return recordOf(limit - remaining, resetAfterMs);
    if (blockedForMs === 0) await blocks.startAnew(key, blockDuration);
    return recordOf(limit + 1, resetAfterMs, blockedForMs === 0 ? blockDuration : blockedForMs);
  }
}

function recordOf(totalHits: number, expiresMs: number, blockedMs?: number): ThrottlerRecord {
  return { totalHits, timeToExpire: seconds(expiresMs), isBlocked: blockedMs !== undefined, timeToBlockExpire: seconds(blockedMs ?? 0) };
}

function seconds(ms: number): number {
  return Math.ceil(ms / 1000);
}
