/** Why was Bob denied? Let Bob in again: `clientKeys` and `reset`. */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { Cluster, Redis } from "ioredis";
import { ConfigurationError, LockWatch, UnavailableError, type ClientQuery, type RedisSource } from "lockwatch";
import { Stub } from "lockwatch/testing";
import { createClient, createCluster } from "redis";
import { TestCluster } from "./support/cluster.js";
import { ask } from "./support/http.js";
import { serve } from "./support/served.js";
import { World } from "./support/world.js";

const TIMEOUTS = { connectTimeoutMs: 5000, commandTimeoutMs: 5000, log: () => undefined };
const STRANGE = ["a*b", "a?b", "a[bc]d", "a\\*", "a]b", "a^-b", "nul\0nul", "line\nbreak", "a}b{c", "bób", "long".repeat(50)];

const SOURCES: Record<string, (url: string) => RedisSource> = {
  "a URL": (url) => url,
  ioredis: (url) => new Redis(url, { lazyConnect: true, keyPrefix: "app:" }),
  "node-redis": (url) => createClient({ url }),
};

const cleanUp: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of cleanUp.splice(0)) await close();
});

/** Makes a key of each kind. */
async function use(lw: LockWatch, prefix: string): Promise<void> {
  await lw.ratelimit(`${prefix}:default`, "10/minute; 100/hour; 1000/day", { cost: 3 });
  await lw.ratelimit(`${prefix}:post-login`, "5/minute");
  await lw.ratelimit(`${prefix}:default:unverified`, "100/hour", { cost: 2 });
  await lw.ratelimit(`${prefix}:limit:orders`, "1/hour");
  await lw.burst(`${prefix}:burst`, 50, 10);
}

describe("clientKeys and reset", () => {
  let world: World;

  before(async () => {
    world = await World.start();
  });

  after(() => world.stop());

  for (const [name, sourceOf] of Object.entries(SOURCES)) {
    it(`the keys of a client, over ${name}`, async () => {
      const lw = new LockWatch(sourceOf(world.url), TIMEOUTS);
      cleanUp.push(() => lw.close());
      for (const user of ["bob", "bobby", "b"]) await use(lw, `lw:{key:${user}}`);
      const found = await lw.clientKeys({ key: "bob" });
      assert.deepEqual(
        found.map(({ expiresIn: _, ...others }) => others),
        [
          { key: "lw:{key:bob}:burst", policy: null, kind: "burst", lastMinute: null, lastHour: null, lastDay: null },
          { key: "lw:{key:bob}:default", policy: "default", kind: "limit", lastMinute: 3, lastHour: 3, lastDay: 3 },
          { key: "lw:{key:bob}:default:unverified", policy: "default", kind: "unverified", lastMinute: 2, lastHour: 2, lastDay: 2 },
          { key: "lw:{key:bob}:limit:orders", policy: "orders", kind: "route limit", lastMinute: 1, lastHour: 1, lastDay: 1 },
          { key: "lw:{key:bob}:post-login", policy: "post-login", kind: "limit", lastMinute: 1, lastHour: 1, lastDay: 1 },
        ],
      );
      const lifetimes = [10, 86_400, 3600, 3600, 60];
      for (const [index, { expiresIn }] of found.entries()) assert.ok(expiresIn !== null && expiresIn > 0 && expiresIn <= (lifetimes[index] as number) + 60);
      assert.equal((await lw.clientKeys({ client: "key:bob" })).length, 5);
      assert.equal(await lw.reset({ key: "bob" }), 5);
      assert.deepEqual(await lw.clientKeys({ key: "bob" }), []);
      assert.equal(await lw.reset({ key: "bob" }), 0);
      for (const key of ["bobby", "b"]) assert.equal(await lw.reset({ key }), 5);
    });
  }

  it("the keys of a longer client are left alone", async () => {
    const lw = world.lockwatch;
    // The client is "brace}:x", and its keys start with what those of "brace" start with.
    const keys = ["brace", "brace}:x"];
    const count = () => Promise.all(keys.map(async (key) => (await lw.clientKeys({ key })).length));
    for (const key of keys) await use(lw, `lw:{key:${key}}`);
    assert.deepEqual(await count(), [5, 5]);
    assert.equal(await lw.reset({ key: "brace" }), 5);
    assert.deepEqual(await count(), [0, 5]);
    assert.equal(await lw.reset({ key: "brace}:x" }), 5);
  });

  it("addresses, numbers and prefixes", async () => {
    const lw = world.lockwatch;
    for (const client of ["ip:203.0.113.9", "ip:2001:db8:1:2::/64", "key:42"]) {
      for (const prefix of ["shop", "lw"]) await lw.ratelimit(`${prefix}:{${client}}:default`, "5/minute");
    }
    assert.equal(await lw.reset({ address: "203.0.113.9" }), 1);
    assert.equal(await lw.reset({ address: "::ffff:203.0.113.9", keyPrefix: "shop" }), 1);
    assert.equal(await lw.reset({ address: "2001:db8:1:2:3::4", keyPrefix: "shop" }), 1);
    assert.equal(await lw.reset({ key: 42n }), 1);
    assert.deepEqual((await lw.clientKeys({ key: 42, keyPrefix: "shop" })).map(({ key }) => key), ["shop:{key:42}:default"]);
  });

  it("a key that lockwatch has not made", async () => {
    await world.admin.set("lw:{key:other}:default", "text");
    const [found] = await world.lockwatch.clientKeys({ key: "other" });
    assert.deepEqual([found?.lastDay, found?.expiresIn], [null, null]);
  });

  it("of a service", async () => {
    const lw = new LockWatch(world.url, { ...TIMEOUTS, service: "shop" });
    cleanUp.push(() => lw.close());
    for (const prefix of ["lw:shop", "lw:cafe", "lw"]) await lw.ratelimit(`${prefix}:{key:served}:default`, "5/minute");
    assert.deepEqual((await lw.clientKeys({ key: "served" })).map(({ key }) => key), ["lw:shop:{key:served}:default"]);
    assert.equal(await lw.reset({ key: "served" }), 1);
  });

  for (const given of STRANGE) {
    it(`a pattern in a key matches only itself: ${JSON.stringify(given).slice(0, 20)}`, async () => {
      const lw = world.lockwatch;
      const stub = new Stub();
      const served = await serve("express", { redis: stub, keyFunc: () => given }, ({ answer }) => answer(200, [], "hello"));
      await ask(served.port, "/");
      await served.close();
      const key = stub.calls[0]?.[1] as string;
      const others = ["aXb", "ab", "acd", "abd", "aXX*", "nul"].map((other) => `key:${other}`);
      for (const each of [key, ...others.map((other) => `lw:{${other}}:default`)]) await lw.ratelimit(each, "5/minute");
      assert.deepEqual((await lw.clientKeys({ key: given })).map((each) => each.key), [key]);
      assert.equal(await lw.reset({ key: given }), 1);
      assert.deepEqual(await lw.clientKeys({ key: given }), []);
      for (const client of others) assert.equal((await lw.clientKeys({ client })).length, 1);
    });
  }

  it("among ten thousand other keys", async () => {
    const fill = world.admin.pipeline();
    for (let i = 0; i < 10_000; i++) fill.set(`lw:{key:crowd${i}}:default`, "");
    await fill.exec();
    await use(world.lockwatch, "lw:{key:crowd}");
    assert.equal((await world.lockwatch.clientKeys({ key: "crowd" })).length, 5);
    assert.equal(await world.lockwatch.reset({ key: "crowd" }), 5);
    assert.equal(await world.admin.exists("lw:{key:crowd1}:default"), 1);
    await world.admin.flushall();
  });

  const wrong: ClientQuery[] = [{}, { client: "key:a", key: "a" }, { key: "" }, { client: "" }, { address: "bob" }];
  for (const keyPrefix of ["{", "a b", ""]) wrong.push({ key: "a", keyPrefix });
  for (const key of [true, false, Buffer.from("bob"), NaN, ["bob"], {}]) wrong.push({ key: key as never });
  for (const given of wrong) {
    it(`wrong: ${JSON.stringify(given)}`, async () => {
      const lw = new LockWatch(new Stub());
      await assert.rejects(lw.clientKeys(given), ConfigurationError);
      await assert.rejects(lw.reset(given), ConfigurationError);
    });
  }

  it("rights", async () => {
    const rights = "on >pw resetkeys ~lw:* resetchannels -@all +lw.peek +scan +pttl +unlink";
    await world.admin.call("ACL", "SETUSER", "support", ...rights.split(" "));
    await world.lockwatch.ratelimit("lw:{key:bob}:default", "5/minute");
    const lw = new LockWatch(world.url.replace("://", "://support:pw@"), TIMEOUTS);
    assert.equal((await lw.clientKeys({ key: "bob" }))[0]?.lastMinute, 1);
    assert.equal(await lw.reset({ key: "bob" }), 1);
    await world.admin.call("ACL", "SETUSER", "support", "-scan");
    await assert.rejects(lw.clientKeys({ key: "bob" }), /scan/);
    await lw.close();
  });

  it("why was Bob denied, and let Bob in again", async () => {
    const lw = world.lockwatch;
    const options = { redis: lw, limits: "2/hour", keyFunc: () => "bob" };
    const served = await serve("fastify", options, ({ answer }) => answer(200, [], "orders"));
    cleanUp.push(() => served.close());
    const statuses: number[] = [];
    for (let i = 0; i < 3; i++) statuses.push((await ask(served.port, "/bob")).status);
    assert.deepEqual(statuses, [200, 200, 429]);
    const rows = await world.auditRows("/bob", 3);
    assert.deepEqual(rows.map(({ user }) => user), ["bob", "bob", "bob"]);
    const denial = rows[2]?.data as { retry_after: number; client: string };
    const { retry_after, ...others } = denial;
    assert.deepEqual(others, { policy: "default", key: "lw:{key:bob}:default", limit: 2, window: 3600, client: "key:bob" });
    assert.ok(retry_after > 3500 && retry_after <= 3600);
    assert.deepEqual((await lw.clientKeys({ client: denial.client })).map(({ kind, lastHour }) => [kind, lastHour]), [["burst", null], ["limit", 2]]);
    assert.equal(await lw.reset({ client: denial.client }), 2);
    assert.equal((await ask(served.port, "/bob")).status, 200);
  });
});

const CLUSTERS: Record<string, (cluster: TestCluster) => RedisSource> = {
  ioredis: ({ nodes }) => new Cluster(nodes, { lazyConnect: true }),
  "node-redis": ({ nodes }) => createCluster({ rootNodes: nodes.map((socket) => ({ socket })) }),
};

it("clientKeys and reset on a cluster", async () => {
  const cluster = await TestCluster.start();
  try {
    for (const sourceOf of Object.values(CLUSTERS)) {
      const lw = new LockWatch(sourceOf(cluster), TIMEOUTS);
      const users = Array.from({ length: 12 }, (_, i) => `user${i}`);
      for (const user of users) await use(lw, `lw:{key:${user}}`);
      const sizes = await Promise.all(cluster.admins.map((admin) => admin.dbsize()));
      assert.ok(sizes.every((size) => size > 0), "on every node");
      for (const key of users) {
        assert.equal((await lw.clientKeys({ key })).length, 5);
        assert.equal(await lw.reset({ key }), 5);
        assert.deepEqual(await lw.clientKeys({ key }), []);
      }
      await lw.close();
    }
  } finally {
    await cluster.stop();
  }
});

it("Redis is away", async () => {
  const lw = new LockWatch("redis://127.0.0.1:1", { ...TIMEOUTS, connectTimeoutMs: 200 });
  await assert.rejects(lw.clientKeys({ key: "bob" }), UnavailableError);
  await lw.close();
});
