/** A store for @fastify/rate-limit, whose limits are exact and shared by all processes then. */
import { FastifyLimitStore, type FastifyStoreParams } from "./stores/fastify-store.js";
import { STORE_OPTIONS, StoreLimits, type StoreClient, type StoreOptions } from "./stores/store.js";

export type { FastifyStoreCallback, FastifyStoreParams, FastifyStoreRoute, FastifyLimitStore } from "./stores/fastify-store.js";
export type { StoreClient, StoreOptions } from "./stores/store.js";
export { StoreUnavailableError } from "./stores/unavailable.js";

/** What the plugin makes the store with. */
export type FastifyStoreClass = new (params?: FastifyStoreParams) => FastifyLimitStore;

/**
 * The class that the plugin's option `store` takes:
 * `app.register(rateLimit, { max: 100, timeWindow: "1 minute", store: lockwatchStore(lw) })`.
 *
 * @param client a `LockWatch`, or the argument of its constructor
 */
export function lockwatchStore(client: StoreClient, options: StoreOptions = {}): FastifyStoreClass {
  const limits = StoreLimits.of(client, options, STORE_OPTIONS, "fastify-rate-limit", "lockwatchStore");
  return class extends FastifyLimitStore {
    constructor(params: FastifyStoreParams = {}) {
      super(limits, "", params);
    }
  };
}
