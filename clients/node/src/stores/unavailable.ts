/** The error of a store if Redis fails. */
import { UnavailableError, type LockWatchError } from "../errors.js";
import { SERVICE_UNAVAILABLE } from "../http/reply.js";

/**
 * Redis failed, so the store cannot say whether a request is within its limit. `cause` says why.
 * Frameworks show the message to clients, and answer with `status` and `headers`.
 */
export class StoreUnavailableError extends UnavailableError {
  readonly status = SERVICE_UNAVAILABLE.status;
  /** The same as `status`, by the name that Fastify and NestJS read. */
  readonly statusCode = SERVICE_UNAVAILABLE.status;
  readonly headers = { "Retry-After": "1" };
  override readonly cause: LockWatchError;

  constructor(cause: LockWatchError) {
    super(cause.code, "limits cannot be checked at present");
    this.cause = cause;
  }

  /** The response, for Hono. */
  getResponse(): Response {
    const { body = "", status, headers } = SERVICE_UNAVAILABLE;
    return new Response(body, { status, headers: headers as Record<string, string> });
  }
}
