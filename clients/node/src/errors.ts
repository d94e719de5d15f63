/**
 * The errors of the client. `code` is the first word of Redis's error reply (`LWEXPIRED`,
 * `WRONGTYPE`, `OOM`); `TIMEOUT`, `CONNECTION` or `BYPASSED` without a reply; or `MODULE_MISSING`.
 * `LEASE_DENIED`, `BUDGET_EXCEEDED` and `ATTEMPT_DENIED` are denials.
 */
import { secondsRoundedUp } from "./duration.js";
import type { GuardResult } from "./guard.js";
import { ServerError } from "./redis/connection.js";

/** An option is wrong, or the server does not fit the options. */
export class ConfigurationError extends Error {
  override readonly name = "ConfigurationError";
}

export class LockWatchError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
    this.name = new.target.name;
  }
}

/**
 * The call is malformed (`ERR`), or the key holds another type (`WRONGTYPE`).
 */
export class CommandError extends LockWatchError {}

/**
 * Redis is unreachable, slow, loading, read-only, out of memory, without the module, or refuses the
 * user. The same call may succeed later. The middleware applies the policy's `onRedisFailure`.
 */
export class UnavailableError extends LockWatchError {
  /** @param server the host and port that the message names, if they are known */
  constructor(
    code: string,
    message: string,
    readonly server?: string,
  ) {
    super(code, message);
  }
}

/** Redis does not know the command, or its reply is not one of lockwatch. */
export class ModuleMissingError extends UnavailableError {}

/** A limit has no room at present. */
export class DeniedError extends LockWatchError {
  constructor(
    code: string,
    message: string,
    /** Infinity if waiting does not help. */
    readonly retryAfterMs: number,
  ) {
    super(code, message);
  }

  /** Whole seconds, rounded up, at least 1; undefined if waiting does not help. */
  get retryAfterSeconds(): number | undefined {
    return this.retryAfterMs === Infinity ? undefined : Math.max(1, secondsRoundedUp(this.retryAfterMs));
  }
}

/**
 * All units of a limit are held by leases. `retryAfterMs` is an upper bound: a lease that is
 * released ends before.
 */
export class LeaseDeniedError extends DeniedError {
  constructor(key: string, retryAfterMs: number) {
    super("LEASE_DENIED", `the leases of '${key}' leave no room for another one`, retryAfterMs);
  }
}

/** A limit of a `TokenBudget` has no room for a reservation. */
export class TokenBudgetExceededError extends DeniedError {
  constructor(key: string, retryAfterMs: number) {
    super("BUDGET_EXCEEDED", `the budget of '${key}' has no room for this reservation`, retryAfterMs);
  }
}

/**
 * A guard denies a login, or a challenge was not passed, or Redis is away; then `status` is 503 and
 * `code` says why. Answer with `status`, `headers` and `body`. Express and Fastify use the first two by
 * themselves. `retryAfterMs` is Infinity for a challenge.
 */
export class AttemptDeniedError extends DeniedError {
  readonly status: number;
  /** The same as `status`, by the name that Fastify reads. */
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;

  constructor(
    code: string,
    /** The framework may send it to the client. */
    message: string,
    retryAfterMs: number,
    { status, headers, body }: Pick<AttemptDeniedError, "status" | "headers" | "body">,
    /** What the guard answered; undefined if Redis was away. */
    readonly result: GuardResult | undefined,
  ) {
    super(code, message, retryAfterMs);
    this.status = this.statusCode = status;
    this.headers = headers;
    this.body = body;
  }
}

/** LWFULL: too many events or alerts are waiting for delivery, or a key has its most leases. */
export class FullError extends LockWatchError {}

/** LWNOPOLICY: the server has no policy of this name. Set it with LW.POLICY SET. */
export class NoPolicyError extends LockWatchError {}

/**
 * LWNORULE: the server has no rules for a guard of this name. Middleware and guards throw a
 * `ConfigurationError` in its place.
 */
export class NoRuleError extends LockWatchError {}

/** @returns what a mistake of the configuration is, instead of a failure that lets requests through */
export function noRules({ message }: NoRuleError): ConfigurationError {
  return new ConfigurationError(`the server has no rules for a guard: ${message}`);
}

/** LWNOKEY: the server has no signing key. */
export class NoKeyError extends LockWatchError {}

/**
 * LWCONFLICT: the refresh token was rotated a moment ago with other claims. Nothing was changed;
 * `rotate` without claims returns the tokens of that rotation.
 */
export class ConflictError extends LockWatchError {}

/** The token is not accepted. The subclass is the reason. */
export class TokenError extends LockWatchError {}

/** LWINVALID: the token is malformed, of another server, or for another audience. */
export class TokenInvalidError extends TokenError {}

/** LWEXPIRED */
export class TokenExpiredError extends TokenError {}

/** LWREVOKED: the session has ended. */
export class TokenRevokedError extends TokenError {}

/**
 * LWREUSED: the refresh token was used before, so somebody has a copy. The module has ended the
 * session.
 */
export class TokenReusedError extends TokenError {}

type ErrorClass = new (code: string, message: string) => LockWatchError;

const CLASSES: Record<string, ErrorClass> = {
  LWINVALID: TokenInvalidError,
  LWEXPIRED: TokenExpiredError,
  LWREVOKED: TokenRevokedError,
  LWREUSED: TokenReusedError,
  LWCONFLICT: ConflictError,
  LWFULL: FullError,
  LWNOKEY: NoKeyError,
  LWNOPOLICY: NoPolicyError,
  LWNORULE: NoRuleError,
  LWBUSY: UnavailableError,
  LWUNAVAILABLE: UnavailableError,
  LOADING: UnavailableError,
  READONLY: UnavailableError,
  MASTERDOWN: UnavailableError,
  OOM: UnavailableError,
  MISCONF: UnavailableError,
  NOREPLICAS: UnavailableError,
  CLUSTERDOWN: UnavailableError,
  TRYAGAIN: UnavailableError,
  MOVED: UnavailableError,
  ASK: UnavailableError,
  BUSY: UnavailableError,
  UNKILLABLE: UnavailableError,
  UNBLOCKED: UnavailableError,
  NOAUTH: UnavailableError,
  NOPERM: UnavailableError,
  WRONGPASS: UnavailableError,
};

/** @param server its host and port, if they are known */
export function answeredError(error: ServerError, command: string, server?: string): LockWatchError {
  const { code, message } = error;
  if (/^ERR unknown (command|subcommand)/i.test(message)) return moduleMissing(command, server);
  const Class = CLASSES[code] ?? CommandError;
  if (Class !== UnavailableError) return new Class(code, message);
  const told = code === "NOPERM" ? message + rightToAdd(message) : message;
  return new UnavailableError(code, server === undefined ? told : `${told} (Redis at ${server})`, server);
}

function rightToAdd(message: string): string {
  // Older versions of Redis write "this user" in place of the name.
  const command = /(?:User (\S+)|this user) has no permissions to run the '([^']+)' command/.exec(message);
  if (command) return `: add it with ACL SETUSER ${command[1] ?? "<user>"} +${command[2]?.toLowerCase()}`;
  return /access (a|one of the) key/.test(message) ? ": add the keys with ACL SETUSER <user> ~lw:*" : "";
}

function moduleMissing(command: string, server: string | undefined): ModuleMissingError {
  return new ModuleMissingError(
    "MODULE_MISSING",
    `${server === undefined ? "this Redis" : `Redis at ${server}`} does not know ${command}: the lockwatch module is not loaded, or an older version of it. ` +
      "Add 'loadmodule /usr/lib/redis/modules/liblockwatch.so' to redis.conf and restart it",
    server,
  );
}

export function wrongModule(command: string): ModuleMissingError {
  return new ModuleMissingError(
    "MODULE_MISSING",
    `this Redis answered ${command} in a way that lockwatch does not: another module, or a version that this client does not know`,
  );
}
