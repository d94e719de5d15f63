/**
 * The middleware without a framework. A request's visit asks Redis once before the application, and leaves an audit event after
 * the response.
 */
import { auditCommand } from "../audit.js";
import { burstCommand, parseBurst } from "../burst.js";
import { windowMs, type Duration } from "../duration.js";
import { ConfigurationError, LockWatchError } from "../errors.js";
import { addressLimits, parseLimits, type Limit, type Limits } from "../limits.js";
import type { LockWatch } from "../lockwatch.js";
import { rateLimitCommand, RateLimitResult } from "../ratelimit.js";
import type { Bytes, Command } from "../redis/connection.js";
import type { Answer } from "../redis/link.js";
import { addressClient, credentialClient, Keys, ownClient } from "./keys.js";
import type { MiddlewareOptions } from "./options.js";
import { Origins } from "./origin.js";
import { methodArgument, PathSegments } from "./pattern.js";
import { Policies, type Policy } from "./policies.js";
import { LockWatchState } from "./state.js";
import { rateLimitExceeded, SERVICE_UNAVAILABLE, type Verdict } from "./verdict.js";

/** A request as every framework has it. */
export interface Incoming {
  readonly method: string;
  /** From the root of the server and still encoded: what the router matches. */
  readonly path: string;
  /** The address of the other end; undefined for a Unix socket. */
  readonly peer: string | undefined;
  /** By its name in lower case. */
  header(name: string): string | undefined;
}

interface BurstSettings {
  readonly threshold: number;
  readonly windowMs: number;
  readonly cooldown: Duration | undefined;
}

export class Guard<Req> {
  readonly keys: Keys;
  readonly addressLimits: readonly Limit[] | undefined;
  readonly credentialHeader: string;
  readonly burst: BurstSettings | undefined;
  readonly #policies: Policies;
  readonly #origins: Origins;

  constructor(
    readonly lockwatch: LockWatch,
    readonly options: MiddlewareOptions<Req>,
  ) {
    const { key = "address", burstThreshold = 50, burstWindowSeconds = 10 } = options;
    if (!["address", "credential"].includes(key)) throw new ConfigurationError(`key '${key}' is not 'address' or 'credential'`);
    this.keys = new Keys(options.keyPrefix ?? "lw");
    this.addressLimits = options.addressLimits === undefined ? undefined : parseLimits(options.addressLimits);
    this.credentialHeader = (options.credentialHeader ?? "Authorization").toLowerCase();
    this.burst = burstThreshold === null ? undefined : burstSettings(burstThreshold, burstWindowSeconds, options.burstCooldownSeconds);
    this.#policies = new Policies(options);
    this.#origins = new Origins(options.trustedProxies ?? [], options.forwardedHeader ?? "X-Forwarded-For");
  }

  /** Undefined for what is exempt. */
  visit(incoming: Incoming): Visit<Req> | undefined {
    const path = new PathSegments(incoming.method, incoming.path);
    const policy = this.#policies.of(path);
    if (!policy) return undefined;
    const address = this.#origins.address(incoming.peer, (name) => incoming.header(name));
    return new Visit(this, incoming, path.text, policy, address);
  }

  async limitsFor(policy: Policy, request: Req): Promise<readonly Limit[]> {
    if (policy.ownLimits) return policy.ownLimits;
    const { planFunc } = this.options;
    const plan: Limits | null | undefined = planFunc && (await planFunc(request));
    return plan === null || plan === undefined ? this.#policies.defaultLimits : parseLimits(plan);
  }
}

function burstSettings(threshold: number, window: Duration, cooldown: Duration | undefined): BurstSettings {
  if (!Number.isSafeInteger(threshold) || threshold < 1) {
    throw new ConfigurationError(`burstThreshold '${threshold}' is not a positive integer, or null for none`);
  }
  return { threshold, windowMs: windowMs(window), cooldown: cooldown === undefined ? undefined : `${windowMs(cooldown)}ms` };
}

/** A limit that is asked for, and the policy's name in its answer's headers. */
interface Question {
  readonly command: Command;
  readonly limits: readonly Limit[];
  readonly name: string;
}

interface Finding {
  readonly name: string;
  readonly result: RateLimitResult;
}

/** All must admit. The answer tells of the first, unless another has to be waited for longer. */
function bindingFinding(questions: readonly Question[], answers: readonly Answer[]): Finding {
  const findings = questions.map(({ limits, name }, index) => {
    const answer = answers[index];
    if (answer instanceof LockWatchError) throw answer;
    return { name, result: RateLimitResult.parse(answer, limits, "LW.RATELIMIT") };
  });
  return findings.reduce((first, next) => (next.result.retryAfterMs > first.result.retryAfterMs ? next : first));
}

export class Visit<Req> {
  readonly state: LockWatchState;
  readonly #started = performance.now();
  /** Routes the audit event in a cluster to the node that has counted this request. */
  #limiterKey: Bytes | undefined;

  constructor(
    private readonly guard: Guard<Req>,
    private readonly incoming: Incoming,
    private readonly path: string,
    private readonly policy: Policy,
    address: string | undefined,
  ) {
    this.state = new LockWatchState(policy.name, address);
  }

  async decide(request: Req): Promise<Verdict> {
    const { client, isCredential } = await this.#client(request);
    const limits = await this.guard.limitsFor(this.policy, request);
    const questions = [this.#question(client, this.policy.name, limits, this.policy.name)];
    this.#limiterKey = questions[0]?.command.key;
    const addressOf = addressClient(this.state.address);
    if (isCredential) {
      const { name } = this.policy;
      questions.push(this.#question(addressOf, `${name}:unverified`, this.#addressLimits(limits), `${name}-unverified`));
    }
    const commands = questions.map(({ command }) => command);
    const burst = this.#burstCommand(isCredential ? addressOf : client);
    if (burst) commands.push(burst);
    let binding: Finding;
    try {
      const answers = await this.guard.lockwatch.link.send(commands);
      if (burst) this.#noteBurst(answers[questions.length]);
      binding = bindingFinding(questions, answers);
    } catch (error) {
      if (error instanceof LockWatchError) return this.#undecided(error);
      throw error;
    }
    // Outside: what the application's own code throws is no failure to decide.
    return this.#judge(request, binding);
  }

  /** To be called when the response is out. */
  end(status: number): void {
    // A Redis that is being left alone is left alone by the audit, too.
    if (this.guard.options.audit === false || this.state.failure === "bypassed") return;
    const { address, burst, limited, shadowed, user } = this.state;
    this.guard.lockwatch.trail.record(() => {
      const command = auditCommand({
        user,
        ip: address,
        method: methodArgument(this.incoming.method),
        endpoint: this.path,
        status,
        limited,
        anomaly: burst?.burst,
        latencyMs: performance.now() - this.#started,
        data: shadowed ? { shadow: true } : undefined,
      });
      return { ...command, key: this.#limiterKey };
    });
  }

  async #client(request: Req): Promise<{ client: string; isCredential: boolean }> {
    const { keyFunc } = this.guard.options;
    const own = keyFunc && ownClient(await keyFunc(request));
    if (own !== undefined) return { client: own, isCredential: false };
    if (this.guard.options.key === "credential") {
      const header = this.guard.credentialHeader;
      const client = credentialClient(header, this.incoming.header(header) ?? "");
      if (client !== undefined) return { client, isCredential: true };
    }
    return { client: addressClient(this.state.address), isCredential: false };
  }

  #question(client: string, policy: string, limits: readonly Limit[], name: string): Question {
    const command = rateLimitCommand("LW.RATELIMIT", this.guard.keys.limit(client, policy), limits, this.policy.cost);
    return { command, limits, name };
  }

  #addressLimits(limits: readonly Limit[]): readonly Limit[] {
    return (this.policy.ownLimits ? undefined : this.guard.addressLimits) ?? addressLimits(limits);
  }

  #burstCommand(client: string): Command | undefined {
    const { burst, keys } = this.guard;
    if (!burst) return undefined;
    return burstCommand(keys.burst(client), burst.threshold, burst.windowMs, {
      cooldown: burst.cooldown,
      ip: this.state.address,
      endpoint: this.path,
      method: methodArgument(this.incoming.method),
      agent: this.incoming.header("user-agent"),
    });
  }

  /** Counting bursts is a help and no gate: where it fails the limit still counts. */
  #noteBurst(answer: Answer): void {
    try {
      if (answer instanceof LockWatchError) throw answer;
      this.state.burst = parseBurst(answer);
    } catch (error) {
      if (!(error instanceof LockWatchError)) throw error;
      this.guard.lockwatch.failures.tell(`burst ${error.code}`, `LW.BURST failed, bursts are not counted: ${error.message}`);
    }
  }

  async #judge(request: Req, { result, name }: Finding): Promise<Verdict> {
    this.state.limit = result;
    this.state.limited = !result.allowed;
    const { "Retry-After": retryAfter, ...headers } = result.headers(name);
    if (result.allowed) return { headers };
    if (this.policy.shadow) {
      this.state.shadowed = true;
      return { headers };
    }
    const own = await this.guard.options.onDenied?.(request, result);
    const reply = own ?? rateLimitExceeded(result.retryAfterSeconds);
    return { reply, headers: retryAfter === undefined ? headers : { ...headers, "Retry-After": retryAfter } };
  }

  #undecided(error: LockWatchError): Verdict {
    this.state.failure = error.code.toLowerCase();
    const denies = this.policy.onRedisFailure === "deny" && !this.policy.shadow;
    const consequence = denies ? "requests are answered 503" : "requests are let through";
    this.guard.lockwatch.failures.tell(error.code, `${error.message}; ${consequence}`);
    return denies ? { headers: {}, reply: SERVICE_UNAVAILABLE } : { headers: {} };
  }
}
