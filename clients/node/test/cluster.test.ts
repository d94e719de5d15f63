/** A Redis Cluster of three nodes with both libraries. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, describe, it } from "node:test";
import { Cluster, type Redis } from "ioredis";
import { LockWatch, UnavailableError, type RedisSource } from "lockwatch";
import { createCluster } from "redis";
import { TestCluster } from "./support/cluster.js";
import { ask } from "./support/http.js";
import { serve } from "./support/served.js";
import { until } from "./support/wait.js";

const SOURCES: Record<string, (cluster: TestCluster) => RedisSource> = {
  ioredis: ({ nodes }) => new Cluster(nodes, { lazyConnect: true }),
  "node-redis": ({ nodes }) => createCluster({ rootNodes: nodes.map((socket) => ({ socket })) }),
};

for (const [name, sourceOf] of Object.entries(SOURCES)) {
  describe(`cluster with ${name}`, () => {
    let cluster: TestCluster;
    let lw: LockWatch;

    before(async () => {
      cluster = await TestCluster.start();
      lw = new LockWatch(sourceOf(cluster), { connectTimeoutMs: 5000, commandTimeoutMs: 5000, log: () => undefined });
    });

    after(async () => {
      await lw.close();
      await cluster.stop();
    });

    it("each key is counted on the node that owns it, without redirections", async () => {
      const keys = Array.from({ length: 60 }, (_, i) => `user:${i}`);
      for (const allowed of [true, true, false]) {
        const results = await Promise.all(keys.map((key) => lw.ratelimit(key, "2/minute")));
        assert.deepEqual(new Set(results.map((result) => result.allowed)), new Set([allowed]));
      }
      const redirections = await Promise.all(cluster.admins.map(redirectionsOf));
      assert.deepEqual(redirections, [0, 0, 0]);
      const sizes = await Promise.all(cluster.admins.map((admin) => admin.dbsize()));
      assert.equal(sizes.reduce((sum, size) => sum + size), keys.length);
    });

    it("a request's credential and address can be counted on two nodes", async () => {
      const served = await serve("express", { redis: lw, key: "credential", trustedProxies: ["127.0.0.1"] }, ({ answer }) => answer(200, [], "hello"));
      const before = await calls(cluster);
      for (let i = 0; i < 30; i++) {
        const headers = { authorization: `Bearer ${i}`, "x-forwarded-for": `198.51.100.${i}` };
        const answer = await ask(served.port, "/items", { headers });
        assert.equal(answer.header("X-RateLimit-Remaining"), "99");
      }
      await served.ended;
      await lw.auditQueue.drained();
      await served.close();
      const made = await calls(cluster);
      assert.equal(made.ratelimit - before.ratelimit, 60);
      assert.equal(made.burst - before.burst, 30);
      assert.equal(made.audit - before.audit, 30);
    });

    it("guards and the limits of a request are on several nodes", async () => {
      const keys = Array.from({ length: 10 }, (_, i) => `login:{tenant${i}}`);
      for (const key of keys) {
        const results = await Promise.all(Array.from({ length: 6 }, () => lw.attempt(key, { ip: "203.0.113.9", user: "alice" })));
        assert.deepEqual(results.map(({ verdict }) => verdict), [...Array<string>(5).fill("allow"), "challenge"]);
      }
      await lw.ban("http", { ip: "198.51.100.7" }, "1h");
      const served = await serve("express", { redis: lw, guard: "http", keyPrefix: "guarded", trustedProxies: ["127.0.0.1"] }, ({ answer }) => answer(404, [], "nothing"));
      const statusOf = async (i: number) => (await ask(served.port, "/x", { headers: { "x-forwarded-for": `198.51.100.${i}` } })).status;
      for (let i = 0; i < 20; i++) assert.equal(await statusOf(i), i === 7 ? 429 : 404);
      await served.ended;
      await lw.outcomes.drained();
      await served.close();
      assert.equal((await lw.why("http", { ip: "198.51.100.3" })).counts[0]?.units, 1, "the responses were reported");
    });

    it("a request's audit event goes to the node that holds its limiter key", async () => {
      const served = await serve("fastify", { redis: lw, key: "credential", keyPrefix: "routed" }, ({ answer }) => answer(200, [], "hello"));
      const before = await Promise.all(cluster.admins.map(auditEvents));
      for (let i = 0; i < 20; i++) await ask(served.port, "/items", { headers: { authorization: `Bearer ${i}` } });
      await served.ended;
      await lw.auditQueue.drained();
      await served.close();
      for (const [index, admin] of cluster.admins.entries()) {
        const keys = await admin.keys("routed:{cred:*}:default");
        assert.equal((await auditEvents(admin)) - (before[index] as number), keys.length);
      }
    });

    it("a moving slot is followed, and no call is counted twice", async () => {
      const key = await cluster.keyOf(0, 1);
      const [source, target] = cluster.admins as [Redis, Redis];
      const slot = await source.cluster("KEYSLOT", key);
      const [sourceId, targetId] = [await source.cluster("MYID"), await target.cluster("MYID")];
      const before = await calls(cluster);
      await target.cluster("SETSLOT", slot, "IMPORTING", sourceId);
      await source.cluster("SETSLOT", slot, "MIGRATING", targetId);
      // While the slot moves, the source answers ASK.
      assert.equal((await lw.ratelimit(key, "5/minute")).remaining, 4);
      assert.equal((await lw.ratelimit(key, "5/minute")).remaining, 3);
      for (const admin of cluster.admins) await admin.cluster("SETSLOT", slot, "NODE", targetId);
      // After the move, it answers MOVED.
      assert.equal((await lw.ratelimit(key, "5/minute")).remaining, 2);
      assert.equal((await lw.ratelimit(key, "5/minute")).remaining, 1);
      assert.equal((await calls(cluster)).ratelimit - before.ratelimit, 4);
    });

    it("commands without a key go to any node", async () => {
      const id = await lw.audit({ kind: "cluster", user: "alice" });
      assert.match(id, /^\d+-[0-9a-f]{16}-\d+$/);
      assert.ok(Array.isArray(await lw.auditLog({ kind: "cluster" })));
    });

    it("after its connections were lost a node is reconnected", async () => {
      const key = await cluster.keyOf(1);
      await cluster.admins[1]?.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
      await until("the key is served", async () => (await lw.ratelimit(key, "99999/minute").catch(() => undefined))?.allowed);
    });

    it("the connection is closed with the application's client", async () => {
      const source = sourceOf(cluster) as Cluster;
      await source.connect();
      const client = new LockWatch(source, { connectTimeoutMs: 5000, commandTimeoutMs: 5000 });
      assert.ok(await client.ratelimit("ending", "9/minute"));
      await source.quit();
      await until("it has ended", async () => {
        const error = await client.ratelimit("ending", "9/minute").then(() => undefined, (reason: unknown) => reason);
        return error instanceof UnavailableError && error.message.includes("closed");
      });
    });

    it("the failure of a node affects its own keys only", async () => {
      const [lost, kept] = [await cluster.keyOf(2), await cluster.keyOf(1)];
      await lw.ratelimit(lost, "9/minute");
      await cluster.servers[2]?.stop();
      await until("its keys fail", async () => {
        const error = await lw.ratelimit(lost, "9/minute").then(() => undefined, (reason: unknown) => reason);
        return error instanceof UnavailableError;
      });
      for (const admin of cluster.admins.slice(0, 2)) await admin.config("SET", "cluster-require-full-coverage", "no");
      await until("other keys are served", async () => (await lw.ratelimit(kept, "99999/minute").catch(() => undefined))?.allowed);
    });
  });
}

describe("the page about commands without a key", () => {
  let cluster: TestCluster;

  before(async () => {
    cluster = await TestCluster.start();
  });

  after(() => cluster.stop());

  for (const name of ["ioredis", "redis"]) {
    it(`shows how ${name} sends them to a node of choice`, async () => {
      const page = await readFile(new URL("../../../docs/guides/operate/cluster.md", import.meta.url), "utf8");
      const examples = [...page.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code]) => code as string);
      const example = examples.find((code) => code.includes(`from "${name}"`)) as string;
      const port = String(cluster.nodes[0]?.port);
      // An import is a statement of a module, and the rest becomes the body of a function.
      const body = example.replace(/^import \{ (\w+) \} from "([^"]+)";$/m, 'const { $1 } = await import("$2");').replace("6381", port);
      const AsyncFunction = (async () => Promise.resolve()).constructor as new (body: string) => () => Promise<unknown[]>;
      const erased = await new AsyncFunction(`${body}\nreturn erased;`)();
      assert.equal(erased.length, 3);
      assert.ok(JSON.stringify(erased).includes("journal"));
    });
  }
});

/** The number of commands that were answered MOVED or ASK. */
async function redirectionsOf(admin: Redis): Promise<number> {
  const stats = await admin.info("errorstats");
  return [...stats.matchAll(/^errorstat_(?:MOVED|ASK):count=(\d+)/gm)].reduce((sum, [, count]) => sum + Number(count), 0);
}

async function auditEvents(admin: Redis): Promise<number> {
  return Number(/^lockwatch_audit_appended_total:(\d+)/m.exec(await admin.info("lockwatch"))?.[1]);
}

async function calls(cluster: TestCluster): Promise<{ ratelimit: number; burst: number; audit: number }> {
  const infos = await Promise.all(cluster.admins.map((admin) => admin.info("lockwatch").catch(() => "")));
  const sum = (name: string) =>
    infos.reduce((total, info) => total + Number(new RegExp(`^lockwatch_${name}:(\\d+)`, "m").exec(info)?.[1] ?? 0), 0);
  return { ratelimit: sum("ratelimit_calls_total"), burst: sum("burst_calls_total"), audit: sum("audit_appended_total") };
}
