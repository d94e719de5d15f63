/**
 * A limit on one route, for clients that only the application knows: users or tenants, after
 * authentication. It is middleware of Express and a `preHandler` of Fastify.
 */
import { LockWatchError } from "../errors.js";
import { checkOption, checkOptions, type OptionRules } from "../known-options.js";
import { parseLimits, type Limits, type ParsedLimits } from "../limits.js";
import { checkClient, type LockWatch } from "../lockwatch.js";
import type { RateLimitResult } from "../ratelimit.js";
import { ask, FunctionFailure } from "../redis/away.js";
import { BOOLEAN, COST, FAILURE_MODE, fn, KEY_PREFIX, LIMITS, orFunction, POLICY_NAME, required } from "../rules.js";
import { Charging, CHARGING_RULES, type ChargingOptions } from "./charging.js";
import { limitedAddress } from "./client-address.js";
import { Counted } from "./counted.js";
import { applyDecision, middleware, rawRequest, stateOf, type AnyRequest, type AnyResponse, type Middleware } from "./framework.js";
import { ADDRESS, addressClient, keyClient, Keys, keyText } from "./keys.js";
import type { Cost, KeyFunction, LimitsFunction, OnDenied } from "./options.js";
import { policyName } from "./policy-name.js";
import { decisionFor, failureDecision, functionFailureDecision, outcomeOf, type Decision, type FailureMode } from "./reply.js";
import { returnedCost, returnedLimits } from "./returned.js";
import { routeText, routeTextIfKnown } from "./route-text.js";
import type { LockWatchState } from "./state.js";

export interface RouteLimitOptions<Req> extends ChargingOptions {
  /**
   * The client to limit. Without it, or if it returns `ADDRESS` or an empty text, the address that
   * the middleware found. If it returns nothing, the limit does not apply.
   */
  key?: KeyFunction<Req> | undefined;
  /** The number of units that a request takes, or a function that returns it; 1 unless given. */
  cost?: Cost<Req> | undefined;
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
  cost: orFunction(COST),
  name: POLICY_NAME,
  shadow: BOOLEAN,
  onRedisFailure: FAILURE_MODE,
  onDenied: fn("a function of the request and the result that returns { status, headers, body }"),
  keyPrefix: KEY_PREFIX,
  ...CHARGING_RULES,
};

/**
 * `routeLimit` as a framework's entry exports it: `key` and `onDenied` get that framework's request
 * unless annotated otherwise.
 */
export type Limit<Default extends AnyRequest> = <Req extends AnyRequest = Default>(
  lockwatch: LockWatch,
  limits: Limits | LimitsFunction<Req>,
  options?: RouteLimitOptions<Req>,
) => Middleware;

/** Names of policies have no colon, so the limit of a route never shares a key with a policy. */
const KIND = "limit:";

/** A function as `limits` may return nothing for a request to which the limit does not apply. */
export function routeLimit<Req extends AnyRequest>(
  lockwatch: LockWatch,
  limits: Limits | LimitsFunction<Req>,
  options: RouteLimitOptions<Req> = {},
): Middleware {
  checkClient(lockwatch, 'limit(lw, "5/minute")');
  checkOption("limits of limit", limits, required(orFunction(LIMITS)));
  checkOptions(options, ROUTE_LIMIT_OPTIONS, "limit");
  const fixed = typeof limits === "function" ? undefined : parseLimits(limits);
  const charging = Charging.of(options, " of limit");
  const keys = new Keys(options.keyPrefix, lockwatch);
  const costGiven = options.cost ?? 1;
  const mode = { shadow: options.shadow ?? false, onRedisFailure: options.onRedisFailure ?? "allow" } as const;
  const given = options.name;

  async function decide(request: AnyRequest, response: AnyResponse): Promise<Decision> {
    try {
      return await decideOn(request, response);
    } catch (error) {
      if (!(error instanceof FunctionFailure)) throw error;
      const name = nameOf(request);
      const decision = functionFailureDecision(error, mode, lockwatch.failures, `requests under the limit '${name}'`);
      lockwatch.counters.count(name, decision.outcome, () => templateOf(request), error.failure.code.toLowerCase());
      return decision;
    }
  }

  async function decideOn(request: AnyRequest, response: AnyResponse): Promise<Decision> {
    const state = stateOf(request);
    const counted = Counted.of(rawRequest(request));
    const { name, header } = counted.nameOf((each) => keys.limit("", KIND + each), nameOf(request), limit, given !== undefined);
    const ofKey = options.key ? await ask("key", () => options.key?.(request as Req)) : ADDRESS;
    if (ofKey === null || ofKey === undefined) return { headers: {} };
    const parsed = typeof limits === "function" ? returnedLimits("limits", await ask("limits", () => limits(request as Req))) : fixed;
    if (parsed === undefined) return { headers: {} };
    const cost = typeof costGiven === "number" ? costGiven : returnedCost(await ask("cost", () => costGiven(request as Req)));
    const client = keyClient(ofKey) ?? addressClient(limitedAddress(request));
    if (state) state.keyText = keyText(ofKey) ?? state.keyText;
    const key = keys.limit(client, KIND + name);
    const { outcome, isEarlier } = await counted.once(key, () => askRedis(request, response, state, key, header, parsed, cost));
    // The headers of an earlier call are on the response, unless those of another limit are.
    return isEarlier && !outcome.reply ? { headers: {} } : outcome;
  }

  function nameOf(request: AnyRequest): string {
    return given ?? policyName(routeText(request, limit));
  }

  function templateOf(request: AnyRequest): string | null {
    return routeTextIfKnown(request, limit) ?? null;
  }

  async function askRedis(
    request: AnyRequest,
    response: AnyResponse,
    state: LockWatchState | undefined,
    key: string,
    name: string,
    parsed: ParsedLimits,
    cost: number,
  ): Promise<Decision> {
    let result: RateLimitResult;
    try {
      const command = charging.command(key, parsed, cost);
      result = charging.read(await lockwatch.link.call(command), parsed);
      charging.after(response, [{ command, result }], cost, lockwatch);
      lockwatch.failures.limitAnswered();
    } catch (error) {
      if (!(error instanceof LockWatchError)) throw error;
      const decision = failureDecision(error, mode, lockwatch.failures, `requests under the limit '${name}'`);
      lockwatch.counters.count(name, decision.outcome, () => templateOf(request), error.code.toLowerCase());
      return decision;
    }
    lockwatch.counters.count(name, outcomeOf(result, mode.shadow), () => templateOf(request));
    if (!result.allowed) state?.deny(result, name, key, mode.shadow);
    return decisionFor(result, name, mode, () => options.onDenied?.(request as Req, result));
  }

  const limit: Middleware = middleware(async (request: AnyRequest, response: AnyResponse) => applyDecision(response, await decide(request, response), { replace: true }));
  return limit;
}
