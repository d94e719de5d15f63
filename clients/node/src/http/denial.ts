/** What the audit event of a denied request says: which limit denied it, and whom. */
import { bindingLimit } from "../limits.js";
import type { RateLimitResult } from "../ratelimit.js";
import { clientOf } from "./keys.js";

/** The DATA of the event. Its members and their order are part of the contract. */
export interface DenialData {
  readonly policy: string;
  readonly key: string;
  readonly limit: number;
  /** Seconds. Missing for a policy of the server, whose windows are not known. */
  readonly window?: number;
  /** Seconds; null if waiting does not help. */
  readonly retry_after: number | null;
  readonly client: string;
  readonly shadow?: true;
}

export function denialOf(result: RateLimitResult, policy: string, key: string, shadow: boolean): DenialData {
  const { limits, limit } = result;
  const windowMs = bindingLimit(limits, limit)?.windowMs ?? Math.max(...limits.map((each) => each.windowMs));
  const window = limits.length === 0 ? {} : { window: windowMs / 1000 };
  const denial = { policy, key, limit, ...window, retry_after: result.retryAfterSeconds ?? null, client: clientOf(key) };
  return shadow ? { ...denial, shadow } : denial;
}
