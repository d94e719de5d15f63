/** The outcome of a limit for a request, and the responses that the middleware sends itself. */
import type { Outcome } from "../counters.js";
import type { FailureLog } from "../failure-log.js";
import { inspect } from "node:util";
import { ConfigurationError, type LockWatchError } from "../errors.js";
import type { GuardResult } from "../guard.js";
import type { Headers, RateLimitResult } from "../ratelimit.js";
import type { FunctionFailure } from "../redis/away.js";

/** A response in place of the application's. */
export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>> | readonly (readonly [string, string])[] | undefined;
  readonly body?: string | undefined;
}

/**
 * What `onDenied` may return: a `Reply` whose status is 429 unless given, and whose body may be
 * anything that becomes JSON.
 */
export interface DeniedReply extends Omit<Reply, "status" | "body"> {
  readonly status?: number | undefined;
  readonly body?: unknown;
}

export interface Decision {
  /** The limit's headers, for the application's response or for `reply`. */
  readonly headers: Headers;
  /** Undefined if the request goes on to the application. */
  readonly reply?: Reply | undefined;
}

/** The decision without an answer of Redis. */
export interface FailureDecision extends Decision {
  readonly outcome: Outcome;
}

/** What the policies of the middleware and the limits of routes have in common. */
interface Mode {
  readonly shadow: boolean;
  readonly onRedisFailure: FailureMode;
}

/** What happens to a request if Redis fails: it is let through or answered 503. */
export type FailureMode = "allow" | "deny";

/**
 * The decision for a result of the limiter. In shadow mode a denied request gets the headers and
 * goes on.
 */
export async function decisionFor(
  result: RateLimitResult,
  policy: string,
  { shadow }: Mode,
  onDenied: (result: RateLimitResult) => unknown,
): Promise<Decision> {
  const { "Retry-After": retryAfter, ...headers } = result.headers(policy);
  if (result.allowed || shadow) return { headers };
  const reply = givenReply("onDenied", await onDenied(result)) ?? refusal("rate_limit_exceeded", result.retryAfterSeconds);
  return { reply, headers: retryAfter === undefined ? headers : { ...headers, "Retry-After": retryAfter } };
}

/**
 * The response that a function of the application returned, the value of `option`. Throws a
 * ConfigurationError for what is none.
 */
export function givenReply(option: string, given: unknown): Reply | undefined {
  const noReply = (why: string) =>
    new ConfigurationError(`${option} returned ${inspect(given, { depth: 1 })}, which is no response (${why}): return { status: 429, headers: {}, body: { error: "slow down" } }`);
  if (given === undefined || given === null) return undefined;
  if (typeof given === "string") return { status: 429, headers: { "Content-Type": "text/plain; charset=utf-8" }, body: given };
  if (typeof given !== "object" || Array.isArray(given)) throw noReply(`it is ${Array.isArray(given) ? "an array" : `a ${typeof given}`}`);
  const { status = 429, headers = {}, body, ...others } = given as DeniedReply;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw noReply(`it has a member '${unknown}'`);
  if (!Number.isInteger(status) || status < 200 || status > 599) throw noReply("its status is no integer from 200 to 599");
  const pairs: unknown = headers instanceof Object && (Array.isArray(headers) ? headers : Object.entries(headers as object));
  if (!Array.isArray(pairs) || !pairs.every(isHeader)) throw noReply("its headers are no texts");
  if (body === undefined || body === null || typeof body === "string") return { status, headers: pairs, body: body ?? undefined };
  if (typeof body !== "object" && typeof body !== "number" && typeof body !== "boolean") throw noReply(`its body is a ${typeof body}`);
  const isTyped = pairs.some(([name]) => name.toLowerCase() === "content-type");
  return { status, headers: isTyped ? pairs : [...pairs, ["Content-Type", "application/json"]], body: JSON.stringify(body) };
}

function isHeader(pair: unknown): pair is [string, string] {
  return Array.isArray(pair) && pair.length === 2 && pair.every((text) => typeof text === "string");
}

/** The decision without a result of the limiter. It is logged as the fate of `requests`. */
export function failureDecision(error: LockWatchError, mode: Mode, failures: FailureLog, requests: string): FailureDecision {
  const denies = isDenied(mode);
  failures.limitFailed(error, requests, denies);
  return failed(denies, error.code);
}

/** `failureDecision` for a function of the application, which may use another Redis. */
export function functionFailureDecision({ failure, message }: FunctionFailure, mode: Mode, failures: FailureLog, requests: string): FailureDecision {
  const denies = isDenied(mode);
  failures.log(`function ${failure.code}`, `${requests} are ${denies ? "answered 503" : "let through without a limit"}: ${message}`);
  return failed(denies, failure.code);
}

function isDenied({ shadow, onRedisFailure }: Mode): boolean {
  return onRedisFailure === "deny" && !shadow;
}

function failed(denies: boolean, code: string): FailureDecision {
  if (denies) return { headers: {}, reply: SERVICE_UNAVAILABLE, outcome: "failed_closed" };
  return { headers: {}, outcome: code === "BYPASSED" ? "bypassed" : "failed_open" };
}

/** What a limit that Redis evaluated means for a request. */
export function outcomeOf({ allowed }: RateLimitResult, shadow: boolean): Outcome {
  if (allowed) return "allowed";
  return shadow ? "shadow" : "denied";
}

const JSON_TYPE = { "Content-Type": "application/json" };

function refusal(error: string, retryAfterSeconds: number | undefined): Reply {
  const body = JSON.stringify({ error, retry_after: retryAfterSeconds ?? null });
  return { status: 429, headers: JSON_TYPE, body };
}

/** A guard denies the request, or nobody can pass the challenge that it requires. */
export function blocked({ retryAfterSeconds }: GuardResult): Reply & { headers: Headers } {
  const headers: Headers = retryAfterSeconds === undefined ? JSON_TYPE : { ...JSON_TYPE, "Retry-After": String(retryAfterSeconds) };
  return { ...refusal("temporarily_blocked", retryAfterSeconds), headers };
}

/** A challenge was not passed. Waiting may not help. */
export const CHALLENGE_REQUIRED: Reply = refusal("challenge_required", undefined);

/** Redis failed. After a second the breaker tries it again, by default. */
export const SERVICE_UNAVAILABLE: Reply = {
  status: 503,
  headers: { ...JSON_TYPE, "Retry-After": "1" },
  body: JSON.stringify({ error: "service_unavailable", retry_after: 1 }),
};
