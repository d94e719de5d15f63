/** `skipSuccessful`, `skipFailed` and `countWhen` on a real server, and when Redis is away. */
import assert from "node:assert/strict";
import { request } from "node:http";
import { after, afterEach, before, describe, it } from "node:test";
import { ConfigurationError, LockWatch } from "lockwatch";
import * as forExpress from "lockwatch/express";
import { Stub } from "lockwatch/testing";
import { ask } from "./support/http.js";
import { FRAMEWORKS, serve, type Framework, type Served } from "./support/served.js";
import { until } from "./support/wait.js";
import { World } from "./support/world.js";

const cleanUp: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of cleanUp.splice(0)) await close();
});

for (const framework of FRAMEWORKS) {
  describe(`charging by the response: ${framework}`, () => {
    let world: World;

    before(async () => {
      world = await World.start();
    });

    after(() => world.stop());

    /** Serves an application that answers the status that the path ends with. */
    async function start(keyPrefix: string, options: object): Promise<{ served: Served; used: () => Promise<number>; status: (path: string) => Promise<number> }> {
      const served = await serve(framework, { redis: world.lockwatch, keyPrefix, limits: "3/hour", burstThreshold: null, ...options }, ({ answer }) => answer(200, [], ""));
      cleanUp.push(() => served.close());
      const used = async () => {
        await world.lockwatch.corrections.drained();
        return 3 - (await world.lockwatch.peek(`${keyPrefix}:{ip:127.0.0.1}:default`, "3/hour", { cost: 0 })).remaining;
      };
      return { served, used, status: (path) => ask(served.port, path).then((answer) => answer.status) };
    }

    it("a request that is skipped costs nothing, however many there are", async () => {
      const { served, used, status } = await start("skips", { skipSuccessful: true });
      for (let i = 0; i < 6; i++) {
        assert.equal(await status("/"), 200);
        await served.ended;
        assert.equal(await used(), 0);
      }
    });

    it("a client that leaves before the response has failed", async () => {
      let handled = 0;
      const options = { redis: world.lockwatch, keyPrefix: "gone", limits: "3/hour", burstThreshold: null, skipFailed: true };
      const served = await serve(framework, options, () => handled++);
      cleanUp.push(() => served.close());
      const outgoing = request({ host: "127.0.0.1", port: served.port });
      outgoing.on("error", () => undefined);
      outgoing.end();
      await until("the request is handled", () => handled === 1);
      const used = async () => 3 - (await world.lockwatch.peek("gone:{ip:127.0.0.1}:default", "3/hour", { cost: 0 })).remaining;
      assert.equal(await used(), 1);
      outgoing.destroy();
      await until("the unit is given back", async () => (await used()) === 0);
    });

    it("countWhen counts after the response, with its status and headers", async () => {
      let answered = 200;
      const seen: unknown[] = [];
      const countWhen = ({ status, header }: { status: number; header: (name: string) => string | undefined }) => {
        seen.push([status, header("x-test"), header("x-none")]);
        return status === 401;
      };
      const options = { redis: world.lockwatch, keyPrefix: "counts", limits: "2/hour", burstThreshold: null, countWhen };
      const served = await serve(framework, options, ({ answer }) => answer(answered, [["X-Test", "yes"]], ""));
      cleanUp.push(() => served.close());
      const statuses: number[] = [];
      for (answered of [200, 401, 200, 401, 200]) {
        statuses.push((await ask(served.port, "/")).status);
        await served.ended;
        await world.lockwatch.corrections.drained();
      }
      assert.deepEqual(statuses, [200, 401, 200, 401, 429]);
      assert.deepEqual(seen, [[200, "yes", undefined], [401, "yes", undefined], [200, "yes", undefined], [401, "yes", undefined]]);
    });
  });
}

async function serveStub(framework: Framework, stub: Stub, options: object): Promise<{ served: Served; lockwatch: LockWatch; messages: string[] }> {
  const messages: string[] = [];
  const lockwatch = new LockWatch(stub, { log: (message) => messages.push(message) });
  const served = await serve(framework, { redis: lockwatch, keyPrefix: "lw", audit: false, ...options }, ({ answer }) => {
    stub.unavailable("closed");
    answer(200, [], "hello");
  });
  cleanUp.push(() => served.close());
  return { served, lockwatch, messages };
}

it("if Redis is away after the response, the log says so once", async () => {
  const stub = new Stub();
  const { served, lockwatch, messages } = await serveStub("express", stub, { skipSuccessful: true });
  for (let i = 0; i < 3; i++) {
    stub.available();
    assert.equal((await ask(served.port, "/")).body, "hello");
    await served.ended;
    await lockwatch.corrections.drained();
  }
  assert.equal(messages.filter((message) => message.includes("not corrected after their responses")).length, 1, messages.join("\n"));
});

it("a function that throws after the response is logged, and counts nothing", async () => {
  const stub = new Stub();
  const countWhen = () => {
    throw new Error("oops");
  };
  const { served, lockwatch, messages } = await serveStub("express", stub, { countWhen });
  assert.equal((await ask(served.port, "/")).status, 200);
  await served.ended;
  await lockwatch.corrections.drained();
  assert.deepEqual(stub.calls.map(([name]) => name), ["LW.PEEK", "LW.BURST"]);
  assert.match(messages.join(), /a request is not counted, because countWhen failed: Error: oops/);
});

it("limit refuses two of the options, and a function that is asynchronous", () => {
  const lw = new LockWatch(new Stub());
  const wrong = [{ skipSuccessful: true, skipFailed: true }, { countWhen: () => true, skipFailed: true }, { countWhen: (() => Promise.resolve(true)) as never as () => boolean, skipSuccessful: true }];
  for (const options of wrong) assert.throws(() => forExpress.limit(lw, "5/minute", { name: "a", ...options }), ConfigurationError);
  // eslint-disable-next-line @typescript-eslint/require-await
  assert.throws(() => forExpress.limit(lw, "5/minute", { countWhen: (async () => true) as never }), /asynchronous/);
});

it("a missing policy of the server is said loudly once", async () => {
  const stub = new Stub().answer("LW.RATELIMIT", { error: "LWNOPOLICY there is no policy 'absent'" });
  const { served, messages } = await serveStub("express", stub, { limits: "@absent" });
  await ask(served.port, "/");
  assert.equal(messages.filter((message) => message.includes("set it with LW.POLICY SET")).length, 1);
  assert.ok(messages.some((message) => message.includes("let through without a limit")), messages.join("\n"));
});
