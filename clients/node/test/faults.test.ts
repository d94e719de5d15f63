/**
 * Faults of Redis under load, in each framework with each library: no request waits longer than the
 * timeouts, and limits are back within two seconds.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Redis } from "ioredis";
import type { RedisServer } from "lockwatch/testing";
import { App } from "./support/app.js";
import { ask } from "./support/http.js";
import { Proxy } from "./support/proxy.js";
import { startRedis } from "./support/redis.js";
import { AT_ONCE } from "./support/sentinel.js";
import { FRAMEWORKS } from "./support/served.js";
import { until } from "./support/wait.js";

const TIMEOUT_MS = 250;
/** Both timeouts, and what a busy machine takes. */
const BOUND_MS = 2 * TIMEOUT_MS + 1000;
const BACK_WITHIN_MS = 2000;
const CONNECTIONS = 8;

interface Seen {
  readonly at: number;
  readonly tookMs: number;
  readonly isLimited: boolean;
}

/** Sends requests on several connections until it is stopped. */
class Load {
  readonly seen: Seen[] = [];
  #isOver = false;
  readonly #workers: Promise<void>[];

  constructor(private readonly port: number) {
    this.#workers = Array.from({ length: CONNECTIONS }, () => this.#work());
  }

  async #work(): Promise<void> {
    while (!this.#isOver) {
      const began = performance.now();
      const answer = await ask(this.port, "/");
      assert.equal(answer.status, 200);
      this.seen.push({ at: began, tookMs: performance.now() - began, isLimited: answer.header("X-RateLimit-Limit") !== undefined });
    }
  }

  /** Waits until this many requests that began after `since` were limited, or were not. */
  async until(what: string, since: number, isLimited: boolean, count: number): Promise<void> {
    await until(what, () => this.seen.filter((each) => each.at >= since && each.isLimited === isLimited).length >= count);
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#workers);
  }
}

/** What is wrong between `begin` and `end`, and the port that the application connects to. */
interface Fault {
  readonly port: number;
  begin(): Promise<void>;
  end(): Promise<void>;
  cleanUp(): Promise<void>;
}

const FAULTS: Record<string, () => Promise<Fault>> = {
  killed: async () => {
    let server = await startRedis();
    const { port } = server;
    return {
      port,
      begin: () => killed(server),
      end: async () => void (server = await startRedis({ port })),
      cleanUp: () => server.stop(),
    };
  },

  hung: async () => {
    const server = await startRedis();
    const signal = (name: NodeJS.Signals) => () => Promise.resolve(void server.process.kill(name));
    return { port: server.port, begin: signal("SIGSTOP"), end: signal("SIGCONT"), cleanUp: () => server.stop() };
  },

  "failed over": async () => {
    const [old, next] = [await startRedis(), await startRedis({ args: AT_ONCE })];
    const proxy = await Proxy.start(old.port);
    const stop = async () => {
      await proxy.stop();
      await old.stop();
      await next.stop();
    };
    return {
      port: proxy.port,
      begin: () => admin(old, (redis) => redis.replicaof("127.0.0.1", next.port)),
      // New connections lead to the new primary.
      end: () => Promise.resolve(void (proxy.target = next.port)),
      cleanUp: stop,
    };
  },

  "out of memory": async () => {
    const server = await startRedis();
    const setMemory = (bytes: number) => () => admin(server, (redis) => redis.config("SET", "maxmemory", bytes));
    return { port: server.port, begin: setMemory(1), end: setMemory(0), cleanUp: () => server.stop() };
  },

  "read-only": async () => {
    const [server, other] = [await startRedis(), await startRedis({ args: AT_ONCE })];
    const stop = async () => {
      await server.stop();
      await other.stop();
    };
    return {
      port: server.port,
      begin: () => admin(server, (redis) => redis.replicaof("127.0.0.1", other.port)),
      end: () => admin(server, (redis) => redis.replicaof("NO", "ONE")),
      cleanUp: stop,
    };
  },
};

async function admin(server: RedisServer, command: (redis: Redis) => Promise<unknown>): Promise<void> {
  const redis = new Redis(server.url);
  await command(redis);
  redis.disconnect();
}

async function killed(server: RedisServer): Promise<void> {
  server.process.kill("SIGKILL");
  await until("it has ended", () => server.process.exitCode !== null || server.process.signalCode !== null);
}

for (const framework of FRAMEWORKS) {
  for (const library of ["ioredis", "node-redis"] as const) {
    describe(`${framework} with ${library}, under load`, () => {
      for (const [name, make] of Object.entries(FAULTS)) {
        it(`Redis is ${name}`, async () => {
          const fault = await make();
          const options = { rateLimitRequests: 1_000_000, burstThreshold: null, commandTimeoutMs: TIMEOUT_MS, connectTimeoutMs: TIMEOUT_MS, keyPrefix: "lw" };
          const app = await App.start(framework, { library, url: `redis://127.0.0.1:${fault.port}`, options });
          const load = new Load(app.port);
          try {
            await load.until("limits", 0, true, 50);
            await fault.begin();
            await load.until("requests without a limit", performance.now(), false, 50);
            await fault.end();
            const ended = performance.now();
            await load.until("limits again", ended, true, 50);
            await load.stop();
            const slowest = Math.max(...load.seen.map(({ tookMs }) => tookMs));
            assert.ok(slowest < BOUND_MS, `a request took ${slowest.toFixed(0)} ms`);
            const back = Math.min(...load.seen.filter(({ at, isLimited }) => at >= ended && isLimited).map(({ at }) => at)) - ended;
            assert.ok(back < BACK_WITHIN_MS, `limits were back after ${back.toFixed(0)} ms`);
          } finally {
            await load.stop();
            await app.stop();
            await fault.cleanUp();
          }
        });
      }
    });
  }
}
