/**
 * The check of one request: one round trip to Redis before the application, and an audit event after
 * the response.
 */
import { parseBurst } from "../burst.js";
import { LockWatchError, UnavailableError } from "../errors.js";
import type { ParsedLimits } from "../limits.js";
import type { RateLimitResult } from "../ratelimit.js";
import { ask, FunctionFailure } from "../redis/away.js";
import type { Bytes, RedisReply } from "../redis/connection.js";
import { addressKey, roundTrip, tripWithoutLimit, type RequestClient, type LimitCall, type RoundTrip, type Subject } from "./commands.js";
import { decideWithoutRedis, reasonOf, type AskedLimit } from "./fallback.js";
import type { AnyResponse } from "./framework.js";
import { addressClient, credentialClient, keyClient, keyText } from "./keys.js";
import type { Decision, SentReply } from "./reply.js";
import { recordEvent } from "./request-report.js";
import type { Asker } from "./responses.js";
import { returnedCost } from "./returned.js";
import type { LockWatchState } from "./state.js";

interface NamedResult extends LimitCall {
  readonly result: RateLimitResult;
}

/** The check of one request. */
export class RequestCheck<Req> {
  readonly #started = performance.now();
  /** Routes the audit event in a cluster. */
  #limiterKey: Bytes | undefined;
  #isGuarded = false;
  /** Whether the response is the application's. */
  #goesOn = false;

  constructor(private readonly subject: Subject<Req>) {}

  get policyName(): string {
    return this.subject.policy.name;
  }

  get state(): LockWatchState {
    return this.subject.state;
  }

  async decide(request: Req, response: AnyResponse): Promise<Decision> {
    let decision: Decision;
    try {
      decision = await this.#ask(request, this.#plainTrip() ?? (await this.#trip(request)), response);
    } catch (error) {
      if (!(error instanceof FunctionFailure)) throw error;
      const { cost } = this.subject.policy;
      decision = await this.#failed(request, error, this.#askedWithoutFunctions(), typeof cost === "number" ? cost : 1);
    }
    this.#goesOn = !decision.reply;
    return decision;
  }

  /** What a response of the middleware itself depends on. */
  #asker(request: Req): Asker<Req> {
    return { request, accept: this.subject.http.header("accept") };
  }

  /** What is sent, unless a function of the application has to be asked. */
  #plainTrip(): RoundTrip | undefined {
    const { limiter, policy } = this.subject;
    const limits = limiter.fixedLimits(policy);
    if (policy.keyFunc || !limits || typeof policy.cost !== "number") return undefined;
    return this.#tripFor(this.#addressOrCredential(), limits, policy.cost);
  }

  #tripFor(client: RequestClient, limits: ParsedLimits, cost: number): RoundTrip {
    const trip = roundTrip(this.subject, client, limits, cost);
    this.#limiterKey = trip.calls[0]?.key;
    return trip;
  }

  async #trip(request: Req): Promise<RoundTrip> {
    const { limiter, policy } = this.subject;
    const caller = await this.#client(request);
    if (!caller) {
      this.#limiterKey = addressKey(this.subject);
      return tripWithoutLimit(this.subject);
    }
    const limits = await limiter.limitsFor(policy, request);
    const { cost: given } = policy;
    const cost = typeof given === "number" ? given : returnedCost(await ask("cost", () => given(request as never)));
    return this.#tripFor(caller, limits, cost);
  }

  async #ask(request: Req, trip: RoundTrip, response: AnyResponse): Promise<Decision> {
    this.#isGuarded = trip.check !== undefined;
    if (trip.commands.length === 0) return { headers: {} };
    let replies: RedisReply[];
    try {
      replies = await this.subject.limiter.lockwatch.link.send(trip.commands);
    } catch (error) {
      if (!(error instanceof LockWatchError)) throw error;
      return trip.calls.length > 0 ? this.#failed(request, error, trip.calls, trip.cost) : this.#notAsked(error, trip);
    }
    if (trip.burst) this.#readBurst(replies[trip.calls.length], trip.calls.length > 0);
    const binding = this.#readLimits(trip, replies, response);
    const decision = binding instanceof LockWatchError ? await this.#failed(request, binding, trip.calls, trip.cost) : undefined;
    const refusal = trip.check && (await this.#refusal(request, replies.at(-1)));
    if (decision) return refusal ? { headers: {}, reply: refusal } : decision;
    return this.#judge(request, binding as NamedResult | undefined, refusal);
  }

  /** The decision, now that Redis has answered. */
  #judge(request: Req, binding: NamedResult | undefined, refusal: SentReply | undefined): Decision | Promise<Decision> {
    if (!binding) return { headers: {}, reply: refusal };
    const { limiter, policy } = this.subject;
    const { result, name } = binding;
    const headers = limiter.responses.headers(result, name);
    // The wait of a guard's response is that of the guard.
    if (refusal) return { headers, reply: refusal };
    // In shadow mode a denied request gets the headers and goes on.
    if (result.allowed || policy.shadow) return { headers };
    return limiter.responses.denied(this.#asker(request), result, name, headers, limiter.options.onDenied);
  }

  /** The limit that binds, or the error in place of one. Undefined for a request without a limit. */
  #readLimits({ calls, cost }: RoundTrip, replies: readonly RedisReply[], response: AnyResponse): NamedResult | LockWatchError | undefined {
    const { limiter, policy, state } = this.subject;
    const { lockwatch } = limiter;
    if (calls.length === 0) return undefined;
    try {
      const results = this.#resultsOf(calls, replies);
      policy.charging.after(response, results, cost, lockwatch);
      lockwatch.failures.limitAnswered();
      for (const { key } of calls) lockwatch.local.answered(key);
      const binding = bindingResult(results);
      const { result, name, key } = binding;
      state.limit = result;
      lockwatch.counters.answered(policy.name, result.allowed, policy.shadow, policy.route);
      if (!result.allowed) state.deny(result, name, key, policy.shadow);
      return binding;
    } catch (error) {
      if (!(error instanceof LockWatchError)) throw error;
      return error;
    }
  }

  #resultsOf(calls: readonly LimitCall[], replies: readonly RedisReply[]): NamedResult[] {
    const { charging } = this.subject.policy;
    return calls.map(({ command, key, limits, name }, index) => {
      const reply = replies[index];
      if (reply instanceof LockWatchError) throw reply;
      return { command, key, limits, name, result: charging.read(reply, limits) };
    });
  }

  /** Decides by `onRedisFailure`. */
  async #failed(request: Req, error: LockWatchError | FunctionFailure, asked: readonly AskedLimit[], cost: number): Promise<Decision> {
    const { limiter, policy, state } = this.subject;
    const { responses, lockwatch } = limiter;
    const { name, route, onFailure, shadow } = policy;
    state.failure = reasonOf(error);
    const admitted = await decideWithoutRedis({ error, requests: "requests", policy: name, route, onFailure, shadow, asked, cost }, lockwatch);
    if (admitted === true) return { headers: {} };
    if (admitted === false) return { headers: {}, reply: await responses.unavailable(this.#asker(request), name) };
    state.deny(admitted.result, admitted.name, admitted.key, false);
    return responses.denied(this.#asker(request), admitted.result, admitted.name, {}, limiter.options.onDenied);
  }

  /** What this process can limit a request by if a function of the application has failed. */
  #askedWithoutFunctions(): readonly AskedLimit[] {
    const { limiter, policy } = this.subject;
    return [{ name: policy.name, key: addressKey(this.subject), limits: policy.ownLimits ?? limiter.defaultLimits }];
  }

  /** Redis is away, and no limit applies to the request. */
  #notAsked(error: LockWatchError, { burst, check }: RoundTrip): Decision {
    this.state.failure = reasonOf(error);
    if (burst) this.#logBurst(error);
    if (check) this.subject.limiter.site?.logFailure(error);
    return { headers: {} };
  }

  /** Tells the guard about a failed response of the application. To be called when it has been sent. */
  report(status: number): void {
    if (this.#isGuarded && this.#goesOn) this.subject.limiter.site?.report(status, this.subject.path, this.state);
  }

  /** Records the audit event. To be called when the response has been sent. */
  end(status: number): void {
    recordEvent(this.subject, status, performance.now() - this.#started, this.#limiterKey);
  }

  /** The guard's response to a request that may not go on. In shadow mode all do. */
  async #refusal(request: Req, reply: RedisReply): Promise<SentReply | undefined> {
    const { limiter, policy, state } = this.subject;
    const { site, lockwatch } = limiter;
    const guard = (state.guard = site?.read(reply));
    if (!site || !guard || policy.shadow) return undefined;
    const refusal = await site.refusal(this.#asker(request), guard);
    if (!refusal) return undefined;
    state.block(site.denial(guard));
    lockwatch.counters.guardDenied(policy.route);
    return refusal;
  }

  /** Undefined if the limit does not apply. */
  async #client(request: Req): Promise<RequestClient | undefined> {
    const { limiter, policy, address, state } = this.subject;
    const { keyFunc } = policy;
    if (!keyFunc) return this.#addressOrCredential();
    const key = await ask("keyFunc", () => keyFunc(request as never));
    if (key === null || key === undefined) return undefined;
    state.keyText = keyText(key);
    return { client: keyClient(key) ?? addressClient(address, limiter.prefixes), isCredential: false };
  }

  #addressOrCredential(): RequestClient {
    const { limiter, policy, http, address } = this.subject;
    if (policy.byCredential) {
      const header = limiter.credentialHeader;
      const client = credentialClient(header, http.header(header) ?? "");
      if (client !== undefined) return { client, isCredential: true };
    }
    return { client: addressClient(address, limiter.prefixes), isCredential: false };
  }

  /** A failure of LW.BURST is only logged: the limit still decides. */
  #readBurst(reply: RedisReply, hasLimit: boolean): void {
    const { state } = this.subject;
    try {
      if (reply instanceof LockWatchError) throw reply;
      const burst = parseBurst(reply);
      if (!state.burst?.burst) state.burst = burst;
    } catch (error) {
      if (!(error instanceof LockWatchError)) throw error;
      if (!hasLimit && error instanceof UnavailableError) state.failure = reasonOf(error);
      this.#logBurst(error);
    }
  }

  #logBurst(error: LockWatchError): void {
    const { failures } = this.subject.limiter.lockwatch;
    failures.log(`burst ${error.code}`, `LW.BURST failed, bursts are not counted: ${failures.named(error)}`);
  }
}

/**
 * The result with the longest wait, or the first if none has a longer one. Every limit has to admit
 * the request.
 */
function bindingResult(results: readonly NamedResult[]): NamedResult {
  return results.reduce((first, next) => (next.result.retryAfterMs > first.result.retryAfterMs ? next : first));
}
