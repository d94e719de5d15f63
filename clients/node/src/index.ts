/**
 * lockwatch for Node: a thin client of the Redis module, and middleware on top of it.
 *
 * - `lockwatch.ts` has a method for each command. Arguments and results are in `ratelimit.ts`,
 *   `multi.ts`, `lease.ts`, `explain.ts`, `burst.ts`, `alert.ts`, `audit.ts` and `tokens.ts`,
 *   errors in `errors.ts`. `limits.ts` and `duration.ts` parse the limits and durations of users.
 * - `guard.ts` and `guard-admin.ts` have the commands of guards. `guard/` is a guard of logins, which
 *   works on requests. `user-name.ts` is how names of users are sent.
 * - `leases.ts` is a lease that is held, and `budget.ts` a reservation of tokens.
 * - `counters.ts` counts what became of requests under limits. `prometheus.ts` and `opentelemetry.ts`
 *   are entries that publish it.
 * - `client-keys.ts` lists and deletes the keys of one client.
 * - `redis/` sends commands: an adapter for each library, and `Link` with timeouts and a breaker.
 * - `http/` is the middleware. `request-check.ts` decides on a request, independent of the framework;
 *   `route-limit.ts` is a limit on one route. `notices.ts` logs what a process says once.
 * - `token/` verifies access tokens and has the login, refresh and logout routes.
 * - `express.ts` and `fastify.ts` are the entries of the frameworks. This entry loads neither.
 * - `testing.ts` is for the tests of applications.
 */
export type { AlertOptions } from "./alert.js";
export type { AuditEvent, AuditFields, AuditQuery } from "./audit.js";
export { Reservation, TokenBudget, type TokenBudgetOptions } from "./budget.js";
export type { BurstOptions, BurstResult, Caller } from "./burst.js";
export type { ClientQuery, KeyOfClient } from "./client-keys.js";
export type { LimitEvent, OnEvent, Outcome, Stats } from "./counters.js";
export type { Duration } from "./duration.js";
export {
  AttemptDeniedError,
  CommandError,
  ConfigurationError,
  ConflictError,
  DeniedError,
  FullError,
  LeaseDeniedError,
  LockWatchError,
  ModuleMissingError,
  NoKeyError,
  NoPolicyError,
  NoRuleError,
  TokenBudgetExceededError,
  TokenError,
  TokenExpiredError,
  TokenInvalidError,
  TokenReusedError,
  TokenRevokedError,
  UnavailableError,
} from "./errors.js";
export type { KeyReport, TopKey, WindowUsage } from "./explain.js";
export { GuardResult, type AttemptOptions, type CheckOptions, type EventOptions, type Verdict } from "./guard.js";
export type { BanOptions, BansOptions, Explainable, GuardChallenge, GuardCount, GuardEntry, GuardReport, GuardSubject, Liftable, LiftOptions } from "./guard-admin.js";
export type { CountWhen, FinishedResponse } from "./http/charging.js";
export type { Denial, ErrorBody } from "./http/error-bodies.js";
export type { FailureMode } from "./http/fallback.js";
export { ADDRESS } from "./http/keys.js";
export { LockWatchState } from "./http/state.js";
export type { MiddlewareOptions, PolicyOptions } from "./http/options.js";
export type { Reply } from "./http/reply.js";
export type { HeaderKind } from "./limit-headers.js";
export type { AcquireOptions, LeaseOptions, LeaseResult } from "./lease.js";
export { Lease } from "./leases.js";
export { parseLimits, ServerPolicy, type Limit, type Limits, type ParsedLimits } from "./limits.js";
export { LockWatch, type CostOption, type LockWatchOptions } from "./lockwatch.js";
export { MultiRateLimitResult, type MultiEntry, type MultiRateLimitEntry } from "./multi.js";
export { RateLimitResult, type Headers, type RateLimitOptions, type Settlement } from "./ratelimit.js";
export { ServerError, type Bytes, type Command, type Connection, type Name } from "./redis/connection.js";
export type { IoredisClient, NodeRedisClient, RedisSource } from "./redis/open.js";
export type { CookieOptions } from "./token/cookie.js";
export type { Login } from "./token/login.js";
export type { Claims, Introspection, IssueOptions, Jwks, Revocation, RotateOptions, Session, SessionsOf, Tokens } from "./tokens.js";
