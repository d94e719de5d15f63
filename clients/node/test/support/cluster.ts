/** A Redis Cluster of three primaries. */
import { Redis } from "ioredis";
import { freePort, type RedisServer } from "lockwatch/testing";
import { startRedis } from "./redis.js";
import { until } from "./wait.js";

const SLOTS = 16384;
const NODES = 3;
const CLUSTER = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];

export class TestCluster {
  readonly admins: Redis[];

  private constructor(
    readonly servers: RedisServer[],
    private readonly buses: readonly number[],
  ) {
    this.admins = servers.map(({ url }) => new Redis(url, { maxRetriesPerRequest: 0 }));
    for (const admin of this.admins) admin.on("error", () => undefined);
  }

  static async start(args: readonly string[] = []): Promise<TestCluster> {
    // By default the port of the cluster bus is 10000 higher, which can be above 65535.
    const buses = await Promise.all(Array.from({ length: NODES }, freePort));
    const servers = await Promise.all(buses.map((bus) => startRedis({ args: [...CLUSTER, "--cluster-port", String(bus), ...args] })));
    const cluster = new TestCluster(servers, buses);
    try {
      await cluster.#form();
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  async #form(): Promise<void> {
    for (const [index, admin] of this.admins.entries()) {
      await admin.call("CLUSTER", "ADDSLOTSRANGE", ...this.rangeOf(index));
      await admin.call("CLUSTER", "SET-CONFIG-EPOCH", index + 1);
      const { port } = this.servers[index] as RedisServer;
      await this.admins[0]?.call("CLUSTER", "MEET", "127.0.0.1", port, this.buses[index] as number);
    }
    for (const admin of this.admins) {
      await until("the cluster has formed", async () => {
        const info = await admin.cluster("INFO");
        return info.includes("cluster_state:ok") && info.includes(`cluster_known_nodes:${NODES}`);
      });
    }
  }

  get nodes(): { host: string; port: number }[] {
    return this.servers.map(({ port }) => ({ host: "127.0.0.1", port }));
  }

  rangeOf(index: number): [number, number] {
    return [Math.ceil((index * SLOTS) / NODES), Math.ceil(((index + 1) * SLOTS) / NODES) - 1];
  }

  /** The n-th key that the node owns. */
  async keyOf(index: number, n = 0): Promise<string> {
    const [from, to] = this.rangeOf(index);
    for (let i = 0, found = 0; ; i++) {
      const key = `lw:{ip:203.0.113.${i}}:default`;
      const slot = Number(await this.admins[0]?.cluster("KEYSLOT", key));
      if (slot >= from && slot <= to && found++ === n) return key;
    }
  }

  async stop(): Promise<void> {
    for (const admin of this.admins) admin.disconnect();
    await Promise.all(this.servers.map((server) => server.stop()));
  }
}
