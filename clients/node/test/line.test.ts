/** The traffic to Redis: one write before the handler, and no command twice. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Cluster, Redis } from "ioredis";
import { LockWatch, UnavailableError, type RedisSource } from "lockwatch";
import { freePort } from "lockwatch/testing";
import { createClient, createCluster } from "redis";
import { ask } from "./support/http.js";
import { Proxy } from "./support/proxy.js";
import { FRAMEWORKS, serve } from "./support/served.js";
import { until } from "./support/wait.js";
import { World } from "./support/world.js";

const SOURCES: Record<string, (port: number) => RedisSource> = {
  // By default this client repeats commands. lockwatch's own connection must not.
  ioredis: (port) => new Redis({ port, lazyConnect: true, autoResendUnfulfilledCommands: true, maxRetriesPerRequest: 20 }),
  "node-redis": (port) => createClient({ socket: { port } }),
};

const CLUSTERS: Record<string, (port: number) => RedisSource> = {
  "ioredis in a cluster": (port) => new Cluster([{ host: "127.0.0.1", port }], { lazyConnect: true }),
  "node-redis in a cluster": (port) => createCluster({ rootNodes: [{ socket: { host: "127.0.0.1", port } }] }),
};

describe("one round trip before the handler", () => {
  for (const framework of FRAMEWORKS) {
    for (const [name, sourceOf] of Object.entries(SOURCES)) {
      it(`${framework} with ${name}`, async () => {
        const world = await World.start();
        const proxy = await Proxy.start(world.server.port);
        const lw = new LockWatch(sourceOf(proxy.port), { connectTimeoutMs: 5000, commandTimeoutMs: 5000 });
        await lw.ratelimit("warm", "1/s");
        const before = proxy.chunks.length;
        let seen: string[] = [];
        const served = await serve(framework, { redis: lw }, ({ answer }) => {
          seen = proxy.chunks.slice(before);
          answer(200, [], "hello");
        });
        await ask(served.port, "/items");
        assert.equal(seen.length, 1, "writes before the handler");
        assert.deepEqual(seen[0]?.match(/LW\.\w+/g), ["LW.RATELIMIT", "LW.BURST"]);
        await served.ended;
        await lw.auditQueue.drained();
        // The audit events have their own connection, whose handshake is not counted.
        const after = proxy.chunks.slice(before + 1).map((chunk) => chunk.match(/LW\.\w+/g));
        assert.deepEqual(after.filter((commands) => commands !== null), [["LW.AUDIT"]]);
        await served.close();
        await lw.close();
        await proxy.stop();
        await world.stop();
      });
    }
  }
});

describe("a command whose reply was lost is not sent again", () => {
  for (const [name, sourceOf] of Object.entries(SOURCES)) {
    it(name, async () => {
      const world = await World.start();
      const proxy = await Proxy.start(world.server.port);
      await loseAnswers(sourceOf(proxy.port), proxy, world);
      await proxy.stop();
      await world.stop();
    });
  }

  for (const [name, sourceOf] of Object.entries(CLUSTERS)) {
    it(name, async () => {
      // A cluster of one node that announces the address of the proxy.
      const [port, bus] = await Promise.all([freePort(), freePort()]);
      const proxy = await Proxy.start(port);
      const args = ["--cluster-enabled", "yes", "--cluster-announce-ip", "127.0.0.1", "--cluster-announce-port", String(proxy.port)];
      const world = await World.start({ port, args: [...args, "--cluster-port", String(bus)] });
      await world.admin.call("CLUSTER", "ADDSLOTSRANGE", 0, 16383);
      await until("the cluster is up", async () => (await world.admin.cluster("INFO")).includes("cluster_state:ok"));
      await loseAnswers(sourceOf(proxy.port), proxy, world);
      await proxy.stop();
      await world.stop();
    });
  }
});

async function loseAnswers(source: RedisSource, proxy: Proxy, world: World): Promise<void> {
  const lw = new LockWatch(source, { connectTimeoutMs: 5000, commandTimeoutMs: 2000 });
  await lw.ratelimit("k", "100/hour");
  const calls = [
    { command: "LW.RATELIMIT", call: () => lw.ratelimit("k", "100/hour"), counter: "ratelimit_calls_total", before: 1 },
    { command: "LW.BURST", call: () => lw.burst("b", 5, 10), counter: "burst_calls_total", before: 0 },
    { command: "LW.AUDIT", call: () => lw.audit({ user: "alice" }), counter: "audit_appended_total", before: 0 },
    { command: "LW.ALERT", call: () => lw.alert("test", {}), counter: "alert_raised_total", before: 0 },
  ];
  for (const { command, call, counter, before } of calls) {
    proxy.cut = command;
    await assert.rejects(call(), (error) => error instanceof UnavailableError && error.code === "CONNECTION");
    // A library that repeats commands would do so before it sends this one on the new connection.
    await until("there is a connection again", async () => (await lw.peek("k", "100/hour").catch(() => undefined))?.allowed);
    assert.equal(await world.counter(counter), before + 1, command);
  }
  await lw.close();
}
