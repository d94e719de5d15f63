/** The storage for @nestjs/throttler, called as its guard calls it. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { ConfigurationError, LockWatch } from "lockwatch";
import { LockWatchThrottlerStorage } from "lockwatch/nestjs";
import { until } from "./support/wait.js";
import { World } from "./support/world.js";

let world: World;
let lw: LockWatch;
before(async () => {
  world = await World.start();
  lw = world.lockwatch;
});
after(() => world.stop());

describe("the storage for @nestjs/throttler", () => {
  it("counts admitted calls, and says how long to wait", async () => {
    const storage = new LockWatchThrottlerStorage(lw);
    const hit = () => storage.increment("counts", 60_000, 2, 60_000, "default");
    assert.deepEqual(await hit(), { totalHits: 1, timeToExpire: 60, isBlocked: false, timeToBlockExpire: 0 });
    assert.equal((await hit()).totalHits, 2);
    for (let i = 0; i < 2; i++) assert.deepEqual(await hit(), { totalHits: 3, timeToExpire: 60, isBlocked: true, timeToBlockExpire: 60 });
  });

  it("keeps throttlers of different names apart", async () => {
    const storage = new LockWatchThrottlerStorage(lw);
    for (const name of ["short", "long"]) assert.equal((await storage.increment("named", 60_000, 1, 60_000, name)).isBlocked, false);
    assert.equal((await storage.increment("named", 60_000, 1, 60_000, "long")).isBlocked, true);
  });

  it("holds a block that is longer than the window", async () => {
    const storage = new LockWatchThrottlerStorage(lw);
    const hit = () => storage.increment("long block", 200, 1, 700, "default");
    await hit();
    const started = performance.now();
    assert.deepEqual(await hit(), { totalHits: 2, timeToExpire: 1, isBlocked: true, timeToBlockExpire: 1 });
    await until("the block ends", async () => !(await hit()).isBlocked);
    const took = performance.now() - started;
    assert.ok(took > 690 && took < 2000, `${took} ms, though each call is denied meanwhile`);
  });

  it("begins anew after a block that is shorter than the window", async () => {
    const storage = new LockWatchThrottlerStorage(lw);
    const hit = () => storage.increment("short block", 60_000, 2, 300, "default");
    await hit();
    await hit();
    assert.equal((await hit()).isBlocked, true);
    const first = await until("the block ends", async () => {
      const record = await hit();
      return record.isBlocked ? undefined : record;
    });
    assert.equal(first.totalHits, 1);
  });

  it("starts one block for parallel calls", async () => {
    const storage = new LockWatchThrottlerStorage(lw);
    const records = await Promise.all(Array.from({ length: 100 }, () => storage.increment("parallel", 60_000, 10, 30_000, "default")));
    assert.equal(records.filter(({ isBlocked }) => !isBlocked).length, 10);
    assert.equal((await storage.increment("parallel", 60_000, 10, 30_000, "default")).timeToBlockExpire, 30);
  });

  it("takes no block duration for none", async () => {
    const storage = new LockWatchThrottlerStorage(lw);
    await storage.increment("none", 60_000, 1, 0, "default");
    assert.equal((await storage.increment("none", 60_000, 1, 0, "default")).timeToBlockExpire, 60);
  });

  it("lets requests through if Redis is away, unless told otherwise", async () => {
    const gone = new LockWatch("redis://127.0.0.1:1", { log: () => undefined });
    for (const blockDuration of [1000, 5000]) {
      assert.deepEqual(await new LockWatchThrottlerStorage(gone).increment("a", 1000, 0, blockDuration, "default"), { totalHits: 1, timeToExpire: 1, isBlocked: false, timeToBlockExpire: 0 });
    }
    await assert.rejects(new LockWatchThrottlerStorage(gone, { onRedisFailure: "deny" }).increment("a", 1000, 1, 1000, "default"), { statusCode: 503 });
    assert.deepEqual(gone.stats().requests, { throttler: { failed_open: 2, failed_closed: 1 } });
    await gone.close();
  });

  it("refuses wrong options", () => {
    assert.throws(() => new LockWatchThrottlerStorage(lw, { onRedisFailure: "open" as never }), ConfigurationError);
  });
});
