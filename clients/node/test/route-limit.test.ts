/** Limits that the application places on a route. */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import express from "express";
import fastify from "fastify";
import { ADDRESS, LockWatch } from "lockwatch";
import * as forExpress from "lockwatch/express";
import * as forFastify from "lockwatch/fastify";
import { Stub, type Scripted } from "lockwatch/testing";
import { ask } from "./support/http.js";
import { served, servedByFastify, type Api } from "./support/listen.js";
import { FRAMEWORKS, type Framework } from "./support/served.js";
import { World } from "./support/world.js";

const cleanUp: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of cleanUp.splice(0)) await close();
});

for (const framework of FRAMEWORKS) {
  describe(`route limits in ${framework}`, () => {
    let world: World;

    before(async () => {
      world = await World.start();
    });

    after(() => world.stop());

    it("a key limits a user from any address", async () => {
      const api = await start(framework, world.lockwatch);
      const as = (user: string) => ask(api.port, "/orders/1", { method: "POST", headers: { "x-user": user, "content-length": 0 } });
      const first = await as("alice");
      assert.equal(first.status, 200);
      assert.equal(first.header("RateLimit-Policy"), '"post-orders-.id";q=2;w=60', "the route's headers replace the middleware's");
      assert.equal(first.header("X-RateLimit-Remaining"), "1");
      await as("alice");
      const denied = await as("alice");
      assert.equal(denied.status, 429);
      assert.match(denied.body, /^\{"error":"rate_limit_exceeded","retry_after":\d+\}$/);
      assert.equal(String((JSON.parse(denied.body) as { retry_after: number }).retry_after), denied.header("Retry-After"));
      assert.equal((await as("bob")).status, 200);
      assert.equal(await world.admin.exists("lw:{key:alice}:limit:post-orders-.id"), 1);
      const rows = await world.auditRows("/orders", 4);
      assert.deepEqual(rows.map(({ status, limited }) => [status, limited]), [[200, false], [200, false], [429, true], [200, false]]);
    });

    it("without a key the address is limited", async () => {
      const api = await start(framework, world.lockwatch);
      assert.equal((await ask(api.port, "/search")).status, 200);
      assert.equal((await ask(api.port, "/search")).status, 429);
      assert.equal(await world.admin.exists("lw:{ip:127.0.0.1}:limit:search"), 1);
    });

    it("shadow mode denies nothing and records what it would deny", async () => {
      const api = await start(framework, world.lockwatch);
      for (let i = 0; i < 2; i++) assert.equal((await ask(api.port, "/shadow")).status, 200);
      const rows = await world.auditRows("/shadow", 2);
      const policy = "get-shadow";
      const retryAfter = (rows[1]?.data as { retry_after: number } | undefined)?.retry_after;
      const denial = { policy, key: `lw:{ip:127.0.0.1}:limit:${policy}`, limit: 1, window: 60, retry_after: retryAfter, client: "ip:127.0.0.1" };
      assert.deepEqual(rows.map(({ limited, data }) => [limited, data]), [[false, null], [true, { ...denial, shadow: true }]]);
    });

    it("a failure of Redis lets requests through, or answers 503 with deny", async () => {
      const oom: Scripted = { error: "OOM command not allowed when used memory > 'maxmemory'." };
      const stub = new Stub().answer("LW.RATELIMIT", oom);
      const api = await start(framework, new LockWatch(stub, { log: () => undefined }));
      assert.equal((await ask(api.port, "/search")).status, 200);
      const denied = await ask(api.port, "/strict");
      assert.deepEqual([denied.status, denied.header("Retry-After")], [503, "1"]);
    });
  });
}

it("a limit in front of the whole application counts all of it", async () => {
  const app = express();
  const stub = new Stub();
  app.use(forExpress.limit(new LockWatch(stub), "1/minute"));
  const { port, close } = await served(app);
  cleanUp.push(close);
  for (const path of ["/x", "/y"]) await ask(port, path);
  assert.deepEqual(stub.calls.map(([, key]) => key), ["lw:{ip:127.0.0.1}:limit:..", "lw:{ip:127.0.0.1}:limit:.."]);
});

async function start(framework: Framework, lw: LockWatch): Promise<Api> {
  const api = await (framework === "express" ? startExpress(lw) : startFastify(lw));
  cleanUp.push(() => api.close());
  return api;
}

async function startExpress(lw: LockWatch): Promise<Api> {
  const app = express();
  app.use(forExpress.lockwatch({ redis: lw }));
  const orders = express.Router();
  orders.post("/:id", forExpress.limit(lw, "2/minute", { key: (request) => request.get("x-user") ?? ADDRESS }), (_request, response) => {
    response.json({});
  });
  app.use("/orders", orders);
  for (const [path, limit] of Object.entries(limits(lw, forExpress))) {
    app.get(path, limit, (_request, response) => {
      response.json({});
    });
  }
  return served(app);
}

async function startFastify(lw: LockWatch): Promise<Api> {
  const app = fastify({ forceCloseConnections: true });
  await app.register(forFastify.lockwatch, { redis: lw });
  const perUser = forFastify.limit(lw, "2/minute", { key: (request) => String(request.headers["x-user"]) });
  app.post("/orders/:id", { preHandler: perUser }, () => ({}));
  for (const [path, limit] of Object.entries(limits(lw, forFastify))) app.get(path, { preHandler: limit }, () => ({}));
  return servedByFastify(app);
}

function limits(lw: LockWatch, { limit }: Pick<typeof forExpress | typeof forFastify, "limit">) {
  return {
    "/search": limit(lw, "1/minute", { name: "search" }),
    "/shadow": limit(lw, "1/minute", { shadow: true }),
    "/strict": limit(lw, "1/minute", { onRedisFailure: "deny" }),
  };
}
