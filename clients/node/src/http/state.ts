/**
 * What the middleware knows about a request: for handlers (`request.lockwatch`) and for the audit
 * event.
 */
import type { BurstResult } from "../burst.js";
import type { GuardResult } from "../guard.js";
import type { RateLimitResult } from "../ratelimit.js";
import type { AddressPrefixes } from "./address.js";
import { denialOf, type DenialData } from "./denial.js";
import type { Responses } from "./responses.js";

/** The DATA of the event of a request that a guard denied. Its members and their order are part of the contract. */
export interface GuardDenial {
  readonly guard: string;
  readonly rule: string | null;
  /** Seconds; null for a challenge. */
  readonly retry_after: number | null;
}

/** What limits on routes take over from the middleware in front of them. */
export interface Home {
  readonly prefixes: AddressPrefixes;
  readonly responses: Responses<never>;
}

export class LockWatchState {
  /** The binding limit; undefined if Redis failed. */
  limit: RateLimitResult | undefined;
  burst: BurstResult | undefined;
  /** What the guard answered; undefined without a guard, or if it did not answer. */
  guard: GuardResult | undefined;
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
  /** A guard answered the request in place of the application. */
  blocked = false;
  /** The data of the audit event if a limit or a guard denied the request. */
  denial: DenialData | GuardDenial | undefined;

  constructor(
    readonly policy: string,
    /**
     * The client's address; undefined for the peer of a Unix socket without a usable forwarding
     * header.
     */
    readonly address: string | undefined,
    /** For limits on routes. */
    readonly home: Home,
  ) {}

  /** Records that a guard answered the request. */
  block(denial?: GuardDenial): void {
    this.blocked = true;
    this.denial ??= denial;
  }

  /** Records a denial by the limit at a key. One without shadow mode outweighs an earlier one in it. */
  deny(result: RateLimitResult, policy: string, key: string, shadow: boolean): void {
    this.limited = true;
    this.shadowed = shadow;
    this.denial = denialOf(result, policy, key, shadow);
  }
}
