/** Reads cookies, and the rules for what a cookie is made of. */
import { inspect } from "node:util";
import { ConfigurationError } from "../errors.js";
import { text } from "../rules.js";
import { rawRequest, type AnyRequest } from "./framework.js";

export const COOKIE_NAME = text(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, "the name of a cookie, like 'lw_refresh'");
/** RFC 6265: no control characters and no semicolon. */
export const COOKIE_PATH = text(/^\/[\x20-\x3a\x3c-\x7e]*$/, "a path like '/auth', without a semicolon");
export const COOKIE_DOMAIN = text(
  /^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z](?:[a-z0-9-]*[a-z0-9])?$/i,
  "a host name like 'example.com', without scheme, port and leading dot",
);

// Browsers accept such names under conditions only, and compare them without case.
export const HOST_PREFIX = "__host-";
const SECURE_PREFIX = "__secure-";

/** What decides whether browsers accept a cookie of a name with a prefix. */
export interface PrefixedCookie {
  readonly name: string;
  readonly path: string | undefined;
  readonly domain: string | undefined;
  readonly secure: boolean;
}

/** Throws a ConfigurationError if browsers would refuse the cookie because of the prefix of its name. */
export function checkPrefix({ name, path, domain, secure }: PrefixedCookie, of: string): void {
  const because = `because browsers refuse the name '${name}' otherwise`;
  const prefix = name.toLowerCase();
  const isHost = prefix.startsWith(HOST_PREFIX);
  if (!secure && (isHost || prefix.startsWith(SECURE_PREFIX))) throw refusedCookie("secure", of, secure, `true, ${because}`);
  if (!isHost) return;
  if (domain !== undefined) throw refusedCookie("domain", of, domain, `none, ${because}`);
  if (path !== undefined && path !== "/") throw refusedCookie("path", of, path, `'/', ${because}`);
}

/** @param of the option that the cookie's options are given as */
export function refusedCookie(option: string, of: string, value: unknown, expected: string): ConfigurationError {
  return new ConfigurationError(`${option} of ${of} is ${inspect(value)}: expected ${expected}`);
}

/** The value of the first cookie of this name; undefined if the request has none. */
export function cookieOf(request: AnyRequest, name: string): string | undefined {
  const pairs = (rawRequest(request).headers.cookie ?? "").split(";").map((pair) => pair.trim());
  return pairs.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1);
}
