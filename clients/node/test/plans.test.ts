/** Limits of people who have signed in: by their claims, with free and pro plans. Responses that are cut off. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, describe, it } from "node:test";
import { Readable } from "node:stream";
import express, { type Request } from "express";
import fastify from "fastify";
import { ConfigurationError, LockWatch } from "lockwatch";
import * as forExpress from "lockwatch/express";
import * as forFastify from "lockwatch/fastify";
import { Stub } from "lockwatch/testing";
import { ask } from "./support/http.js";
import { served, servedByFastify, type Api } from "./support/listen.js";
import { FRAMEWORKS } from "./support/served.js";
import { World } from "./support/world.js";

const [FREE, PRO] = ["2/hour", "4/hour"];

function limitsOf(plan: unknown): string | undefined {
  return plan === "staff" ? undefined : plan === "pro" ? PRO : FREE;
}

function costOf(url: string): Promise<number> {
  return Promise.resolve(url.includes("bulk") ? 2 : 1);
}

async function* ticks(): AsyncGenerator<string> {
  for (let i = 0; i < 1000; i++) {
    yield "tick";
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function startExpress(lw: LockWatch): Promise<Api> {
  const app = express();
  app.use(forExpress.lockwatch({ redis: lw }));
  app.get(
    "/orders",
    forExpress.jwtRequired(lw, { store: "auth" }),
    forExpress.limit(lw, (request) => limitsOf(request.claims?.plan), { key: (request) => request.claims?.sub, cost: (request) => costOf(request.url) }),
    (_request, response) => {
      response.json("orders");
    },
  );
  app.get("/endless", (_request, response) => {
    Readable.from(ticks()).pipe(response);
  });
  return served(app);
}

async function startFastify(lw: LockWatch): Promise<Api> {
  const app = fastify({ forceCloseConnections: true });
  await app.register(forFastify.lockwatch, { redis: lw });
  const limit = forFastify.limit(lw, (request) => limitsOf(request.claims?.plan), {
    key: (request) => request.claims?.sub,
    cost: (request) => costOf(request.url),
  });
  app.get("/orders", { preHandler: [forFastify.jwtRequired(lw, { store: "auth" }), limit] }, () => "orders");
  app.get("/endless", (_request, reply) => reply.send(Readable.from(ticks())));
  return servedByFastify(app);
}

const START: Record<(typeof FRAMEWORKS)[number], (lw: LockWatch) => Promise<Api>> = { express: startExpress, fastify: startFastify };

for (const framework of FRAMEWORKS) {
  describe(`plans in ${framework}`, () => {
    let world: World;
    let api: Api;

    before(async () => {
      world = await World.start();
      api = await START[framework](world.lockwatch);
    });

    after(async () => {
      await api.close();
      await world.stop();
    });

    it("limits and cost by the claims", async () => {
      const lw = world.lockwatch;
      const statuses: Record<string, number[]> = {};
      for (const plan of ["free", "pro", "staff"]) {
        const { accessToken } = await lw.issue("auth", plan, { claims: { plan } });
        const many = async (path: string, count: number) => {
          const found: number[] = [];
          for (let i = 0; i < count; i++) found.push((await ask(api.port, path, { headers: { authorization: `Bearer ${accessToken}` } })).status);
          return found;
        };
        statuses[plan] = await many("/orders", 5);
        await lw.reset({ key: plan });
        statuses[`${plan}, bulk`] = await many("/orders?bulk", 3);
      }
      assert.deepEqual(statuses, {
        free: [200, 200, 429, 429, 429],
        pro: [200, 200, 200, 200, 429],
        staff: [200, 200, 200, 200, 200],
        "free, bulk": [200, 429, 429],
        "pro, bulk": [200, 200, 429],
        "staff, bulk": [200, 200, 200],
      });
      assert.equal((await ask(api.port, "/orders")).status, 401);
    });

    it("a client that leaves in the middle of a stream is recorded with status 499", async () => {
      const socket = connect(api.port, "127.0.0.1");
      socket.write("GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n");
      let received = "";
      for await (const chunk of socket) if ((received += String(chunk)).includes("tick")) break;
      socket.destroy();
      const [row] = await world.auditRows("/endless", 1);
      assert.equal(row?.status, 499);
    });
  });
}

describe("functions as limits and cost", () => {
  const redis = new Stub();

  it("two functions for limits are an error", () => {
    assert.throws(() => forExpress.lockwatch({ redis, limits: () => "5/minute", planFunc: () => "5/minute" }), /planFunc/);
  });

  it("a policy has none as limits", () => {
    const limits = (() => "5/minute") as unknown as string;
    for (const policy of [{ limits }, limits]) {
      const matches = (error: unknown) => error instanceof ConfigurationError && error.message.includes("a function goes into limit(lw, function) on the route");
      assert.throws(() => forExpress.lockwatch({ redis, routes: { "/items": policy } }), matches);
    }
  });

  it("a policy may have one as cost", () => {
    forExpress.lockwatch({ redis, routes: { "/export/**": { cost: () => 20 } } });
  });

  for (const bad of ["soon", 5, [], [["a", 1]]]) {
    it(`limits that return ${JSON.stringify(bad)} are named`, async () => {
      const error = await errorOf(forExpress.limit(new LockWatch(redis), () => bad as string, { name: "own" }));
      assert.match(error.message, /the function that is given as limits returned/);
      assert.ok(error instanceof ConfigurationError);
    });
  }

  for (const bad of [0, -1, 2 ** 32, true, "1", 1.5, undefined]) {
    it(`a cost that returns ${JSON.stringify(bad)} is named`, async () => {
      const error = await errorOf(forExpress.limit(new LockWatch(redis), "5/minute", { name: "own", cost: () => bad as number }));
      assert.match(error.message, /the function that is given as cost returned/);
    });
  }
});

for (const option of ["limits", "cost"]) {
  it(`a long text of a client is cut in the error of ${option}`, async () => {
    const plan = (request: Request) => request.get("x-plan");
    const lw = new LockWatch(new Stub());
    const limit = option === "limits" ? forExpress.limit(lw, plan, { name: "own" }) : forExpress.limit(lw, "5/minute", { name: "own", cost: plan as never });
    const { message } = await errorOf(limit, { "x-plan": "x".repeat(10_000) });
    assert.ok(message.startsWith(`the function that is given as ${option} returned 'xxx`), message);
    assert.ok(message.length < 400, message);
  });
}

/** The error that a limit passes to Express. */
async function errorOf(limit: ReturnType<typeof forExpress.limit>, headers: Record<string, string> = {}): Promise<Error> {
  const app = express();
  const failed = new Promise<Error>((resolve) => {
    app.get("/", limit, (_request, response) => {
      response.end();
    });
    app.use((error: Error, _request: express.Request, response: express.Response, _next: express.NextFunction) => {
      response.status(500).end();
      resolve(error);
    });
  });
  const { port, close } = await served(app);
  await ask(port, "/", { headers });
  await close();
  return await failed;
}
