/** Several limits on one request: each has its own counter, or an error says what to write. */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import express from "express";
import fastify, { type preHandlerHookHandler } from "fastify";
import { ADDRESS, LockWatch } from "lockwatch";
import * as forExpress from "lockwatch/express";
import * as forFastify from "lockwatch/fastify";
import { Stub } from "lockwatch/testing";
import { ask } from "./support/http.js";
import { served, servedByFastify, type Api } from "./support/listen.js";
import { FRAMEWORKS, type Framework } from "./support/served.js";
import { World } from "./support/world.js";

type Limit = ReturnType<typeof forExpress.limit>;

interface Options {
  limits?: readonly Limit[];
  /** The options of the middlewares, the outer one first. */
  middlewares?: readonly forExpress.ExpressOptions[];
}

const cleanUp: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of cleanUp.splice(0)) await close();
});

/** Serves a site until the test ends. Returns its port. */
async function site(framework: Framework, options: Options): Promise<number> {
  return untilTheEnd(await (framework === "express" ? siteOfExpress(options) : siteOfFastify(options)));
}

function untilTheEnd({ port, close }: Api): number {
  cleanUp.push(close);
  return port;
}

async function siteOfExpress({ limits = [], middlewares = [] }: Options): Promise<Api> {
  const app = express();
  for (const options of middlewares) app.use(forExpress.lockwatch(options));
  app.get("/x/:id", ...limits, (_request, response) => {
    response.end("reached");
  });
  return served(app);
}

async function siteOfFastify({ limits = [], middlewares = [] }: Options): Promise<Api> {
  const app = fastify({ forceCloseConnections: true });
  const [outer, inner] = middlewares as unknown as forFastify.FastifyOptions[];
  if (outer) await app.register(forFastify.lockwatch, outer);
  await app.register(async (scope) => {
    if (inner) await scope.register(forFastify.lockwatch, inner);
    scope.get("/x/:id", { preHandler: limits as unknown as preHandlerHookHandler[] }, () => "reached");
  });
  return servedByFastify(app);
}

const keysOf = (stub: Stub) => stub.calls.filter(([command]) => command === "LW.RATELIMIT").map(([, key = ""]) => key.split("}:")[1]);

for (const framework of FRAMEWORKS) {
  describe(`two limits in ${framework}`, () => {
    let world: World;
    const { limit } = (framework === "express" ? forExpress : forFastify) as typeof forExpress;

    before(async () => {
      world = await World.start();
    });

    after(() => world.stop());

    it("count apart", async () => {
      const port = await site(framework, { limits: ["4/minute", "100/hour", "200/hour"].map((limits) => limit(world.lockwatch, limits)) });
      const answers = [];
      for (let i = 0; i < 5; i++) answers.push(await ask(port, "/x/1"));
      assert.deepEqual(answers.map(({ status }) => status), [200, 200, 200, 200, 429]);
      assert.equal(answers[0]?.header("RateLimit-Policy"), '"get-x-.id-3";q=200;w=3600');
      assert.equal(answers[4]?.header("RateLimit-Policy"), '"get-x-.id";q=4;w=60');
    });

    for (const isBehind of [false, true]) {
      const where = isBehind ? "behind the middleware" : "without the middleware";
      const middleware = isBehind ? ["default"] : [];

      it(`have keys of their own ${where}`, async () => {
        const stub = new Stub();
        const lw = new LockWatch(stub);
        const limits = [limit(lw, "4/minute"), limit(lw, "9/hour"), limit(lw, "9/hour", { name: "own" })];
        const port = await site(framework, { limits, middlewares: isBehind ? [{ redis: lw }] : [] });
        assert.equal((await ask(port, "/x/1")).status, 200);
        assert.deepEqual(keysOf(stub), [...middleware, "limit:get-x-.id", "limit:get-x-.id:2", "limit:own"]);
      });

      it(`one limit that is reached twice counts once ${where}`, async () => {
        const stub = new Stub();
        const lw = new LockWatch(stub);
        const same = limit(lw, "4/minute");
        const port = await site(framework, { limits: [same, limit(lw, "9/hour"), same], middlewares: isBehind ? [{ redis: lw }] : [] });
        for (let i = 0; i < 2; i++) assert.equal((await ask(port, "/x/1")).status, 200);
        const keys = [...middleware, "limit:get-x-.id", "limit:get-x-.id:2"];
        assert.deepEqual(keysOf(stub), [...keys, ...keys]);
      });
    }

    it("of one given name are an error", async () => {
      const lw = new LockWatch(new Stub());
      const port = await site(framework, { limits: ["4/minute", "9/hour"].map((limits) => limit(lw, limits, { name: "own" })) });
      const { status, body } = await ask(port, "/x/1");
      assert.equal(status, 500);
      assert.match(body, /called (&#39;|')own.*own-2/);
    });

    for (const key of [undefined, ADDRESS, "bob"] as const) {
      it(`the number of a limit does not depend on the client of another: ${String(key)}`, async () => {
        const stub = new Stub();
        const lw = new LockWatch(stub);
        const port = await site(framework, { limits: [limit(lw, "4/minute", { key: () => key }), limit(lw, "9/hour")] });
        assert.equal((await ask(port, "/x/1")).status, 200);
        assert.equal(keysOf(stub).at(-1), "limit:get-x-.id:2");
      });
    }

    it("a second middleware that would count the same key is an error", async () => {
      const lw = new LockWatch(new Stub());
      const port = await site(framework, { middlewares: [{ redis: lw }, { redis: lw }] });
      const { status, body } = await ask(port, "/x/1");
      assert.equal(status, 500);
      assert.match(body, /the same key of the policy (&#39;|')default.*a service or keyPrefix of its own/);
      assert.doesNotMatch(body, /ip:/);
    });

    it("two middlewares count the burst of a client once", async () => {
      const stub = new Stub();
      const lw = new LockWatch(stub);
      const port = await site(framework, { middlewares: [{ redis: lw }, { redis: lw, routes: { "/x/*": "5/minute" } }] });
      assert.equal((await ask(port, "/x/1")).status, 200);
      assert.deepEqual(keysOf(stub), ["default", "x-."]);
      assert.equal(stub.calls.filter(([command]) => command === "LW.BURST").length, 1);
    });

    it("a second middleware with another prefix counts as well, and one event is recorded", async () => {
      const redis = world.lockwatch;
      const port = await site(framework, { middlewares: [{ redis }, { redis, keyPrefix: "inner", limits: "2/minute" }] });
      const answers = [];
      for (let i = 0; i < 3; i++) answers.push(await ask(port, "/x/7"));
      assert.deepEqual(answers.map(({ status }) => status), [200, 200, 429]);
      const rows = await world.auditRows("/x/7", 3);
      assert.deepEqual(rows.map(({ status, limited }) => [status, limited]), [[200, false], [200, false], [429, true]]);
    });
  });
}

it("one middleware of Express that is reached twice counts once", async () => {
  const stub = new Stub();
  const app = express();
  const middleware = forExpress.lockwatch({ redis: new LockWatch(stub) });
  app.use(middleware);
  app.get("/x", middleware, (_request, response) => {
    response.end("reached");
  });
  const port = untilTheEnd(await served(app));
  assert.equal((await ask(port, "/x")).status, 200);
  assert.deepEqual(keysOf(stub), ["default"]);
});

it("a request of Express that is routed again counts under the policy of its new path", async () => {
  const stub = new Stub();
  const app = express();
  app.use(forExpress.lockwatch({ redis: new LockWatch(stub), routes: { "GET /secret": "2/hour" } }));
  app.get("/alias", (request, response) => {
    request.url = "/secret";
    (app as unknown as { handle(request: unknown, response: unknown): void }).handle(request, response);
  });
  app.get("/secret", (_request, response) => {
    response.end("reached");
  });
  const port = untilTheEnd(await served(app));
  assert.equal((await ask(port, "/alias")).status, 200);
  assert.deepEqual(keysOf(stub), ["default", "get-secret"]);
});
