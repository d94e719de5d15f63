/** The store for hono-rate-limiter, in real applications. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Hono } from "hono";
import { rateLimiter } from "hono-rate-limiter";
import { LockWatch } from "lockwatch";
import { LockWatchStore, type HonoStoreOptions } from "lockwatch/hono-rate-limiter";
import { World } from "./support/world.js";

let world: World;
let lw: LockWatch;
before(async () => {
  world = await World.start();
  lw = world.lockwatch;
});
after(() => world.stop());

function appWith(store: HonoStoreOptions, options: { limit?: number; skipSuccessfulRequests?: boolean; skipFailedRequests?: boolean } = {}, client = lw): Hono {
  const app = new Hono();
  app.use(rateLimiter({ windowMs: 60_000, limit: 2, keyGenerator: () => "client", store: new LockWatchStore(client, store), ...options }));
  app.get("/:status", (context) => context.body(null, Number(context.req.param("status")) as 200));
  return app;
}

async function statuses(app: Hono, ...paths: number[]): Promise<number[]> {
  const found = [];
  for (const path of paths) found.push((await app.request(`/${path}`)).status);
  return found;
}

describe("the store for hono-rate-limiter", () => {
  it("counts, and sends the exact wait", async () => {
    const app = appWith({ name: "counts" });
    assert.deepEqual(await statuses(app, 200, 404), [200, 404]);
    const denied = await app.request("/200");
    assert.deepEqual([denied.status, denied.headers.get("Retry-After"), denied.headers.get("RateLimit-Remaining")], [429, "60", "0"]);
  });

  it("gives units back", async () => {
    assert.deepEqual(await statuses(appWith({ name: "failed" }, { skipFailedRequests: true }), 404, 500, 404, 200, 200, 200), [404, 500, 404, 200, 200, 429]);
    assert.deepEqual(await statuses(appWith({ name: "successful" }, { skipSuccessfulRequests: true }), 200, 200, 404, 404, 404), [200, 200, 404, 404, 429]);
  });

  it("lets requests through if Redis is away, or answers 503", async () => {
    const gone = new LockWatch("redis://127.0.0.1:1", { log: () => undefined });
    assert.deepEqual(await statuses(appWith({}, {}, gone), 200, 200, 200), [200, 200, 200]);
    const answer = await appWith({ name: "closed", onRedisFailure: "deny" }, {}, gone).request("/200");
    assert.deepEqual([answer.status, answer.headers.get("Retry-After"), await answer.text()], [503, "1", '{"error":"service_unavailable","retry_after":1}']);
    assert.deepEqual(gone.stats().requests, { "hono-rate-limiter": { failed_open: 3 }, closed: { failed_closed: 1 } });
    await gone.close();
  });
});
