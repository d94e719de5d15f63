/** The responses that the middleware and the application's functions give in place of the application. */
import { inspect } from "node:util";
import { ConfigurationError } from "../errors.js";
import type { GuardResult } from "../guard.js";
import type { Headers } from "../ratelimit.js";
import { JSON_TYPE } from "./accept.js";
import { plainBody, type Denial } from "./error-bodies.js";

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

/** A response whose body may be bytes. */
export interface SentReply extends Omit<Reply, "body"> {
  readonly body?: string | Uint8Array | undefined;
}

export interface Decision {
  /** The limit's headers, for the application's response or for `reply`. */
  readonly headers: Headers;
  /** Undefined if the request goes on to the application. */
  readonly reply?: SentReply | undefined;
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

/** A guard answers a request. */
export function blockedDenial({ retryAfterSeconds }: GuardResult): Denial {
  return { status: 429, error: "temporarily_blocked", retryAfter: retryAfterSeconds ?? null, policy: null };
}

/** A challenge was not passed. Waiting may not help. */
export const CHALLENGE_DENIAL: Denial = { status: 429, error: "challenge_required", retryAfter: null, policy: null };

/** Redis failed. After a second the breaker tries it again, by default. */
export function unavailableDenial(policy: string | null): Denial {
  return { status: 503, error: "service_unavailable", retryAfter: 1, policy };
}

/** The response as JSON, whatever the client accepts. */
export function jsonReply(denial: Denial): Reply & { headers: Headers } {
  return { status: denial.status, headers: headersOf(denial, JSON_TYPE), body: plainBody(denial) };
}

/** The headers of a response that the middleware makes itself. */
export function headersOf({ retryAfter }: Denial, contentType: string): Headers {
  return retryAfter === null ? { "Content-Type": contentType } : { "Content-Type": contentType, "Retry-After": String(retryAfter) };
}

export const SERVICE_UNAVAILABLE = jsonReply(unavailableDenial(null));
