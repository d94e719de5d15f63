/** The limiter with the interface of rate-limiter-flexible. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { ConfigurationError, LockWatch } from "lockwatch";
import { RateLimiterLockWatch, type RateLimiterLockWatchOptions } from "lockwatch/rate-limiter-flexible";
import { BurstyRateLimiter, RateLimiterMemory, RateLimiterQueue, RateLimiterRes, RateLimiterUnion, RLWrapperBlackAndWhite } from "rate-limiter-flexible";
import { until } from "./support/wait.js";
import { World } from "./support/world.js";

let world: World;
let lw: LockWatch;
before(async () => {
  world = await World.start();
  lw = world.lockwatch;
});
after(() => world.stop());

let names = 0;
/** A limiter of 5 points a minute with keys of its own. */
const limiterOf = (options: Partial<RateLimiterLockWatchOptions> = {}) =>
  new RateLimiterLockWatch({ storeClient: lw, points: 5, duration: 60, keyPrefix: `test${names++}`, ...options });

/** What a denied call rejects with. */
async function denial(call: Promise<unknown>): Promise<RateLimiterRes> {
  try {
    await call;
  } catch (error) {
    if (error instanceof RateLimiterRes) return error;
    throw error;
  }
  throw new Error("the call was admitted");
}

const near = (actual: number, expected: number) => assert.ok(actual <= expected && actual > expected - 5000, `${actual} is not about ${expected}`);

describe("RateLimiterLockWatch", () => {
  it("takes points, and none for a denied call", async () => {
    const limiter = limiterOf();
    const first = await limiter.consume("a", 2);
    assert.deepEqual([first.remainingPoints, first.consumedPoints, first.isFirstInDuration], [3, 2, true]);
    near(first.msBeforeNext, 60_000);
    assert.equal((await limiter.consume("a")).isFirstInDuration, false);
    const denied = await denial(limiter.consume("a", 3));
    assert.deepEqual([denied.remainingPoints, denied.consumedPoints], [0, 6]);
    near(denied.msBeforeNext, 60_000);
    assert.equal((await limiter.get("a"))?.consumedPoints, 3);
    assert.equal((await limiter.consume("a", 2)).remainingPoints, 0);
  });

  it("shows nothing of an unused key, and deletes", async () => {
    const limiter = limiterOf();
    assert.equal(await limiter.get("a"), null);
    assert.equal(await limiter.delete("a"), false);
    await limiter.consume("a");
    assert.deepEqual([await limiter.delete("a"), await limiter.get("a")], [true, null]);
  });

  it("takes penalties beyond the limit, and gives back what it took", async () => {
    const limiter = limiterOf();
    await limiter.consume("a", 4);
    assert.deepEqual([(await limiter.penalty("a", 3)).consumedPoints, (await limiter.get("a"))?.consumedPoints], [7, 7]);
    assert.equal((await limiter.reward("a", 1)).consumedPoints, 6);
    assert.equal((await limiter.reward("a", 5)).consumedPoints, 1);
    assert.equal((await limiter.reward("a", 9)).consumedPoints, 0, "never below 0");
    assert.equal((await limiter.reward("a")).consumedPoints, 0);
  });

  it("sets what is used", async () => {
    const limiter = limiterOf();
    await limiter.consume("a");
    assert.equal((await limiter.set("a", 5)).remainingPoints, 0);
    await denial(limiter.consume("a"));
    assert.equal((await limiter.set("a", 0, 60)).consumedPoints, 0);
    await assert.rejects(limiter.set("a", 1, 30), ConfigurationError);
  });

  it("blocks a key for a time", async () => {
    const limiter = limiterOf();
    await limiter.consume("a");
    near((await limiter.block("a", 30)).msBeforeNext, 30_000);
    near((await denial(limiter.consume("a"))).msBeforeNext, 30_000);
    await limiter.block("a", 0.3);
    await denial(limiter.consume("a"));
    await until("the block ends", async () => (await limiter.get("a"))?.consumedPoints === 1);
    assert.equal((await limiter.consume("a")).consumedPoints, 2, "what was used before stays");
    assert.equal((await limiter.block("a", 0)).msBeforeNext, -1);
    assert.equal((await denial(limiter.consume("a"))).msBeforeNext, -1);
  });

  it("blocks who exceeds the limit, once", async () => {
    const limiter = limiterOf({ blockDuration: 0.4 });
    await limiter.consume("a", 5);
    const started = performance.now();
    assert.equal((await denial(limiter.consume("a"))).msBeforeNext, 400);
    let denied = 0;
    const first = await until("the block ends", async () => {
      try {
        return await limiter.consume("a");
      } catch {
        denied++;
        return undefined;
      }
    });
    assert.ok(denied > 3, "denied calls do not make it longer");
    assert.ok(performance.now() - started >= 399);
    assert.equal(first.consumedPoints, 1, "the count begins anew");
  });

  it("has windows of a call's own", async () => {
    const { msBeforeNext } = await limiterOf().consume("a", 1, { customDuration: 10 });
    near(msBeforeNext, 10_000);
  });

  it("spreads calls", async () => {
    const limiter = limiterOf({ points: 2, duration: 1, execEvenly: true });
    await limiter.consume("a");
    const started = performance.now();
    await limiter.consume("a");
    assert.ok(performance.now() - started > 350);
  });

  it("has an insurance, which takes over while Redis is away", async () => {
    const gone = new LockWatch("redis://127.0.0.1:1", { log: () => undefined });
    const limiter = limiterOf({ storeClient: gone, keyPrefix: "insured", insuranceLimiter: new RateLimiterMemory({ points: 2, duration: 60 }) });
    assert.equal((await limiter.consume("a")).remainingPoints, 1);
    assert.equal((await limiter.penalty("a")).consumedPoints, 2);
    await denial(limiter.consume("a"));
    assert.equal((await limiter.get("a"))?.consumedPoints, 3);
    assert.equal((await limiter.reward("a", 2)).consumedPoints, 1);
    assert.equal((await limiter.block("a", 9)).remainingPoints, 0);
    assert.equal(await limiter.delete("a"), true);
    assert.deepEqual(gone.stats().requests, { insured: { local: 1, local_denied: 1 } });
    await gone.close();
  });

  it("fits into the library's other classes", async () => {
    const union = new RateLimiterUnion(limiterOf({ keyPrefix: "second", points: 1, duration: 1 }), limiterOf({ keyPrefix: "minute" }));
    assert.deepEqual(Object.keys(await union.consume("a")), ["second", "minute"]);
    await assert.rejects(union.consume("a"), (rejected: Record<string, unknown>) => Object.keys(rejected).join() === "second");
    const bursty = new BurstyRateLimiter(limiterOf({ points: 1 }), limiterOf({ points: 1 }));
    await bursty.consume("a");
    await bursty.consume("a");
    await denial(bursty.consume("a"));
    assert.equal(await new RateLimiterQueue(limiterOf()).removeTokens(2, "a"), 3);
    const wrapped = new RLWrapperBlackAndWhite({ limiter: limiterOf({ points: 0 }), whiteList: ["a"] });
    await wrapped.consume("a");
    await denial(wrapped.consume("b"));
  });

  it("refuses what is not possible", async () => {
    for (const option of ["inMemoryBlockOnConsumed", "customIncrTtlLuaScript"]) {
      assert.throws(() => limiterOf({ [option]: 10 }), (error) => error instanceof ConfigurationError && error.message.startsWith(`${option} is not possible`));
    }
    assert.throws(() => limiterOf({ points: Number.NaN }), ConfigurationError);
    assert.throws(() => limiterOf({ keyPrefix: "" }), ConfigurationError);
    for (const points of [1.5, -1, "x"]) await assert.rejects(limiterOf().consume("a", points as number), RangeError);
    assert.equal((await limiterOf({ rejectIfRedisNotReady: true } as object).consume("a", "2" as never)).consumedPoints, 2);
  });
});
