/**
 * A guard of logins: it judges an attempt before the password is checked, and is told the outcome
 * afterwards. All decisions are the module's.
 */
import { AttemptDeniedError, CommandError, LockWatchError, NoRuleError, noRules } from "../errors.js";
import { attemptCommand, checkCommand, eventCommand, GuardResult, type GuardCaller } from "../guard.js";
import { limitedAddress } from "../http/client-address.js";
import type { PlainFailureMode } from "../http/fallback.js";
import { send, stateOf, type AnyRequest, type AnyResponse } from "../http/framework.js";
import { blockedDenial, CHALLENGE_DENIAL, givenReply, jsonReply } from "../http/reply.js";
import { checkOption, checkOptions } from "../known-options.js";
import { checkClient, type LockWatch } from "../lockwatch.js";
import { ask, FunctionFailure } from "../redis/away.js";
import type { Bytes, Command, Name } from "../redis/connection.js";
import { Attempt, hintAtOutcome, type AttemptHome } from "./attempt.js";
import { denied, unavailable, Unanswered } from "./denied.js";
import { DeviceCookie } from "./device.js";
import { passwordDigest } from "./digest.js";
import { GUARD_KEY, GUARD_OPTIONS, type Credentials, type GuardKey, type GuardOptions, type Subject } from "./options.js";

const FAIL_CLOSED: PlainFailureMode = "deny";

export class Guard<Req extends AnyRequest> {
  readonly #cookie: DeviceCookie | undefined;
  readonly #mode: PlainFailureMode;

  /** Made by `guard`. */
  constructor(
    private readonly lockwatch: LockWatch,
    private readonly key: GuardKey<Req>,
    private readonly options: GuardOptions<Req>,
  ) {
    checkClient(lockwatch, 'guard(lw, "login", { challenge: "deny" })');
    checkOption("the key of guard", key, GUARD_KEY);
    checkOptions(options, GUARD_OPTIONS, "guard");
    const { deviceCookie = {} } = options;
    this.#cookie = deviceCookie === false ? undefined : new DeviceCookie(deviceCookie);
    this.#mode = options.onRedisFailure ?? FAIL_CLOSED;
  }

  /**
   * Asks whether the login may go on, before the credentials are checked, and charges it. Rejects with
   * an {@link AttemptDeniedError}, which is a response, if it may not.
   */
  async attempt(request: Req, credentials: Credentials = {}): Promise<Attempt> {
    let home: AttemptHome | undefined;
    let result: GuardResult | undefined;
    try {
      home = await this.#home(request, credentials);
      result = await this.#judge(request, home);
      if (result.verdict !== "allow") throw denied(jsonReply(blockedDenial(result)), result);
    } catch (error) {
      if (error instanceof AttemptDeniedError) throw this.#blocked(request, error);
      const unavailable = this.#failure(error);
      if (unavailable) throw this.#blocked(request, unavailable);
    }
    return new Attempt(home, result);
  }

  /**
   * Calls `body` with the attempt if the login may go on, and resolves to what it returns. Otherwise
   * sends the response, and resolves to undefined.
   */
  async withAttempt<T>(request: Req, response: AnyResponse, credentials: Credentials, body: (attempt: Attempt) => T | PromiseLike<T>): Promise<T | undefined> {
    let attempt: Attempt;
    try {
      attempt = await this.attempt(request, credentials);
    } catch (error) {
      if (!(error instanceof AttemptDeniedError)) throw error;
      send(response, error);
      return undefined;
    }
    const value = await body(attempt);
    if (!attempt.isTold) hintAtOutcome();
    return value;
  }

  /** What the device cookie of a request holds; undefined if it has none. */
  deviceOf(request: AnyRequest): string | undefined {
    return this.#cookie?.read(request);
  }

  /** What the guard has against a caller, without counting. Undefined if Redis is away. */
  async check(request: Req, { user, key: subject }: Subject = {}): Promise<GuardResult | undefined> {
    const command = checkCommand(await this.#keyOf(request), { ...this.#who(request, user), key: subject });
    try {
      return await this.#call(command);
    } catch (error) {
      if (!(error instanceof Unanswered)) throw error;
      this.lockwatch.failures.log(`check ${error.code}`, `LW.CHECK failed, a guard is not asked: ${error.message}`);
      return undefined;
    }
  }

  /** Tells the guard what happened, and does not wait for its answer. A failure is logged. */
  async event(request: Req, kind: string, { user, key: subject, value }: Subject & { value?: Bytes | undefined } = {}): Promise<void> {
    const key = await this.#keyOf(request);
    const who = this.#who(request, user);
    this.lockwatch.outcomes.record(() => eventCommand(key, kind, { ...who, key: subject, value }));
  }

  /** The user has changed the password: forgets the known networks and devices, and all counts. */
  async reset(request: Req, user: Name): Promise<void> {
    const key = await this.#keyOf(request);
    this.lockwatch.outcomes.record(() => eventCommand(key, "reset", { user, normalize: this.options.normalize }));
  }

  async #home(request: Req, { user, password }: Credentials): Promise<AttemptHome> {
    return {
      queue: this.lockwatch.outcomes,
      key: await this.#keyOf(request),
      who: this.#who(request, user),
      value: this.#digest(password),
      cookie: this.#cookie,
    };
  }

  #who(request: Req, user: Name | null | undefined): GuardCaller {
    return { ip: limitedAddress(request), user, device: this.deviceOf(request), normalize: this.options.normalize };
  }

  async #keyOf(request: Req): Promise<Bytes> {
    const { key } = this;
    return typeof key === "function" ? ask("the key of the guard", () => key(request)) : key;
  }

  async #judge(request: Req, { key, who, value }: AttemptHome): Promise<GuardResult> {
    const { challenge } = this.options;
    const first = await this.#call(attemptCommand(key, { ...who, value }));
    if (first.verdict !== "challenge" || challenge === "deny") return first;
    if (challenge !== "allow") {
      const answer = await ask("challenge", () => challenge(request, first));
      if (answer !== true) throw denied(givenReply("challenge", answer === false ? undefined : answer) ?? jsonReply(CHALLENGE_DENIAL), first);
    }
    return this.#call(attemptCommand(key, { ...who, value, solved: true }));
  }

  async #call(command: Command): Promise<GuardResult> {
    try {
      return GuardResult.parse(await this.lockwatch.link.call(command), String(command.args[0]));
    } catch (error) {
      if (error instanceof NoRuleError) throw noRules(error);
      // A malformed call is a mistake of the application, and not a failure of Redis.
      if (!(error instanceof LockWatchError) || error instanceof CommandError) throw error;
      throw new Unanswered(error.code, this.lockwatch.failures.named(error));
    }
  }

  /** Tells the middleware that the response is not the application's. */
  #blocked(request: Req, error: AttemptDeniedError): AttemptDeniedError {
    stateOf(request)?.block();
    return error;
  }

  /** Throws the error again unless it is a failure of Redis. Undefined if logins are let through then. */
  #failure(error: unknown): AttemptDeniedError | undefined {
    const failure = error instanceof FunctionFailure ? new Unanswered(error.failure.code, error.message) : error;
    if (!(failure instanceof Unanswered)) throw error;
    const { code, message } = failure;
    const denies = this.#mode === "deny";
    this.lockwatch.failures.log(`guard ${code}`, `logins are ${denies ? "answered 503" : "let through without a guard"}: ${message}`);
    return denies ? unavailable(code) : undefined;
  }

  #digest(password: string | undefined): string | undefined {
    const { passwordDigestKey: secret } = this.options;
    return password === undefined || secret === undefined ? undefined : passwordDigest(secret, password);
  }
}

/**
 * `makeGuard` as a framework's entry exports it: `challenge` gets that framework's request unless
 * annotated otherwise.
 */
export type MakeGuard<Default extends AnyRequest> = <Req extends AnyRequest = Default>(
  lockwatch: LockWatch,
  key: GuardKey<Req>,
  options: GuardOptions<Req>,
) => Guard<Req>;

export function makeGuard<Req extends AnyRequest>(lockwatch: LockWatch, key: GuardKey<Req>, options: GuardOptions<Req>): Guard<Req> {
  return new Guard(lockwatch, key, options);
}
