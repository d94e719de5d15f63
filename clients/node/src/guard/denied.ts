/** Why a login may not go on, as an error that is a response. */
import { AttemptDeniedError } from "../errors.js";
import type { GuardResult } from "../guard.js";
import { SERVICE_UNAVAILABLE, type Reply } from "../http/reply.js";

/** A guard did not answer. Errors of this package that the application throws are something else. */
export class Unanswered extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** The wait in `SERVICE_UNAVAILABLE`. */
const UNAVAILABLE_MS = 1000;

export function denied(reply: Reply, result: GuardResult): AttemptDeniedError {
  const isDenied = result.verdict === "deny";
  const message = isDenied ? "too many attempts to log in" : "the login requires a challenge";
  return new AttemptDeniedError("ATTEMPT_DENIED", message, isDenied ? result.retryAfterMs : Infinity, responseOf(reply), result);
}

/** @param code why Redis is away */
export function unavailable(code: string): AttemptDeniedError {
  return new AttemptDeniedError(code, "logins are not possible at present", UNAVAILABLE_MS, responseOf(SERVICE_UNAVAILABLE), undefined);
}

function responseOf({ status, headers = {}, body = "" }: Reply): Pick<AttemptDeniedError, "status" | "headers" | "body"> {
  const named = (Array.isArray(headers) ? Object.fromEntries(headers as [string, string][]) : headers) as Record<string, string>;
  return { status, headers: named, body };
}
