/** A storage for @nestjs/throttler. */
export type { StoreClient } from "./stores/store.js";
export { LockWatchThrottlerStorage, type ThrottlerRecord, type ThrottlerStorageOptions } from "./stores/throttler-storage.js";
export { StoreUnavailableError } from "./stores/unavailable.js";
