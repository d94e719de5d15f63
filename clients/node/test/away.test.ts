/** Redis is away: in the application's own functions, and what the log says. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import express from "express";
import fastify from "fastify";
import { Redis } from "ioredis";
import { LockWatch, UnavailableError } from "lockwatch";
import * as forExpress from "lockwatch/express";
import * as forFastify from "lockwatch/fastify";
import { freePort, Stub } from "lockwatch/testing";
import * as nodeRedis from "redis";
import { FailureLog } from "../dist/failure-log.js";
import { ask } from "./support/http.js";
import { served, servedByFastify } from "./support/listen.js";
import { startRedis } from "./support/redis.js";
import { FRAMEWORKS, serve } from "./support/served.js";
import { until } from "./support/wait.js";

const { createClient, ErrorReply, TimeoutError } = nodeRedis;

/** Calls that fail because Redis is away, by the libraries themselves where that is quick. */
const AWAY: Record<string, () => Promise<unknown>> = {
  "lockwatch: no answer": () => Promise.reject(new UnavailableError("TIMEOUT", "late")),
  "lockwatch: no connection": async () => {
    const lw = new LockWatch(`redis://127.0.0.1:${await freePort()}`);
    return lw.ratelimit("a", "1/s").finally(() => lw.close());
  },
  "ioredis: retries": async () => ioredis({ port: await freePort(), maxRetriesPerRequest: 0 }),
  "ioredis: closed": async () => ioredis({ port: await freePort(), retryStrategy: null }),
  "ioredis: no queue": async () => ioredis({ port: await freePort(), enableOfflineQueue: false }),
  "ioredis: command timeout": async () => ioredis({ port: await freePort(), maxRetriesPerRequest: null, commandTimeout: 20 }),
  "ioredis: LOADING": () => Promise.reject(Object.assign(new Error("LOADING Redis is loading"), { name: "ReplyError" })),
  "node-redis: closed": () => createClient().get("a"),
  "node-redis: offline": async () => {
    const client = createClient({ socket: { port: await freePort() }, disableOfflineQueue: true });
    client.on("error", () => undefined);
    client.connect().catch(() => undefined);
    return client.get("a").finally(() => client.destroy());
  },
  "node-redis: socket closed": () => Promise.reject(new nodeRedis.SocketClosedUnexpectedlyError()),
  "node-redis: command timeout": () => Promise.reject(new TimeoutError()),
  "node-redis: READONLY": () => Promise.reject(new ErrorReply("READONLY You can't write against a read only replica.")),
};

async function ioredis(options: object): Promise<unknown> {
  const client = new Redis({ ...options, lazyConnect: true });
  client.on("error", () => undefined);
  return client.get("a").finally(() => client.disconnect());
}

const OTHERS: Record<string, () => Promise<unknown>> = {
  "an error of the application": () => Promise.reject(new Error("no such tenant")),
  "a wrong type": () => Promise.reject(new ErrorReply("WRONGTYPE Operation against a key holding the wrong kind of value")),
  "a timeout of fetch": () => Promise.reject(new DOMException("The operation was aborted due to timeout", "TimeoutError")),
  "another service": () => fetch(`http://127.0.0.1:1/`),
};

for (const framework of FRAMEWORKS) {
  describe(`functions of the application in ${framework}`, () => {
    for (const [reason, fail] of Object.entries(AWAY)) {
      it(`obey onRedisFailure: ${reason}`, async () => {
        for (const [mode, status] of [["allow", 200], ["deny", 503]] as const) {
          for (const option of ["keyFunc", "planFunc"]) {
            const stub = new Stub();
            const logged: string[] = [];
            const options = { redis: stub, keyPrefix: "lw", onRedisFailure: mode, [option]: fail, log: (message: string) => logged.push(message) };
            const served = await serve(framework, options, ({ answer }) => answer(200, [], ""));
            assert.equal((await ask(served.port, "/")).status, status);
            await until("the event", () => stub.calls.some(([name]) => name === "LW.AUDIT"));
            assert.ok(!stub.calls.some(([name]) => name === "LW.RATELIMIT"));
            const done = { allow: "let through without a limit", deny: "answered 503" }[mode];
            assert.ok(logged[0]?.startsWith(`lockwatch: requests are ${done}: ${option} failed because Redis is away: `), logged[0]);
            await served.close();
          }
          const { limit } = framework === "express" ? forExpress : forFastify;
          const lw = new LockWatch(new Stub(), { log: () => undefined });
          const placed = limit(lw, "9/minute", { key: fail as never, name: "a", onRedisFailure: mode });
          const served = await serve(framework, { redis: lw }, ({ answer }) => answer(200, [], ""), undefined, () => placed);
          assert.equal((await ask(served.port, "/")).status, status);
          await served.close();
        }
      });
    }

    for (const [reason, fail] of Object.entries(OTHERS)) {
      it(`keep other errors: ${reason}`, async () => {
        for (const option of ["keyFunc", "planFunc"]) {
          const served = await serve(framework, { redis: new Stub(), [option]: fail }, ({ answer }) => answer(200, [], ""));
          assert.equal((await ask(served.port, "/")).status, 500);
          await served.close();
        }
      });
    }
  });
}

describe("token routes and guards without the application's Redis", () => {
  for (const [reason, fail] of Object.entries(AWAY)) {
    it(`are answered 503: ${reason}`, async () => {
      const lw = new LockWatch(new Stub(), { log: () => undefined });
      const failure = await fail().then(() => undefined, (error: unknown) => error);
      const store = () => {
        throw failure;
      };
      const app = express();
      app.use("/auth", forExpress.tokenRouter(lw, { store, authenticate: fail as never }));
      app.get("/orders", forExpress.jwtRequired(lw, { store }), (_request, response) => void response.end());
      const ofExpress = await served(app);
      await expect503(ofExpress.port);
      await ofExpress.close();
      const fast = fastify();
      await fast.register(forFastify.tokenRoutes, { prefix: "/auth", lockwatch: lw, store, authenticate: fail as never });
      fast.get("/orders", { onRequest: forFastify.jwtRequired(lw, { store }) }, () => "");
      const ofFastify = await servedByFastify(fast);
      await expect503(ofFastify.port);
      await ofFastify.close();
    });
  }
});

async function expect503(port: number): Promise<void> {
  const headers = { "content-type": "application/json", connection: "close" };
  for (const action of ["login", "refresh", "logout"]) {
    const answer = await fetch(`http://127.0.0.1:${port}/auth/${action}`, { method: "POST", headers, body: '{"refresh_token":"lwr_x"}' });
    assert.equal(answer.status, 503, action);
    await answer.arrayBuffer();
  }
  const answer = await fetch(`http://127.0.0.1:${port}/orders`, { headers: { authorization: "Bearer x", connection: "close" } });
  assert.equal(answer.status, 503);
}

const GONE = new UnavailableError("CONNECTION", "no connection to Redis at a:1: refused", "a:1");

describe("the log of failures", () => {
  it("is shared by all objects of one server", () => {
    const logged: string[] = [];
    const logs = Array.from({ length: 10 }, () => new FailureLog((message) => logged.push(message), 10_000, "shared:1"));
    const other = new FailureLog((message) => logged.push(message), 10_000, "shared:2");
    for (const each of [...logs, ...logs, other]) each.limitFailed(GONE, "requests", "allow");
    assert.equal(logged.length, 2);
  });

  it("is not shared by connections of the application", () => {
    const logged: string[] = [];
    for (let i = 0; i < 2; i++) new FailureLog((message) => logged.push(message), 10_000).limitFailed(GONE, "requests", "allow");
    assert.equal(logged.length, 2);
  });

  it("has the end of an outage once", () => {
    const logged: string[] = [];
    const [one, two] = Array.from({ length: 2 }, () => new FailureLog((message) => logged.push(message), 10_000, "end:1"));
    if (!one || !two) throw new Error("unreachable");
    one.limitAnswered();
    for (let i = 0; i < 3; i++) one.limitFailed(GONE, "requests", "allow");
    two.limitFailed(GONE, "requests", "deny");
    for (const each of [two, one, two]) each.limitAnswered();
    for (const lost of [1, 4]) two.eventsLost("CONNECTION", GONE, lost);
    one.eventsRecorded();
    two.eventsRecorded();
    assert.deepEqual(logged, [
      "lockwatch: requests are let through without a limit: no connection to Redis at a:1: refused",
      "lockwatch: limits are enforced again at end:1 after 0.0 s; 3 requests were let through without a limit and 1 request was answered 503",
      "lockwatch: audit events are lost: no connection to Redis at a:1: refused",
      "lockwatch: audit events are recorded again at end:1 after 0.0 s; 5 events were lost",
    ]);
  });

  it("is not flooded by a failure that comes and goes", () => {
    const logged: string[] = [];
    const log = new FailureLog((message) => logged.push(message), 10_000, "flapping:1");
    for (let i = 0; i < 200; i++) {
      log.limitFailed(GONE, "requests", "allow");
      log.limitAnswered();
    }
    assert.equal(logged.length, 2);
  });

  it("takes a refused key for no outage", () => {
    const logged: string[] = [];
    const log = new FailureLog((message) => logged.push(message), 10_000, "refused:1");
    log.limitFailed(new UnavailableError("NOPERM", "NOPERM (Redis at a:1)", "a:1"), "requests", "allow");
    log.limitAnswered();
    assert.equal(logged.length, 1);
  });
});

describe("an outage of a server", () => {
  const logged: string[] = [];
  let port: number;

  before(async () => {
    port = await freePort();
  });

  after(() => assert.ok(logged.every((message) => message.includes(`127.0.0.1:${port}`) && !message.includes("s3cret")), logged.join("\n")));

  it("is logged once by several middlewares and limits, and so is its end", async () => {
    const start = () => startRedis({ port, args: ["--requirepass", "s3cret"] });
    let server = await start();
    const url = `redis://:s3cret@127.0.0.1:${port}`;
    const options = { connectTimeoutMs: 5000, commandTimeoutMs: 5000, log: (message: string) => logged.push(message) };
    const lw = new LockWatch(url, options);
    const outer = forExpress.lockwatch({ redis: url, keyPrefix: "other", ...options });
    const app = express();
    app.use(outer, forExpress.lockwatch({ redis: lw, keyPrefix: "lw" }));
    app.get("/", forExpress.limit(lw, "99/minute", { keyPrefix: "lw" }), (_request, response) => void response.end());
    const api = await served(app);
    const get = () => ask(api.port, "/");
    await get();
    await lw.auditQueue.drained();
    await outer.lockwatch.auditQueue.drained();
    await server.stop();
    for (let i = 0; i < 5; i++) assert.equal((await get()).status, 200);
    await until("lost events", () => logged.some((message) => message.includes("audit events are lost")));
    server = await start();
    await until("the end", async () => {
      await get();
      await pause(10);
      return ["enforced again", "recorded again"].every((part) => logged.some((message) => message.includes(part)));
    });
    assert.equal(logged.filter((message) => message.includes("let through without a limit: no connection")).length, 1);
    const [ended, ...others] = logged.filter((message) => message.includes("enforced again"));
    assert.match(ended ?? "", new RegExp(`^lockwatch: limits are enforced again at 127.0.0.1:${port} after [\\d.]+ s; \\d+ requests were let through without a limit$`));
    assert.deepEqual(others, []);
    const [recorded] = logged.filter((message) => message.includes("recorded again"));
    assert.match(recorded ?? "", new RegExp(`^lockwatch: audit events are recorded again at 127.0.0.1:${port} after [\\d.]+ s; \\d+ events were lost$`));
    await api.close();
    await lw.close();
    await outer.lockwatch.close();
    await server.stop();
  });
});

describe("slow commands", () => {
  it("respect an open breaker, and do not open it", async () => {
    const stub = new Stub().answer("LW.RATELIMIT", { failure: "timeout" }).answer("LW.ISSUE", ["a", "b", 1, 2, "c"]);
    const lw = new LockWatch(stub, { commandTimeoutMs: 20, breakerTimeouts: 2, breakerSeconds: 60 });
    for (let i = 0; i < 2; i++) await assert.rejects(lw.ratelimit("a", "1/s"), { code: "TIMEOUT" });
    const calls = [() => lw.issue("auth", "alice"), () => lw.rotate("auth", "lwr_x"), () => lw.auditLog(), () => lw.jwks(), () => lw.sessions("auth", "alice")];
    for (const call of calls) await assert.rejects(call(), (error) => error instanceof UnavailableError && error.code === "BYPASSED");
    assert.ok(!stub.calls.some(([name]) => name !== "LW.RATELIMIT"));
  });
});
