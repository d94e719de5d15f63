/**
 * What can go wrong, as classes. `code` is the first word of what Redis answered (`LWEXPIRED`, `WRONGTYPE`, `OOM`) or, where
 * it did not answer, one of `TIMEOUT`, `CONNECTION`, `BYPASSED`;
 * `MODULE_MISSING` is an answer of the wrong kind.
 */
import { ServerError } from "./redis/connection.js";

/** The middleware was set up in a way that can not be meant. */
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

/** The call was malformed (`ERR`), the key holds something else (`WRONGTYPE`), or the user may not (`NOPERM`). */
export class CommandError extends LockWatchError {}

/**
 * Redis did not do it, and might another time: away, slow, loading, read-only, out of memory, or without the module. The
 * middleware turns it into the route's failure mode.
 */
export class UnavailableError extends LockWatchError {}

/** Redis answers, but does not know the command, or not as lockwatch does. */
export class ModuleMissingError extends UnavailableError {}

/** LWFULL: too many events or alerts wait to be delivered. */
export class FullError extends LockWatchError {}

/** LWNOKEY: the server has no key to sign with, and may not make one. */
export class NoKeyError extends LockWatchError {}

/** A token that is not to be accepted, for the reason that its class says. */
export class TokenError extends LockWatchError {}

/** LWINVALID: not a token of this server, or not for this audience. */
export class TokenInvalidError extends TokenError {}

/** LWEXPIRED */
export class TokenExpiredError extends TokenError {}

/** LWREVOKED: its session has ended. */
export class TokenRevokedError extends TokenError {}

/** LWREUSED: a refresh token that had been used before. The session has ended with it: somebody has a copy. */
export class TokenReusedError extends TokenError {}

type ErrorClass = new (code: string, message: string) => LockWatchError;

const CLASSES: Record<string, ErrorClass> = {
  LWINVALID: TokenInvalidError,
  LWEXPIRED: TokenExpiredError,
  LWREVOKED: TokenRevokedError,
  LWREUSED: TokenReusedError,
  LWFULL: FullError,
  LWNOKEY: NoKeyError,
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
  NOAUTH: UnavailableError,
  WRONGPASS: UnavailableError,
};

/** The error for what Redis answered to `command`. */
export function answeredError(error: ServerError, command: string): LockWatchError {
  const { code, message } = error;
  if (/^ERR unknown command/i.test(message)) return moduleMissing(command);
  return new (CLASSES[code] ?? CommandError)(code, message);
}

export function moduleMissing(command: string): ModuleMissingError {
  return new ModuleMissingError(
    "MODULE_MISSING",
    `this Redis does not know ${command}: the lockwatch module is not loaded, or an older version of it. ` +
      "Add 'loadmodule /usr/lib/redis/modules/liblockwatch.so' to redis.conf and restart it",
  );
}

export function wrongModule(command: string): ModuleMissingError {
  return new ModuleMissingError(
    "MODULE_MISSING",
    `this Redis answered ${command} in a way that lockwatch does not: another module, or a version that this client does not know`,
  );
}
