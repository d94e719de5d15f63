/** The stores of other limiters, called as the limiters call them. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { LockWatch } from "lockwatch";
import * as forExpress from "lockwatch/express-rate-limit";
import * as forFastify from "lockwatch/fastify-rate-limit";
import * as forHono from "lockwatch/hono-rate-limiter";
import { LockWatchThrottlerStorage } from "lockwatch/nestjs";
import { RateLimiterLockWatch } from "lockwatch/rate-limiter-flexible";
import { freePort } from "lockwatch/testing";
import { RateLimiterRes } from "rate-limiter-flexible";
import { isExactAtTheEdge } from "./support/edge.js";
import { World } from "./support/world.js";

/** Whether the limiter would admit a call. */
type Take = (key: string) => Promise<boolean>;

/** How each limiter calls its store. */
const LIMITERS: Record<string, (lw: LockWatch, limit: number, windowMs: number, name: string) => Take> = {
  "express-rate-limit": (lw, limit, windowMs, name) => {
    const store = new forExpress.LockWatchStore(lw, { name });
    store.init({ windowMs, limit });
    return async (key) => (await store.increment(key)).totalHits <= limit;
  },
  "hono-rate-limiter": (lw, limit, windowMs, name) => {
    const store = new forHono.LockWatchStore(lw, { name, onRedisFailure: "deny" });
    store.init({ windowMs, limit });
    return async (key) => (await store.increment(key)).totalHits <= limit;
  },
  "@fastify/rate-limit": (lw, limit, windowMs, name) => {
    const store = new (forFastify.lockwatchStore(lw, { name }))();
    return (key) =>
      new Promise((resolve, reject) => {
        store.incr(key, (error, result) => (error ? reject(error) : resolve((result?.current ?? 0) <= limit)), windowMs, limit);
      });
  },
  "@nestjs/throttler": (lw, limit, windowMs, name) => {
    const storage = new LockWatchThrottlerStorage(lw, { name, onRedisFailure: "deny" });
    return async (key) => !(await storage.increment(key, windowMs, limit, windowMs, "default")).isBlocked;
  },
  "rate-limiter-flexible": (lw, points, windowMs, keyPrefix) => {
    const limiter = new RateLimiterLockWatch({ storeClient: lw, points, duration: windowMs / 1000, keyPrefix });
    return (key) =>
      limiter.consume(key).then(
        () => true,
        (rejected: unknown) => {
          if (rejected instanceof RateLimiterRes) return false;
          throw rejected;
        },
      );
  },
};

let world: World;
let lw: LockWatch;
before(async () => {
  world = await World.start();
  lw = world.lockwatch;
});
after(() => world.stop());

for (const [limiter, takeOf] of Object.entries(LIMITERS)) {
  describe(limiter, () => {
    it("is exact at the edge of the window", () => {
      const take = takeOf(lw, 4, 400, "edge");
      return isExactAtTheEdge(() => take(`edge ${limiter}`), 4, 400);
    });

    it("admits exactly the limit of parallel calls, and counts no denied ones", async () => {
      const take = takeOf(lw, 100, 3_600_000, "parallel");
      const admitted = await Promise.all(Array.from({ length: 500 }, () => take(`parallel ${limiter}`)));
      assert.equal(admitted.filter(Boolean).length, 100);
      const [key] = await lw.clientKeys({ key: limiter === "@nestjs/throttler" ? `default:parallel ${limiter}` : `parallel ${limiter}` });
      assert.equal(key?.lastHour, 100);
    });

    it("has keys of its own for each name and key", async () => {
      const takes = ["one", "two"].map((name) => takeOf(lw, 1, 60_000, name));
      for (const take of takes) {
        for (const key of ["a", "b}{", "", "x".repeat(1000)].map((text) => `${limiter}${text}`)) assert.deepEqual([await take(key), await take(key)], [true, false], key);
      }
    });

    it("throws what the framework answers 503 if Redis is away", async () => {
      const gone = new LockWatch(`redis://127.0.0.1:${await freePort()}`, { connectTimeoutMs: 10_000, log: () => undefined });
      const take = takeOf(gone, 1, 60_000, "gone");
      const rejects = assert.rejects(take("a"), (error) => {
        assert.ok(error instanceof forExpress.StoreUnavailableError);
        assert.deepEqual([error.status, error.statusCode, error.code, error.message], [503, 503, "CONNECTION", "limits cannot be checked at present"]);
        assert.match(error.cause.message, /no connection to Redis at 127/);
        return true;
      });
      await rejects.finally(() => gone.close());
    });

    it("has no limit that is 0", async () => {
      assert.equal(await takeOf(lw, 0, 60_000, "none")(limiter), false);
    });
  });
}
