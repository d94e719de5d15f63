/**
 * Faults of Redis while an application is under load: no request waits longer than the timeouts, and
 * limits are back within two seconds.
 */
import assert from "node:assert/strict";
import { Redis } from "ioredis";
import type { RedisServer } from "lockwatch/testing";
import { ask, type Answer } from "./http.js";
import { Proxy } from "./proxy.js";
import { startRedis } from "./redis.js";
import { AT_ONCE } from "./sentinel.js";
import { until } from "./wait.js";

export const TIMEOUT_MS = 250;
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

  constructor(
    private readonly port: number,
    private readonly isLimited: (answer: Answer) => boolean,
  ) {
    this.#workers = Array.from({ length: CONNECTIONS }, () => this.#work());
  }

  async #work(): Promise<void> {
    while (!this.#isOver) {
      const began = performance.now();
      const isLimited = this.isLimited(await ask(this.port, "/"));
      this.seen.push({ at: began, tookMs: performance.now() - began, isLimited });
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
export interface Fault {
  readonly port: number;
  begin(): Promise<void>;
  end(): Promise<void>;
  cleanUp(): Promise<void>;
}

export const FAULTS: Record<string, () => Promise<Fault>> = {
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

interface Started {
  readonly port: number;
  stop(): Promise<void>;
}

/**
 * Starts an application, and has Redis fail while it is under load.
 * @param isLimited whether a limit was evaluated for a request. Throws for a wrong answer
 */
export async function survives(make: () => Promise<Fault>, start: (url: string) => Promise<Started>, isLimited: (answer: Answer) => boolean): Promise<void> {
  const fault = await make();
  const app = await start(`redis://127.0.0.1:${fault.port}`);
  const load = new Load(app.port, isLimited);
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
}
