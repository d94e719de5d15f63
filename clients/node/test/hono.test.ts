/** The middleware of Hono, and what is different there. */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, it } from "node:test";
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { ADDRESS, ConfigurationError, LockWatch } from "lockwatch";
import { jwtRequired, limit, lockwatch } from "lockwatch/hono";
import { Stub } from "lockwatch/testing";
import { cells } from "./support/cells.js";
import { ask } from "./support/http.js";
import { World } from "./support/world.js";

describe("hono with ioredis", { concurrency: 4 }, () => cells("hono", "ioredis"));
describe("hono with node-redis", { concurrency: 4 }, () => cells("hono", "node-redis"));

async function withServer(app: Hono, test: (port: number) => Promise<void>): Promise<void> {
  const server = serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }) as Server;
  await once(server, "listening");
  try {
    await test((server.address() as AddressInfo).port);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

describe("lockwatch/hono", () => {
  let world: World;
  let lw: LockWatch;

  before(async () => {
    world = await World.start();
    lw = world.lockwatch;
  });

  after(() => world.stop());

  it("sets its headers on every kind of response, and leaves those of the application", async () => {
    const app = new Hono();
    app.use(lockwatch({ redis: lw, keyPrefix: "kinds", limits: "100/minute" }));
    app.get("/json", (c) => c.json("ok"));
    app.get("/raw", () => new Response("ok"));
    app.get("/fetched", () => Response.redirect("http://localhost/elsewhere", 302));
    app.get("/own", (c) => c.text("ok", 200, { "X-RateLimit-Limit": "own" }));
    app.get("/fails", () => {
      throw new Error("a mistake");
    });
    app.onError((_error, c) => c.text("sorry", 500));
    await withServer(app, async (port) => {
      for (const [path, status] of [["/json", 200], ["/raw", 200], ["/fetched", 302], ["/fails", 500], ["/missing", 404]] as const) {
        const answer = await ask(port, path);
        assert.deepEqual([answer.status, answer.header("X-RateLimit-Limit")], [status, "100"], path);
      }
      assert.equal((await ask(port, "/own")).header("X-RateLimit-Limit"), "own");
    });
  });

  it("names the limits of routes by their templates, and limits by what the context holds", async () => {
    const app = new Hono();
    const orders = new Hono();
    orders.post("/:id", limit(lw, "1/minute", { key: (c) => c.req.header("x-account") ?? ADDRESS }), (c) => c.json("ordered", 201));
    app.use("/admin/*", limit(lw, "5/minute"));
    app.get("/admin/users", limit(lw, "9/minute", { name: "users" }), (c) => c.json([]));
    app.route("/orders", orders);
    await withServer(app, async (port) => {
      const order = (account: string, id: number) => ask(port, `/orders/${id}`, { method: "POST", headers: { "x-account": account, "content-length": 0 } });
      assert.equal((await order("a", 1)).header("RateLimit-Policy"), '"post-orders-.id";q=1;w=60');
      const denied = await order("a", 2);
      assert.deepEqual([denied.status, JSON.parse(denied.body)], [429, { error: "rate_limit_exceeded", retry_after: Number(denied.header("Retry-After")) }]);
      assert.equal((await order("b", 2)).status, 201);
      assert.equal((await ask(port, "/admin/users")).header("RateLimit-Policy"), '"users";q=9;w=60', "that of the inner limit");
      const keys = (await lw.clientKeys({ address: "127.0.0.1" })).map(({ policy }) => policy);
      assert.deepEqual(keys, ["admin-..", "users"]);
    });
  });

  it("limits users by their tokens", async () => {
    const stub = new LockWatch(new Stub());
    const { accessToken } = await stub.issue("auth", "alice", { claims: { scope: "orders:read" } });
    const app = new Hono();
    app.get("/orders", jwtRequired(stub, { store: "auth", scopes: ["orders:read"] }), limit(stub, "5/minute", { key: (c) => c.get("claims")?.sub }), (c) => c.json(c.get("claims")?.sub));
    await withServer(app, async (port) => {
      assert.deepEqual([(await ask(port, "/orders")).status, (await ask(port, "/orders", { headers: { authorization: "Bearer x" } })).status], [401, 403]);
      const answer = await ask(port, "/orders", { headers: { authorization: `Bearer ${accessToken}` } });
      assert.deepEqual([answer.status, answer.body], [200, '"alice"']);
    });
  });

  it("passes errors of the application's functions on, and its own", async () => {
    const errors: unknown[] = [];
    const app = new Hono();
    app.use(lockwatch({ redis: lw, keyFunc: () => Promise.reject(new Error("no such tenant")) }));
    app.onError((error, c) => {
      errors.push(error);
      return c.body(null, 500);
    });
    await withServer(app, async (port) => assert.equal((await ask(port, "/")).status, 500));
    await app.request("/");
    assert.match(String(errors[0]), /no such tenant/);
    assert.ok(errors[1] instanceof ConfigurationError && errors[1].message.includes("@hono/node-server"));
    assert.throws(() => lockwatch({ redis: lw, limit: "5/minute" } as never), ConfigurationError);
    assert.throws(() => limit({} as never, "5/minute"), ConfigurationError);
  });
});
