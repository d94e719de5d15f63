/** The store for @fastify/rate-limit, in real applications. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import rateLimit, { type RateLimitPluginOptions } from "@fastify/rate-limit";
import fastify, { type FastifyInstance } from "fastify";
import { ConfigurationError, LockWatch } from "lockwatch";
import { lockwatchStore } from "lockwatch/fastify-rate-limit";
import { until } from "./support/wait.js";
import { World } from "./support/world.js";

let world: World;
let lw: LockWatch;
before(async () => {
  world = await World.start();
  lw = world.lockwatch;
});
after(() => world.stop());

async function appWith(options: RateLimitPluginOptions, client = lw, name = "fastify-rate-limit"): Promise<FastifyInstance> {
  const app = fastify();
  await app.register(rateLimit, { timeWindow: 60_000, keyGenerator: () => "client", store: lockwatchStore(client, { name }), ...options });
  app.get("/", () => "ok");
  app.get("/strict", { config: { rateLimit: { max: 1 } } }, () => "ok");
  app.post("/strict", { config: { rateLimit: { max: 1 } } }, () => "ok");
  return app;
}

async function statuses(app: FastifyInstance, count: number, url = "/", method: "GET" | "HEAD" | "POST" = "GET"): Promise<number[]> {
  const found = [];
  for (let i = 0; i < count; i++) found.push((await app.inject({ url, method })).statusCode);
  return found;
}

describe("the store for @fastify/rate-limit", () => {
  it("counts the plugin's limit, and those of routes apart", async () => {
    const app = await appWith({ max: 2 }, lw, "routes");
    assert.deepEqual(await statuses(app, 3), [200, 200, 429]);
    assert.deepEqual(await statuses(app, 2, "/strict"), [200, 429]);
    assert.deepEqual(await statuses(app, 1, "/strict", "HEAD"), [429], "HEAD is a GET");
    assert.deepEqual(await statuses(app, 2, "/strict", "POST"), [200, 429]);
    const keys = (await lw.clientKeys({ key: "client" })).map(({ policy, lastHour }) => [policy, lastHour]);
    assert.deepEqual(keys, [["store:routes", 2], ["store:routes:get-strict", 1], ["store:routes:post-strict", 1]]);
    await app.close();
  });

  it("sends the exact wait", async () => {
    const app = await appWith({ max: 1 }, lw, "wait");
    await statuses(app, 1);
    const { headers } = await app.inject("/");
    assert.deepEqual([headers["retry-after"], headers["x-ratelimit-remaining"], headers["x-ratelimit-reset"]], ["60", "0", "60"]);
    await app.close();
  });

  it("counts denied calls as well with continueExceeding", async () => {
    const app = await appWith({ max: 2, timeWindow: 300, continueExceeding: true }, lw, "exceeding");
    assert.deepEqual(await statuses(app, 3), [200, 200, 429]);
    // Each call within the window keeps it full.
    const end = performance.now() + 600;
    while (performance.now() < end) assert.deepEqual(await statuses(app, 1), [429]);
    await until("it has left the window", async () => (await lw.inspect("lw:{key:client}:store:exceeding")) === null);
    assert.deepEqual(await statuses(app, 1), [200]);
    await app.close();
  });

  it("bans who is denied more often than that", async () => {
    for (const [ban, expected] of [[2, [200, 429, 429, 403, 403]], [0, [200, 403]]] as const) {
      const app = await appWith({ max: 1, ban }, lw, `ban-${ban}`);
      assert.deepEqual(await statuses(app, expected.length), expected);
      await app.close();
    }
  });

  it("shows the state without counting", async () => {
    const app = await appWith({ max: 5 }, lw, "read");
    const check = app.createRateLimit();
    app.get("/peek", { config: { rateLimit: false } }, (request) => check(request, { increment: false }));
    const peek = async () => (await app.inject("/peek")).json<{ remaining: number }>().remaining;
    assert.deepEqual([await peek(), ...(await statuses(app, 2)), await peek(), await peek()], [5, 200, 200, 3, 3]);
    await app.close();
  });

  it("refuses exponentialBackoff", async () => {
    await assert.rejects(async () => appWith({ exponentialBackoff: true }), (error) => error instanceof ConfigurationError && error.message.includes("exponentialBackoff"));
  });

  it("fails as the plugin is told, without an address in the response", async () => {
    const gone = new LockWatch("redis://127.0.0.1:1", { log: () => undefined });
    for (const [skipOnError, status, outcome] of [[true, 200, "failed_open"], [false, 503, "failed_closed"]] as const) {
      const app = await appWith({ skipOnError }, gone, `gone-${status}`);
      const answer = await app.inject("/");
      assert.equal(answer.statusCode, status);
      assert.ok(!answer.body.includes("127.0.0.1"), answer.body);
      assert.deepEqual(gone.stats().requests[`gone-${status}`], { [outcome]: 1 });
      await app.close();
    }
    await gone.close();
  });
});
