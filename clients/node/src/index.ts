/**
 * lockwatch for Node: a thin client of the Redis module, and middleware on top of it.
 *
 * - `lockwatch.ts` has a method for each command; the arguments and results are in `ratelimit.ts`, `burst.ts`, `alert.ts`,
 *   `audit.ts` and `tokens.ts`, the errors in `errors.ts`. `limits.ts` and `duration.ts` read what people write.
 * - `redis/` is the way to Redis: an adapter for each library, and the `Link` with its timeouts and its breaker.
 * - `http/` is the middleware without a framework: `guard.ts` asks Redis about a request and judges it, with the addresses, keys,
 *   policies and headers of the files beside it. `express.ts` and `fastify.ts` fit it into the frameworks.
 * - `token/` guards routes with access tokens and has the login, refresh and logout routes.
 * - `testing.ts` is for an application's own tests.
 */
export type { AlertOptions } from "./alert.js";
export type { AuditEvent, AuditFields, AuditQuery } from "./audit.js";
export type { BurstOptions, BurstResult, Caller } from "./burst.js";
export type { Duration } from "./duration.js";
export {
  CommandError,
  ConfigurationError,
  FullError,
  LockWatchError,
  ModuleMissingError,
  NoKeyError,
  TokenError,
  TokenExpiredError,
  TokenInvalidError,
  TokenReusedError,
  TokenRevokedError,
  UnavailableError,
} from "./errors.js";
export { LockWatchState } from "./http/state.js";
export type { FailureMode, MiddlewareOptions, PolicyOptions } from "./http/options.js";
export type { Reply } from "./http/verdict.js";
export type { Limit, Limits } from "./limits.js";
export { parseLimits } from "./limits.js";
export { LockWatch, type CostOption, type LockWatchOptions } from "./lockwatch.js";
export { RateLimitResult, type Headers } from "./ratelimit.js";
export { ServerError, type Bytes, type Command, type Connection, type Name } from "./redis/connection.js";
export type { IoredisClient, NodeRedisClient, RedisSource } from "./redis/open.js";
export type { Claims, Introspection, IssueOptions, Jwks, Revocation, Session, Tokens } from "./tokens.js";
