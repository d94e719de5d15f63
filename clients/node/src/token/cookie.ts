/** Keeps the refresh token in a cookie that scripts cannot read and that other sites cannot use. */
import { ConfigurationError } from "../errors.js";
import { rawRequest, type AnyRequest } from "../http/framework.js";
import { checkOptions } from "../known-options.js";

export interface CookieOptions {
  /** The origins that may send requests, like `https://app.example.com`. Others are refused. */
  origins: readonly string[];
  name?: string | undefined;
  /** The cookie's `Path`; the path of the token routes unless given. */
  path?: string | undefined;
}

export class RefreshCookie {
  readonly #name: string;
  readonly #origins: ReadonlySet<string>;

  constructor(private readonly options: CookieOptions) {
    checkOptions(options, { origins: true, name: true, path: true }, "cookie");
    this.#name = options.name ?? "lw_refresh";
    if (!Array.isArray(options.origins)) throw new ConfigurationError("origins is not an array of origins, like ['https://app.example.com']");
    this.#origins = new Set(options.origins);
    if (options.path !== undefined && encoded(options.path) !== options.path) {
      throw new ConfigurationError(`cookie path '${options.path}' has characters that would end the attribute`);
    }
    if (this.#origins.size === 0) throw new ConfigurationError("cookies need origins: the pages that may log in, like https://app.example.com");
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
