/** The bodies of the middleware's own responses, in the media type that the client prefers. */
import { ConfigurationError } from "../errors.js";
import type { Rule } from "../known-options.js";
import { fn } from "../rules.js";
import { JSON_TYPE, preferredType } from "./accept.js";
import type { Awaitable } from "./options.js";

/** What a function in `errorBodies` is given: a response of the middleware itself. */
export interface Denial {
  readonly status: 429 | 503;
  /** `rate_limit_exceeded`, `temporarily_blocked`, `challenge_required` or `service_unavailable`. */
  readonly error: string;
  /** Seconds; null if waiting does not help. */
  readonly retryAfter: number | null;
  /** The name as in the header `RateLimit`; null if a guard answers the request. */
  readonly policy: string | null;
}

/** A text, or a function that returns a text, bytes, or an object, which is sent as JSON. */
export type ErrorBody<Req = unknown> = string | ((request: Req, denial: Denial) => Awaitable<string | Uint8Array | object>);

/** Bodies by media type, which may have parameters. */
export type ErrorBodiesOption<Req = unknown> = Readonly<Record<string, ErrorBody<Req>>>;

const PROBLEM_TYPE = "application/problem+json";
/** The characters that RFC 6838 allows in names, and parameters that fit into a header. */
const MEDIA_TYPE = /^\s*([a-z0-9][a-z0-9!#$&^_.+-]*\/[a-z0-9][a-z0-9!#$&^_.+-]*)\s*(?:;[^\r\n\0]*)?$/i;

/** Problem types of the IETF's draft on RateLimit headers. */
const PROBLEMS: Readonly<Record<string, { readonly type: string; readonly title: string }>> = {
  rate_limit_exceeded: {
    type: "https://iana.org/assignments/http-problem-types#quota-exceeded",
    title: "Request cannot be satisfied as assigned quota has been exceeded",
  },
  temporarily_blocked: {
    type: "https://iana.org/assignments/http-problem-types#abnormal-usage-detected",
    title: "Request not satisfied due to detection of abnormal request pattern",
  },
};
const TITLES = { 429: "Too Many Requests", 503: "Service Unavailable" };

interface Given<Req> {
  /** As the application wrote it. */
  readonly contentType: string;
  readonly body: ErrorBody<Req>;
}

/** A body and its type. */
export interface TypedBody {
  readonly contentType: string;
  readonly body: string | Uint8Array;
}

export class ErrorBodies<Req> {
  readonly #given: ReadonlyMap<string, Given<Req>>;
  readonly #offered: readonly string[];

  constructor(given: ErrorBodiesOption<Req> = {}) {
    this.#given = new Map(Object.entries(given).map(([text, body]) => [mediaType(text), { contentType: text.trim(), body }]));
    this.#offered = [...new Set([...this.#given.keys(), PROBLEM_TYPE, JSON_TYPE])];
  }

  async bodyOf(request: Req, accept: string | undefined, denial: Denial): Promise<TypedBody> {
    const type = preferredType(accept, this.#offered);
    const given = this.#given.get(type);
    if (!given) return { contentType: type, body: type === PROBLEM_TYPE ? problemOf(denial) : plainBody(denial) };
    const { contentType, body } = given;
    return { contentType, body: typeof body === "string" ? body : contentOf(contentType, await body(request, denial)) };
  }
}

export function plainBody({ error, retryAfter }: Denial): string {
  return JSON.stringify({ error, retry_after: retryAfter });
}

/** RFC 9457. Without the name of a guard's rule, which would help an attacker. */
function problemOf({ status, error, retryAfter, policy }: Denial): string {
  const { type, title } = PROBLEMS[error] ?? { type: "about:blank", title: TITLES[status] };
  const violated = error === "rate_limit_exceeded" ? { "violated-policies": [policy] } : {};
  return JSON.stringify({ type, title, status, ...violated, error, retry_after: retryAfter });
}

function contentOf(contentType: string, returned: unknown): string | Uint8Array {
  if (typeof returned === "string" || returned instanceof Uint8Array) return returned;
  if (typeof returned === "object" && returned !== null) return JSON.stringify(returned);
  throw new ConfigurationError(`the function for '${contentType}' in errorBodies returned ${returned === null ? "null" : `a ${typeof returned}`}: return a text, bytes, or an object, which is sent as JSON`);
}

/** The name in lower case, without parameters. */
function mediaType(text: string): string {
  const [, name] = MEDIA_TYPE.exec(text) ?? [];
  if (name === undefined) throw new ConfigurationError(`'${text}' is no media type: write 'text/html; charset=utf-8'`);
  return name.toLowerCase();
}

const BODY_FUNCTION = fn("");

export const ERROR_BODIES: Rule = {
  expected: "media types and their bodies, like { 'text/html': '<p>Slow down.</p>' }",
  accepts: (value) => {
    if (typeof value !== "object" || value === null || Array.isArray(value) || Object.getPrototypeOf(value) !== Object.prototype) return false;
    const types = Object.keys(value).map(mediaType);
    if (new Set(types).size < types.length) throw new RangeError("a media type is given twice");
    return Object.values(value).every((body) => typeof body === "string" || BODY_FUNCTION.accepts(body));
  },
};
