/** What the middleware can be told, with the defaults; checked when it is made, so that a mistake is a start-up error. */
import type { Duration } from "../duration.js";
import type { Names } from "../known-options.js";
import type { Limits } from "../limits.js";
import type { LockWatch, LockWatchOptions } from "../lockwatch.js";
import type { RedisSource } from "../redis/open.js";
import type { RateLimitResult } from "../ratelimit.js";
import type { Reply } from "./verdict.js";

export type FailureMode = "allow" | "deny";

type Awaitable<T> = T | PromiseLike<T>;

export type OnDenied<Req> = (request: Req, result: RateLimitResult) => Awaitable<Reply>;

export interface PolicyOptions {
  /** Of its own. Without them the policy spends from the default one. */
  limits?: Limits | undefined;
  /** How many units a request takes. */
  cost?: number | undefined;
  onRedisFailure?: FailureMode | undefined;
  shadow?: boolean | undefined;
  /** Part of the key, and of the `RateLimit` field. Derived from the pattern unless given. */
  name?: string | undefined;
}

export interface LimitOptions<Req> {
  rateLimitRequests?: number | undefined;
  rateLimitWindowSeconds?: number | undefined;
  /** The same as a text or as pairs; outweighs the two above. */
  limits?: Limits | undefined;
  /** How many units a request takes. */
  cost?: number | undefined;
  /** What a request is limited by: its address, or its credential and, less strictly, its address. */
  key?: "address" | "credential" | undefined;
  credentialHeader?: string | undefined;
  /** What the address of a credential may spend under the default policy. Ten times each limit unless given, as for all others. */
  addressLimits?: Limits | undefined;
  /** What to limit by instead: a user's id, a tenant. Nothing or an empty text means what `key` says. */
  keyFunc?: ((request: Req) => Awaitable<string | number | null | undefined>) | undefined;
  /** Limits instead of the default ones, for those who pay for more. Nothing means the default ones. */
  planFunc?: ((request: Req) => Awaitable<Limits | null | undefined>) | undefined;
  /** Patterns to policies, in order: the first that matches counts. */
  routes?: Readonly<Record<string, PolicyOptions | Limits>> | undefined;
  /** Patterns of what is neither limited nor counted nor audited. */
  exempt?: readonly string[] | undefined;
  /** Evaluate, tell and record, and deny nothing. */
  shadow?: boolean | undefined;
  /** What a request gets that Redis could not decide on: let through, or 503. */
  onRedisFailure?: FailureMode | undefined;
}

export const POLICY_OPTIONS: Names<PolicyOptions> = {
  limits: true,
  cost: true,
  onRedisFailure: true,
  shadow: true,
  name: true,
};

export interface MiddlewareOptions<Req> extends LimitOptions<Req>, LockWatchOptions {
  /** A `LockWatch`; or what one is made from, with the options of `LockWatch` among these. */
  redis: LockWatch | RedisSource;
  /** Calls in the window that are a burst; null for none. */
  burstThreshold?: number | null | undefined;
  burstWindowSeconds?: number | undefined;
  /** How long a burst is quiet after an alert; the module's 60 s unless given. */
  burstCooldownSeconds?: Duration | undefined;
  /** Record each request. */
  audit?: boolean | undefined;
  /** The response to a denied request, instead of the usual one. The rate limit's headers are added. */
  onDenied?: OnDenied<Req> | undefined;
  /** Addresses and networks whose forwarding header is believed, and `unix` for the peer of a Unix socket. */
  trustedProxies?: readonly string[] | undefined;
  forwardedHeader?: string | undefined;
  /** What all keys begin with. */
  keyPrefix?: string | undefined;
}
