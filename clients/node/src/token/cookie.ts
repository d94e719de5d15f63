/** Keeps the refresh token in a cookie that scripts cannot read and that other sites cannot use. */
import { rawRequest, type AnyRequest } from "../http/framework.js";
import { checkOptions, type OptionRules } from "../known-options.js";
import { required, text, texts } from "../rules.js";

export interface CookieOptions {
  /** The origins that may send requests, like `https://app.example.com`. Others are refused. */
  origins: readonly string[];
  name?: string | undefined;
  /** The cookie's `Path`; the path of the token routes unless given. */
  path?: string | undefined;
}

export const COOKIE_OPTIONS: OptionRules<CookieOptions> = {
  origins: required(texts("an array of the pages' origins, like ['https://app.example.com']", (origin) => origin !== "", { empty: false })),
  name: text(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, "the name of a cookie, like 'lw_refresh'"),
  // RFC 6265: no control characters and no semicolon.
  path: text(/^\/[\x20-\x3a\x3c-\x7e]*$/, "a path like '/auth', without a semicolon"),
};

export class RefreshCookie {
  readonly #name: string;
  readonly #origins: ReadonlySet<string>;

  constructor(private readonly options: CookieOptions) {
    checkOptions(options, COOKIE_OPTIONS, "cookie");
    this.#name = options.name ?? "lw_refresh";
    this.#origins = new Set(options.origins);
  }

  /** Checks the origin, because SameSite alone would admit other hosts of the same site. */
  allows(request: AnyRequest): boolean {
    return this.#origins.has(rawRequest(request).headers.origin ?? "");
  }

  read(request: AnyRequest): string | undefined {
    const pairs = (rawRequest(request).headers.cookie ?? "").split(";").map((pair) => pair.trim());
    return pairs.find((pair) => pair.startsWith(`${this.#name}=`))?.slice(this.#name.length + 1);
  }

  /** Returns a `Set-Cookie` header. A refresh token is URL-safe and needs no encoding. */
  set(token: string, expires: Date | null, mount: string): string {
    const seconds = expires === null ? 0 : Math.max(0, Math.floor((expires.getTime() - Date.now()) / 1000));
    return this.#cookie(token, seconds, mount);
  }

  clear(mount: string): string {
    return this.#cookie("", 0, mount);
  }

  #cookie(value: string, maxAge: number, mount: string): string {
    const path = this.options.path ?? (mount === "" ? "/" : encoded(mount));
    return `${this.#name}=${value}; Max-Age=${maxAge}; Path=${path}; HttpOnly; Secure; SameSite=Strict`;
  }
}

/**
 * Encodes characters that RFC 6265 does not allow in `Path`. The mount path comes from the request, so
 * it could add attributes to the cookie otherwise.
 */
function encoded(path: string): string {
  return path.replace(/[^\x20-\x3a\x3c-\x7e]/gu, (character) => (character === ";" ? "%3B" : encodeURIComponent(character)));
}
