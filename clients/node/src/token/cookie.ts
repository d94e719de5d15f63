/** Keeps the refresh token in a cookie that scripts cannot read and that other sites cannot use. */
import { checkOptions, type OptionRules } from "../known-options.js";
import { BOOLEAN, required, texts } from "../rules.js";
import { COOKIE_DOMAIN, COOKIE_NAME, COOKIE_PATH, cookieOf, checkPrefix, HOST_PREFIX, refusedCookie, type PrefixedCookie } from "../http/cookies.js";
import { rawRequest, type AnyRequest } from "../http/framework.js";
import { parseOrigin } from "./origin.js";

export interface CookieOptions {
  /** The origins that may send requests, like `https://app.example.com`. Others are refused. */
  origins: readonly string[];
  name?: string | undefined;
  /**
   * Where browsers send the cookie to. Unless given, the path of the request up to `/login`. A proxy
   * that strips a prefix from paths needs it: `/api/auth`.
   */
  path?: string | undefined;
  /** The domain whose hosts all get the cookie; only the host of the request unless given. */
  domain?: string | undefined;
  /** `false` lets browsers send it over plain HTTP, for development on one's own machine. */
  secure?: boolean | undefined;
}

export const COOKIE_OPTIONS: OptionRules<CookieOptions> = {
  origins: required(texts("an array of the pages' origins, like ['https://app.example.com']", parseOrigin, { empty: false })),
  name: COOKIE_NAME,
  path: COOKIE_PATH,
  domain: COOKIE_DOMAIN,
  secure: BOOLEAN,
};

export class RefreshCookie {
  readonly #name: string;
  readonly #origins: ReadonlySet<string>;
  readonly #path: string | undefined;
  readonly #attributes: string;

  constructor(options: CookieOptions) {
    checkOptions(options, COOKIE_OPTIONS, "cookie");
    const { origins, name = "lw_refresh", path, domain, secure = true } = options;
    this.#origins = new Set(origins.map(parseOrigin));
    checkSecurity({ name, path, domain, secure }, this.#origins);
    this.#name = name;
    this.#path = name.toLowerCase().startsWith(HOST_PREFIX) ? "/" : path;
    this.#attributes = `${domain === undefined ? "" : `; Domain=${domain}`}; HttpOnly${secure ? "; Secure" : ""}; SameSite=Strict`;
  }

  /** Checks the origin, because SameSite alone would admit other hosts of the same site. */
  allows(request: AnyRequest): boolean {
    return this.#origins.has(rawRequest(request).headers.origin ?? "");
  }

  read(request: AnyRequest): string | undefined {
    return cookieOf(request, this.#name);
  }

  /**
   * Returns a `Set-Cookie` header. A refresh token is URL-safe and needs no encoding. An empty one
   * with age 0 deletes the cookie.
   * @param mount the path of the request without the action
   */
  header(token: string, maxAge: number, mount: string): string {
    const path = this.#path ?? (mount === "" ? "/" : encoded(mount));
    return `${this.#name}=${token}; Max-Age=${maxAge}; Path=${path}${this.#attributes}`;
  }
}

function checkSecurity(cookie: PrefixedCookie, origins: ReadonlySet<string>): void {
  const safe = cookie.secure ? undefined : [...origins].find((origin) => !origin.startsWith("http://"));
  if (safe !== undefined) throw refusedCookie("secure", "cookie", cookie.secure, `true, since ${safe} is not plain HTTP: leave secure out`);
  checkPrefix(cookie, "cookie");
}

/**
 * Encodes characters that RFC 6265 does not allow in `Path`. The mount path comes from the request, so
 * it could add attributes to the cookie otherwise.
 */
function encoded(path: string): string {
  return path.replace(/[^\x20-\x3a\x3c-\x7e]/gu, (character) => (character === ";" ? "%3B" : encodeURIComponent(character)));
}
