/**
 * Login, refresh and logout, independent of the framework. The application authenticates users; the
 * module keeps the sessions.
 */
import { TokenError } from "../errors.js";
import type { Duration } from "../duration.js";
import { rawRequest, stateOf, type AnyRequest } from "../http/framework.js";
import type { Awaitable } from "../http/options.js";
import { SERVICE_UNAVAILABLE, type Reply } from "../http/reply.js";
import { checkOptions, type OptionRules } from "../known-options.js";
import { checkClient, type LockWatch } from "../lockwatch.js";
import { ask } from "../redis/away.js";
import type { Bytes } from "../redis/connection.js";
import { DURATION, fn, LIFETIME, required, STORE } from "../rules.js";
import type { Tokens } from "../tokens.js";
import { bearerToken, logTokenFailure } from "./bearer.js";
import { bodyOf, type Body } from "./body.js";
import { RefreshCookie, type CookieOptions } from "./cookie.js";
import { storeOf, type Store } from "./store.js";

/** An authenticated user. */
export interface Login {
  subject: string | number;
  /** Claims of the application for the access token, like `{ scope: "orders:read" }`. */
  claims?: Readonly<Record<string, unknown>> | undefined;
  audience?: string | undefined;
}

export interface TokenRoutesOptions<Req> {
  /** The Redis key of the token store, or a function that returns it. */
  store: Store<Req>;
  /** Checks the credentials in the request's body. Returns nothing if they are wrong. */
  authenticate: (body: Body, request: Req) => Awaitable<Login | null | undefined>;
  accessTtl?: Duration | undefined;
  refreshTtl?: Duration | undefined;
  /** The metadata of the session; address and user agent unless given. */
  meta?: ((request: Req) => unknown) | undefined;
  /**
   * Keeps the refresh token in a cookie instead of the response's body, out of reach of scripts.
   */
  cookie?: CookieOptions | undefined;
}

export const TOKEN_OPTIONS: OptionRules<TokenRoutesOptions<never>> = {
  store: STORE,
  authenticate: required(fn("a function of the body and the request that returns { subject } or null")),
  accessTtl: DURATION,
  refreshTtl: LIFETIME,
  meta: fn("a function of the request: (request) => ({ device: request.headers['user-agent'] })"),
  cookie: {
    expected: "{ origins: ['https://app.example.com'] }",
    accepts: (value) => {
      new RefreshCookie(value as CookieOptions);
      return true;
    },
  },
};

export const ACTIONS = ["login", "refresh", "logout"] as const;
export type Action = (typeof ACTIONS)[number];

export class TokenEndpoints<Req extends AnyRequest> {
  readonly #cookie: RefreshCookie | undefined;

  constructor(
    private readonly lockwatch: LockWatch,
    private readonly options: TokenRoutesOptions<Req>,
  ) {
    checkClient(lockwatch, 'tokenRouter(lw, { store: "auth", authenticate })');
    checkOptions(options, TOKEN_OPTIONS, "the token routes");
    this.#cookie = options.cookie && new RefreshCookie(options.cookie);
  }

  /** @param mount the path before the action's */
  async handle(action: Action, request: Req, mount: string): Promise<Reply> {
    if (this.#cookie && !this.#cookie.allows(request)) return json(403, { error: "origin_not_allowed" });
    try {
      return await this[action](request, mount);
    } catch (error) {
      if (!logTokenFailure(error, this.lockwatch, `${action} is`)) throw error;
      return { ...SERVICE_UNAVAILABLE, headers: Object.assign({}, SERVICE_UNAVAILABLE.headers, NO_STORE) };
    }
  }

  private async login(request: Req, mount: string): Promise<Reply> {
    const body = await bodyOf(request);
    const login = await ask("authenticate", () => this.options.authenticate(body, request));
    if (!login) return json(401, { error: "invalid_credentials" });
    const state = stateOf(request);
    if (state) state.user = login.subject;
    const { accessTtl, refreshTtl } = this.options;
    const store = await this.#store(request);
    const { claims, audience } = login;
    const tokens = await this.lockwatch.issue(store, login.subject, { claims, audience, accessTtl, refreshTtl, meta: this.#meta(request) });
    return this.#tokens(tokens, mount);
  }

  /**
   * Every failure has the same response, so that a thief does not learn why a token was refused.
   */
  private async refresh(request: Req, mount: string): Promise<Reply> {
    const token = await this.#refreshToken(request);
    if (token === undefined) return json(401, { error: "invalid_grant" });
    try {
      return this.#tokens(await this.lockwatch.rotate(await this.#store(request), token, { meta: this.#meta(request) }), mount);
    } catch (error) {
      // The cookie stays, because another tab may have replaced it with the successor meanwhile.
      if (error instanceof TokenError) return json(401, { error: "invalid_grant" });
      throw error;
    }
  }

  private async logout(request: Req, mount: string): Promise<Reply> {
    const token = await this.#refreshToken(request);
    const store = await this.#store(request);
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

  /** Accepts an access token for any audience: its holder may end its session. */
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

  #store(request: Req): Promise<Bytes> {
    return ask("store", () => storeOf(this.options.store, request));
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
