/** Login, refresh and logout without a framework. Who somebody is the application says; the module does the rest. */
import { LockWatchError, TokenError } from "../errors.js";
import type { Duration } from "../duration.js";
import { rawRequest, stateOf, type AnyRequest } from "../http/exchange.js";
import { SERVICE_UNAVAILABLE, type Reply } from "../http/verdict.js";
import { checkOptions, type Names } from "../known-options.js";
import type { LockWatch } from "../lockwatch.js";
import type { Bytes } from "../redis/connection.js";
import type { Tokens } from "../tokens.js";
import { bearerToken } from "./bearer.js";
import { bodyOf, type Body } from "./body.js";
import { RefreshCookie, type CookieOptions } from "./cookie.js";
import { storeOf, type Store } from "./store.js";

/** Somebody whom the application has recognised. */
export interface Login {
  subject: string | number;
  /** Claims of the access token: `{ scope: "orders:read" }`. */
  claims?: Readonly<Record<string, unknown>> | undefined;
  audience?: string | undefined;
}

type Awaitable<T> = T | PromiseLike<T>;

export interface TokenRoutesOptions<Req> {
  /** The key of the token store, or what finds it. */
  store: Store<Req>;
  /** Who it is, by the members of the request's body. Nothing means that the credentials are wrong. */
  authenticate: (body: Body, request: Req) => Awaitable<Login | null | undefined>;
  accessTtl?: Duration | undefined;
  refreshTtl?: Duration | undefined;
  /** What is kept with a session. Address and user agent unless given. */
  meta?: ((request: Req) => unknown) | undefined;
  /** Keep the refresh token in a cookie, and not in the hands of a page's scripts. */
  cookie?: CookieOptions | undefined;
}

const NAMES: Names<TokenRoutesOptions<never>> = {
  store: true,
  authenticate: true,
  accessTtl: true,
  refreshTtl: true,
  meta: true,
  cookie: true,
};

export type Action = "login" | "refresh" | "logout";

export class TokenEndpoints<Req extends AnyRequest> {
  readonly #cookie: RefreshCookie | undefined;

  constructor(
    private readonly lockwatch: LockWatch,
    private readonly options: TokenRoutesOptions<Req>,
  ) {
    checkOptions(options, NAMES, "the token routes");
    this.#cookie = options.cookie && new RefreshCookie(options.cookie);
  }

  /** `mount` is the path in front of the action's. */
  async handle(action: Action, request: Req, mount: string): Promise<Reply> {
    if (this.#cookie && !this.#cookie.allows(request)) return json(403, { error: "origin_not_allowed" });
    try {
      return await this[action](request, mount);
    } catch (error) {
      if (!(error instanceof LockWatchError)) throw error;
      this.lockwatch.failures.tell(error.code, `${error.message}; ${action} is answered 503`);
      return { ...SERVICE_UNAVAILABLE, headers: Object.assign({}, SERVICE_UNAVAILABLE.headers, NO_STORE) };
    }
  }

  private async login(request: Req, mount: string): Promise<Reply> {
    const login = await this.options.authenticate(await bodyOf(request), request);
    if (!login) return json(401, { error: "invalid_credentials" });
    const state = stateOf(request);
    if (state) state.user = login.subject;
    const { accessTtl, refreshTtl } = this.options;
    const store = storeOf(this.options.store, request);
    const { claims, audience } = login;
    const tokens = await this.lockwatch.issue(store, login.subject, { claims, audience, accessTtl, refreshTtl, meta: this.#meta(request) });
    return this.#tokens(tokens, mount);
  }

  /** Every failure looks alike: whether a token was stolen, used up or made up is not for its bearer to learn. */
  private async refresh(request: Req, mount: string): Promise<Reply> {
    const token = await this.#refreshToken(request);
    if (token === undefined) return json(401, { error: "invalid_grant" });
    try {
      return this.#tokens(await this.lockwatch.rotate(storeOf(this.options.store, request), token, { meta: this.#meta(request) }), mount);
    } catch (error) {
      // The cookie stays: it may be another tab's by now, which got the reply that this one lost.
      if (error instanceof TokenError) return json(401, { error: "invalid_grant" });
      throw error;
    }
  }

  private async logout(request: Req, mount: string): Promise<Reply> {
    const token = await this.#refreshToken(request);
    const store = storeOf(this.options.store, request);
    if (token !== undefined) {
      await this.lockwatch.revoke(store, { token }).catch((error: unknown) => {
        if (!(error instanceof TokenError)) throw error;
      });
    } else {
      const accessToken = bearerToken(rawRequest(request).headers.authorization);
      if (accessToken !== undefined && !(await this.#endSessionOf(store, accessToken))) return json(401, { error: "invalid_token" });
    }
    const cleared = this.#cookie && { "Set-Cookie": this.#cookie.clear(mount) };
    return { status: 204, headers: { ...NO_STORE, ...cleared } };
  }

  /** Of an access token for whatever audience: who holds it may end what it came from. */
  async #endSessionOf(store: Bytes, accessToken: string): Promise<boolean> {
    const { active, sid } = await this.lockwatch.introspect(store, accessToken);
    return active && typeof sid === "string" && (await this.lockwatch.revoke(store, { session: sid })) > 0;
  }

  #tokens(tokens: Tokens, mount: string): Reply {
    const { accessToken, refreshToken, accessExpiresAt, refreshExpiresAt } = tokens;
    const body = {
      access_token: accessToken,
      token_type: "Bearer",
      expires_in: Math.max(0, Math.floor((accessExpiresAt.getTime() - Date.now()) / 1000)),
    };
    if (refreshToken === null) return json(200, body);
    if (this.#cookie) return json(200, body, { "Set-Cookie": this.#cookie.set(refreshToken, refreshExpiresAt, mount) });
    return json(200, { ...body, refresh_token: refreshToken });
  }

  async #refreshToken(request: Req): Promise<string | undefined> {
    const token = this.#cookie ? this.#cookie.read(request) : (await bodyOf(request)).refresh_token;
    return typeof token === "string" && token !== "" ? token : undefined;
  }

  #meta(request: Req): unknown {
    if (this.options.meta) return this.options.meta(request);
    const raw = rawRequest(request);
    return { ip: stateOf(request)?.address ?? raw.socket.remoteAddress, user_agent: raw.headers["user-agent"]?.slice(0, 512) };
  }
}

const NO_STORE = { "Cache-Control": "no-store" };

function json(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Reply {
  return { status, headers: { "Content-Type": "application/json", ...NO_STORE, ...headers }, body: JSON.stringify(body) };
}
