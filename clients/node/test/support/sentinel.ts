/** A sentinel that watches a primary with a replica. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Redis } from "ioredis";
import { freePort, type RedisServer } from "lockwatch/testing";
import { startRedis } from "./redis.js";
import { until } from "./wait.js";

/** A replica is sent its copy without a delay. */
export const AT_ONCE = ["--repl-diskless-sync-delay", "0"];

export class TestSentinel {
  private constructor(
    readonly port: number,
    private readonly admin: Redis,
    private readonly process: ChildProcess,
    private readonly servers: readonly RedisServer[],
  ) {}

  static async start(): Promise<TestSentinel> {
    const primary = await startRedis({ args: AT_ONCE });
    const replica = await startRedis({ args: [...AT_ONCE, "--replicaof", `127.0.0.1 ${primary.port}`] });
    const port = await freePort();
    const file = join(primary.dir, "sentinel.conf");
    await writeFile(file, `port ${port}\nsentinel monitor main 127.0.0.1 ${primary.port} 1\n`);
    const process = spawn("redis-server", [file, "--sentinel"], { stdio: "ignore", cwd: primary.dir });
    const admin = new Redis({ port, maxRetriesPerRequest: 0, retryStrategy: () => 50 });
    admin.on("error", () => undefined);
    const sentinel = new TestSentinel(port, admin, process, [primary, replica]);
    await until("the sentinel knows the replica", async () => Number((await sentinel.#primary())["num-slaves"]) > 0);
    return sentinel;
  }

  /** Makes the replica the primary. */
  async failOver(): Promise<void> {
    const { port } = await this.#primary();
    // Refused until the sentinel has seen the replica's state.
    await until("the failover has begun", () => this.admin.call("SENTINEL", "FAILOVER", "main").catch(() => undefined));
    await until("there is another primary", async () => (await this.#primary()).port !== port, 60_000);
  }

  async stop(): Promise<void> {
    this.admin.disconnect();
    const ended = once(this.process, "exit");
    this.process.kill("SIGKILL");
    await ended;
    for (const server of this.servers) await server.stop();
  }

  async #primary(): Promise<Record<string, string>> {
    // Flat over RESP2, an object over RESP3.
    const reply: unknown = await this.admin.call("SENTINEL", "MASTER", "main").catch(() => []);
    if (!Array.isArray(reply)) return reply as Record<string, string>;
    const flat = reply as string[];
    return Object.fromEntries(flat.flatMap((name, i) => (i % 2 === 0 ? [[name, flat[i + 1] ?? ""]] : [])));
  }
}
