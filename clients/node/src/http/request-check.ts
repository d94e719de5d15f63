/**
 * The check of one request: one round trip to Redis before the application, and an audit event after
 * the response.
 */
import { auditCommand } from "../audit.js";
import { burstCommand, parseBurst } from "../burst.js";
import { LockWatchError } from "../errors.js";
import { addressLimits, type ParsedLimits } from "../limits.js";
import type { RateLimitResult } from "../ratelimit.js";
import { ask, FunctionFailure } from "../redis/away.js";
import type { Bytes, Command, RedisReply } from "../redis/connection.js";
import type { Asked } from "./charging.js";
import type { Counted } from "./counted.js";
import type { AnyResponse } from "./framework.js";
import { addressClient, credentialClient, headerBytes, keyClient, keyText } from "./keys.js";
import { methodArgument } from "./pattern.js";
import type { Policy } from "./policies.js";
import type { HttpRequest, RateLimiter } from "./rate-limiter.js";
import { decisionFor, failureDecision, functionFailureDecision, outcomeOf, type Decision, type FailureDecision, type Reply } from "./reply.js";
import { returnedCost } from "./returned.js";
import type { LockWatchState } from "./state.js";

interface LimitCall {
  readonly command: Command;
  readonly key: string;
  readonly limits: ParsedLimits;
  /** In the headers of the response. */
  readonly name: string;
}

/** What is sent for a request. */
interface RoundTrip {
  readonly calls: readonly LimitCall[];
  readonly cost: number;
  readonly burst: Command | undefined;
  readonly check: Command | undefined;
  /** `burst` and `check`, as far as they are sent. */
  readonly others: readonly Command[];
}

interface Caller {
  readonly client: string;
  readonly isCredential: boolean;
}

interface NamedResult {
  readonly name: string;
  readonly key: string;
  readonly result: RateLimitResult;
}

function readResults(calls: readonly LimitCall[], replies: readonly RedisReply[], { charging }: Policy): (NamedResult & Asked)[] {
  return calls.map(({ command, key, limits, name }, index) => {
    const reply = replies[index];
    if (reply instanceof LockWatchError) throw reply;
    return { name, key, command, result: charging.read(reply, limits) };
  });
}

/**
 * The result with the longest wait, or the first if none has a longer one. Every limit has to admit
 * the request.
 */
function bindingResult(results: readonly NamedResult[]): NamedResult {
  return results.reduce((first, next) => (next.result.retryAfterMs > first.result.retryAfterMs ? next : first));
}

/** The check of one request. */
export class RequestCheck<Req> {
  readonly #started = performance.now();
  /** Routes the audit event in a cluster. */
  #limiterKey: Bytes | undefined;
  #isGuarded = false;
  /** Whether the response is the application's. */
  #goesOn = false;

  constructor(
    private readonly limiter: RateLimiter<Req>,
    private readonly http: HttpRequest,
    private readonly path: string,
    private readonly policy: Policy,
    private readonly counted: Counted,
    readonly state: LockWatchState,
    private readonly address: string | undefined,
  ) {}

  get policyName(): string {
    return this.policy.name;
  }

  async decide(request: Req, response: AnyResponse): Promise<Decision> {
    try {
      const decision = await this.#decide(request, response);
      this.#goesOn = !decision.reply;
      return decision;
    } catch (error) {
      if (!(error instanceof FunctionFailure)) throw error;
      return this.#counted(functionFailureDecision(error, this.policy, this.limiter.lockwatch.failures, "requests"), error.failure);
    }
  }

  async #decide(request: Req, response: AnyResponse): Promise<Decision> {
    const caller = await this.#client(request);
    if (!caller) return await this.#withoutLimit(request);
    const limits = await this.limiter.limitsFor(this.policy, request);
    const { cost: costGiven } = this.policy;
    const cost = typeof costGiven === "number" ? costGiven : returnedCost(await ask("cost", () => costGiven(request as never)));
    const trip = this.#roundTrip(caller, limits, cost);
    let replies: RedisReply[];
    try {
      replies = await this.limiter.lockwatch.link.send([...trip.calls.map(({ command }) => command), ...trip.others]);
    } catch (error) {
      if (!(error instanceof LockWatchError)) throw error;
      return this.#failed(error);
    }
    if (trip.burst) this.#readBurst(replies[trip.calls.length]);
    const binding = this.#readLimits(trip, replies, response);
    const blocked = trip.check && (await this.#blocked(request, replies.at(-1)));
    return this.#judge(request, binding, blocked);
  }

  /** The decision, now that Redis has answered. */
  async #judge(request: Req, binding: NamedResult | LockWatchError, blocked: Reply | undefined): Promise<Decision> {
    if (binding instanceof LockWatchError) {
      const decision = this.#failed(binding);
      return blocked ? { headers: {}, reply: blocked } : decision;
    }
    const { result, name } = binding;
    if (!blocked) return decisionFor(result, name, this.policy, () => this.limiter.options.onDenied?.(request, result));
    // The wait is that of the guard.
    const { "Retry-After": _wait, ...headers } = result.headers(name);
    return { headers, reply: blocked };
  }

  /** The commands of a request to which a limit applies. */
  #roundTrip({ client, isCredential }: Caller, limits: ParsedLimits, cost: number): RoundTrip {
    const { name } = this.policy;
    const calls = [this.#limitCall(client, name, limits, cost, name)];
    this.#limiterKey = calls[0]?.command.key;
    const ofAddress = addressClient(this.address);
    if (isCredential) calls.push(this.#limitCall(ofAddress, `${name}:unverified`, this.#addressLimits(limits), cost, `${name}-unverified`));
    this.counted.addAll(calls.map(({ key }) => key));
    const burst = this.#newBurst(isCredential ? ofAddress : client);
    const check = this.#newGuardCheck();
    return { calls, cost, burst, check, others: [burst, check].filter((command) => command !== undefined) };
  }

  /** The limit that binds, or the error in place of one. */
  #readLimits({ calls, cost }: RoundTrip, replies: readonly RedisReply[], response: AnyResponse): NamedResult | LockWatchError {
    const { lockwatch } = this.limiter;
    try {
      const results = readResults(calls, replies, this.policy);
      this.policy.charging.after(response, results, cost, lockwatch);
      lockwatch.failures.limitAnswered();
      const binding = bindingResult(results);
      const { result, name, key } = binding;
      this.state.limit = result;
      lockwatch.counters.count(this.policy.name, outcomeOf(result, this.policy.shadow), this.policy.route);
      if (!result.allowed) this.state.deny(result, name, key, this.policy.shadow);
      return binding;
    } catch (error) {
      if (!(error instanceof LockWatchError)) throw error;
      return error;
    }
  }

  #failed(error: LockWatchError): Decision {
    return this.#counted(failureDecision(error, this.policy, this.limiter.lockwatch.failures, "requests"), error);
  }

  #counted(decision: FailureDecision, { code }: LockWatchError): Decision {
    const reason = (this.state.failure = code.toLowerCase());
    this.limiter.lockwatch.counters.count(this.policy.name, decision.outcome, this.policy.route, reason);
    return decision;
  }

  /** Tells the guard about a failed response of the application. To be called when it has been sent. */
  report(status: number): void {
    if (this.#isGuarded && this.#goesOn) this.limiter.site?.report(status, this.path, this.state);
  }

  /** Records the audit event. To be called when the response has been sent. */
  end(status: number): void {
    // While the breaker is open, Redis gets no audit events either.
    if (this.limiter.options.audit === false) return;
    if (this.state.failure === "bypassed") {
      this.limiter.lockwatch.auditQueue.bypass();
      return;
    }
    const { address, burst, denial, keyText, limited, user } = this.state;
    this.limiter.lockwatch.auditQueue.record(() => {
      const command = auditCommand({
        user: user ?? keyText,
        ip: address,
        method: methodArgument(this.http.method),
        endpoint: this.path,
        status,
        limited,
        anomaly: burst?.burst,
        latencyMs: performance.now() - this.#started,
        data: denial,
      });
      return { ...command, key: this.#limiterKey };
    });
  }

  /** Counts the burst of the request's address and asks the guard, and counts no limit. */
  async #withoutLimit(request: Req): Promise<Decision> {
    const { keys, lockwatch } = this.limiter;
    const client = addressClient(this.address);
    this.#limiterKey = keys.limit(client, this.policy.name);
    const burst = this.#newBurst(client);
    const check = this.#newGuardCheck();
    const commands = [burst, check].filter((command) => command !== undefined);
    if (commands.length === 0) return { headers: {} };
    let replies: RedisReply[];
    try {
      replies = await lockwatch.link.send(commands);
    } catch (error) {
      if (!(error instanceof LockWatchError)) throw error;
      this.state.failure = error.code.toLowerCase();
      if (burst) this.#logBurst(error);
      if (check) this.limiter.site?.logFailure(error);
      return { headers: {} };
    }
    if (burst) this.#readBurst(replies[0]);
    return { headers: {}, reply: check && (await this.#blocked(request, replies.at(-1))) };
  }

  /** Undefined also if another middleware has asked the same guard. */
  #newGuardCheck(): Command | undefined {
    const { site } = this.limiter;
    const command = site?.check(this.state);
    if (!site || !command || !this.counted.claim(`guard ${String(site.key)}`)) return undefined;
    this.#isGuarded = true;
    return command;
  }

  /** The guard's response to a request that may not go on. In shadow mode all do. */
  async #blocked(request: Req, reply: RedisReply): Promise<Reply | undefined> {
    const { site } = this.limiter;
    this.state.guard = site?.read(reply);
    const { guard } = this.state;
    if (!site || !guard || this.policy.shadow) return undefined;
    const refusal = await site.refusal(request, guard);
    if (!refusal) return undefined;
    this.state.block(site.denial(guard));
    this.limiter.lockwatch.counters.guardDenied(this.policy.route);
    return refusal;
  }

  /** Undefined if the limit does not apply. */
  async #client(request: Req): Promise<Caller | undefined> {
    const { keyFunc, byCredential } = this.policy;
    if (keyFunc) {
      const key = await ask("keyFunc", () => keyFunc(request as never));
      if (key === null || key === undefined) return undefined;
      this.state.keyText = keyText(key);
      return { client: keyClient(key) ?? addressClient(this.address), isCredential: false };
    }
    if (byCredential) {
      const header = this.limiter.credentialHeader;
      const client = credentialClient(header, this.http.header(header) ?? "");
      if (client !== undefined) return { client, isCredential: true };
    }
    return { client: addressClient(this.address), isCredential: false };
  }

  #limitCall(client: string, policy: string, limits: ParsedLimits, cost: number, name: string): LimitCall {
    const key = this.limiter.keys.limit(client, policy);
    return { command: this.policy.charging.command(key, limits, cost), key, limits, name };
  }

  #addressLimits(limits: ParsedLimits): ParsedLimits {
    return (this.policy.ownLimits ? undefined : this.limiter.addressLimits) ?? addressLimits(limits);
  }

  /** Undefined also if another middleware has counted the burst of this client. */
  #newBurst(client: string): Command | undefined {
    const command = this.#burstCommand(client);
    return command && this.counted.claim(String(command.key)) ? command : undefined;
  }

  #burstCommand(client: string): Command | undefined {
    const { burst, keys } = this.limiter;
    if (!burst) return undefined;
    const agent = this.http.header("user-agent");
    return burstCommand(keys.burst(client), burst.threshold, burst.windowMs, {
      cooldown: burst.cooldown,
      ip: this.address,
      endpoint: this.path,
      method: methodArgument(this.http.method),
      agent: agent === undefined ? undefined : headerBytes(agent),
    });
  }

  /** A failure of LW.BURST is only logged: the limit still decides. */
  #readBurst(reply: RedisReply): void {
    try {
      if (reply instanceof LockWatchError) throw reply;
      const burst = parseBurst(reply);
      if (!this.state.burst?.burst) this.state.burst = burst;
    } catch (error) {
      if (!(error instanceof LockWatchError)) throw error;
      this.#logBurst(error);
    }
  }

  #logBurst(error: LockWatchError): void {
    const { failures } = this.limiter.lockwatch;
    failures.log(`burst ${error.code}`, `LW.BURST failed, bursts are not counted: ${failures.named(error)}`);
  }
}
