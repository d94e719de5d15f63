/** The refresh token as a cookie that scripts can't read, and that other sites can neither send nor set in motion. */
import { ConfigurationError } from "../errors.js";
import { rawRequest, type AnyRequest } from "../http/exchange.js";
import { checkOptions } from "../known-options.js";

export interface CookieOptions {
  /** The origins of the pages that log in here: `https://app.example.com`. A request from elsewhere is refused. */
  origins: readonly string[];
  name?: string | undefined;
  /** Where the cookie is sent to; where the routes are mounted unless given. */
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

  /** SameSite alone lets other hosts of the same site through. */
  allows(request: AnyRequest): boolean {
    return this.#origins.has(rawRequest(request).headers.origin ?? "");
  }

  read(request: AnyRequest): string | undefined {
    const pairs = (rawRequest(request).headers.cookie ?? "").split(";").map((pair) => pair.trim());
    return pairs.find((pair) => pair.startsWith(`${this.#name}=`))?.slice(this.#name.length + 1);
  }

  /** A `Set-Cookie` for a refresh token, which is URL-safe. */
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

/** The mount comes from the request's path: what RFC 6265 does not allow in `Path` must not become another attribute. */
function encoded(path: string): string {
  return path.replace(/[^\x20-\x3a\x3c-\x7e]/gu, (character) => (character === ";" ? "%3B" : encodeURIComponent(character)));
}
