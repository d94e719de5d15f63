/**
 * The middleware's decisions, independent of the framework. For each request it sends one round trip
 * to Redis before the application, and an audit event after the response.
 */
import { auditCommand } from "../audit.js";
import { burstCommand, parseBurst } from "../burst.js";
import { windowMs, type Duration } from "../duration.js";
import { ConfigurationError, LockWatchError } from "../errors.js";
import { addressLimits, parseLimits, type ParsedLimits } from "../limits.js";
import type { LockWatch } from "../lockwatch.js";
import type { RateLimitResult } from "../ratelimit.js";
import { ask, FunctionFailure } from "../redis/away.js";
import type { Bytes, Command, RedisReply } from "../redis/connection.js";
import type { Asked } from "./charging.js";
import type { Counted } from "./counted.js";
import type { AnyResponse } from "./framework.js";
import { addressClient, credentialClient, keyClient, Keys, keyText } from "./keys.js";
import type { LimitsFunction, MiddlewareOptions } from "./options.js";
import { methodArgument, PathSegments } from "./pattern.js";
import { Policies, type Policy } from "./policies.js";
import { decisionFor, failureDecision, functionFailureDecision, type Decision, type Reply } from "./reply.js";
import { returnedCost, returnedLimits } from "./returned.js";
import { SiteGuard } from "./site-guard.js";
import { LockWatchState } from "./state.js";
import { TrustedProxies } from "./trusted-proxies.js";

/** What the limiter reads of a request. */
export interface HttpRequest {
  readonly method: string;
  /** From the root of the server and still encoded: what the router matches. */
  readonly path: string;
  /** The peer's address; undefined for a Unix socket. */
  readonly peer: string | undefined;
  /** @param name in lower case */
  header(name: string): string | undefined;
}

interface BurstSettings {
  readonly threshold: number;
  readonly windowMs: number;
  readonly cooldown: Duration | undefined;
}

export class RateLimiter<Req> {
  readonly keys: Keys;
  readonly addressLimits: ParsedLimits | undefined;
  readonly credentialHeader: string;
  readonly burst: BurstSettings | undefined;
  readonly site: SiteGuard<Req> | undefined;
  readonly #policies: Policies;
  readonly #proxies: TrustedProxies;
  readonly #planFunc: LimitsFunction<Req> | undefined;
  readonly #planOption: string;

  constructor(
    readonly lockwatch: LockWatch,
    readonly options: MiddlewareOptions<Req>,
  ) {
    const { burstThreshold = 50, burstWindowSeconds = 10 } = options;
    this.keys = new Keys(options.keyPrefix, lockwatch);
    this.addressLimits = options.addressLimits === undefined ? undefined : parseLimits(options.addressLimits);
    this.credentialHeader = (options.credentialHeader ?? "Authorization").toLowerCase();
    this.burst = burstThreshold === null ? undefined : burstSettings(burstThreshold, burstWindowSeconds, options.burstCooldownSeconds);
    this.site = SiteGuard.of(options, lockwatch);
    this.#policies = new Policies(options);
    if (typeof options.limits === "function" && options.planFunc !== undefined) {
      throw new ConfigurationError("limits is a function, and planFunc is given too: they mean the same, so give one");
    }
    this.#planFunc = typeof options.limits === "function" ? options.limits : options.planFunc;
    this.#planOption = typeof options.limits === "function" ? "limits" : "planFunc";
    this.#proxies = new TrustedProxies(options.trustedProxies ?? [], options.forwardedHeader ?? "X-Forwarded-For", lockwatch.log);
  }

  /**
   * Undefined if the path is exempt.
   *
   * @param outer the state of a middleware that the request has passed; the two share it
   */
  check(http: HttpRequest, counted: Counted, outer?: LockWatchState): RequestCheck<Req> | undefined {
    const path = new PathSegments(http.method, http.path);
    const policy = this.#policies.of(path);
    if (!policy) return undefined;
    const address = this.#proxies.clientAddress(http.peer, (name) => http.header(name));
    return new RequestCheck(this, http, path.text, policy, counted, outer ?? new LockWatchState(policy.name, address), address);
  }

  async limitsFor(policy: Policy, request: Req): Promise<ParsedLimits> {
    if (policy.ownLimits) return policy.ownLimits;
    const planFunc = this.#planFunc;
    const plan = planFunc && returnedLimits(this.#planOption, await ask(this.#planOption, () => planFunc(request)));
    return plan ?? this.#policies.defaultLimits;
  }
}

function burstSettings(threshold: number, window: Duration, cooldown: Duration | undefined): BurstSettings {
  return { threshold, windowMs: windowMs(window), cooldown: cooldown === undefined ? undefined : `${windowMs(cooldown)}ms` };
}

interface LimitCall {
  readonly command: Command;
  readonly key: string;
  readonly limits: ParsedLimits;
  /** In the headers of the response. */
  readonly name: string;
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
      return await this.#decide(request, response);
    } catch (error) {
      if (!(error instanceof FunctionFailure)) throw error;
      this.state.failure = error.failure.code.toLowerCase();
      return functionFailureDecision(error, this.policy, this.limiter.lockwatch.failures, "requests");
    }
  }

  async #decide(request: Req, response: AnyResponse): Promise<Decision> {
    const { lockwatch, options } = this.limiter;
    const caller = await this.#client(request);
    if (!caller) return await this.#withoutLimit(request);
    const { client, isCredential } = caller;
    const limits = await this.limiter.limitsFor(this.policy, request);
    const { cost: costGiven } = this.policy;
    const cost = typeof costGiven === "number" ? costGiven : returnedCost(await ask("cost", () => costGiven(request as never)));
    const calls = [this.#limitCall(client, this.policy.name, limits, cost, this.policy.name)];
    this.#limiterKey = calls[0]?.command.key;
    const ofAddress = addressClient(this.address);
    if (isCredential) {
      const { name } = this.policy;
      calls.push(this.#limitCall(ofAddress, `${name}:unverified`, this.#addressLimits(limits), cost, `${name}-unverified`));
    }
    const commands = calls.map(({ command }) => command);
    const burst = this.#newBurst(isCredential ? ofAddress : client);
    this.counted.addAll(commands.map(({ key }) => String(key)));
    if (burst) commands.push(burst);
    const check = this.#newGuardCheck();
    if (check) commands.push(check);
    let binding: NamedResult;
    try {
      const replies = await lockwatch.link.send(commands);
      if (burst) this.#readBurst(replies[calls.length]);
      if (check) this.state.guard = this.limiter.site?.read(replies.at(-1));
      const results = readResults(calls, replies, this.policy);
      this.policy.charging.after(response, results, cost, lockwatch);
      binding = bindingResult(results);
      lockwatch.failures.limitAnswered();
    } catch (error) {
      if (!(error instanceof LockWatchError)) throw error;
      this.state.failure = error.code.toLowerCase();
      return failureDecision(error, this.policy, lockwatch.failures, "requests");
    }
    const { result, name, key } = binding;
    this.state.limit = result;
    if (!result.allowed) this.state.deny(result, name, key, this.policy.shadow);
    // Outside of the `try`, because an error of the application's `onDenied` is not a failure of
    // Redis.
    const blocked = check && (await this.#refusal(request));
    if (blocked) return { headers: result.headers(name), reply: blocked };
    return decisionFor(result, name, this.policy, () => options.onDenied?.(request, result));
  }

  /** Tells the guard about a failed response of the application. To be called when it has been sent. */
  report(status: number): void {
    if (this.#isGuarded) this.limiter.site?.report(status, this.path, this.state);
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
    const { keys, lockwatch, site } = this.limiter;
    const client = addressClient(this.address);
    this.#limiterKey = keys.limit(client, this.policy.name);
    const burst = this.#newBurst(client);
    const check = this.#newGuardCheck();
    const commands = [burst, check].filter((command) => command !== undefined);
    if (commands.length === 0) return { headers: {} };
    try {
      const replies = await lockwatch.link.send(commands);
      if (burst) this.#readBurst(replies[0]);
      if (check) this.state.guard = site?.read(replies.at(-1));
    } catch (error) {
      if (!(error instanceof LockWatchError)) throw error;
      this.state.failure = error.code.toLowerCase();
      if (burst) this.#logBurst(error);
      if (check) site?.logFailure(error);
    }
    return { headers: {}, reply: check && (await this.#refusal(request)) };
  }

  /** Undefined also if another middleware has asked the same guard. */
  #newGuardCheck(): Command | undefined {
    const { site } = this.limiter;
    this.#isGuarded = site !== undefined && this.counted.claim(`guard ${String(site.key)}`);
    return this.#isGuarded ? site?.check(this.state) : undefined;
  }

  /** The guard's response to a request that may not go on. In shadow mode all do. */
  async #refusal(request: Req): Promise<Reply | undefined> {
    const { guard } = this.state;
    const { site } = this.limiter;
    if (!site || !guard || this.policy.shadow) return undefined;
    const reply = await site.refusal(request, guard);
    if (reply) this.state.block(site.denial(guard));
    return reply;
  }

  /** Undefined if the limit does not apply. */
  async #client(request: Req): Promise<{ client: string; isCredential: boolean } | undefined> {
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
    return burstCommand(keys.burst(client), burst.threshold, burst.windowMs, {
      cooldown: burst.cooldown,
      ip: this.address,
      endpoint: this.path,
      method: methodArgument(this.http.method),
      agent: this.http.header("user-agent"),
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
