/**
 * A guard of logins: it judges an attempt before the password is checked, and is told the outcome
 * afterwards. All decisions are the module's.
 */
import { AttemptDeniedError, CommandError, LockWatchError, NoRuleError, noRules } from "../errors.js";
import { attemptCommand, eventCommand, GuardResult, type AttemptOptions } from "../guard.js";
import { limitedAddress } from "../http/client-address.js";
import { send, stateOf, type AnyRequest, type AnyResponse } from "../http/framework.js";
import { blocked, CHALLENGE_REQUIRED, givenReply, SERVICE_UNAVAILABLE, type FailureMode, type Reply } from "../http/reply.js";
import { checkOption, checkOptions } from "../known-options.js";
import { checkClient, type LockWatch } from "../lockwatch.js";
import { ask, FunctionFailure } from "../redis/away.js";
import type { Bytes, Name } from "../redis/connection.js";
import { Attempt, hintAtOutcome, type AttemptHome } from "./attempt.js";
import { DeviceCookie } from "./device.js";
import { passwordDigest } from "./digest.js";
import { GUARD_KEY, GUARD_OPTIONS, type Credentials, type GuardKey, type GuardOptions } from "./options.js";

const FAIL_CLOSED: FailureMode = "deny";

export class Guard<Req extends AnyRequest> {
  readonly #cookie: DeviceCookie | undefined;
  readonly #mode: FailureMode;

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
      if (result.verdict !== "allow") throw denied(blocked(result), result);
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

  /** The user has changed the password: forgets the known networks and devices, and all counts. */
  async reset(request: Req, user: Name): Promise<void> {
    const key = await this.#keyOf(request);
    this.lockwatch.outcomes.record(() => eventCommand(key, "reset", { user, normalize: this.options.normalize }));
  }

  async #home(request: Req, { user, password }: Credentials): Promise<AttemptHome> {
    const { normalize } = this.options;
    return {
      queue: this.lockwatch.outcomes,
      key: await this.#keyOf(request),
      who: { ip: limitedAddress(request), user, device: this.deviceOf(request), normalize },
      value: this.#digest(password),
      cookie: this.#cookie,
    };
  }

  async #keyOf(request: Req): Promise<Bytes> {
    const { key } = this;
    return typeof key === "function" ? ask("the key of the guard", () => key(request)) : key;
  }

  async #judge(request: Req, { key, who, value }: AttemptHome): Promise<GuardResult> {
    const { challenge } = this.options;
    const first = await this.#send(key, { ...who, value });
    if (first.verdict !== "challenge" || challenge === "deny") return first;
    if (challenge !== "allow") {
      const answer = await ask("challenge", () => challenge(request, first));
      if (answer !== true) throw denied(givenReply("challenge", answer === false ? undefined : answer) ?? CHALLENGE_REQUIRED, first);
    }
    return this.#send(key, { ...who, value, solved: true });
  }

  async #send(key: Bytes, options: AttemptOptions): Promise<GuardResult> {
    return GuardResult.parse(await this.lockwatch.link.call(attemptCommand(key, options)), "LW.ATTEMPT");
  }

  /** Tells the middleware that the response is not the application's. */
  #blocked(request: Req, error: AttemptDeniedError): AttemptDeniedError {
    stateOf(request)?.block();
    return error;
  }

  /** Throws the error again unless it is a failure of Redis. Undefined if logins are let through then. */
  #failure(error: unknown): AttemptDeniedError | undefined {
    if (error instanceof NoRuleError) throw noRules(error);
    const failure = error instanceof FunctionFailure ? error.failure : error;
    // A malformed call is a mistake of the application, and not a failure of Redis.
    if (!(failure instanceof LockWatchError) || failure instanceof CommandError) throw error;
    const denies = this.#mode === "deny";
    const { failures } = this.lockwatch;
    const why = error instanceof FunctionFailure ? error.message : failures.named(failure);
    failures.log(`guard ${failure.code}`, `logins are ${denies ? "answered 503" : "let through without a guard"}: ${why}`);
    return denies ? new AttemptDeniedError(failure.code, "logins are not possible at present", UNAVAILABLE_MS, responseOf(SERVICE_UNAVAILABLE), undefined) : undefined;
  }

  #digest(password: string | undefined): string | undefined {
    const { passwordDigestKey: secret } = this.options;
    return password === undefined || secret === undefined ? undefined : passwordDigest(secret, password);
  }
}

/** The wait in `SERVICE_UNAVAILABLE`. */
const UNAVAILABLE_MS = 1000;

function denied(reply: Reply, result: GuardResult): AttemptDeniedError {
  const isDenied = result.verdict === "deny";
  const message = isDenied ? "too many attempts to log in" : "the login requires a challenge";
  return new AttemptDeniedError("ATTEMPT_DENIED", message, isDenied ? result.retryAfterMs : Infinity, responseOf(reply), result);
}

function responseOf({ status, headers = {}, body = "" }: Reply): Pick<AttemptDeniedError, "status" | "headers" | "body"> {
  const named = (Array.isArray(headers) ? Object.fromEntries(headers as [string, string][]) : headers) as Record<string, string>;
  return { status, headers: named, body };
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
