/** The methods of LockWatch with each library, on a real server. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, describe, it } from "node:test";
import { Cluster, Redis } from "ioredis";
import { CommandError, ConfigurationError, LockWatch, ModuleMissingError, UnavailableError, type RedisSource } from "lockwatch";
import { createClient, createClientPool, createCluster, createSentinel } from "redis";
import { openConnections } from "../dist/redis/open.js";
import { startRedis } from "./support/redis.js";
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
      lw = new LockWatch(sourceOf(world.url), { connectTimeoutMs: 5000, commandTimeoutMs: 5000 });
    });

    after(async () => {
      await lw.close();
      await world.stop();
    });

    it("ratelimit admits up to the limit, then returns the wait", async () => {
      const first = await lw.ratelimit("user:1", "2/minute");
      assert.deepEqual([first.allowed, first.limit, first.remaining, first.retryAfterMs, first.resetAfterMs], [true, 2, 1, 0, 60_000]);
      await lw.ratelimit("user:1", [[2, 60]]);
      const denied = await lw.ratelimit("user:1", [[2, "1m"]]);
      assert.equal(denied.allowed, false);
      assert.ok(denied.retryAfterMs > 50_000 && denied.retryAfterMs <= 60_000);
      assert.match(denied.headers().RateLimit ?? "", /^"default";r=0;t=\d+$/);
      assert.equal(denied.headers()["Retry-After"], String(Math.ceil(denied.retryAfterMs / 1000)));
    });

    it("a cost above the limit is never admitted", async () => {
      const never = await lw.ratelimit("user:2", "2/minute", { cost: 3 });
      assert.equal(never.retryAfterMs, Infinity);
      assert.equal(never.headers()["Retry-After"], undefined);
    });

    it("of several windows, the result is that of the binding one", async () => {
      const result = await lw.ratelimit("user:3", "10/second; 11/hour", { cost: 10 });
      assert.deepEqual([result.limit, result.remaining], [10, 0]);
      assert.equal(result.headers("api")["RateLimit-Policy"], '"api-1s";q=10;w=1, "api-3600s";q=11;w=3600');
    });

    it("peek counts nothing", async () => {
      await lw.ratelimit("user:4", "2/minute");
      for (let i = 0; i < 3; i++) assert.equal((await lw.peek("user:4", "2/minute", { cost: 0 })).remaining, 1);
    });

    it("a key can be bytes", async () => {
      const key = Buffer.from([0, 255, 10, 13, 128]);
      await lw.ratelimit(key, "5/minute");
      assert.equal((await lw.ratelimit(new Uint8Array(key), "5/minute")).remaining, 3);
    });

    it("burst counts every call and alerts once", async () => {
      const call = () => lw.burst("b:1", 2, "10s", { ip: "203.0.113.9", endpoint: "/login", method: "POST", agent: "probe", cooldown: "5m" });
      assert.deepEqual(await call(), { burst: false, count: 1, alerted: false });
      assert.deepEqual(await call(), { burst: true, count: 2, alerted: true });
      assert.deepEqual(await call(), { burst: true, count: 3, alerted: false });
    });

    it("alert returns an id, or null if dedup suppressed it", async () => {
      const raise = () => lw.alert("payment.failed", { order: 42 }, { dedup: "order 42", cooldown: "1h" });
      assert.match((await raise()) ?? "", /^\d+-[0-9a-f]{16}-\d+$/);
      assert.equal(await raise(), null);
      assert.notEqual(await lw.alert("payment.failed", null), null);
    });

    it("audit records an event, and auditLog finds it", async () => {
      const time = new Date(Math.floor(Date.now() / 1000) * 1000 - 86_400_000 + 123);
      const id = await lw.audit({
        kind: "login",
        user: "alice\\\0",
        ip: "203.0.113.9",
        method: "POST",
        endpoint: "/login",
        status: 401,
        limited: true,
        anomaly: true,
        latencyMs: 12.5,
        time,
        data: { attempt: 3, name: "Ünï" },
      });
      const [event] = await lw.auditLog({ kind: "login", ip: "203.0.113.0/24", endpoint: "/log", limited: true, anomaly: true, from: time, to: time });
      assert.deepEqual(event, {
        id,
        timestamp: time,
        kind: "login",
        user: "alice\\x5c\\x00",
        ip: "203.0.113.9",
        endpoint: "/login",
        method: "POST",
        status: 401,
        limited: true,
        anomaly: true,
        latencyMs: 12.5,
        data: { attempt: 3, name: "Ünï" },
      });
    });

    it("before returns the next page of auditLog", async () => {
      for (const user of ["a", "b", "c"]) await lw.audit({ kind: "page", user });
      const page = await lw.auditLog({ kind: "page", count: 2 });
      assert.deepEqual(page.map(({ user }) => user), ["c", "b"]);
      const rest = await lw.auditLog({ kind: "page", before: page[1]?.id });
      assert.deepEqual(rest.map(({ user }) => user), ["a"]);
      assert.equal(rest[0]?.data, null);
    });

    it("an error has the code of Redis's error", async () => {
      await world.admin.set("text", "x");
      await assert.rejects(lw.ratelimit("text", "1/s"), (error) => error instanceof CommandError && error.code === "WRONGTYPE");
      await assert.rejects(lw.alert("no spaces", {}), (error) => error instanceof CommandError && error.code === "ERR");
    });

    it("limits are checked before anything is sent", async () => {
      await assert.rejects(lw.ratelimit("k", "5/fortnight"), RangeError);
    });

    it("without the module, the error says how to load it", async () => {
      const plain = await startRedis({ module: null });
      const client = new LockWatch(sourceOf(plain.url), { connectTimeoutMs: 5000, commandTimeoutMs: 5000 });
      await assert.rejects(client.ratelimit("k", "1/s"), (error) => error instanceof ModuleMissingError && error.message.includes("loadmodule"));
      await client.close();
      await plain.stop();
    });

    it("a server that is out of memory is an UnavailableError", async () => {
      await world.admin.config("SET", "maxmemory", "1");
      const isOom = (error: unknown) => error instanceof UnavailableError && error.code === "OOM";
      await assert.rejects(lw.ratelimit("oom", "1/s"), isOom);
      await world.admin.config("SET", "maxmemory", "0");
    });

    it("after a READONLY error the client reconnects", async () => {
      await world.admin.replicaof("127.0.0.1", 1);
      const before = await connections(world);
      await assert.rejects(lw.ratelimit("k", "1/s"), (error) => error instanceof UnavailableError && error.code === "READONLY");
      await world.admin.replicaof("NO", "ONE");
      await until("a new connection works", async () => (await lw.ratelimit("k", "9/s").catch(() => undefined))?.allowed);
      assert.ok((await connections(world)) > before);
    });
  });
}

describe("the connection", () => {
  for (const [name, sourceOf] of Object.entries(SOURCES).slice(0, 2)) {
    it(`ends with the application's own client: ${name}`, async () => {
      const world = await World.start();
      const source = sourceOf(world.url) as Redis;
      await source.connect();
      const lw = new LockWatch(source, { connectTimeoutMs: 5000 });
      await lw.ratelimit("k", "1/s");
      await source.quit();
      await until("only the test's own connections are left", async () => /^connected_clients:1\r$/m.test(await world.admin.info("clients")));
      await assert.rejects(lw.ratelimit("k", "1/s"), (error) => error instanceof UnavailableError && error.code === "CONNECTION");
      await world.stop();
    });
  }

  it("the package has the module's version", async () => {
    const world = await World.start();
    const { version } = JSON.parse(await readFile(new URL("../package.json", import.meta.url), "utf8")) as { version: string };
    assert.match(await world.admin.info("lockwatch"), new RegExp(`^lockwatch_version:${version}\r$`, "m"));
    await world.stop();
  });

  it("anything but a client or a URL is refused", () => {
    assert.throws(() => new LockWatch({} as RedisSource), /redis is to be a redis:\/\/ or rediss:\/\/ URL, a client of ioredis/);
    assert.throws(() => new LockWatch("http://localhost"), /redis:\/\//);
    const unusable: [unknown, RegExp][] = [
      [undefined, /redis is 'undefined'/],
      [null, /redis is 'null'/],
      [6379, /redis is '6379'/],
      [new Map(), /redis is 'Map'/],
      [Promise.resolve(), /redis is a promise: await it first/],
      [Redis, /a function or a class/],
      [{ isOpen: false, getSentinelNode: () => undefined }, /install redis 6/],
      [createClientPool(), /redis is a pool of node-redis: give a createClient/],
    ];
    for (const [source, told] of unusable) {
      assert.throws(() => new LockWatch(source as RedisSource), (error) => error instanceof ConfigurationError && told.test(error.message) && error.message.includes("createSentinel"));
    }
  });

  it("the name of a server has no password", () => {
    const named: [RedisSource, string][] = [
      ["redis://u:s3cret@example.com:6380/2", "example.com:6380"],
      ["rediss://[::1]", "[::1]:6379"],
      [new Redis({ password: "s3cret", lazyConnect: true }), "localhost:6379"],
      [new Redis("/tmp/redis.sock", { lazyConnect: true }), "/tmp/redis.sock"],
      [new Redis({ sentinels: [{ host: "a", port: 26379 }], name: "main", lazyConnect: true }), "main (Sentinel)"],
      [new Cluster(["redis://u:s3cret@a:7000"], { lazyConnect: true }), "a:7000 (cluster)"],
      [new Cluster([{ host: "a", port: 7000 }], { lazyConnect: true }), "a:7000 (cluster)"],
      [createClient({ url: "redis://u:s3cret@example.com:6380/2" }), "example.com:6380"],
      [createClient(), "localhost:6379"],
      [createCluster({ rootNodes: [{ url: "redis://u:s3cret@a:7000" }] }), "a:7000 (cluster)"],
      [createSentinel({ name: "main", sentinelRootNodes: [{ host: "a", port: 26379 }] }), "main (Sentinel)"],
    ];
    for (const [source, server] of named) assert.equal(openConnections(source, 200).server, server);
  });
});

async function connections(world: World): Promise<number> {
  return Number(/^total_connections_received:(\d+)/m.exec(await world.admin.info("stats"))?.[1]);
}
