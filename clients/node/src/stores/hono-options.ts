/** The options of the store for hono-rate-limiter. */
import type { PlainFailureMode } from "../http/fallback.js";
import type { OptionRules } from "../known-options.js";
import { FAILURE_MODE } from "../rules.js";
import { HIT_STORE_OPTIONS, type HitStoreOptions } from "./hit-store.js";

export interface HonoStoreOptions extends HitStoreOptions {
  /** What happens to a request if Redis fails: `allow` lets it through, `deny` answers 503. */
  onRedisFailure?: PlainFailureMode | undefined;
}

export const HONO_STORE_OPTIONS: OptionRules<HonoStoreOptions> = {
  ...HIT_STORE_OPTIONS,
  onRedisFailure: FAILURE_MODE,
};
