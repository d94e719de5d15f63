/** A store for express-rate-limit, whose limits are exact and shared by all processes then. */
import { HIT_STORE_OPTIONS, HitStore, type HitStoreOptions } from "./stores/hit-store.js";
import { StoreLimits, type StoreClient } from "./stores/store.js";

export type { Hits, HitStoreOptions, LimiterOptions } from "./stores/hit-store.js";
export type { StoreClient } from "./stores/store.js";
export { StoreUnavailableError } from "./stores/unavailable.js";

/** `rateLimit({ windowMs: 60_000, limit: 100, store: new LockWatchStore(lw) })` */
export class LockWatchStore extends HitStore {
  /** @param client a `LockWatch`, or the argument of its constructor */
  constructor(client: StoreClient, options: HitStoreOptions = {}) {
    super(StoreLimits.of(client, options, HIT_STORE_OPTIONS, "express-rate-limit", "LockWatchStore"), options);
  }
}
