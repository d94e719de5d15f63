/**
 * Login, refresh and logout, independent of the framework. The application authenticates users; the
 * module keeps the sessions.
 */
import { AttemptDeniedError, CommandError, LockWatchError, TokenError } from "../errors.js";
import type { Duration } from "../duration.js";
import type { Attempt } from "../guard/attempt.js";
import { Guard } from "../guard/guard.js";
import { sessionAddress } from "../http/client-address.js";
import { originalPath, rawRequest, stateOf, type AnyRequest } from "../http/framework.js";
import type { Awaitable } from "../http/options.js";
import { SERVICE_UNAVAILABLE, type Reply } from "../http/reply.js";
import { checkOptions, type OptionRules } from "../known-options.js";
import { checkClient, type LockWatch } from "../lockwatch.js";
import { ask } from "../redis/away.js";
import type { Bytes, Name } from "../redis/connection.js";
import { DURATION, fn, LIFETIME, required, STORE } from "../rules.js";
import type { Tokens } from "../tokens.js";
import { bearerToken, logTokenFailure } from "./bearer.js";
import { bodyOf, type Body } from "./body.js";
import { RefreshCookie, type CookieOptions } from "./cookie.js";
import { loginOf, type Known } from "./login.js";
import { lifetime, payloadOf } from "./payload.js";
import { storeOf, type Store } from "./store.js";

export interface TokenRoutesOptions<Req> {
  /** The Redis key of the token store, or a function that returns it. */
  store: Store<Req>;
  /**
   * Checks the credentials in the request's body. Returns the user or the subject alone, and nothing
   * if they are wrong. With a guard it gets the attempt, which it may tell the outcome.
   */
  authenticate: (body: Body, request: Req, attempt: Attempt | undefined) => Awaitable<Known>;
  accessTtl?: Duration | undefined;
  refreshTtl?: Duration | undefined;
  /**
   * The metadata of the session; address and user agent unless given. If it returns undefined, a
   * refresh keeps what the login has stored.
   */
  meta?: ((request: Req) => unknown) | undefined;
  /**
   * Keeps the refresh token in a cookie instead of the response's body, out of reach of scripts.
   */
  cookie?: CookieOptions | undefined;
  /** Judges a login before the credentials are checked, and is told its outcome. */
  guard?: Guard<Req & AnyRequest> | undefined;
  /** Returns the name that a login is tried with; `username` or `user` of the body unless given. */
  loginName?: ((body: Body, request: Req) => Awaitable<Name | null | undefined>) | undefined;
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
  guard: { expected: "a guard: guard(lw, 'login', { challenge: 'deny' })", accepts: (value) => value instanceof Guard },
  loginName: fn("a function of the body and the request: ({ email }) => email"),
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

  async handle(action: Action, request: Req): Promise<Reply> {
    if (this.#cookie && !this.#cookie.allows(request)) return json(403, { error: "origin_not_allowed" });
    try {
      return await this[action](request);
    } catch (error) {
      if (error instanceof AttemptDeniedError) return { status: error.status, headers: { ...error.headers, ...NO_STORE }, body: error.body };
      // A login asks for something that the module will always refuse.
      if (action === "login" && error instanceof CommandError) throw error;
      if (!logTokenFailure(error, this.lockwatch, `${action} is`)) throw error;
      return { ...SERVICE_UNAVAILABLE, headers: Object.assign({}, SERVICE_UNAVAILABLE.headers, NO_STORE) };
    }
  }

  private async login(request: Req): Promise<Reply> {
    const body = await bodyOf(request);
    const attempt = await this.#attempt(body, request);
    const login = loginOf(await ask("authenticate", () => this.options.authenticate(body, request, attempt)));
    if (!login) {
      if (attempt && !attempt.isTold) attempt.failed();
      return json(401, { error: "invalid_credentials" });
    }
    const state = stateOf(request);
    if (state) state.user = login.subject;
    const { accessTtl, refreshTtl } = this.options;
    const store = await this.#store(request);
    const { claims, audience, meta = await this.#meta(request) } = login;
    const tokens = await this.lockwatch.issue(store, login.subject, { claims, audience, accessTtl, refreshTtl, meta });
    return withDevice(this.#tokens(tokens, payloadOf(tokens.accessToken), request), attempt);
  }

  /** Asks the guard. Rejects with an AttemptDeniedError if the login may not go on. */
  async #attempt(body: Body, request: Req): Promise<Attempt | undefined> {
    const { guard, loginName = nameIn } = this.options;
    if (!guard) return undefined;
    const user = await ask("loginName", () => loginName(body, request));
    return guard.attempt(request, { user, password: typeof body.password === "string" ? body.password : undefined });
  }

  /**
   * Every failure has the same response, so that a thief does not learn why a token was refused.
   */
  private async refresh(request: Req): Promise<Reply> {
    const token = await this.#refreshToken(request);
    if (token === undefined) return challenge("invalid_grant", "Bearer");
    try {
      const store = await this.#store(request);
      const tokens = await this.lockwatch.rotate(store, token, { meta: await this.#meta(request) });
      const payload = payloadOf(tokens.accessToken);
      setUser(request, payload.sub);
      return this.#tokens(tokens, payload, request);
    } catch (error) {
      // The cookie stays, because another tab may have replaced it with the successor meanwhile.
      if (error instanceof TokenError) return challenge("invalid_grant", "Bearer");
      throw error;
    }
  }

  private async logout(request: Req): Promise<Reply> {
    const token = await this.#refreshToken(request);
    const store = await this.#store(request);
    const accessToken = bearerToken(rawRequest(request).headers.authorization);
    if (token !== undefined) {
      if (stateOf(request)) await this.#findUser(store, token, request);
      await this.lockwatch.revoke(store, { token }).catch((error: unknown) => {
        if (!(error instanceof TokenError)) throw error;
      });
    } else if (accessToken === undefined) {
      return challenge("unauthorized", "Bearer");
    } else if (!(await this.#endSessionOf(store, accessToken, request))) {
      return challenge("invalid_token", 'Bearer error="invalid_token"');
    }
    const cleared = this.#cookie && { "Set-Cookie": this.#cookie.header("", 0, mountOf(request)) };
    return { status: 204, headers: { ...NO_STORE, ...cleared } };
  }

  /** Finds the user for the audit event. A failure does not stop the logout. */
  async #findUser(store: Bytes, token: string, request: Req): Promise<void> {
    try {
      setUser(request, (await this.lockwatch.introspect(store, token)).sub);
    } catch (error) {
      if (!(error instanceof LockWatchError)) throw error;
    }
  }

  /** Accepts an access token for any audience: its holder may end its session. */
  async #endSessionOf(store: Bytes, accessToken: string, request: Req): Promise<boolean> {
    const { active, sid, sub } = await this.lockwatch.introspect(store, accessToken);
    setUser(request, sub);
    return active && typeof sid === "string" && (await this.lockwatch.revoke(store, { session: sid })) > 0;
  }

  #tokens(tokens: Tokens, payload: ReturnType<typeof payloadOf>, request: Req): Reply {
    const { accessToken, refreshToken, accessExpiresAt, refreshExpiresAt } = tokens;
    const body = {
      access_token: accessToken,
      token_type: "Bearer",
      expires_in: lifetime(payload, accessExpiresAt),
    };
    if (refreshToken === null) return json(200, body);
    if (this.#cookie) {
      const maxAge = refreshExpiresAt === null ? 0 : lifetime(payload, refreshExpiresAt);
      return json(200, body, { "Set-Cookie": this.#cookie.header(refreshToken, maxAge, mountOf(request)) });
    }
    return json(200, { ...body, refresh_token: refreshToken });
  }

  async #refreshToken(request: Req): Promise<string | undefined> {
    const token = this.#cookie ? this.#cookie.read(request) : (await bodyOf(request)).refresh_token;
    return typeof token === "string" && token !== "" ? token : undefined;
  }

  #store(request: Req): Promise<Bytes> {
    return ask("store", () => storeOf(this.options.store, request));
  }

  async #meta(request: Req): Promise<unknown> {
    if (this.options.meta) return ask("meta", () => this.options.meta?.(request));
    const ip = sessionAddress(request);
    const agent = rawRequest(request).headers["user-agent"]?.slice(0, MAX_AGENT);
    return ip === undefined && agent === undefined ? undefined : { ip, user_agent: agent };
  }
}

function nameIn({ username, user }: Body): Name | undefined {
  const name = username ?? user;
  return typeof name === "string" || typeof name === "number" ? name : undefined;
}

/** Tells the attempt its success, unless the application has told it something else. */
function withDevice(reply: Reply, attempt: Attempt | undefined): Reply {
  if (!attempt?.isOpen) return reply;
  const cookie = attempt.renewDevice();
  attempt.succeeded();
  if (cookie === undefined) return reply;
  return { ...reply, headers: [...Object.entries(reply.headers as Record<string, string>), ["Set-Cookie", cookie]] };
}

/** The path of the request without the action, with everything in front of the routes' own. */
function mountOf(request: AnyRequest): string {
  return originalPath(request).replace(/\/[^/]*\/*$/, "");
}

function setUser(request: AnyRequest, subject: unknown): void {
  const state = stateOf(request);
  if (state && typeof subject === "string") state.user = subject;
}

/** Characters of the user agent that are kept with a session. */
const MAX_AGENT = 512;
const NO_STORE = { "Cache-Control": "no-store" };

function json(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Reply {
  return { status, headers: { "Content-Type": "application/json", ...NO_STORE, ...headers }, body: JSON.stringify(body) };
}

function challenge(error: string, value: string): Reply {
  return json(401, { error }, { "WWW-Authenticate": value });
}
