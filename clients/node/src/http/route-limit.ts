/**
 * A limit on one route, for clients that only the application knows: users or tenants, after
 * authentication. It is middleware of Express and a `preHandler` of Fastify.
 */
import { LockWatchError } from "../errors.js";
import { checkOption, checkOptions, type OptionRules } from "../known-options.js";
import { parseLimits, type Limits, type ParsedLimits } from "../limits.js";
import { checkClient, type LockWatch } from "../lockwatch.js";
import type { Headers, RateLimitResult } from "../ratelimit.js";
import { ask, FunctionFailure } from "../redis/away.js";
import { BOOLEAN, COST, fn, KEY_PREFIX, LIMITS, orFunction, POLICY_NAME, required } from "../rules.js";
import { Charging, CHARGING_RULES, type ChargingOptions } from "./charging.js";
import { limitedAddress } from "./client-address.js";
import { Counted } from "./counted.js";
import { decideWithoutRedis, FAILURE_RULES, OnFailure, type FailureOptions } from "./fallback.js";
import { applyDecision, middleware, rawRequest, stateOf, type AnyRequest, type AnyResponse, type Middleware } from "./framework.js";
import { ADDRESS, addressClient, keyClient, Keys, keyText } from "./keys.js";
import type { Cost, KeyFunction, LimitsFunction, OnDenied } from "./options.js";
import { policyName } from "./policy-name.js";
import type { Decision } from "./reply.js";
import { HEADERS_RULE, Responses, type Asker, type HeadersOption } from "./responses.js";
import { returnedCost, returnedLimits } from "./returned.js";
import { routeText, routeTextIfKnown } from "./route-text.js";

export interface RouteLimitOptions<Req> extends ChargingOptions, FailureOptions {
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
  /** Makes the response to a denied request. The limit's headers are added. */
  onDenied?: OnDenied<Req> | undefined;
  keyPrefix?: string | undefined;
  /**
   * Which headers describe the limit, where no middleware has limited the request; `["legacy",
   * "draft-11"]` unless given.
   */
  headers?: HeadersOption | undefined;
}

export const ROUTE_LIMIT_OPTIONS: OptionRules<RouteLimitOptions<never>> = {
  key: fn("a function of the request: (request) => request.claims?.sub"),
  cost: orFunction(COST),
  name: POLICY_NAME,
  shadow: BOOLEAN,
  onDenied: fn("a function of the request and the result that returns { status, headers, body }"),
  keyPrefix: KEY_PREFIX,
  headers: HEADERS_RULE,
  ...CHARGING_RULES,
  ...FAILURE_RULES,
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

/** Throws a ConfigurationError for arguments that are no limit. */
export function checkRouteLimit(limits: unknown, options: RouteLimitOptions<never>): void {
  checkOption("limits of limit", limits, required(orFunction(LIMITS)));
  checkOptions(options, ROUTE_LIMIT_OPTIONS, "limit");
}

/** A function as `limits` may return nothing for a request to which the limit does not apply. */
export function routeLimit<Req extends AnyRequest>(
  lockwatch: LockWatch,
  limits: Limits | LimitsFunction<Req>,
  options: RouteLimitOptions<Req> = {},
): Middleware {
  checkClient(lockwatch, 'limit(lw, "5/minute")');
  checkRouteLimit(limits, options);
  const route = new RouteLimit<Req>(lockwatch, limits, options);
  const limit: Middleware = middleware(async (request: AnyRequest, response: AnyResponse) => applyDecision(response, await route.decide({ request, response, limit }), { replace: true }));
  return limit;
}

/** A request at a limit. */
interface Passing {
  readonly request: AnyRequest;
  readonly response: AnyResponse;
  /** The middleware itself, which is looked for in the routers of Express. */
  readonly limit: object;
}

/** What a limit asks about a request. */
interface Question {
  readonly key: string;
  /** In headers, and in what is counted. */
  readonly name: string;
  readonly limits: ParsedLimits;
  readonly cost: number;
}

class RouteLimit<Req extends AnyRequest> {
  /** Undefined if a function returns them. */
  readonly #limits: ParsedLimits | undefined;
  readonly #charging: Charging;
  readonly #keys: Keys;
  readonly #cost: Cost<Req>;
  readonly #shadow: boolean;
  readonly #onFailure: OnFailure;
  readonly #responses: Responses<Req>;

  constructor(
    private readonly lockwatch: LockWatch,
    private readonly given: Limits | LimitsFunction<Req>,
    private readonly options: RouteLimitOptions<Req>,
  ) {
    this.#limits = typeof given === "function" ? undefined : parseLimits(given);
    this.#charging = Charging.of(options, " of limit");
    this.#keys = new Keys(options.keyPrefix, lockwatch);
    this.#cost = options.cost ?? 1;
    this.#shadow = options.shadow ?? false;
    this.#onFailure = OnFailure.of(options, " of limit", this.#limits);
    this.#responses = new Responses<Req>({ headers: options.headers });
  }

  async decide(passing: Passing): Promise<Decision> {
    const counted = Counted.of(rawRequest(passing.request));
    if (counted.isExempt) return { headers: {} };
    const { name, header } = counted.nameOf((each) => this.#keys.limit("", KIND + each), this.#nameFor(passing), passing.limit, this.options.name !== undefined);
    let question: Question | undefined;
    try {
      question = await this.#question(passing, name, header);
    } catch (error) {
      if (!(error instanceof FunctionFailure)) throw error;
      return this.#failed(passing, error, this.#questionWithoutFunctions(passing, name, header));
    }
    if (!question) return { headers: {} };
    const asked = question;
    const { outcome, isEarlier } = await counted.once(asked.key, () => this.#ask(passing, asked));
    // The headers of an earlier call are on the response, unless those of another limit are.
    return isEarlier && !outcome.reply ? { headers: {} } : outcome;
  }

  #nameFor({ request, limit }: Passing): string {
    return this.options.name ?? policyName(routeText(request, limit));
  }

  /** Undefined if the limit does not apply. */
  async #question({ request }: Passing, name: string, header: string): Promise<Question | undefined> {
    const { key: keyOf } = this.options;
    const ofKey = keyOf ? await ask("key", () => keyOf(request as Req)) : ADDRESS;
    if (ofKey === null || ofKey === undefined) return undefined;
    const { given } = this;
    const limits = typeof given === "function" ? returnedLimits("limits", await ask("limits", () => given(request as Req))) : this.#limits;
    if (limits === undefined) return undefined;
    const ofCost = this.#cost;
    const cost = typeof ofCost === "number" ? ofCost : returnedCost(await ask("cost", () => ofCost(request as Req)));
    const state = stateOf(request);
    if (state) state.keyText = keyText(ofKey) ?? state.keyText;
    return { key: this.#keys.limit(keyClient(ofKey) ?? addressOf(request), KIND + name), name: header, limits, cost };
  }

  /** What this process can limit a request by if a function of the application has failed. */
  #questionWithoutFunctions({ request }: Passing, name: string, header: string): Omit<Question, "limits"> & { limits: ParsedLimits | undefined } {
    return { key: this.#keys.limit(addressOf(request), KIND + name), name: header, limits: this.#limits, cost: typeof this.#cost === "number" ? this.#cost : 1 };
  }

  async #ask(passing: Passing, question: Question): Promise<Decision> {
    const { lockwatch } = this;
    const { key, name, limits, cost } = question;
    const command = this.#charging.command(key, limits, cost);
    let result: RateLimitResult;
    try {
      result = this.#charging.read(await lockwatch.link.call(command), limits);
    } catch (error) {
      if (!(error instanceof LockWatchError)) throw error;
      return this.#failed(passing, error, question);
    }
    this.#charging.after(passing.response, [{ command, result }], cost, lockwatch);
    lockwatch.failures.limitAnswered();
    lockwatch.local.answered(key);
    lockwatch.counters.answered(name, result.allowed, this.#shadow, () => templateOf(passing));
    return this.#judge(passing, result, name, key);
  }

  #judge({ request }: Passing, result: RateLimitResult, name: string, key: string): Decision | Promise<Decision> {
    const headers = this.#headersFor(request, result, name);
    if (result.allowed) return { headers };
    stateOf(request)?.deny(result, name, key, this.#shadow);
    return this.#shadow ? { headers } : this.#responses.denied(askerOf(request), result, name, headers, this.options.onDenied);
  }

  /** Decides by `onRedisFailure`. */
  async #failed(passing: Passing, error: LockWatchError | FunctionFailure, asked: Omit<Question, "limits"> & { limits: ParsedLimits | undefined }): Promise<Decision> {
    const { request } = passing;
    const { name, cost } = asked;
    const failed = { error, requests: `requests under the limit '${name}'`, policy: name, route: () => templateOf(passing), onFailure: this.#onFailure, shadow: this.#shadow, asked: [asked], cost };
    const admitted = await decideWithoutRedis(failed, this.lockwatch);
    if (admitted === true) return { headers: {} };
    const asker = askerOf<Req>(request);
    if (admitted === false) return { headers: {}, reply: await this.#responses.unavailable(asker, name) };
    stateOf(request)?.deny(admitted.result, name, admitted.key, false);
    return this.#responses.denied(asker, admitted.result, name, {}, this.options.onDenied);
  }

  /** As the middleware that has limited the request gives them. */
  #headersFor(request: AnyRequest, result: RateLimitResult, name: string): Headers {
    return (stateOf(request)?.home.responses ?? this.#responses).headers(result, name);
  }
}

function addressOf(request: AnyRequest): string {
  return addressClient(limitedAddress(request), stateOf(request)?.home.prefixes);
}

function askerOf<Req>(request: AnyRequest): Asker<Req> {
  // Limits on routes answer in JSON, whatever the client accepts.
  return { request: request as Req, accept: undefined };
}

function templateOf({ request, limit }: Passing): string | null {
  return routeTextIfKnown(request, limit) ?? null;
}
