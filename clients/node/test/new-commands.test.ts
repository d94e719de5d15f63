/** Refunds, several keys at once, explanations and leases, with each library on a real server. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Redis } from "ioredis";
import { ConfigurationError, LeaseDeniedError, LockWatch, NoPolicyError, type RedisSource } from "lockwatch";
import { Stub } from "lockwatch/testing";
import { createClient } from "redis";
import { until } from "./support/wait.js";
import { World } from "./support/world.js";

const SOURCES: Record<string, (url: string) => RedisSource> = {
  ioredis: (url) => new Redis(url, { lazyConnect: true }),
  "node-redis": (url) => createClient({ url }),
  "a URL": (url) => url,
};

for (const [name, sourceOf] of Object.entries(SOURCES)) {
  describe(`commands over ${name}`, () => {
    let world: World;
    let lw: LockWatch;

    before(async () => {
      world = await World.start();
      lw = new LockWatch(sourceOf(world.url), { connectTimeoutMs: 5000, commandTimeoutMs: 5000, log: () => undefined });
    });

    after(async () => {
      await lw.close();
      await world.stop();
    });

    it("a forced call is counted although it is denied", async () => {
      await lw.ratelimit("forced", "1/minute");
      assert.equal((await lw.ratelimit("forced", "1/minute", { force: true, cost: 2 })).allowed, false);
      assert.equal((await lw.peek("forced", "10/minute", { cost: 0 })).remaining, 7);
    });

    it("refund gives back what was recorded at a time", async () => {
      const { timeMs } = await lw.ratelimit("refunded", "5/minute", { cost: 3, withTime: true });
      assert.ok(timeMs !== undefined && timeMs > 1_700_000_000_000);
      assert.equal(await lw.refund("refunded", 2, timeMs), 2);
      assert.equal((await lw.peek("refunded", "5/minute", { cost: 0 })).remaining, 4);
      assert.equal(await lw.refund("refunded", 2, timeMs - 1_000_000), 0);
    });

    it("a result has a time only if one was asked for and units were recorded", async () => {
      assert.equal((await lw.ratelimit("timed", "1/minute")).timeMs, undefined);
      assert.equal((await lw.ratelimit("timed", "1/minute", { withTime: true })).timeMs, undefined);
    });

    it("settle gives back what was reserved too much, and records what was used beyond", async () => {
      const { timeMs = 0 } = await lw.ratelimit("settled", "10/minute", { cost: 6, withTime: true });
      assert.deepEqual(await lw.settle("settled", 6, 2, timeMs), { refunded: 4, recorded: 0, timeMs: undefined });
      const more = await lw.settle("settled", 2, 20, timeMs);
      assert.deepEqual([more.refunded, more.recorded], [0, 18]);
      assert.ok((more.timeMs ?? 0) >= timeMs);
      assert.equal((await lw.peek("settled", "30/minute", { cost: 0 })).remaining, 10);
    });

    it("several keys admit a call together or not at all", async () => {
      const call = () => lw.mratelimit([["{m}:requests", "2/minute; 100/hour"], ["{m}:tokens", [10, 60], 4]]);
      const first = await call();
      assert.deepEqual([first.allowed, first.binding, first.entry.key, first.limit.limit], [true, 0, "{m}:requests", 2]);
      assert.deepEqual(first.results.map(({ limit, remaining }) => [limit, remaining]), [[2, 1], [10, 6]]);
      assert.ok(first.timeMs !== undefined);
      await call();
      const denied = await lw.mratelimit([["{m}:other", "5/minute"], ["{m}:tokens", [10, 60], 4]]);
      assert.deepEqual([denied.allowed, denied.binding, denied.timeMs, denied.entry.remaining], [false, 1, undefined, 2]);
      assert.equal(denied.headers("api")["RateLimit-Policy"], '"api";q=10;w=60');
      assert.equal(denied.headers()["Retry-After"], String(denied.retryAfterSeconds));
      assert.equal((await lw.peek("{m}:other", "5/minute", { cost: 0 })).remaining, 5, "nothing was counted");
      assert.equal((await lw.mpeek([["{m}:other", "5/minute"]])).allowed, true);
      assert.equal(await lw.refund("{m}:tokens", 4, first.timeMs), 4);
    });

    it("a cost above a limit of one of several keys is never admitted", async () => {
      const never = await lw.mratelimit([["{n}:a", "5/minute"], ["{n}:b", "5/minute", 6]]);
      assert.deepEqual([never.retryAfterMs, never.retryAfterSeconds], [Infinity, undefined]);
    });

    it("a policy of the server decides, for one key and for several", async () => {
      await world.admin.call("LW.POLICY", "SET", "login", "2", "60", "5", "3600");
      const first = await lw.ratelimit("policy:1", "@login", { withTime: true });
      assert.deepEqual([first.allowed, first.limit, first.remaining, first.limits], [true, 2, 1, []]);
      assert.equal(await lw.refund("policy:1", 1, first.timeMs as number), 1);
      const both = await lw.mratelimit([["{p}:a", "@login", 2], ["{p}:b", "9/minute"]]);
      assert.deepEqual([both.allowed, both.entry.key, both.entry.limit, both.entry.remaining, both.entry.limits], [true, "{p}:a", 2, 0, []]);
      assert.equal((await lw.peek("{p}:a", "@login")).allowed, false);
      await assert.rejects(lw.ratelimit("policy:1", "@absent"), NoPolicyError);
      await assert.rejects(lw.mpeek([["policy:1", "@absent"]]), NoPolicyError);
    });

    it("inspect says what a key holds", async () => {
      await lw.ratelimit("inspected", "10/minute; 100/hour", { cost: 3 });
      const report = await lw.inspect("inspected");
      assert.ok(report);
      assert.deepEqual([report.type, report.windows.at(-1)?.used, report.windows.at(-1)?.windowMs], ["limiter", 3, 3_600_000]);
      assert.ok(report.bytes > 0 && report.entries > 0 && report.expiresAt !== null && report.expiresAt.getTime() > Date.now());
      await lw.burst("inspected:burst", 1, 10);
      const burst = await lw.inspect("inspected:burst");
      assert.equal(burst?.type, "burst");
      assert.ok(Number(burst.details.cooldown_until_ms) > Date.now());
      assert.equal(await lw.inspect("nothing"), null);
    });

    it("top lists the keys that were denied most often", async () => {
      for (let i = 0; i < 4; i++) await lw.ratelimit("crowd", "1/hour");
      const found = (await lw.top()).find(({ key }) => key === "crowd");
      assert.ok(found);
      assert.deepEqual([found.db, Math.round(found.denied), found.policy], [0, 3, null]);
      assert.ok(found.last.getTime() > Date.now() - 60_000);
      assert.equal((await lw.top(1)).length, 1);
    });

    it("a lease is taken, repeated, renewed and released", async () => {
      const first = await lw.acquire("leases", 2, "30s");
      assert.ok(first.acquired && first.id !== undefined && first.fence > 0);
      const again = await lw.acquire("leases", 2, "30s", { id: first.id });
      assert.deepEqual([again.acquired, again.repeated, again.inUse, again.fence], [true, true, 1, first.fence]);
      const denied = await lw.acquire("leases", 2, "30s", { cost: 2 });
      assert.deepEqual([denied.acquired, denied.id, denied.inUse, denied.fence], [false, undefined, 1, 0]);
      assert.ok(denied.retryAfterMs > 0 && denied.retryAfterMs <= 30_000);
      assert.equal((await lw.acquire("leases", 2, "30s", { cost: 3 })).retryAfterMs, Infinity);
      assert.equal(await lw.renew("leases", first.id, 60), true);
      assert.equal(await lw.release("leases", first.id), true);
      assert.deepEqual([await lw.release("leases", first.id), await lw.renew("leases", first.id, 60)], [false, false]);
    });

    it("withLease holds a lease and releases it, also if its function throws", async () => {
      const result = await lw.withLease("work", 1, "30s", async (lease) => {
        assert.deepEqual([lease.lost, await lease.renew(), lease.key], [false, true, "work"]);
        await assert.rejects(lw.withLease("work", 1, "30s", () => 0), (error) => error instanceof LeaseDeniedError && (error.retryAfterSeconds ?? 0) > 0);
        return lease.fence;
      });
      await assert.rejects(lw.withLease("work", 1, "30s", () => Promise.reject(new Error("oops"))), /^Error: oops$/);
      const next = await lw.lease("work", 1, "30s");
      assert.ok(next.fence > result);
      await Promise.all([next.release(), next.release()]);
      assert.equal(next.lost, true);
    });

    it("a lease is lost when its time is over or somebody else has released it", async () => {
      const lease = await lw.lease("lost", 1, "30s");
      await lw.release("lost", lease.id);
      assert.deepEqual([lease.lost, await lease.renew(), lease.lost], [false, false, true]);
      const short = await lw.lease("short", 1, "20ms");
      await until("the lease is over", () => short.lost);
      await short.release();
    });

    it("await using releases a lease", async () => {
      const lease = await lw.lease("disposed", 1, "30s");
      await lease[Symbol.asyncDispose]();
      assert.equal((await lw.acquire("disposed", 1, "30s")).acquired, true);
    });

    it("a lease of a connection of its own ends with the connection", async () => {
      const connections = () => world.admin.client("LIST").then((list) => String(list).trim().split("\n").length);
      const own = new LockWatch(sourceOf(world.url), { connectTimeoutMs: 5000, commandTimeoutMs: 5000 });
      await own.peek("warm", "1/minute");
      const before = await connections();
      await own.lease("closing", 1, "1h", { onClose: true });
      assert.equal(await connections(), before + 1);
      assert.equal((await lw.acquire("closing", 1, "1h")).acquired, false);
      await own.close();
      await until("the lease has ended", async () => (await lw.acquire("closing", 1, "1h")).acquired);
    });

    it("releasing a lease closes the connection of its own", async () => {
      const connections = () => world.admin.client("LIST").then((list) => String(list).trim().split("\n").length);
      const before = await connections();
      await lw.withLease("brief", 1, "1h", async () => assert.equal(await connections(), before + 1), { onClose: true });
      await assert.rejects(lw.lease("brief", 0, "1h", { onClose: true }), LeaseDeniedError);
      await until("the connections are closed", async () => (await connections()) === before);
    });
  });
}

it("a lease that can't be released is logged, and the error of the function stays", async () => {
  const messages: string[] = [];
  const stub = new Stub().answer("LW.RELEASE", { error: "OOM command not allowed when used memory > 'maxmemory'." });
  const lw = new LockWatch(stub, { log: (message) => messages.push(message) });
  await assert.rejects(lw.withLease("report", 3, "30s", () => Promise.reject(new Error("oops"))), /oops/);
  assert.match(messages.join(), /a lease is not released and lasts until its ttl has passed: OOM/);
});

it("each attempt at a lease has an id of its own", async () => {
  const stub = new Stub();
  const lw = new LockWatch(stub);
  await lw.lease("report", 3, "30s", { cost: 2 });
  await lw.lease("report", 3, "30s");
  const [[, , limit, ttl, , first, ...others] = [], [, , , , , second] = []] = stub.calls;
  assert.deepEqual([limit, ttl, others], ["3", "30", ["COST", "2"]]);
  assert.match(first ?? "", /^[0-9a-f]{32}$/);
  assert.notEqual(first, second);
});

it("no entry of several keys and too many limits are refused before anything is sent", async () => {
  const stub = new Stub();
  const lw = new LockWatch(stub);
  const wrong: unknown[] = [[], ["key"], [["key"]], [["key", "5/minute", "2"]], Array.from({ length: 17 }, (_, i) => [`k${i}`, "5/minute"])];
  for (const entries of wrong) await assert.rejects(lw.mratelimit(entries as never), ConfigurationError);
  await assert.rejects(lw.mratelimit([["key", "@a; 5/minute"]]), RangeError);
  assert.deepEqual(stub.calls, []);
});

it("a policy of the server is one argument, and a window '-' for several keys", async () => {
  const stub = new Stub().answer("LW.RATELIMIT", [1, 5, 0, 11_001, 60_000]);
  const lw = new LockWatch(stub);
  const result = await lw.ratelimit("user:42", "@login", { cost: 2 });
  assert.deepEqual(result.headers("login"), {
    "X-RateLimit-Limit": "5",
    "X-RateLimit-Remaining": "0",
    "X-RateLimit-Reset": "60",
    "RateLimit-Policy": '"login";q=5',
    RateLimit: '"login";r=0;t=60',
    "Retry-After": "12",
  });
  await lw.mpeek([["user:42", "@login", 3]]);
  assert.deepEqual(stub.calls, [
    ["LW.RATELIMIT", "user:42", "@login", "COST", "2"],
    ["LW.MPEEK", "user:42", "@login", "-", "3"],
  ]);
});
