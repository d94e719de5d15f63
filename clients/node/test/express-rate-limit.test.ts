/** The store for express-rate-limit, in real applications. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import express, { type Express, type RequestHandler } from "express";
import { rateLimit, type RateLimitRequestHandler } from "express-rate-limit";
import { ConfigurationError, LockWatch } from "lockwatch";
import { LockWatchStore } from "lockwatch/express-rate-limit";
import { ask } from "./support/http.js";
import { served, type Api } from "./support/listen.js";
import { startRedis } from "./support/redis.js";
import { until } from "./support/wait.js";
import { World } from "./support/world.js";

const DAY_MS = 24 * 3_600_000;

let world: World;
let lw: LockWatch;
before(async () => {
  world = await World.start();
  lw = world.lockwatch;
});
after(() => world.stop());

async function withApp(limiter: RateLimitRequestHandler, handler: RequestHandler, test: (api: Api, app: Express) => Promise<void>): Promise<void> {
  const app = express();
  app.use(limiter, handler);
  // Express logs errors unless it is told that this is a test.
  app.set("env", "test");
  const api = await served(app);
  try {
    await test(api, app);
  } finally {
    await api.close();
  }
}

const usedBy = async (name: string) => (await lw.inspect(`lw:{key:client}:store:${name}`))?.windows[0]?.used ?? 0;
const CLIENT = { keyGenerator: () => "client", windowMs: DAY_MS, limit: 100 };

describe("requests that are not counted in the end", () => {
  it("give back the unit that they took themselves", async () => {
    const waiting = new Map<string, () => void>();
    const limiter = rateLimit({ ...CLIENT, skipSuccessfulRequests: true, store: new LockWatchStore(lw, { name: "own" }) });
    const handler: RequestHandler = (request, response) => void waiting.set(request.path, () => response.status(request.path === "/fails" ? 401 : 200).end());
    await withApp(limiter, handler, async ({ port }) => {
      const started = Date.now();
      const slow = ask(port, "/succeeds");
      await until("the first is counted", async () => (await usedBy("own")) === 1);
      const between = Date.now();
      await until("time passes", () => Date.now() > between + 50);
      const failing = ask(port, "/fails");
      await until("both are counted", async () => (await usedBy("own")) === 2);
      waiting.get("/fails")?.();
      await failing;
      waiting.get("/succeeds")?.();
      await slow;
      await until("one is given back", async () => (await usedBy("own")) === 1);
      const [left] = (await lw.inspect("lw:{key:client}:store:own"))?.windows ?? [];
      const age = DAY_MS - (left?.firstFreeMs ?? 0);
      assert.ok(age < Date.now() - between, `the unit that stays is ${age} ms old, and that of the first request ${Date.now() - started} ms`);
    });
  });

  it("are the failed ones, or those whose client left, if these are skipped", async () => {
    const limiter = rateLimit({ ...CLIENT, skipFailedRequests: true, store: new LockWatchStore(lw, { name: "failed" }) });
    await withApp(limiter, (request, response) => void response.status(Number(request.path.slice(1))).end(), async ({ port }) => {
      for (const status of [200, 404, 201, 500]) assert.equal((await ask(port, `/${status}`)).status, status);
      await until("two are left", async () => (await usedBy("failed")) === 2);
    });
  });

  it("do no harm if they were denied, or if Redis is away by then", async () => {
    const redis = await startRedis();
    const logged: string[] = [];
    const patient = new LockWatch(redis.url, { commandTimeoutMs: 5000, connectTimeoutMs: 5000, log: (message) => logged.push(message) });
    const limiter = rateLimit({ ...CLIENT, limit: 1, skipFailedRequests: true, passOnStoreError: true, store: new LockWatchStore(patient) });
    let stop = () => Promise.resolve();
    const handler: RequestHandler = (_request, response) => void stop().then(() => response.status(500).end());
    await withApp(limiter, handler, async ({ port }) => {
      for (let i = 0; i < 3; i++) assert.equal((await ask(port, "/")).status, 500, "the one that failed is given back");
      await until("it is given back", async () => (await patient.inspect("lw:{key:client}:store:express-rate-limit")) === null);
      stop = () => redis.stop();
      assert.equal((await ask(port, "/")).status, 500);
      await until("it is logged", () => logged.some((message) => message.includes("are not given back")));
    });
    await patient.close();
  });
});

describe("a limit that is a function", () => {
  const perPlan = (request: express.Request) => (request.get("x-plan") === "pro" ? 3 : 1);
  const statuses = async (port: number, plan: string, count: number) => {
    const answers = [];
    for (let i = 0; i < count; i++) answers.push((await ask(port, "/", { headers: { "x-plan": plan } })).status);
    return answers;
  };

  it("of the limiter counts denied calls as well", async () => {
    const limiter = rateLimit({ ...CLIENT, limit: perPlan, store: new LockWatchStore(lw, { name: "function" }) });
    await withApp(limiter, (_request, response) => void response.end(), async ({ port }) => {
      assert.deepEqual(await statuses(port, "pro", 5), [200, 200, 200, 429, 429]);
      assert.equal(await usedBy("function"), 5);
    });
  });

  it("of the store does not", async () => {
    const limiter = rateLimit({ ...CLIENT, limit: perPlan, store: new LockWatchStore(lw, { name: "of-store", limit: (key) => Promise.resolve(key === "client" ? 3 : 1) }) });
    await withApp(limiter, (_request, response) => void response.end(), async ({ port }) => {
      assert.deepEqual(await statuses(port, "pro", 5), [200, 200, 200, 429, 429]);
      assert.equal(await usedBy("of-store"), 3);
    });
  });
});

describe("the store", () => {
  it("sends the exact wait, and what is left", async () => {
    const limiter = rateLimit({ ...CLIENT, limit: 1, windowMs: 60_000, standardHeaders: "draft-7", store: new LockWatchStore(lw, { name: "headers" }) });
    await withApp(limiter, (_request, response) => void response.end(), async ({ port }) => {
      assert.equal((await ask(port, "/")).header("RateLimit"), "limit=1, remaining=0, reset=60");
      const denied = await ask(port, "/");
      assert.deepEqual([denied.status, denied.header("Retry-After"), denied.header("X-RateLimit-Remaining")], [429, "60", "0"]);
    });
  });

  it("shows and forgets a key", async () => {
    const limiter = rateLimit({ ...CLIENT, store: new LockWatchStore(lw, { name: "shown" }) });
    assert.equal(await limiter.getKey("client"), undefined);
    await withApp(limiter, (_request, response) => void response.end(), async ({ port }) => {
      await ask(port, "/");
      const info = await limiter.getKey("client");
      assert.equal(info?.totalHits, 1);
      assert.ok(Math.abs((info.resetTime?.getTime() ?? 0) - Date.now() - DAY_MS) < 10_000);
      limiter.resetKey("client");
      await until("it is forgotten", async () => (await limiter.getKey("client")) === undefined);
    });
  });

  it("decrements what this process has recorded last, and nothing else", async () => {
    const store = new LockWatchStore(lw, { name: "by-hand" });
    store.init({ windowMs: DAY_MS, limit: 100 });
    await store.decrement("client");
    for (let i = 0; i < 3; i++) await store.increment("client");
    await store.decrement("client");
    await store.decrement("client");
    assert.equal(await usedBy("by-hand"), 1);
    assert.equal((await store.increment("client")).totalHits, 2);
  });

  it("fails as the limiter is told, and counts that", async () => {
    const gone = new LockWatch("redis://127.0.0.1:1", { log: () => undefined });
    for (const [passOnStoreError, status, outcome] of [[true, 200, "failed_open"], [false, 503, "failed_closed"]] as const) {
      const name = `gone-${status}`;
      const limiter = rateLimit({ ...CLIENT, passOnStoreError, logger: { error: () => undefined, warn: () => undefined }, store: new LockWatchStore(gone, { name }) });
      await withApp(limiter, (_request, response) => void response.end(), async ({ port }) => {
        const answer = await ask(port, "/");
        assert.deepEqual([answer.status, answer.header("Retry-After")], [status, status === 503 ? "1" : undefined]);
        assert.deepEqual(gone.stats().requests[name], { [outcome]: 1 });
      });
    }
    await gone.close();
  });

  it("refuses wrong options, and calls before it has a window", async () => {
    assert.throws(() => new LockWatchStore(lw, { name: "a b" }), ConfigurationError);
    assert.throws(() => new LockWatchStore(lw, { nam: "a" } as never), /there is no option 'nam' of LockWatchStore/);
    assert.throws(() => new LockWatchStore("localhost"), /the client of LockWatchStore/);
    await assert.rejects(async () => new LockWatchStore(lw).increment("a"), /the store has no window/);
  });

  it("closes a client that it has made from a URL", async () => {
    const store = new LockWatchStore(world.url);
    store.init({ windowMs: 1000, limit: 1 });
    await store.increment("a");
    await store.shutdown();
    await assert.rejects(store.increment("a"), { code: "CONNECTION" });
  });
});
