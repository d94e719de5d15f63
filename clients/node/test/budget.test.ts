/** Budgets of tokens, on a real server. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { ConfigurationError, LockWatch, TokenBudget, TokenBudgetExceededError } from "lockwatch";
import { Stub } from "lockwatch/testing";
import { World } from "./support/world.js";

describe("a budget of tokens", () => {
  let world: World;
  let budget: TokenBudget;
  let both: TokenBudget;

  before(async () => {
    world = await World.start();
    budget = new TokenBudget(world.lockwatch, "1000/hour");
    both = new TokenBudget(world.lockwatch, "1000/hour", { requests: "2/hour" });
  });

  after(() => world.stop());

  async function used(key: string, what = "tokens"): Promise<number> {
    return 1000 - (await world.lockwatch.peek(`{${key}}:${what}`, "1000/hour", { cost: 0 })).remaining;
  }

  it("settles with what was used: less or more than the estimate", async () => {
    const reply = await budget.withReservation("less", 700, (reservation) => {
      reservation.settle(312);
      return "answer";
    });
    assert.deepEqual([reply, await used("less")], ["answer", 312]);
    await budget.withReservation("more", 100, (reservation) => reservation.settle(2000));
    assert.equal((await world.lockwatch.peek("{more}:tokens", "5000/hour", { cost: 0 })).remaining, 3000);
  });

  it("adds up what a stream uses", async () => {
    await budget.withReservation("stream", 700, (reservation) => {
      for (let i = 0; i < 5; i++) reservation.add(10);
      assert.equal(reservation.used, 50);
    });
    assert.equal(await used("stream"), 50);
  });

  it("without a word the reservation stays", async () => {
    await budget.withReservation("stays", 70, () => undefined);
    assert.equal(await used("stays"), 70);
  });

  it("an exception gives no tokens back by itself", async () => {
    const fail = (key: string, tokens: number) =>
      budget.withReservation(key, 100, (reservation) => {
        reservation.add(tokens);
        throw new Error("the model failed");
      });
    await assert.rejects(fail("failed", 10), /the model failed/);
    await assert.rejects(fail("beyond", 300), /the model failed/);
    assert.deepEqual([await used("failed"), await used("beyond")], [100, 300]);
  });

  it("a cancelled call gives its tokens and its request back", async () => {
    await both.withReservation("cancelled", 100, (reservation) => reservation.cancel());
    assert.deepEqual([await used("cancelled"), await used("cancelled", "requests")], [0, 0]);
    await assert.rejects(
      both.withReservation("cancelled", 100, (reservation) => {
        reservation.cancel();
        throw new Error("nothing was asked");
      }),
    );
    assert.equal(await used("cancelled"), 0);
  });

  it("tokens and requests are admitted in one step", async () => {
    await both.withReservation("both", 900, () => undefined);
    const denied = await both.reserve("both", 200).catch((error: unknown) => error);
    assert.ok(denied instanceof TokenBudgetExceededError && (denied.retryAfterSeconds ?? 0) > 3000);
    assert.equal(await used("both", "requests"), 1, "a denied call takes no request");
    await both.withReservation("both", 50, (reservation) => assert.equal(reservation.headers()["X-RateLimit-Limit"], "2"));
    await assert.rejects(both.reserve("both", 1), TokenBudgetExceededError);
  });

  it("a reservation that is disposed of keeps what was not settled", async () => {
    const one = await budget.reserve("disposed", 100);
    one.add(10);
    await one[Symbol.asyncDispose]();
    assert.equal(await used("disposed"), 100);
    const two = await budget.reserve("disposed", 100);
    two.add(10);
    two.settle();
    await two[Symbol.asyncDispose]();
    await two.end();
    assert.equal(await used("disposed"), 110);
  });

  it("more than a budget is never admitted", async () => {
    await assert.rejects(budget.reserve("never", 1001), (error) => error instanceof TokenBudgetExceededError && error.retryAfterSeconds === undefined);
  });
});

it("a budget that can't be settled is logged, and the answer stays", async () => {
  const messages: string[] = [];
  const stub = new Stub();
  const budget = new TokenBudget(new LockWatch(stub, { log: (message) => messages.push(message) }), "1000/hour");
  const answer = await budget.withReservation("user:42", 700, (reservation) => {
    reservation.settle(5);
    stub.unavailable();
    return "answer";
  });
  assert.equal(answer, "answer");
  assert.match(messages.join(), /a reservation stays as it was estimated/);
});

it("wrong arguments of a budget are refused", async () => {
  const lw = new LockWatch(new Stub());
  assert.throws(() => new TokenBudget({} as never, "1/minute"), ConfigurationError);
  assert.throws(() => new TokenBudget(lw, "nonsense"), RangeError);
  assert.throws(() => new TokenBudget(lw, "1/minute", { requests: "x" }), RangeError);
  const budget = new TokenBudget(lw, "1000/minute");
  for (const key of ["", "}x", 42]) await assert.rejects(budget.reserve(key as string, 1), ConfigurationError);
  for (const estimate of [0, -1, 1.5, "3", undefined]) await assert.rejects(budget.reserve("k", estimate as number), ConfigurationError);
  const reservation = await budget.reserve("k", 1);
  for (const tokens of [-1, 0.5, NaN]) assert.throws(() => reservation.add(tokens), ConfigurationError);
});
