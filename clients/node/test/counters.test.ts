/** Counters and events: what became of each request under each limit. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import express from "express";
import fastify from "fastify";
import { LockWatch, type LimitEvent, type LockWatchOptions, type Stats } from "lockwatch";
import * as forExpress from "lockwatch/express";
import * as forFastify from "lockwatch/fastify";
import { Stub, type Scripted } from "lockwatch/testing";
import { ask } from "./support/http.js";
import { served, servedByFastify } from "./support/listen.js";
import { serve, WITH_MIDDLEWARE, type Framework } from "./support/served.js";
import { until } from "./support/wait.js";

const DENIED: Scripted = [1, 100, 0, 12_000, 60_000];
const OOM: Scripted = { error: "OOM command not allowed when used memory > 'maxmemory'." };

interface Asked {
  readonly stats: Stats;
  readonly events: LimitEvent[];
  readonly logged: string[];
  readonly status: number;
}

/** Sends a request through a middleware in front of a limit, and returns what was counted. */
async function askOnce(framework: Framework, stub: Stub, options: object, ofClient: LockWatchOptions = {}, path = "/orders/42?token=s3cret"): Promise<Asked> {
  const events: LimitEvent[] = [];
  const logged: string[] = [];
  const lw = new LockWatch(stub, { log: (message) => logged.push(message), onEvent: (event) => void events.push(event), ...ofClient });
  const server = await serve(framework, { redis: lw, keyPrefix: "lw", burstThreshold: null, ...options }, ({ answer }) => answer(200, [], ""));
  const { status } = await ask(server.port, path, { headers: { "x-user": "alice" } });
  await server.close();
  await lw.close();
  return { stats: lw.stats(), events, logged, status };
}

const OUTCOMES: { name: string; reply: Scripted; options: object; outcome: string; status: number; reason?: string }[] = [
  { name: "an admitted request", reply: [0, 100, 99, 0, 60_000], options: {}, outcome: "allowed", status: 200 },
  { name: "a denied request", reply: DENIED, options: {}, outcome: "denied", status: 429 },
  { name: "a denial in shadow mode", reply: DENIED, options: { shadow: true }, outcome: "shadow", status: 200 },
  { name: "a failure that lets requests through", reply: OOM, options: {}, outcome: "failed_open", status: 200, reason: "oom" },
  { name: "a failure that denies requests", reply: OOM, options: { onRedisFailure: "deny" }, outcome: "failed_closed", status: 503, reason: "oom" },
  { name: "a connection that is closed", reply: { failure: "closed" }, options: {}, outcome: "failed_open", status: 200, reason: "connection" },
  { name: "a policy that the server does not have", reply: { error: "LWNOPOLICY no such policy" }, options: { limits: "@gone" }, outcome: "failed_open", status: 200, reason: "lwnopolicy" },
];

for (const framework of WITH_MIDDLEWARE) {
  describe(`outcomes in ${framework}`, () => {
    for (const { name, reply, options, outcome, status, reason = null } of OUTCOMES) {
      it(name, async () => {
        const asked = await askOnce(framework, new Stub().answer("LW.RATELIMIT", reply), options);
        assert.equal(asked.status, status);
        assert.deepEqual(asked.stats, { requests: { default: { [outcome]: 1 } }, auditDropped: 0, limitsOff: outcome === "failed_open" });
        assert.deepEqual(asked.events, [{ outcome, policy: "default", route: null, reason }]);
      });
    }

    it("a policy has its pattern as the route, and the event has nothing of the client", async () => {
      const routes = { "/orders/{id}": { limits: "5/minute", keyFunc: () => "alice" } };
      const { stats, events } = await askOnce(framework, new Stub(), { routes });
      assert.deepEqual(stats.requests, { "orders-.id": { allowed: 1 } });
      assert.deepEqual(events, [{ outcome: "allowed", policy: "orders-.id", route: "/orders/{id}", reason: null }]);
    });

    it("exempt requests, and those to which no limit applies, are not counted", async () => {
      for (const options of [{ exempt: ["/orders/*"] }, { keyFunc: () => null }]) {
        const { stats, events } = await askOnce(framework, new Stub(), options);
        assert.deepEqual([stats.requests, events], [{}, []]);
      }
    });

    it("a guard that answers the request counts once more", async () => {
      const stub = new Stub().answer("LW.CHECK", [2, 9000, "scan", 1, 2, 0]);
      const { stats, events, status } = await askOnce(framework, stub, { guard: "http" });
      assert.equal(status, 429);
      assert.deepEqual(stats.requests, { default: { allowed: 1 }, guard: { denied: 1 } });
      assert.deepEqual(events.at(-1), { outcome: "denied", policy: "guard", route: null, reason: null });
    });

    it("an onEvent that fails is logged, and the request goes on", async () => {
      const failing: LockWatchOptions["onEvent"][] = [
        () => {
          throw new Error("no such metric");
        },
        // An asynchronous function by mistake.
        (() => Promise.reject(new Error("no such metric"))),
      ];
      for (const onEvent of failing) {
        const { stats, logged, status } = await askOnce(framework, new Stub(), {}, { onEvent: onEvent as NonNullable<typeof onEvent> });
        assert.equal(status, 200);
        assert.deepEqual(stats.requests, { default: { allowed: 1 } });
        assert.deepEqual(logged, ["lockwatch: onEvent failed, and the request went on: Error: no such metric"]);
      }
    });

    it("a key function whose Redis is away is a failure of the limit", async () => {
      const keyFunc = () => Promise.reject(Object.assign(new Error("LOADING Redis is loading"), { name: "ReplyError" }));
      const { stats, events } = await askOnce(framework, new Stub(), { keyFunc });
      assert.deepEqual(stats.requests, { default: { failed_open: 1 } });
      assert.deepEqual(events, [{ outcome: "failed_open", policy: "default", route: null, reason: "loading" }]);
    });
  });
}

describe("the breaker", () => {
  it("counts bypassed requests apart, and limits are off until Redis answers", async () => {
    const stub = new Stub().unavailable("timeout");
    const lw = new LockWatch(stub, { commandTimeoutMs: 20, breakerTimeouts: 1, breakerSeconds: 0.05, log: () => undefined });
    const server = await serve("express", { redis: lw, keyPrefix: "lw", burstThreshold: null }, ({ answer }) => answer(200, [], ""));
    await ask(server.port, "/");
    await ask(server.port, "/");
    assert.deepEqual(lw.stats().requests, { default: { failed_open: 1, bypassed: 1 } });
    assert.ok(lw.stats().limitsOff);
    // The event of the bypassed request was dropped without being sent.
    assert.equal(lw.stats().auditDropped >= 1, true);
    stub.available();
    await until("limits are back", async () => {
      await ask(server.port, "/");
      return !lw.stats().limitsOff;
    });
    assert.equal(lw.stats().requests.default?.allowed, 1);
    await server.close();
    await lw.close();
  });
});

describe("limits of routes", () => {
  const templates = { express: "GET /orders/:id", fastify: "GET /orders/:id" };

  it("count under their names, with the route's template, in Express", async () => {
    const events: LimitEvent[] = [];
    const stub = new Stub().answer("LW.RATELIMIT", [0, 9, 8, 0, 60_000], DENIED);
    const lw = new LockWatch(stub, { onEvent: (event) => void events.push(event) });
    const app = express();
    app.get("/orders/:id", forExpress.limit(lw, "9/minute"), forExpress.limit(lw, "5/minute", { name: "tight" }), (_request, response) => void response.end());
    const api = await served(app);
    assert.equal((await ask(api.port, "/orders/42")).status, 429);
    await api.close();
    assert.deepEqual(lw.stats().requests, { "get-orders-.id": { allowed: 1 }, tight: { denied: 1 } });
    assert.deepEqual(events.map(({ route }) => route), [templates.express, templates.express]);
    await lw.close();
  });

  it("count under their names, with the route's template, in Fastify", async () => {
    const events: LimitEvent[] = [];
    const stub = new Stub().answer("LW.RATELIMIT", OOM);
    const lw = new LockWatch(stub, { onEvent: (event) => void events.push(event), log: () => undefined });
    const app = fastify();
    app.get("/orders/:id", { preHandler: forFastify.limit(lw, "9/minute", { onRedisFailure: "deny" }) }, () => "");
    const api = await servedByFastify(app);
    assert.equal((await ask(api.port, "/orders/42")).status, 503);
    await api.close();
    assert.deepEqual(lw.stats().requests, { "get-orders-.id": { failed_closed: 1 } });
    assert.deepEqual(events, [{ outcome: "failed_closed", policy: "get-orders-.id", route: templates.fastify, reason: "oom" }]);
    await lw.close();
  });
});

describe("the counters", () => {
  it("call names beyond a thousand other", () => {
    const lw = new LockWatch(new Stub());
    for (let i = 0; i < 1200; i++) lw.counters.count(`made-${i}`, "allowed");
    lw.counters.count("made-0", "denied");
    const { requests } = lw.stats();
    assert.equal(Object.keys(requests).length, 1001);
    assert.deepEqual([requests["made-0"], requests.other], [{ allowed: 1, denied: 1 }, { allowed: 200 }]);
  });

  it("are a snapshot", () => {
    const lw = new LockWatch(new Stub());
    const before = lw.stats();
    lw.counters.count("default", "allowed");
    assert.deepEqual(before.requests, {});
  });

  it("are those of one client, whatever uses it", async () => {
    const lw = new LockWatch(new Stub());
    const options: forExpress.ExpressOptions = { redis: lw, keyPrefix: "lw" };
    const app = express();
    app.use(forExpress.lockwatch(options), forExpress.lockwatch({ ...options, keyPrefix: "inner" }));
    const api = await served(app);
    await ask(api.port, "/");
    await api.close();
    assert.deepEqual(lw.stats().requests, { default: { allowed: 2 } });
    await lw.close();
  });

  it("have the audit events that were dropped", async () => {
    const { stats, events } = await askOnce("express", new Stub().answer("LW.AUDIT", OOM), {});
    assert.equal(stats.auditDropped, 1);
    assert.equal(stats.limitsOff, false);
    assert.deepEqual(events.at(-1), { outcome: "audit_dropped", policy: null, route: null, reason: "oom" });
  });
});
