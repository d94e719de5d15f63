/** What applications test with: a stub, and a real server. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import express from "express";
import { LockWatch } from "lockwatch";
import * as forExpress from "lockwatch/express";
import { noModule, startRedis, Stub } from "lockwatch/testing";
import { ask } from "./support/http.js";
import { serve, WITH_MIDDLEWARE } from "./support/served.js";
import { served } from "./support/listen.js";

describe("a stub", () => {
  it("has tokens for a whole login", async () => {
    const lw = new LockWatch(new Stub());
    const app = express();
    app.use("/auth", forExpress.tokenRouter(lw, { store: "auth", authenticate: ({ user }) => ({ subject: String(user), claims: { scope: "orders:read" } }) }));
    app.get("/orders", forExpress.jwtRequired(lw, { store: "auth", scopes: ["orders:read"] }), (request, response) => {
      response.json(request.claims?.sub);
    });
    app.get("/jwks", forExpress.jwks(lw));
    const { port, close } = await served(app);
    const post = async (path: string, body: object) => {
      const answer = await ask(port, path, { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" } });
      return { status: answer.status, body: JSON.parse(answer.body || "{}") as Record<string, string> };
    };
    const orders = (token: string | undefined) => ask(port, "/orders", { headers: { authorization: `Bearer ${token}` } });
    try {
      const login = await post("/auth/login", { user: "alice" });
      assert.equal(login.status, 200);
      assert.ok(Number(login.body.expires_in) > 800);
      assert.equal((await orders(login.body.access_token)).body, '"alice"');
      const refreshed = await post("/auth/refresh", { refresh_token: login.body.refresh_token });
      assert.equal((await orders(refreshed.body.access_token)).body, '"alice"', "the claims stay");
      assert.notEqual(refreshed.body.refresh_token, login.body.refresh_token);
      assert.equal((await post("/auth/logout", { refresh_token: refreshed.body.refresh_token })).status, 204);
      assert.equal((await ask(port, "/jwks")).body, '{"keys":[]}');
    } finally {
      await close();
    }
  });

  it("answers every method of the client", async () => {
    const lw = new LockWatch(new Stub());
    const issued = await lw.issue("auth", "alice", { audience: "web", refreshTtl: 0 });
    assert.equal(issued.refreshToken, null);
    const claims = await lw.verify("auth", issued.accessToken);
    assert.deepEqual([claims.sub, claims.aud, claims.exp - claims.iat], ["alice", "web", 900]);
    assert.equal((await lw.introspect("auth", issued.accessToken)).active, true);
    const several = await lw.issue("auth", "alice", { audience: ["web", "admin"], claims: { role: "user" } });
    const rotated = await lw.rotate("auth", several.refreshToken ?? "", { claims: { plan: "pro" } });
    const { sub, aud, plan, role } = await lw.verify("auth", rotated.accessToken);
    assert.deepEqual([sub, aud, plan, role], ["alice", ["web", "admin"], "pro", undefined]);
    assert.equal(await lw.setClaims("auth", { role: "admin" }, { subject: "alice" }), 1);
    assert.deepEqual(await lw.sessions("auth", "alice"), []);
    assert.deepEqual([await lw.revoke("auth", { session: claims.sid }), await lw.revokeAll("auth")], [1, 1]);
    assert.deepEqual([await lw.auditLog(), (await lw.jwks()).keys], [[], []]);
    const { timeMs = 0 } = await lw.ratelimit("k", "5/minute", { withTime: true });
    assert.ok(timeMs > 0);
    assert.deepEqual([await lw.refund("k", 1, timeMs), (await lw.settle("k", 1, 1, timeMs)).recorded], [1, 0]);
    assert.deepEqual([(await lw.mratelimit([["k", "5/minute; 9/hour"]])).allowed, (await lw.mpeek([["k", "5/minute"]])).timeMs], [true, undefined]);
    assert.equal(await lw.withLease("k", 1, "1s", (lease) => lease.renew()), true);
    assert.deepEqual([await lw.top(), await lw.inspect("k")], [[], null]);
    const asked = await Promise.all([lw.attempt("login", { user: "alice" }), lw.event("login", "failure", { user: "alice" }), lw.check("login", { user: "alice" })]);
    assert.deepEqual(asked.map(({ verdict }) => verdict), ["allow", "allow", "allow"]);
    for (const end of [await lw.ban("login", { ip: "::1" }, "1h"), await lw.allow("login", { ip: "::1" }, "1h")]) assert.ok(end instanceof Date);
    assert.deepEqual([await lw.lift("login", { all: true }), await lw.bans("login"), (await lw.why("login", { user: "alice" })).verdict, await lw.rules()], [1, [], "allow", []]);
  });

  for (const framework of WITH_MIDDLEWARE) {
    it(`can be away and come back, in ${framework}`, async () => {
      const redis = new Stub();
      const app = await serve(framework, { redis, onRedisFailure: "deny", log: () => undefined }, ({ answer }) => answer(200, [], "reached"));
      const status = async () => (await ask(app.port, "/")).status;
      try {
        assert.equal(await status(), 200);
        redis.unavailable();
        assert.equal(await status(), 503);
        redis.available();
        assert.equal(await status(), 200);
        redis.unavailable("timeout");
        assert.equal(await status(), 503);
        assert.equal(app.state?.failure, "timeout");
      } finally {
        await app.close();
      }
    });
  }
});

describe("a real server", () => {
  const withModule = async (module: string | undefined, test: () => Promise<void> | void) => {
    const { LOCKWATCH_MODULE: before } = process.env;
    if (module === undefined) delete process.env.LOCKWATCH_MODULE;
    else process.env.LOCKWATCH_MODULE = module;
    try {
      await test();
    } finally {
      process.env.LOCKWATCH_MODULE = before;
    }
  };

  it("without the module there is a reason to skip tests, and a clear error", async () => {
    assert.equal(noModule(), false);
    await withModule(undefined, async () => {
      assert.match(String(noModule()), /LOCKWATCH_MODULE is not set/);
      await assert.rejects(startRedis(), /startRedis needs the module: LOCKWATCH_MODULE is not set: .*\/path\/to\/liblockwatch.so/);
    });
    await withModule("/none.so", async () => {
      assert.match(String(noModule()), /there is no such file/);
      await assert.rejects(startRedis(), /startRedis needs the module: LOCKWATCH_MODULE is '\/none.so'/);
    });
    await assert.rejects(startRedis({ module: "/none.so" }), /there is no module '\/none.so'/);
    await assert.rejects(startRedis({ executable: "/none/redis-server" }), /did not start: .*ENOENT/);
  });

  it("without a named module, module and server are those of the package lockwatch-server", async () => {
    const project = await mkdtemp(join(tmpdir(), "lockwatch-project-"));
    const place = join(project, "node_modules/lockwatch-server");
    await mkdir(place, { recursive: true });
    const code = [
      `exports.modulePath = () => ${JSON.stringify(process.env.LOCKWATCH_MODULE)};`,
      'exports.serverPath = () => { if (process.env.NO_SERVER) throw new Error("there is no redis-server on PATH"); return "redis-server"; };',
    ];
    await writeFile(join(place, "index.js"), code.join("\n"));
    const before = process.cwd();
    process.chdir(project);
    try {
      await withModule(undefined, async () => {
        assert.equal(noModule(), false);
        const server = await startRedis();
        const lw = new LockWatch(server.url, { connectTimeoutMs: 5000, commandTimeoutMs: 5000 });
        assert.ok((await lw.ratelimit("user:1", "10/minute")).allowed);
        await lw.close();
        await server.stop();
        process.env.NO_SERVER = "1";
        assert.equal(noModule(), "there is no redis-server on PATH");
        await assert.rejects(startRedis(), /startRedis needs the module: there is no redis-server on PATH/);
      });
      await withModule("/none.so", () => assert.match(String(noModule()), /'\/none.so', and there is no such file/));
      // Node remembers what it has loaded, so that the broken package is in a project of its own.
      const broken = join(project, "broken/node_modules/lockwatch-server");
      await mkdir(broken, { recursive: true });
      await writeFile(join(broken, "index.js"), 'require("a-part-that-is-missing");');
      process.chdir(join(project, "broken"));
      await withModule(undefined, async () => {
        assert.throws(noModule, /a-part-that-is-missing/, "a package that is there and broken is no reason to skip");
        await assert.rejects(startRedis(), /a-part-that-is-missing/);
      });
    } finally {
      delete process.env.NO_SERVER;
      process.chdir(before);
      await rm(project, { recursive: true });
    }
  });
});
