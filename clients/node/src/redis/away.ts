/** Errors of either library that mean that Redis is away, in functions of the application. */
import { answeredError, UnavailableError } from "../errors.js";
import { ServerError } from "./connection.js";

/** Classes of ioredis and of node-redis. A subclass of one of them counts, too. */
const CLASSES = new Set([
  ...["MaxRetriesPerRequestError", "ClusterAllFailedError"],
  ...["ClientClosedError", "ClientOfflineError", "DisconnectsClientError", "SocketClosedUnexpectedlyError"],
  ...["ConnectionTimeoutError", "SocketTimeoutError", "RootNodesUnavailableError", "ReconnectStrategyError"],
  ...["SocketTimeoutDuringMaintenanceError", "CommandTimeoutDuringMaintenanceError"],
]);

/** ioredis throws these as plain errors. */
const MESSAGES = new Set([
  "Connection is closed.",
  "Command timed out",
  "Cluster isn't ready and enableOfflineQueue options is false",
  "Stream isn't writeable and enableOfflineQueue options is false",
  "None of startup nodes is available",
]);

/**
 * Converts an error of a Redis library into the failure of Redis that it reports. Undefined if the
 * error has another source, or if the call was at fault.
 */
export function redisFailure(error: unknown): UnavailableError | undefined {
  if (error instanceof UnavailableError) return error;
  if (!(error instanceof Error)) return undefined;
  const classes = classNames(error);
  if (error.name === "ReplyError" || classes.includes("ErrorReply")) {
    const answered = answeredError(new ServerError(error.message), "a command");
    return answered instanceof UnavailableError ? answered : undefined;
  }
  // The class of node-redis has no name of its own. Other libraries' TimeoutErrors have.
  const isTimeout = error.name === "Error" && classes.includes("TimeoutError");
  if (isTimeout || error.message === "Command timed out") return new UnavailableError("TIMEOUT", error.message || "Redis did not answer in time");
  if (MESSAGES.has(error.message) || classes.some((name) => CLASSES.has(name))) return new UnavailableError("CONNECTION", error.message);
  return undefined;
}

/**
 * The names of an error's class and its bases. The application's copy of a library need not be the
 * one that this package would import, so the classes themselves cannot be compared.
 */
export function classNames(error: unknown): string[] {
  const names: string[] = [];
  for (let of: unknown = error; of instanceof Object; of = Object.getPrototypeOf(of)) names.push(of.constructor.name);
  return names;
}

/** A function of the application failed because Redis is away. */
export class FunctionFailure extends Error {
  constructor(option: string, readonly failure: UnavailableError) {
    super(`${option} failed because Redis is away: ${failure.message}`);
  }
}

/** Calls a function of the application, the value of `option`. Rejects with a FunctionFailure if Redis is away. */
export async function ask<T>(option: string, call: () => T | PromiseLike<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    const failure = redisFailure(error);
    if (!failure) throw error;
    throw new FunctionFailure(option, failure);
  }
}
