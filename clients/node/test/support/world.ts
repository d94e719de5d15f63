/** A Redis with the module, and helpers to inspect it. */
import { Redis } from "ioredis";
import { LockWatch, type AuditEvent } from "lockwatch";
import { type RedisServer, type RedisServerOptions } from "lockwatch/testing";
import { startRedis } from "./redis.js";
import { until } from "./wait.js";

export class World {
  readonly admin: Redis;
  readonly lockwatch: LockWatch;

  private constructor(readonly server: RedisServer) {
    this.admin = new Redis(server.url, { maxRetriesPerRequest: 0 });
    this.admin.on("error", () => undefined);
    this.lockwatch = new LockWatch(server.url, { connectTimeoutMs: 5000, commandTimeoutMs: 5000 });
  }

  static async start(options?: RedisServerOptions): Promise<World> {
    return new World(await startRedis(options));
  }

  get url(): string {
    return this.server.url;
  }

  /** Waits for `count` events of an endpoint and returns them, the oldest first. */
  async auditRows(endpoint: string, count: number): Promise<AuditEvent[]> {
    const rows = await until(`${count} audit rows of ${endpoint}`, async () => {
      const found: AuditEvent[] = [];
      let page = await this.lockwatch.auditLog({ endpoint, count: 10_000 });
      while (page.length > 0) {
        found.push(...page);
        page = await this.lockwatch.auditLog({ endpoint, count: 10_000, before: page.at(-1)?.id });
      }
      return found.length >= count ? found : undefined;
    });
    return rows.reverse();
  }

  /** A counter of `INFO lockwatch`. */
  async counter(name: string): Promise<number> {
    const info = await this.admin.info("lockwatch");
    return Number(new RegExp(`^lockwatch_${name}:(\\d+)`, "m").exec(info)?.[1]);
  }

  async stop(): Promise<void> {
    this.admin.disconnect();
    await this.lockwatch.close();
    await this.server.stop();
  }
}
