/**
 * A limit on one route, for clients that only the application knows: users or tenants, after
 * authentication. It is middleware of Express and a `preHandler` of Fastify.
 */
import { LockWatchError } from "../errors.js";
import { checkOption, checkOptions, type OptionRules } from "../known-options.js";
import { parseLimits, type Limits } from "../limits.js";
import { checkClient, type LockWatch } from "../lockwatch.js";
import { rateLimitCommand, RateLimitResult } from "../ratelimit.js";
import { ask, FunctionFailure } from "../redis/away.js";
import { BOOLEAN, COST, FAILURE_MODE, fn, KEY_PREFIX, LIMITS, POLICY_NAME, required } from "../rules.js";
import { Counted } from "./counted.js";
import { applyDecision, middleware, rawRequest, stateOf, type AnyRequest, type AnyResponse, type Middleware } from "./framework.js";
import { ADDRESS, addressClient, keyClient, Keys } from "./keys.js";
import type { KeyFunction, OnDenied } from "./options.js";
import { policyName } from "./policy-name.js";
import { checkedCost, checkedMode, checkedName } from "./policies.js";
import { decisionFor, failureDecision, functionFailureDecision, type Decision, type FailureMode } from "./reply.js";
import { routeText } from "./route-text.js";
import type { LockWatchState } from "./state.js";
import { parsePeer } from "./trusted-proxies.js";

export interface RouteLimitOptions<Req> {
  /**
   * The client to limit. Without it, or if it returns `ADDRESS` or an empty text, the address that
   * the middleware found. If it returns nothing, the limit does not apply.
   */
  key?: KeyFunction<Req> | undefined;
  cost?: number | undefined;
  /**
   * Part of the Redis key and of the `RateLimit` header. Derived from the route's method and
   * pattern unless given.
   */
  name?: string | undefined;
  /** Sets the headers and records denials, but denies nothing. */
  shadow?: boolean | undefined;
  onRedisFailure?: FailureMode | undefined;
  /** Makes the response to a denied request. The limit's headers are added. */
  onDenied?: OnDenied<Req> | undefined;
  keyPrefix?: string | undefined;
}

export const ROUTE_LIMIT_OPTIONS: OptionRules<RouteLimitOptions<never>> = {
  key: fn("a function of the request: (request) => request.claims?.sub"),
  cost: COST,
  name: POLICY_NAME,
  shadow: BOOLEAN,
  onRedisFailure: FAILURE_MODE,
  onDenied: fn("a function of the request and the result that returns { status, headers, body }"),
  keyPrefix: KEY_PREFIX,
};

/**
 * `routeLimit` as a framework's entry exports it: `key` and `onDenied` get that framework's request
 * unless annotated otherwise.
 */
export type Limit<Default extends AnyRequest> = <Req extends AnyRequest = Default>(
  lockwatch: LockWatch,
  limits: Limits,
  options?: RouteLimitOptions<Req>,
) => Middleware;

/** Names of policies have no colon, so the limit of a route never shares a key with a policy. */
const KIND = "limit:";

export function routeLimit<Req extends AnyRequest>(lockwatch: LockWatch, limits: Limits, options: RouteLimitOptions<Req> = {}): Middleware {
  checkClient(lockwatch, 'limit(lw, "5/minute")');
  checkOption("limits of limit", limits, required(LIMITS));
  checkOptions(options, ROUTE_LIMIT_OPTIONS, "limit");
  const parsed = parseLimits(limits);
  const keys = new Keys(options.keyPrefix, lockwatch);
  const cost = checkedCost(options.cost ?? 1);
  const mode = { shadow: options.shadow ?? false, onRedisFailure: checkedMode(options.onRedisFailure ?? "allow") };
  const given = options.name === undefined ? undefined : checkedName(options.name);

  async function decide(request: AnyRequest): Promise<Decision> {
    try {
      return await decideOn(request);
    } catch (error) {
      if (!(error instanceof FunctionFailure)) throw error;
      return functionFailureDecision(error, mode, lockwatch.failures, `requests under the limit '${nameOf(request)}'`);
    }
  }

  async function decideOn(request: AnyRequest): Promise<Decision> {
    const state = stateOf(request);
    const ofKey = options.key ? await ask("key", () => options.key?.(request as Req)) : ADDRESS;
    if (ofKey === null || ofKey === undefined) return { headers: {} };
    const client = keyClient(ofKey) ?? addressClient(addressOf(request, state));
    const counted = Counted.of(rawRequest(request));
    const { key, header } = counted.freeName((name) => keys.limit(client, KIND + name), nameOf(request), limit, given !== undefined);
    const { outcome, isEarlier } = await counted.once(key, limit, () => askRedis(request, state, key, header));
    // The headers of an earlier call are on the response, unless those of another limit are.
    return isEarlier && !outcome.reply ? { headers: {} } : outcome;
  }

  function nameOf(request: AnyRequest): string {
    return given ?? policyName(routeText(request, limit));
  }

  async function askRedis(request: AnyRequest, state: LockWatchState | undefined, key: string, name: string): Promise<Decision> {
    let result: RateLimitResult;
    try {
      const reply = await lockwatch.link.call(rateLimitCommand("LW.RATELIMIT", key, parsed, cost));
      result = RateLimitResult.parse(reply, parsed, "LW.RATELIMIT");
      lockwatch.failures.limitAnswered();
    } catch (error) {
      if (!(error instanceof LockWatchError)) throw error;
      return failureDecision(error, mode, lockwatch.failures, `requests under the limit '${name}'`);
    }
    if (state && !result.allowed) {
      state.limited = true;
      // Overwrites the mark of a denial in the middleware's shadow mode.
      state.shadowed = mode.shadow;
    }
    return decisionFor(result, name, mode, () => options.onDenied?.(request as Req, result));
  }

  const limit: Middleware = middleware(async (request: AnyRequest, response: AnyResponse) => applyDecision(response, await decide(request), { replace: true }));
  return limit;
}

function addressOf(request: AnyRequest, state: LockWatchState | undefined): string | undefined {
  return state ? state.address : parsePeer(rawRequest(request).socket.remoteAddress, { trustsUnix: false });
}
