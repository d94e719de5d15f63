/** A store for hono-rate-limiter, whose limits are exact and shared by all processes then. */
import type { PlainFailureMode } from "./http/fallback.js";
import { after, HitStore, type Hits } from "./stores/hit-store.js";
import { HONO_STORE_OPTIONS, type HonoStoreOptions } from "./stores/hono-options.js";
import { StoreLimits, type OnFailure, type StoreClient } from "./stores/store.js";

export type { Hits, LimiterOptions } from "./stores/hit-store.js";
export type { HonoStoreOptions } from "./stores/hono-options.js";
export type { StoreClient } from "./stores/store.js";
export { StoreUnavailableError } from "./stores/unavailable.js";

/** `rateLimiter({ windowMs: 60_000, limit: 100, keyGenerator, store: new LockWatchStore(lw) })` */
export class LockWatchStore extends HitStore {
  readonly #mode: PlainFailureMode;

  /** @param client a `LockWatch`, or the argument of its constructor */
  constructor(client: StoreClient, options: HonoStoreOptions = {}) {
    super(StoreLimits.of(client, options, HONO_STORE_OPTIONS, "hono-rate-limiter", "LockWatchStore"), options);
    this.#mode = options.onRedisFailure ?? "allow";
  }

  protected override onFailure(windowMs: number): OnFailure<Hits> {
    return { instead: this.#mode === "allow" ? () => ({ totalHits: 1, resetTime: after(windowMs) }) : undefined };
  }
}
