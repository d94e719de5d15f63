/**
 * The refresh cookie in a browser, for each way of mounting the token routes; its options; and what
 * the routes answer and keep.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import express, { Router, type Express } from "express";
import fastify, { type FastifyInstance } from "fastify";
import { ConfigurationError, LockWatch, type Command } from "lockwatch";
import * as forExpress from "lockwatch/express";
import * as forFastify from "lockwatch/fastify";
import { Stub } from "lockwatch/testing";
import { loginOf } from "../dist/token/login.js";
import { parseOrigin } from "../dist/token/origin.js";
import { conformance } from "./support/conformance.js";
import { ask } from "./support/http.js";
import { served, servedByFastify, type Api } from "./support/listen.js";

const PAGE = "https://app.example";
const NOW = 1_764_000_000;

function jwt(payload: object): string {
  return `e30.${Buffer.from(JSON.stringify(payload)).toString("base64url")}.c2ln`;
}

/** A client whose tokens were issued an hour ago by this computer's clock. */
function withTokens(): { stub: Stub; lw: LockWatch } {
  const stub = new Stub();
  for (const command of ["LW.ISSUE", "LW.ROTATE"]) {
    stub.answer(command, [jwt({ sub: "alice", iat: NOW, exp: NOW + 900 }), "lwr_x", (NOW + 900) * 1000, (NOW + 3600) * 1000 + 76, "s"]);
  }
  stub.answer("LW.REVOKE", 1);
  return { stub, lw: new LockWatch(stub) };
}

const routes = { store: "auth", authenticate: () => "alice", cookie: { origins: [`${PAGE}/`] } };

const EXPRESS: Record<string, (lw: LockWatch) => Express> = {
  "/auth": (lw) => express().use("/auth", forExpress.tokenRouter(lw, routes)),
  "": (lw) => express().use(forExpress.tokenRouter(lw, routes)),
  "/api/v1/auth": (lw) => express().use("/api", Router().use("/v1", Router().use("/auth", forExpress.tokenRouter(lw, routes)))),
  "/sub/s%3Bt/auth": (lw) => express().use("/sub", express().use("/:tenant", Router().use("/auth", forExpress.tokenRouter(lw, routes)))),
};

const FASTIFY: Record<string, (app: FastifyInstance, lw: LockWatch) => unknown> = {
  "/auth": (app, lw) => app.register(forFastify.tokenRoutes, { prefix: "/auth", lockwatch: lw, ...routes }),
  "": (app, lw) => app.register(forFastify.tokenRoutes, { lockwatch: lw, ...routes }),
  "/api/auth": (app, lw) =>
    app.register(async (inner) => { await inner.register(forFastify.tokenRoutes, { prefix: "/auth", lockwatch: lw, ...routes }); }, { prefix: "/api" }),
  "/s%3Bt/auth": (app, lw) => app.register(forFastify.tokenRoutes, { prefix: "/:tenant/auth", lockwatch: lw, ...routes }),
};

describe("a browser logs in, refreshes and logs out", () => {
  for (const [mount, build] of Object.entries(EXPRESS)) {
    it(`in Express below '${mount}'`, async () => {
      const { stub, lw } = withTokens();
      const { port, close } = await served(build(lw));
      await drive(port, mount, stub);
      await close();
    });
  }
  for (const [mount, build] of Object.entries(FASTIFY)) {
    it(`in Fastify below '${mount}'`, async () => {
      const { stub, lw } = withTokens();
      const app = fastify({ forceCloseConnections: true });
      await build(app, lw);
      const { port, close } = await servedByFastify(app);
      await drive(port, mount, stub);
      await close();
    });
  }
});

async function drive(port: number, mount: string, stub: Stub): Promise<void> {
  let jar: { pair: string; path: string } | undefined;
  const post = async (action: string) => {
    const path = `${mount}/${action}`;
    const sent = jar && (jar.path === "/" || path.startsWith(`${jar.path}/`)) ? { cookie: jar.pair } : {};
    const answer = await ask(port, path, { method: "POST", headers: { origin: PAGE, "content-length": "0", "user-agent": "a".repeat(600), ...sent } });
    const cookie = answer.header("Set-Cookie");
    const [, pair = "", age, at = ""] = /^(\w+=[^;]*); Max-Age=(\d+); Path=([^;]+); HttpOnly; Secure; SameSite=Strict$/.exec(cookie ?? "") ?? [];
    if (cookie !== undefined) jar = age === "0" ? undefined : { pair, path: at };
    return { ...answer, age };
  };
  const login = await post("login");
  assert.equal(login.status, 200);
  assert.equal((JSON.parse(login.body) as { expires_in: number }).expires_in, 900);
  assert.equal(login.age, "3600");
  assert.equal((await post("refresh")).status, 200);
  assert.equal((await post("logout")).status, 204);
  assert.equal(jar, undefined);
  assert.equal((await post("logout")).status, 401);
  const meta = JSON.stringify({ ip: "127.0.0.1", user_agent: "a".repeat(512) });
  assert.deepEqual(
    stub.calls.map((args: Command["args"]) => [args[0], args.at(-1)]),
    [["LW.ISSUE", meta], ["LW.ROTATE", meta], ["LW.REVOKE", "lwr_x"]],
  );
}

describe("every refresh token that is refused gets the same response", () => {
  const own = { store: "auth", authenticate: () => "alice" };
  for (const code of ["LWINVALID", "LWEXPIRED", "LWREVOKED", "LWREUSED"]) {
    const refusing = () => new LockWatch(new Stub().answer("LW.ROTATE", { error: `${code} the token` }));
    const refresh = async ({ port, close }: Api) => {
      const answer = await ask(port, "/refresh", { method: "POST", body: '{"refresh_token":"lwr_x"}', headers: { "content-type": "application/json" } });
      await close();
      const seen = [answer.status, answer.body, ...["WWW-Authenticate", "Cache-Control", "Set-Cookie"].map((name) => answer.header(name))];
      assert.deepEqual(seen, [401, '{"error":"invalid_grant"}', "Bearer", "no-store", undefined]);
    };
    it(`in Express: ${code}`, async () => refresh(await served(express().use(forExpress.tokenRouter(refusing(), own)))));
    it(`in Fastify: ${code}`, async () => {
      const app = fastify({ forceCloseConnections: true });
      app.register(forFastify.tokenRoutes, { lockwatch: refusing(), ...own });
      await refresh(await servedByFastify(app));
    });
  }
});

describe("the address of a session is that of the peer without its port", () => {
  const own = { store: "auth", authenticate: () => "alice" };
  const peers = { "203.0.113.8:1234": "203.0.113.8", "[2001:db8::1]:1234": "2001:db8::1", "::ffff:203.0.113.8": "203.0.113.8", unknown: undefined, "": undefined };
  for (const [peer, ip] of Object.entries(peers)) {
    const disguise = ({ socket }: { socket: object }) => Object.defineProperty(socket, "remoteAddress", { value: peer });
    const keeps = async ({ port, close }: Api, stub: Stub) => {
      await ask(port, "/login", { method: "POST", headers: { "content-length": "0", "user-agent": "a" } });
      await close();
      assert.deepEqual(JSON.parse(String(stub.calls[0]?.at(-1))), { ...(ip === undefined ? {} : { ip }), user_agent: "a" });
    };
    it(`in Express: '${peer}'`, async () => {
      const { stub, lw } = withTokens();
      const app = express().use((request, _response, next) => {
        disguise(request);
        next();
      });
      await keeps(await served(app.use(forExpress.tokenRouter(lw, own))), stub);
    });
    it(`in Fastify: '${peer}'`, async () => {
      const { stub, lw } = withTokens();
      const app = fastify({ forceCloseConnections: true });
      app.addHook("onRequest", ({ raw }, _reply, done) => {
        disguise(raw);
        done();
      });
      app.register(forFastify.tokenRoutes, { lockwatch: lw, ...own });
      await keeps(await servedByFastify(app), stub);
    });
  }
});

const cookie = (options: object) => forExpress.tokenRouter(new LockWatch(new Stub()), { ...routes, cookie: { origins: [PAGE], ...options } });

const WRONG: [object, string][] = [
  [{ origins: [] }, "origins of cookie is []"],
  [{ origins: PAGE }, "expected an array of the pages' origins"],
  [{ origins: [7] }, "origins of cookie is [ 7 ]"],
  [{ name: "a b" }, "name of cookie is 'a b'"],
  [{ path: "auth" }, "path of cookie is 'auth'"],
  [{ path: "/;a" }, "path of cookie is '/;a'"],
  [{ domain: "https://app.example" }, "domain of cookie is"],
  [{ domain: ".app.example" }, "domain of cookie is"],
  [{ domain: "127.0.0.1" }, "domain of cookie is"],
  [{ secure: "no" }, "secure of cookie is 'no'"],
  [{ secure: false }, `secure of cookie is false: expected true, since ${PAGE} is not plain HTTP`],
  [{ origins: ["http://localhost"], name: "__Secure-a", secure: false }, "secure of cookie is false"],
  [{ name: "__Host-a", domain: "app.example" }, "domain of cookie is 'app.example'"],
  [{ name: "__host-a", path: "/auth" }, "path of cookie is '/auth'"],
];

describe("options of the cookie that cannot work", () => {
  for (const [options, message] of WRONG) {
    it(JSON.stringify(options), () => {
      assert.throws(() => cookie(options), (error) => error instanceof ConfigurationError && error.message.includes(message));
    });
  }
  it("others are accepted", () => {
    for (const options of [{ name: "__Host-a" }, { domain: "app.example", path: "/a" }, { origins: ["http://localhost:3000"], secure: false }]) cookie(options);
  });
});

describe("origins", () => {
  for (const { text, origin, error } of conformance.origins) {
    it(`'${text}'`, () => {
      if (origin !== undefined) assert.equal(parseOrigin(text), origin);
      else assert.throws(() => cookie({ origins: [text] }), (thrown) => thrown instanceof ConfigurationError && thrown.message.includes(error ?? ""));
    });
  }
});

it("authenticate returns a login, a subject, or nothing; anything else is an error", () => {
  assert.deepEqual([loginOf("alice"), loginOf(0), loginOf({ subject: 7 })], [{ subject: "alice" }, { subject: 0 }, { subject: 7 }]);
  assert.deepEqual([loginOf(null), loginOf(undefined), loginOf(false)], [undefined, undefined, undefined]);
  for (const returned of [true, { sub: "alice" }, {}, NaN, "", () => "alice"]) assert.throws(() => loginOf(returned), /^ConfigurationError: authenticate returned /);
});
