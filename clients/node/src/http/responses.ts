/** How a middleware, or a limit on a route, describes limits and answers requests itself. */
import { DEFAULT_HEADERS, HEADER_KINDS, bindingName, limitHeaders, type HeaderKind } from "../limit-headers.js";
import type { Rule } from "../known-options.js";
import type { Headers, RateLimitResult } from "../ratelimit.js";
import { ErrorBodies, type ErrorBodiesOption, type Denial } from "./error-bodies.js";
import type { OnDenied } from "./options.js";
import { givenReply, headersOf, unavailableDenial, type Decision, type SentReply } from "./reply.js";

/** One or several kinds of headers. */
export type HeadersOption = HeaderKind | readonly HeaderKind[];

export const HEADERS_RULE: Rule = {
  expected: "one or an array of 'legacy', 'draft-7' and 'draft-11', or 'none'",
  accepts: (value) => {
    const kinds = kindsOf(value as HeadersOption);
    if (!Array.isArray(kinds) || kinds.length === 0 || !Array.from(kinds as unknown[]).every((kind) => HEADER_KINDS.includes(kind as HeaderKind))) return false;
    if (kinds.includes("none") && new Set(kinds).size > 1) throw new RangeError("'none' excludes the others");
    if (kinds.includes("draft-7") && kinds.includes("draft-11")) throw new RangeError("'draft-7' and 'draft-11' give the same headers different values");
    return true;
  },
};

function kindsOf(given: HeadersOption): readonly HeaderKind[] {
  return typeof given === "string" ? [given] : given;
}

/** The request of the framework, and what it accepts. */
export interface Asker<Req> {
  readonly request: Req;
  readonly accept: string | undefined;
}

export class Responses<Req> {
  readonly #kinds: readonly HeaderKind[];
  readonly #bodies: ErrorBodies<Req>;

  constructor({ headers = DEFAULT_HEADERS, errorBodies }: { headers?: HeadersOption | undefined; errorBodies?: ErrorBodiesOption<Req> | undefined }) {
    this.#kinds = kindsOf(headers);
    this.#bodies = new ErrorBodies(errorBodies);
  }

  /** The headers of a limit, without `Retry-After`. */
  headers(result: RateLimitResult, name: string): Headers {
    return limitHeaders(result, name, this.#kinds);
  }

  /**
   * The response to a request that a limit denied.
   * @param headers of the limit
   */
  async denied(asker: Asker<Req>, result: RateLimitResult, name: string, headers: Headers, onDenied: OnDenied<Req> | undefined): Promise<Decision> {
    const retryAfter = result.retryAfterSeconds;
    if (retryAfter !== undefined) headers["Retry-After"] = String(retryAfter);
    const given = onDenied && givenReply("onDenied", await onDenied(asker.request, result));
    if (given) return { headers, reply: given };
    const denial: Denial = { status: 429, error: "rate_limit_exceeded", retryAfter: retryAfter ?? null, policy: bindingName(result, name) };
    return { headers, reply: await this.refused(asker, denial) };
  }

  /** The response to a request whose limit Redis did not evaluate. */
  unavailable(asker: Asker<Req>, policy: string): Promise<SentReply> {
    return this.refused(asker, unavailableDenial(policy));
  }

  async refused({ request, accept }: Asker<Req>, denial: Denial): Promise<SentReply> {
    const { contentType, body } = await this.#bodies.bodyOf(request, accept, denial);
    return { status: denial.status, headers: headersOf(denial, contentType), body };
  }
}
