/** A primary becomes a replica, and another server takes its place. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { describe, it } from "node:test";
import { Cluster, Redis } from "ioredis";
import { LockWatch, UnavailableError, type RedisSource } from "lockwatch";
import { freePort } from "lockwatch/testing";
import { createClient, createCluster, createSentinel } from "redis";
import { TestCluster } from "./support/cluster.js";
import { ask } from "./support/http.js";
import { Proxy } from "./support/proxy.js";
import { startRedis } from "./support/redis.js";
import { AT_ONCE, TestSentinel } from "./support/sentinel.js";
import { serve } from "./support/served.js";
import { until } from "./support/wait.js";
import { World } from "./support/world.js";

const SOURCES: Record<string, (port: number) => RedisSource> = {
  ioredis: (port) => new Redis({ port, lazyConnect: true }),
  "node-redis": (port) => createClient({ socket: { port } }),
  "a URL": (port) => `redis://127.0.0.1:${port}`,
};

const PATIENT = { connectTimeoutMs: 5000, commandTimeoutMs: 5000, log: () => undefined };

async function codeOf(call: Promise<unknown>): Promise<string | undefined> {
  try {
    await call;
    return undefined;
  } catch (error) {
    if (error instanceof UnavailableError) return error.code;
    throw error;
  }
}

const works = (what: string, call: () => Promise<unknown>) => until(what, async () => (await codeOf(call())) === undefined);

describe("after a failover behind one address", () => {
  for (const [name, sourceOf] of Object.entries(SOURCES)) {
    it(`fast and slow commands and audit events reach the new primary: ${name}`, async () => {
      const [old, next] = [await World.start(), await World.start({ args: AT_ONCE })];
      const proxy = await Proxy.start(old.server.port);
      const lw = new LockWatch(sourceOf(proxy.port), PATIENT);
      const served = await serve("express", { redis: lw }, ({ answer }) => answer(200, [], ""));
      await ask(served.port, "/before");
      await lw.issue("auth", "alice");
      await old.auditRows("/before", 1);
      proxy.target = next.server.port;
      await old.admin.replicaof("127.0.0.1", next.server.port);
      await until("the replica follows", async () => (await old.admin.info("replication")).includes("master_link_status:up"));
      const calls = [() => lw.ratelimit("a", "9/minute"), () => lw.issue("auth", "alice")];
      for (const call of calls) {
        assert.equal(await codeOf(call()), "READONLY");
        await works("a call", call);
        assert.equal(await codeOf(call()), undefined);
      }
      await until("an event is recorded", async () => {
        await ask(served.port, "/after");
        return (await next.counter("audit_appended_total")) > 0;
      });
      await served.close();
      await lw.close();
      await proxy.stop();
      await old.stop();
      await next.stop();
    });
  }
});

const ANSWERS = {
  READONLY: "READONLY You can't write against a read only replica.",
  MASTERDOWN: "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
  LOADING: "LOADING Redis is loading the dataset in memory",
  UNBLOCKED: "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)",
  NOREPLICAS: "NOREPLICAS Not enough good replicas to write.",
};

describe("every answer of a server that is no primary replaces the connection", () => {
  for (const [code, error] of Object.entries(ANSWERS)) {
    for (const [name, sourceOf] of Object.entries(SOURCES)) {
      it(`${code} with ${name}`, async () => {
        let refusing: Socket | undefined;
        const server = createServer((socket) => {
          socket.on("error", () => undefined).on("data", (chunk: Buffer) => {
            const text = chunk.toString();
            if (text.includes("HELLO")) return void socket.write("%1\r\n+proto\r\n:3\r\n");
            if (!text.includes("LW.")) return void socket.write("+OK\r\n".repeat(text.split("\r\n*").length));
            refusing ??= socket;
            socket.write(socket === refusing ? `-${error}\r\n` : "*5\r\n:0\r\n:9\r\n:8\r\n:0\r\n:9\r\n");
          });
        }).listen(0, "127.0.0.1");
        await once(server, "listening");
        const lw = new LockWatch(sourceOf((server.address() as AddressInfo).port), { ...PATIENT, commandTimeoutMs: 1000 });
        assert.equal(await codeOf(lw.ratelimit("a", "9/minute")), code);
        await works("a call", () => lw.ratelimit("a", "9/minute"));
        await lw.close();
        server.close();
      });
    }
  }
});

describe("through Sentinel", () => {
  const sources: Record<string, (port: number) => RedisSource> = {
    ioredis: (port) => new Redis({ sentinels: [{ port }], name: "main", lazyConnect: true }),
    "node-redis": (port) => createSentinel({ name: "main", sentinelRootNodes: [{ host: "127.0.0.1", port }] }),
  };

  for (const [name, sourceOf] of Object.entries(sources)) {
    it(`${name}: the new primary is found`, async () => {
      const sentinel = await TestSentinel.start();
      const lw = new LockWatch(sourceOf(sentinel.port), PATIENT);
      // The new primary cannot issue tokens of a store whose keys only the old one had.
      let stores = 0;
      const calls = [() => lw.ratelimit("a", "99/minute"), () => lw.issue(`auth${stores++}`, "alice"), () => lw.audit({ user: "alice" })];
      for (const call of calls) assert.equal(await codeOf(call()), undefined);
      await sentinel.failOver();
      for (const call of calls) {
        // The old primary may take calls until the sentinel has made it a replica.
        await until("twenty calls in a row", async () => {
          for (let i = 0; i < 20; i++) if ((await codeOf(call())) !== undefined) return false;
          return true;
        });
      }
      await lw.close();
      await sentinel.stop();
    });
  }

  it("node-redis: the connections are closed with the application's client, and none is opened by it alone", async () => {
    const sentinel = await TestSentinel.start();
    const source = createSentinel({ name: "main", sentinelRootNodes: [{ host: "127.0.0.1", port: sentinel.port }] });
    await source.connect();
    const lw = new LockWatch(source, PATIENT);
    assert.ok(await lw.ratelimit("a", "9/minute"));
    await source.close();
    await until("it has ended", async () => (await codeOf(lw.ratelimit("a", "9/minute"))) === "CONNECTION");
    await sentinel.stop();
  });

  for (const [name, sourceOf] of Object.entries(sources)) {
    it(`${name}: without a sentinel the error names the service`, async () => {
      const lw = new LockWatch(sourceOf(await freePort()), { ...PATIENT, connectTimeoutMs: 200 });
      await assert.rejects(lw.ratelimit("a", "9/minute"), (error) => error instanceof UnavailableError && error.message.includes("main (Sentinel)"));
      await lw.close();
    });
  }
});

describe("in a cluster, commands without a key leave the demoted node", () => {
  const sources: Record<string, (cluster: TestCluster) => RedisSource> = {
    ioredis: ({ nodes }) => new Cluster(nodes, { lazyConnect: true }),
    "node-redis": ({ nodes }) => createCluster({ rootNodes: nodes.map((socket) => ({ socket })) }),
  };

  for (const [name, sourceOf] of Object.entries(sources)) {
    it(name, async () => {
      const cluster = await TestCluster.start(AT_ONCE);
      const bus = await freePort();
      const replica = await startRedis({ args: ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-port", String(bus)] });
      const follower = new Redis(replica.url);
      const [admin] = cluster.admins as [Redis];
      await admin.call("CLUSTER", "MEET", "127.0.0.1", replica.port, bus);
      const [id, followerId] = [await admin.cluster("MYID"), await follower.cluster("MYID")];
      await until("it replicates", () => follower.cluster("REPLICATE", id).catch(() => undefined));
      await until("it knows the slots", async () => (await follower.cluster("INFO")).includes("cluster_slots_ok:16384"));
      await until("it has the copy", async () => (await follower.info("replication")).includes("master_link_status:up"));
      const lw = new LockWatch(sourceOf(cluster), PATIENT);
      await lw.audit({ user: "alice" });
      await follower.call("CLUSTER", "FAILOVER", "TAKEOVER");
      await until("all nodes know", async () => {
        const nodes = await Promise.all(cluster.admins.map(async (each) => String(await each.call("CLUSTER", "NODES"))));
        return nodes.every((lines) => new RegExp(`^${followerId} .*master`, "m").test(lines) && new RegExp(`^${id} .*slave`, "m").test(lines));
      });
      await until("thirty events in a row are recorded", async () => {
        for (let i = 0; i < 30; i++) if ((await codeOf(lw.audit({ user: "alice" }))) !== undefined) return false;
        return true;
      });
      await lw.close();
      follower.disconnect();
      await replica.stop();
      await cluster.stop();
    });
  }
});
