/**
 * What the middleware knows about a request: for handlers (`request.lockwatch`) and for the audit
 * event.
 */
import type { BurstResult } from "../burst.js";
import type { RateLimitResult } from "../ratelimit.js";
import { denialOf, type Denial } from "./denial.js";

export class LockWatchState {
  /** The binding limit; undefined if Redis failed. */
  limit: RateLimitResult | undefined;
  burst: BurstResult | undefined;
  /**
   * How Redis failed: `timeout`, `connection`, `bypassed`, `module_missing`, or the code of its
   * error in lower case.
   */
  failure: string | undefined;
  /** A limit denied the request, in shadow mode too. */
  limited = false;
  /** A limit in shadow mode denied the request, which went on. */
  shadowed = false;
  /** The application sets the user here, for the audit event. */
  user: string | number | null | undefined;
  /** The result of the last key function, which is the event's user unless `user` is set. */
  keyText: string | undefined;
  /** The data of the audit event if a limit denied the request. */
  denial: Denial | undefined;

  constructor(
    readonly policy: string,
    /**
     * The client's address; undefined for the peer of a Unix socket without a usable forwarding
     * header.
     */
    readonly address: string | undefined,
  ) {}

  /** Records a denial by the limit at a key. One without shadow mode outweighs an earlier one in it. */
  deny(result: RateLimitResult, policy: string, key: string, shadow: boolean): void {
    this.limited = true;
    this.shadowed = shadow;
    this.denial = denialOf(result, policy, key, shadow);
  }
}
