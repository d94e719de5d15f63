/** What becomes of a request: it goes on to the application, or it is answered here. */

/** A response that the middleware sends instead of the application. */
export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>> | readonly (readonly [string, string])[] | undefined;
  readonly body?: string | undefined;
}

export interface Verdict {
  /** The rate limit's headers, for either case. A header that is there already stays as it is. */
  readonly headers: Readonly<Record<string, string>>;
  /** Absent: the application answers. */
  readonly reply?: Reply | undefined;
}

const JSON_TYPE = { "Content-Type": "application/json" };

export function rateLimitExceeded(retryAfterSeconds: number | undefined): Reply {
  const body = JSON.stringify({ error: "rate_limit_exceeded", retry_after: retryAfterSeconds ?? null });
  return { status: 429, headers: JSON_TYPE, body };
}

/** Redis could not decide. A second is when the breaker asks it again. */
export const SERVICE_UNAVAILABLE: Reply = {
  status: 503,
  headers: { ...JSON_TYPE, "Retry-After": "1" },
  body: JSON.stringify({ error: "service_unavailable", retry_after: 1 }),
};
