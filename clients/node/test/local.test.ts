/** The limiter in the process: by itself, and in an application whose Redis goes and comes back. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ConfigurationError, LockWatch, parseLimits, type Limit } from "lockwatch";
import * as forExpress from "lockwatch/express";
import { Stub } from "lockwatch/testing";
import { LocalLimiter, shareOf } from "../dist/local.js";
import { ask } from "./support/http.js";
import { startRedis } from "./support/redis.js";
import { serve, WITH_MIDDLEWARE } from "./support/served.js";
import { until } from "./support/wait.js";

const DAY = parseLimits("1/day") as readonly Limit[];

async function allowed(local: LocalLimiter, key: string, limits: readonly Limit[] = DAY): Promise<boolean> {
  return (await local.admit(key, limits, 1, 1)).allowed;
}

describe("the limiter in the process", () => {
  it("remembers ten thousand clients of a policy, and further ones share a counter", async () => {
    const local = new LocalLimiter();
    for (let i = 0; i < 10_000; i++) assert.ok(await allowed(local, `lw:{key:${i}}:default`));
    assert.deepEqual([await allowed(local, "lw:{key:a}:default"), await allowed(local, "lw:{key:b}:default")], [true, false]);
    // Another policy has clients of its own.
    assert.ok(await allowed(local, "lw:{key:a}:login"));
    for (const key of [7, 8]) local.answered(`lw:{key:${key}}:default`);
    assert.ok(await allowed(local, "lw:{key:new}:default"));
  });

  it("forgets clients whose windows have ended when there are too many", async () => {
    let now = 0;
    const local = new LocalLimiter(() => now);
    const second = parseLimits("1/second") as readonly Limit[];
    for (let i = 0; i < 10_000; i++) await allowed(local, `lw:{key:${i}}:default`, second);
    now = 1500;
    assert.deepEqual([await allowed(local, "lw:{key:a}:default"), await allowed(local, "lw:{key:b}:default")], [true, true]);
  });

  it("is empty after ten seconds without a failure, and an answer", async () => {
    let now = 0;
    const local = new LocalLimiter(() => now);
    await allowed(local, "lw:{key:a}:default");
    now = 9000;
    local.answered("lw:{key:b}:default");
    assert.equal(await allowed(local, "lw:{key:a}:default"), false);
    now = 20_000;
    local.answered("lw:{key:b}:default");
    assert.equal(await allowed(local, "lw:{key:a}:default"), true);
  });

  it("counts exactly under concurrent calls", async () => {
    const local = new LocalLimiter();
    const limits = parseLimits("7/day; 9/hour") as readonly Limit[];
    const results = await Promise.all(Array.from({ length: 50 }, () => allowed(local, "lw:{key:a}:default", limits)));
    assert.equal(results.filter(Boolean).length, 7);
  });

  it("says how long a denied call has to wait, and takes windows that no timer can wait for", async () => {
    const local = new LocalLimiter();
    const limits = parseLimits("1/year") as readonly Limit[];
    assert.ok(await allowed(local, "lw:{key:a}:default", limits));
    const denied = await local.admit("lw:{key:a}:default", limits, 1, 1);
    assert.equal(denied.allowed, false);
    assert.ok(denied.retryAfterMs > 24 * 86_400_000 - 1000, String(denied.retryAfterMs));
  });

  it("rounds shares down, to one at least", () => {
    const limits = parseLimits("0/s; 1/s; 3/s; 10/s") as readonly Limit[];
    assert.deepEqual(shareOf(limits, 0.25).map(({ limit }) => limit), [0, 1, 1, 2]);
    assert.equal(shareOf(limits, 1), limits);
  });
});

for (const framework of WITH_MIDDLEWARE) {
  describe(`onRedisFailure "local" in ${framework}`, () => {
    it("limits while Redis is away, and Redis limits as soon as it is back", async () => {
      let server = await startRedis();
      const { port, url } = server;
      const logged: string[] = [];
      const lw = new LockWatch(url, { connectTimeoutMs: 5000, commandTimeoutMs: 5000, log: (message) => logged.push(message) });
      const options = { redis: lw, keyPrefix: "lw", limits: "4/minute", onRedisFailure: "local", localShare: 0.5, burstThreshold: null };
      const api = await serve(framework, options, ({ answer }) => answer(200, [], ""));
      const get = () => ask(api.port, "/");
      assert.equal((await get()).header("X-RateLimit-Remaining"), "3");
      await server.stop();
      assert.deepEqual([(await get()).status, (await get()).status], [200, 200]);
      const denied = await get();
      assert.equal(denied.status, 429);
      assert.match(denied.header("Retry-After") ?? "", /^([1-9]|[1-5]\d|60)$/);
      assert.equal(denied.header("X-RateLimit-Limit"), undefined);
      assert.ok(!lw.stats().limitsOff);
      assert.ok(logged.some((message) => message.startsWith("lockwatch: requests are limited by this process alone: no connection to Redis at ")), logged.join("\n"));
      server = await startRedis({ port });
      await until("Redis limits again", async () => (await get()).header("X-RateLimit-Limit") === "4");
      assert.ok(logged.some((message) => /limits are enforced again at .*; \d+ requests were limited by this process alone$/.test(message)), logged.join("\n"));
      await api.close();
      await lw.close();
      await server.stop();
    });
  });
}

describe("a limit on a route with local limits", () => {
  it("whose function fails counts the address", async () => {
    const lw = new LockWatch(new Stub(), { log: () => undefined });
    const away = () => Promise.reject(Object.assign(new Error("LOADING Redis is loading"), { name: "ReplyError" }));
    const limit = forExpress.limit(lw, away as never, { name: "plans", onRedisFailure: "local", localLimits: "1/day" });
    const unknown = forExpress.limit(lw, away as never, { name: "unknown", onRedisFailure: "local" });
    let placed = limit;
    const api = await serve("express", { redis: lw, keyPrefix: "lw" }, ({ answer }) => answer(200, [], ""), undefined, () => placed);
    const statuses = [(await ask(api.port, "/")).status, (await ask(api.port, "/")).status];
    placed = unknown;
    statuses.push((await ask(api.port, "/")).status);
    assert.deepEqual(statuses, [200, 429, 503]);
    assert.deepEqual(lw.stats().requests, { default: { allowed: 3 }, plans: { local: 1, local_denied: 1 }, unknown: { failed_closed: 1 } });
    await api.close();
    await lw.close();
  });

  it("needs them for a policy of the server", () => {
    const lw = new LockWatch(new Stub());
    assert.throws(() => forExpress.limit(lw, "@plans", { onRedisFailure: "local" }), ConfigurationError);
    forExpress.limit(lw, "@plans", { onRedisFailure: "local", localLimits: [[5, 60]] });
  });
});
