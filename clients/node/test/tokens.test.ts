/**
 * The token commands, routes that require a token, and login, refresh and logout in both
 * frameworks.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import express from "express";
import fastify from "fastify";
import {
  CommandError,
  ConfigurationError,
  ConflictError,
  LockWatch,
  TokenError,
  TokenExpiredError,
  TokenInvalidError,
  TokenReusedError,
  TokenRevokedError,
} from "lockwatch";
import * as forExpress from "lockwatch/express";
import * as forFastify from "lockwatch/fastify";
import { ask, type Answer } from "./support/http.js";
import { served, servedByFastify, type Api } from "./support/listen.js";
import { FRAMEWORKS, type Framework } from "./support/served.js";
import { until } from "./support/wait.js";
import { World } from "./support/world.js";

const STORE = "auth";
const ORIGIN = "https://app.example.com";

const world = await World.start();
const lw = world.lockwatch;
after(() => world.stop());

describe("token commands", () => {
  it("issue returns tokens that verify and introspect accept", async () => {
    const tokens = await lw.issue(STORE, "alice", { claims: { scope: "a b", tenant: 7 }, accessTtl: "5m", refreshTtl: "1d", meta: { ip: "x" } });
    assert.ok(tokens.refreshToken?.startsWith("lwr_"));
    assert.ok(Math.abs(tokens.accessExpiresAt.getTime() - Date.now() - 300_000) < 5000);
    const claims = await lw.verify(STORE, tokens.accessToken);
    assert.deepEqual([claims.sub, claims.sid, claims.tenant], ["alice", tokens.sessionId, 7]);
    assert.equal((await lw.introspect(STORE, tokens.accessToken)).active, true);
    assert.deepEqual(await lw.introspect(STORE, "nonsense"), { active: false });
  });

  it("a refreshTtl of 0 issues an access token alone", async () => {
    const tokens = await lw.issue(STORE, "machine", { refreshTtl: 0 });
    assert.equal(tokens.refreshToken, null);
    assert.equal(tokens.refreshExpiresAt, null);
  });

  it("rotate exchanges a refresh token, and its reuse ends the session", async () => {
    const first = await lw.issue("reuse", "bob");
    const second = await lw.rotate("reuse", first.refreshToken ?? "");
    assert.equal((await lw.rotate("reuse", first.refreshToken ?? "")).refreshToken, second.refreshToken, "a retry gets the same");
    const third = await lw.rotate("reuse", second.refreshToken ?? "");
    await assert.rejects(lw.rotate("reuse", first.refreshToken ?? ""), TokenReusedError);
    await assert.rejects(lw.verify("reuse", third.accessToken), TokenRevokedError);
  });

  it("audience may be a list", async () => {
    const first = await lw.issue(STORE, "alice", { audience: ["billing", "web"] });
    const second = await lw.rotate(STORE, first.refreshToken ?? "");
    for (const { accessToken } of [first, second]) {
      for (const audience of ["billing", "web"]) {
        assert.deepEqual((await lw.verify(STORE, accessToken, { audience })).aud, ["billing", "web"]);
      }
      await assert.rejects(lw.verify(STORE, accessToken, { audience: "admin" }), TokenInvalidError);
      assert.deepEqual((await lw.introspect(STORE, accessToken)).aud, ["billing", "web"]);
    }
    const only = await lw.issue(STORE, "alice", { audience: ["billing"] });
    assert.equal((await lw.verify(STORE, only.accessToken, { audience: "billing" })).aud, "billing");
    for (const audience of [[], [1], 7, {}, null]) {
      await assert.rejects(lw.issue(STORE, "alice", { audience } as never), ConfigurationError);
    }
    for (const audience of [["a", "a"], Array.from({ length: 9 }, (_, i) => `a${i}`)]) await assert.rejects(lw.issue(STORE, "alice", { audience }), CommandError);
  });

  it("rotate replaces claims, and a retry with others is a conflict", async () => {
    const first = await lw.issue("claims", "alice", { claims: { role: "user", n: 1 } });
    const token = first.refreshToken ?? "";
    const second = await lw.rotate("claims", token, { claims: { role: "admin" } });
    const claims = await lw.verify("claims", second.accessToken);
    assert.deepEqual([claims.role, claims.n], ["admin", undefined]);
    assert.deepEqual(await lw.rotate("claims", token, { claims: { role: "admin" } }), second);
    await assert.rejects(
      lw.rotate("claims", token, { claims: { role: "user" } }),
      (error) => error instanceof ConflictError && error.code === "LWCONFLICT" && !(error instanceof TokenError),
    );
    assert.deepEqual(await lw.rotate("claims", token), second);
  });

  it("setClaims sets the claims of the next access tokens", async () => {
    const [one, two] = [await lw.issue("set", "alice", { claims: { role: "admin" } }), await lw.issue("set", "alice")];
    assert.equal(await lw.setClaims("set", { role: "user" }, { session: one.sessionId }), 1);
    assert.equal(await lw.setClaims("set", { role: "user" }, { subject: "alice" }), 1);
    assert.equal(await lw.setClaims("set", { role: "user" }, { subject: "alice" }), 0);
    assert.equal(await lw.setClaims("set", {}, { subject: 42 }), 0);
    assert.equal((await lw.verify("set", one.accessToken)).role, "admin");
    for (const { refreshToken } of [one, two]) {
      const { accessToken } = await lw.rotate("set", refreshToken ?? "");
      assert.equal((await lw.verify("set", accessToken)).role, "user");
    }
    await assert.rejects(lw.setClaims("set", { exp: 0 }, { subject: "alice" }), CommandError);
  });

  it("sessions lists sessions, and revoke and revokeAll end them", async () => {
    const [one, two] = [await lw.issue("many", "carol", { meta: { device: "phone" } }), await lw.issue("many", "carol")];
    const sessions = await lw.sessions("many", "carol");
    assert.deepEqual(sessions.map(({ sessionId }) => sessionId).sort(), [one.sessionId, two.sessionId].sort());
    const session = sessions.find(({ sessionId }) => sessionId === one.sessionId);
    assert.deepEqual([session?.meta, session?.generation], [{ device: "phone" }, 1]);
    assert.ok(session && session.expiresAt > session.createdAt);
    assert.equal(await lw.revoke("many", { subject: "carol", except: two.sessionId }), 1);
    assert.equal(await lw.revoke("many", { session: "unknown" }).catch(() => 0), 0);
    assert.equal(await lw.revoke("many", { token: two.accessToken }), 1);
    await assert.rejects(lw.verify("many", two.accessToken), TokenRevokedError);
    assert.equal(await lw.revokeAll("many"), 1);
  });

  it("each error has a class of its own", async () => {
    await assert.rejects(lw.verify(STORE, "a.b.c"), TokenInvalidError);
    await assert.rejects(lw.issue(STORE, "alice", { claims: { sub: "mallory" } }), CommandError);
    const { accessToken } = await lw.issue(STORE, "dave", { accessTtl: 1 });
    await world.admin.config("SET", "lockwatch.jwt-leeway", 0);
    await until("the token has expired", async () => (await lw.verify(STORE, accessToken).catch((error: unknown) => error)) instanceof TokenExpiredError);
    await world.admin.config("SET", "lockwatch.jwt-leeway", 5);
  });

  it("jwks returns public keys only", async () => {
    const { keys } = await lw.jwks();
    assert.equal(keys.length, 1);
    assert.deepEqual(Object.keys(keys[0] ?? {}).filter((member) => ["d", "p", "q", "k"].includes(member)), []);
  });
});

it("a semicolon in the mount path adds no attribute to the cookie", async () => {
  const app = express();
  app.use("/:tenant", forExpress.tokenRouter(lw, { store: STORE, authenticate, cookie: { origins: [ORIGIN] } }));
  const api = await served(app);
  const answer = await post(api, "/a;Domain=evil.example/login", { name: "alice", password: "right" }, { origin: ORIGIN });
  assert.match(answer.header("Set-Cookie") ?? "", /; Path=\/a%3BDomain=evil\.example; HttpOnly/);
  await api.close();
});

for (const framework of FRAMEWORKS) {
  describe(`tokens in ${framework}`, () => {
    let api: Api;

    before(async () => {
      api = await start(framework, lw);
    });

    after(() => api.close());

    const withToken = (path: string, token: string) => ask(api.port, path, { headers: { authorization: `Bearer ${token}` } });

    it("login returns tokens, and a route that requires one accepts it", async () => {
      const answer = await post(api, "/auth/login", { name: "alice", password: "right" });
      assert.equal(answer.status, 200);
      assert.equal(answer.header("Cache-Control"), "no-store");
      const body = JSON.parse(answer.body) as Record<string, unknown>;
      assert.deepEqual(Object.keys(body), ["access_token", "token_type", "expires_in", "refresh_token"]);
      assert.equal(body.token_type, "Bearer");
      assert.ok(Number(body.expires_in) > 890 && Number(body.expires_in) <= 900);
      const me = await withToken("/me", String(body.access_token));
      assert.deepEqual([me.status, me.body], [200, '{"sub":"alice"}']);
      assert.equal((await withToken("/orders", String(body.access_token))).status, 200);
      const [row] = await world.auditRows("/me", 1);
      assert.equal(row?.user, "alice");
      const sessions = await lw.sessions(STORE, "alice");
      assert.ok(sessions.some(({ meta }) => (meta as { ip: string }).ip === "127.0.0.1"));
    });

    it("a subject can be a number", async () => {
      const answer = await post(api, "/auth/login", { name: 42, password: "right" });
      assert.equal(answer.status, 200);
      const { access_token } = JSON.parse(answer.body) as { access_token: string };
      assert.equal((await lw.verify(STORE, access_token)).sub, "42");
      assert.equal((await lw.sessions(STORE, 42)).length, 1);
      assert.equal(await lw.revoke(STORE, { subject: 42 }), 1);
    });

    it("the events of refresh and logout name the user", async () => {
      const name = `dora of ${framework}`;
      const login = async () => JSON.parse((await post(api, "/auth/login", { name, password: "right" })).body) as Record<string, string>;
      const [first, other] = [await login(), await login()];
      const next = JSON.parse((await post(api, "/auth/refresh", { refresh_token: first.refresh_token })).body) as Record<string, string>;
      await post(api, "/auth/logout", { refresh_token: next.refresh_token });
      await post(api, "/auth/logout", undefined, { authorization: `Bearer ${other.access_token}` });
      const rows = await until("five events", async () => {
        const found = await lw.auditLog({ user: name });
        return found.length === 5 ? found : undefined;
      });
      assert.deepEqual(rows.map(({ endpoint }) => endpoint).reverse(), ["/auth/login", "/auth/login", "/auth/refresh", "/auth/logout", "/auth/logout"]);
    });

    it("a form logs in, and a subject alone is enough", async () => {
      const body = new URLSearchParams({ name: "form", password: "right" }).toString();
      const headers = { "content-type": "application/x-www-form-urlencoded", "content-length": String(body.length) };
      assert.equal((await ask(api.port, "/auth/login", { method: "POST", body, headers })).status, 200);
    });

    it("wrong credentials are answered 401", async () => {
      for (const body of [{ name: "alice", password: "wrong" }, {}, undefined]) {
        const answer = await post(api, "/auth/login", body);
        assert.deepEqual([answer.status, answer.body], [401, '{"error":"invalid_credentials"}']);
      }
    });

    it("a missing or bad token is answered 401, a missing scope 403", async () => {
      const none = await ask(api.port, "/me");
      assert.deepEqual([none.status, none.header("WWW-Authenticate"), none.body], [401, 'Bearer realm="api"', '{"error":"unauthorized"}']);
      const basic = await ask(api.port, "/me", { headers: { authorization: "Basic YTpi" } });
      assert.equal(basic.header("WWW-Authenticate"), 'Bearer realm="api"');
      const bad = await withToken("/me", "a.b.c");
      assert.equal(bad.status, 401);
      assert.equal(bad.header("WWW-Authenticate"), 'Bearer realm="api", error="invalid_token", error_description="the token is not valid"');
      assert.equal(bad.body, '{"error":"invalid_token"}');
      const { accessToken } = await lw.issue(STORE, "erin", { claims: { scope: "orders:list" } });
      const poor = await withToken("/orders", accessToken);
      assert.equal(poor.status, 403);
      assert.equal(poor.header("WWW-Authenticate"), 'Bearer realm="api", error="insufficient_scope", scope="orders:read"');
      await lw.revoke(STORE, { subject: "erin" });
      const revoked = await withToken("/me", accessToken);
      assert.match(revoked.header("WWW-Authenticate") ?? "", /the token has been revoked/);
    });

    it("refresh returns the next tokens, and every failure has the same response", async () => {
      const { refreshToken, accessToken } = await lw.issue(STORE, "frank");
      const refreshed = await post(api, "/auth/refresh", { refresh_token: refreshToken });
      assert.equal(refreshed.status, 200);
      const next = (JSON.parse(refreshed.body) as { refresh_token: string }).refresh_token;
      await lw.rotate(STORE, next);
      const failures = [
        await post(api, "/auth/refresh", { refresh_token: refreshToken }),
        await post(api, "/auth/refresh", { refresh_token: next }),
        await post(api, "/auth/refresh", { refresh_token: "lwr_nonsense" }),
        await post(api, "/auth/refresh", { refresh_token: accessToken }),
        await post(api, "/auth/refresh", { refresh_token: 42 }),
        await post(api, "/auth/refresh", {}),
      ];
      const seen = failures.map((answer) => [answer.status, answer.body, answer.header("Cache-Control"), answer.header("Set-Cookie")]);
      for (const one of seen) assert.deepEqual(one, [401, '{"error":"invalid_grant"}', "no-store", undefined]);
    });

    it("logout ends the session, and answers 204 for a dead token too", async () => {
      const { refreshToken, accessToken } = await lw.issue(STORE, "grace");
      for (const token of [refreshToken, refreshToken, "lwr_nonsense"]) {
        const answer = await post(api, "/auth/logout", { refresh_token: token });
        assert.deepEqual([answer.status, answer.body, answer.header("Cache-Control")], [204, "", "no-store"]);
      }
      const nothing = await post(api, "/auth/logout");
      assert.deepEqual([nothing.status, nothing.body, nothing.header("WWW-Authenticate")], [401, '{"error":"unauthorized"}', "Bearer"]);
      assert.equal((await withToken("/me", accessToken)).status, 401);
    });

    it("logout with an access token alone ends its session, and is answered 401 if there is none", async () => {
      const { accessToken } = await lw.issue(STORE, "heidi", { audience: "another" });
      const logout = (token: string) => post(api, "/auth/logout", undefined, { authorization: `Bearer ${token}` });
      assert.equal((await logout(accessToken)).status, 204);
      assert.deepEqual(await lw.sessions(STORE, "heidi"), []);
      for (const token of [accessToken, "a.b.c"]) {
        const answer = await logout(token);
        assert.deepEqual([answer.status, answer.body], [401, '{"error":"invalid_token"}']);
      }
    });

    it("a text is split into scopes, a member of a list is not", async () => {
      for (const [scope, status] of [["orders:read a", 200], [["orders:read", "a"], 200], [["a orders:read"], 403]] as const) {
        const { accessToken } = await lw.issue(STORE, "ivan", { claims: { scopes: scope } });
        assert.equal((await withToken("/orders", accessToken)).status, status);
      }
    });

    it("cookie mode hides the refresh token from scripts and refuses other origins", async () => {
      const credentials = { name: "alice", password: "right" };
      for (const origin of [undefined, "https://evil.example.com", "null"]) {
        const answer = await post(api, "/web/login", credentials, { ...(origin && { origin }) });
        assert.deepEqual([answer.status, answer.body], [403, '{"error":"origin_not_allowed"}']);
      }
      const login = await post(api, "/web/login", credentials, { origin: ORIGIN });
      assert.equal((JSON.parse(login.body) as { refresh_token?: string }).refresh_token, undefined);
      const cookie = login.header("Set-Cookie") ?? "";
      assert.match(cookie, /^lw_refresh=lwr_[\w-]+; Max-Age=60\d{4}; Path=\/web; HttpOnly; Secure; SameSite=Strict$/);
      const [pair = ""] = cookie.split(";");
      const refreshed = await post(api, "/web/refresh", undefined, { origin: ORIGIN, cookie: `a=b; ${pair}` });
      assert.equal(refreshed.status, 200);
      const [next = ""] = (refreshed.header("Set-Cookie") ?? "").split(";");
      assert.notEqual(next, pair);
      const failed = await post(api, "/web/refresh", undefined, { origin: ORIGIN, cookie: "lw_refresh=lwr_nonsense" });
      assert.deepEqual([failed.status, failed.header("Set-Cookie")], [401, undefined]);
      const logout = await post(api, "/web/logout", undefined, { origin: ORIGIN, cookie: next });
      assert.equal(logout.status, 204);
      assert.equal(logout.header("Set-Cookie"), "lw_refresh=; Max-Age=0; Path=/web; HttpOnly; Secure; SameSite=Strict");
      assert.equal((await post(api, "/web/refresh", undefined, { origin: ORIGIN, cookie: next })).status, 401);
    });

    it("the key set has an ETag and can be cached", async () => {
      const first = await ask(api.port, "/.well-known/jwks.json");
      assert.equal(first.status, 200);
      assert.equal(first.header("Content-Type"), "application/jwk-set+json");
      assert.equal(first.header("Cache-Control"), "public, max-age=300");
      assert.deepEqual(JSON.parse(first.body), await lw.jwks());
      const again = await ask(api.port, "/.well-known/jwks.json", { headers: { "if-none-match": first.header("ETag") ?? "" } });
      assert.deepEqual([again.status, again.body], [304, ""]);
    });
  });

  describe(`tokens in ${framework} without Redis`, () => {
    it("every route answers 503, without a challenge", async () => {
      const gone = await World.start();
      const { accessToken, refreshToken } = await gone.lockwatch.issue(STORE, "alice");
      const client = new LockWatch(gone.url, { log: () => undefined });
      const api = await start(framework, client);
      await gone.stop();
      const answers = [
        await ask(api.port, "/me", { headers: { authorization: `Bearer ${accessToken}` } }),
        await post(api, "/auth/login", { name: "alice", password: "right" }),
        await post(api, "/auth/refresh", { refresh_token: refreshToken }),
        await post(api, "/auth/logout", { refresh_token: refreshToken }),
        await ask(api.port, "/.well-known/jwks.json"),
      ];
      for (const answer of answers) {
        assert.deepEqual([answer.status, answer.header("Retry-After"), answer.header("WWW-Authenticate")], [503, "1", undefined]);
      }
      await api.close();
      await client.close();
    });
  });
}

interface Credentials {
  name?: string | number;
  password?: string;
}

function authenticate({ name, password }: Credentials): forExpress.Login | null {
  return name !== undefined && password === "right" ? { subject: name, claims: { scope: "orders:read profile" } } : null;
}

async function start(framework: Framework, redis: LockWatch): Promise<Api> {
  const limits = { redis, limits: "10000/minute", burstThreshold: null };
  return framework === "express" ? startExpress(redis, limits) : startFastify(redis, limits);
}

async function startExpress(redis: LockWatch, limits: forExpress.ExpressOptions & forFastify.FastifyOptions): Promise<Api> {
  const app = express();
  app.use(forExpress.lockwatch(limits));
  app.use("/auth", forExpress.tokenRouter(redis, { store: STORE, authenticate }));
  app.use("/web", forExpress.tokenRouter(redis, { store: STORE, authenticate, cookie: { origins: [ORIGIN] } }));
  app.get("/me", forExpress.jwtRequired(redis, { store: STORE }), (request, response) => {
    response.json({ sub: request.claims?.sub });
  });
  app.get("/orders", forExpress.jwtRequired(redis, { store: STORE, scopes: ["orders:read"] }), (_request, response) => {
    response.json([]);
  });
  app.get("/.well-known/jwks.json", forExpress.jwks(redis));
  return served(app);
}

async function startFastify(redis: LockWatch, limits: forExpress.ExpressOptions & forFastify.FastifyOptions): Promise<Api> {
  const app = fastify({ forceCloseConnections: true });
  await app.register(forFastify.lockwatch, limits);
  await app.register(forFastify.tokenRoutes, { prefix: "/auth", lockwatch: redis, store: STORE, authenticate });
  await app.register(forFastify.tokenRoutes, { prefix: "/web", lockwatch: redis, store: STORE, authenticate, cookie: { origins: [ORIGIN] } });
  app.get("/me", { onRequest: forFastify.jwtRequired(redis, { store: STORE }) }, (request) => ({ sub: request.claims?.sub }));
  app.get("/orders", { onRequest: forFastify.jwtRequired(redis, { store: STORE, scopes: ["orders:read"] }) }, () => []);
  app.get("/.well-known/jwks.json", forFastify.jwks(redis));
  return servedByFastify(app);
}

function post(api: Api, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const type = text === undefined ? {} : { "content-type": "application/json" };
  return ask(api.port, path, { method: "POST", body: text, headers: { ...type, "content-length": String(text?.length ?? 0), ...headers } });
}
