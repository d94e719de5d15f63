/**
 * A limit on one route, for what only the application knows: after authentication, by user or tenant. In front of a handler of
 * Express, or as a `preHandler` of Fastify.
 */
import { ConfigurationError, LockWatchError } from "../errors.js";
import { checkOptions, type Names } from "../known-options.js";
import { parseLimits, type Limits } from "../limits.js";
import type { LockWatch } from "../lockwatch.js";
import { rateLimitCommand, RateLimitResult } from "../ratelimit.js";
import { rawRequest, routePattern, send, setHeaders, stateOf, type AnyRequest, type AnyResponse, type Middleware } from "./exchange.js";
import { addressClient, Keys, ownClient } from "./keys.js";
import type { FailureMode, OnDenied } from "./options.js";
import { Origins } from "./origin.js";
import { policyName } from "./pattern.js";
import { checkedCost, checkedMode, checkedName } from "./policies.js";
import type { LockWatchState } from "./state.js";
import { rateLimitExceeded, SERVICE_UNAVAILABLE } from "./verdict.js";

/** Whom a limit is counted for; nothing or an empty text for nobody in particular. */
type Owner = string | number | null | undefined;

export interface RouteLimitOptions<Req> {
  /** Whom to limit. Nothing, an empty text or no function mean the address, as the middleware found it. */
  key?: ((request: Req) => Owner | PromiseLike<Owner>) | undefined;
  cost?: number | undefined;
  /** Part of the key, and of the `RateLimit` field. Derived from the route's method and pattern unless given. */
  name?: string | undefined;
  shadow?: boolean | undefined;
  onRedisFailure?: FailureMode | undefined;
  /** The response to a denied request, instead of the usual one. The rate limit's headers are added. */
  onDenied?: OnDenied<Req> | undefined;
  keyPrefix?: string | undefined;
}

const NAMES: Names<RouteLimitOptions<never>> = {
  key: true,
  cost: true,
  name: true,
  shadow: true,
  onRedisFailure: true,
  onDenied: true,
  keyPrefix: true,
};

/** How a framework's entry exports `routeLimit`: `key` and `onDenied` get that framework's request unless annotated otherwise. */
export type Limit<Default extends AnyRequest> = <Req extends AnyRequest = Default>(
  lockwatch: LockWatch,
  limits: Limits,
  options?: RouteLimitOptions<Req>,
) => Middleware;

/** Names of policies have no colon, so a route's limit never counts into one of them. */
const KIND = "limit:";

export function routeLimit<Req extends AnyRequest>(lockwatch: LockWatch, limits: Limits, options: RouteLimitOptions<Req> = {}): Middleware {
  checkOptions(options, NAMES, "limit");
  const parsed = parseLimits(limits);
  const keys = new Keys(options.keyPrefix ?? "lw");
  const cost = checkedCost(options.cost ?? 1);
  const mode = checkedMode(options.onRedisFailure ?? "allow");
  const { shadow = false } = options;
  const given = options.name === undefined ? undefined : checkedName(options.name);

  async function admits(request: AnyRequest, response: AnyResponse): Promise<boolean> {
    const state = stateOf(request);
    const client = ownClient(await options.key?.(request as Req)) ?? addressClient(addressOf(request, state));
    const name = given ?? routeName(request);
    let result: RateLimitResult;
    try {
      const reply = await lockwatch.link.call(rateLimitCommand("LW.RATELIMIT", keys.limit(client, KIND + name), parsed, cost));
      result = RateLimitResult.parse(reply, parsed, "LW.RATELIMIT");
    } catch (error) {
      if (!(error instanceof LockWatchError)) throw error;
      lockwatch.failures.tell(error.code, `${error.message}; limit '${name}' ${mode === "deny" ? "answers 503" : "lets requests through"}`);
      if (mode === "allow" || shadow) return true;
      send(response, SERVICE_UNAVAILABLE);
      return false;
    }
    const { "Retry-After": retryAfter, ...headers } = result.headers(name);
    setHeaders(response, headers);
    if (result.allowed) return true;
    if (state) {
      state.limited = true;
      // A denial that counts outweighs an earlier one in shadow mode.
      state.shadowed = shadow;
    }
    if (shadow) return true;
    if (retryAfter !== undefined) setHeaders(response, { "Retry-After": retryAfter });
    send(response, (await options.onDenied?.(request as Req, result)) ?? rateLimitExceeded(result.retryAfterSeconds));
    return false;
  }

  return (request, response, next) => {
    admits(request, response).then((goesOn) => goesOn && next(), next);
  };
}

const PEER_ONLY = new Origins([], "X-Forwarded-For");

function addressOf(request: AnyRequest, state: LockWatchState | undefined): string | undefined {
  return state ? state.address : PEER_ONLY.address(rawRequest(request).socket.remoteAddress, () => undefined);
}

function routeName(request: AnyRequest): string {
  const pattern = routePattern(request);
  if (pattern === undefined) {
    throw new ConfigurationError("a limit that is not on a route with a path of its own needs a name: limit(lw, '5/minute', { name: 'search' })");
  }
  const method = rawRequest(request).method === "HEAD" ? "GET" : rawRequest(request).method;
  return policyName(`${method} ${pattern}`);
}
