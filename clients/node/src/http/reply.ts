/** The outcome of a limit for a request, and the responses that the middleware sends itself. */
import type { FailureLog } from "../failure-log.js";
import type { LockWatchError } from "../errors.js";
import type { Headers, RateLimitResult } from "../ratelimit.js";
import type { FunctionFailure } from "../redis/away.js";

/** A response in place of the application's. */
export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>> | readonly (readonly [string, string])[] | undefined;
  readonly body?: string | undefined;
}

export interface Decision {
  /** The limit's headers, for the application's response or for `reply`. */
  readonly headers: Headers;
  /** Undefined if the request goes on to the application. */
  readonly reply?: Reply | undefined;
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
  onDenied: (result: RateLimitResult) => Reply | PromiseLike<Reply> | undefined,
): Promise<Decision> {
  const { "Retry-After": retryAfter, ...headers } = result.headers(policy);
  if (result.allowed || shadow) return { headers };
  const reply = (await onDenied(result)) ?? rateLimitExceeded(result.retryAfterSeconds);
  return { reply, headers: retryAfter === undefined ? headers : { ...headers, "Retry-After": retryAfter } };
}

/** The decision without a result of the limiter. It is logged as the fate of `requests`. */
export function failureDecision(error: LockWatchError, { shadow, onRedisFailure }: Mode, failures: FailureLog, requests: string): Decision {
  const denies = onRedisFailure === "deny" && !shadow;
  failures.limitFailed(error, requests, denies);
  return denies ? { headers: {}, reply: SERVICE_UNAVAILABLE } : { headers: {} };
}

/** `failureDecision` for a function of the application, which may use another Redis. */
export function functionFailureDecision(error: FunctionFailure, { shadow, onRedisFailure }: Mode, failures: FailureLog, requests: string): Decision {
  const denies = onRedisFailure === "deny" && !shadow;
  failures.log(`function ${error.failure.code}`, `${requests} are ${denies ? "answered 503" : "let through without a limit"}: ${error.message}`);
  return denies ? { headers: {}, reply: SERVICE_UNAVAILABLE } : { headers: {} };
}

const JSON_TYPE = { "Content-Type": "application/json" };

function rateLimitExceeded(retryAfterSeconds: number | undefined): Reply {
  const body = JSON.stringify({ error: "rate_limit_exceeded", retry_after: retryAfterSeconds ?? null });
  return { status: 429, headers: JSON_TYPE, body };
}

/** Redis failed. After a second the breaker tries it again, by default. */
export const SERVICE_UNAVAILABLE: Reply = {
  status: 503,
  headers: { ...JSON_TYPE, "Retry-After": "1" },
  body: JSON.stringify({ error: "service_unavailable", retry_after: 1 }),
};
