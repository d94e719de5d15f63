/** What the middleware found out about a request, for the handlers (`request.lockwatch`) and for the audit event. */
import type { BurstResult } from "../burst.js";
import type { RateLimitResult } from "../ratelimit.js";

export class LockWatchState {
  /** The limit that binds; undefined if Redis could not tell. */
  limit: RateLimitResult | undefined;
  burst: BurstResult | undefined;
  /** Why Redis could not tell: `timeout`, `connection`, `bypassed`, `module_missing`, or its error's code in lower case. */
  failure: string | undefined;
  /** A limit said no, whether or not that was heeded. */
  limited = false;
  /** A limit said no and was not heeded: shadow mode. */
  shadowed = false;
  /** Who it is, once the application knows: recorded in the audit event. */
  user: string | number | null | undefined;

  constructor(
    /** The name of the policy that applies. */
    readonly policy: string,
    /** The client's address, undefined where a Unix socket hides it. */
    readonly address: string | undefined,
  ) {}
}
