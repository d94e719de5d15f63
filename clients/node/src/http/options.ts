/**
 * The options of the middleware. They are checked when it is created, so that a mistake is an error
 * at start-up.
 */
import type { Duration } from "../duration.js";
import type { Challenge } from "../guard/options.js";
import type { OptionRules } from "../known-options.js";
import type { Limits } from "../limits.js";
import type { LockWatch, LockWatchOptions } from "../lockwatch.js";
import type { Bytes } from "../redis/connection.js";
import type { RedisSource } from "../redis/open.js";
import type { RateLimitResult } from "../ratelimit.js";
import { BOOLEAN, COST, KEY, KEY_FUNCTION, LIMITS, orFunction, POLICY_NAME } from "../rules.js";
import { CHARGING_RULES, type ChargingOptions } from "./charging.js";
import type { ClientKey } from "./keys.js";
import type { ErrorBodiesOption } from "./error-bodies.js";
import { FAILURE_RULES, type FailureOptions } from "./fallback.js";
import type { DeniedReply } from "./reply.js";
import type { HeadersOption } from "./responses.js";

export type Awaitable<T> = T | PromiseLike<T>;

/** A response, a text, or nothing for the usual response. */
export type OnDenied<Req> = (request: Req, result: RateLimitResult) => Awaitable<DeniedReply | string | null | undefined>;

export type KeyFunction<Req> = (request: Req) => Awaitable<ClientKey>;

/** Returns limits for a request, or nothing. */
export type LimitsFunction<Req> = (request: Req) => Awaitable<Limits | null | undefined>;

/** The number of units that a request takes, or a function of the request that returns it. */
export type Cost<Req> = number | ((request: Req) => Awaitable<number>);

export interface PolicyOptions<Req = unknown> extends ChargingOptions, FailureOptions {
  /** Without them, requests count against the default policy. */
  limits?: Limits | undefined;
  /** The number of units that a request takes, or a function that returns it; 1 unless given. */
  cost?: Cost<Req> | undefined;
  shadow?: boolean | undefined;
  /** Part of the Redis key and of the `RateLimit` header. Derived from the pattern unless given. */
  name?: string | undefined;
  /**
   * Whose request it is, in place of the middleware's `key` and `keyFunc`. Only together with limits,
   * like `keyFunc`.
   */
  key?: "address" | "credential" | undefined;
  keyFunc?: KeyFunction<Req> | undefined;
}

export interface LimitOptions<Req> extends ChargingOptions, FailureOptions {
  rateLimitRequests?: number | undefined;
  rateLimitWindowSeconds?: Duration | undefined;
  /** Overrides the two options above. A function is the same as `planFunc`. */
  limits?: Limits | LimitsFunction<Req> | undefined;
  /** The number of units that a request takes, or a function that returns it; 1 unless given. */
  cost?: Cost<Req> | undefined;
  /**
   * Whether to limit each address, or each credential and, with higher limits, the address that it
   * comes from.
   */
  key?: "address" | "credential" | undefined;
  credentialHeader?: string | undefined;
  /**
   * The limits of an address with credentials, under the default policy. Ten times each limit
   * unless given, as under other policies.
   */
  addressLimits?: Limits | undefined;
  /**
   * The client to limit, for example a tenant. If it returns nothing, the limit does not apply. If it
   * returns `ADDRESS` or an empty text, the address is limited.
   */
  keyFunc?: KeyFunction<Req> | undefined;
  /**
   * Limits in place of the default ones, for example for paying customers. If it returns nothing,
   * the default ones apply.
   */
  planFunc?: LimitsFunction<Req> | undefined;
  /** Patterns and their policies. The first pattern that matches applies. */
  routes?: Readonly<Record<string, PolicyOptions<Req> | Limits>> | undefined;
  /**
   * Patterns of paths, and addresses and networks of clients, that are not limited, counted, checked or
   * audited; `unix` is the peer of a Unix socket.
   */
  exempt?: readonly string[] | undefined;
  /** Sets the headers and records denials, but denies nothing. */
  shadow?: boolean | undefined;
}

/** The options of a policy that is given as an object, or by its limits alone. */
export function policyOptions<Req>(given: PolicyOptions<Req> | Limits): PolicyOptions<Req> {
  // The rule of `limits` says where a function goes.
  return ["string", "function"].includes(typeof given) || Array.isArray(given) ? { limits: given as Limits } : (given as PolicyOptions<Req>);
}

export const POLICY_OPTIONS: OptionRules<PolicyOptions> = {
  limits: { ...LIMITS, expected: `${LIMITS.expected}; a function goes into limit(lw, function) on the route` },
  cost: orFunction(COST),
  shadow: BOOLEAN,
  name: POLICY_NAME,
  key: KEY,
  keyFunc: KEY_FUNCTION,
  ...CHARGING_RULES,
  ...FAILURE_RULES,
};

export interface MiddlewareOptions<Req> extends LimitOptions<Req>, LockWatchOptions {
  /** A `LockWatch`, or the argument of its constructor; then its options may be among these. */
  redis: LockWatch | RedisSource;
  /** The number of requests in the window that is a burst; null turns the detection off. */
  burstThreshold?: number | null | undefined;
  burstWindowSeconds?: Duration | undefined;
  /** The minimum time between two alerts of a client; the module's 60 s unless given. */
  burstCooldownSeconds?: Duration | undefined;
  /** Whether to record each request; true unless given. */
  audit?: boolean | undefined;
  /** Makes the response to a denied request. The limit's headers are added. */
  onDenied?: OnDenied<Req> | undefined;
  /** Which headers describe a limit; `["legacy", "draft-11"]` unless given. */
  headers?: HeadersOption | undefined;
  /**
   * The bodies of the middleware's own responses, by media type. The client's `Accept` chooses;
   * `application/json` and `application/problem+json` are built in.
   */
  errorBodies?: ErrorBodiesOption<Req> | undefined;
  /**
   * The Redis key of a guard, like `http`. Its rules decide whether a request goes on, and it is told
   * the statuses of responses from 400.
   */
  guard?: Bytes | undefined;
  /** What happens to a request that the guard challenges: it goes on unless given. */
  challenge?: Challenge<Req> | undefined;
  /**
   * Addresses and networks of proxies whose forwarding header is read; `unix` is the peer of a Unix
   * socket.
   */
  trustedProxies?: readonly string[] | undefined;
  forwardedHeader?: string | undefined;
  /** How many bits of an IPv4 address are one client; 32 unless given. */
  ipv4Prefix?: number | undefined;
  /** How many bits of an IPv6 address are one client; 64 unless given. */
  ipv6Prefix?: number | undefined;
  /** The first part of every Redis key; `lw` unless given. */
  keyPrefix?: string | undefined;
}
