/**
 * The counter of a limit: one for each route, however it is declared, and none for a parameter's
 * value. `EXPRESS=/path/to/another/express` runs the tests of Express with another version.
 */
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { after, before, describe, it } from "node:test";
import type { Express, RequestHandler, Router } from "express";
import fastify, { type FastifyInstance } from "fastify";
import { LockWatch } from "lockwatch";
import * as forExpress from "lockwatch/express";
import * as forFastify from "lockwatch/fastify";
import { Stub } from "lockwatch/testing";
import { policyName } from "../dist/http/policy-name.js";
import { ask } from "./support/http.js";
import { served, servedByFastify, type Api } from "./support/listen.js";

type ExpressPackage = (() => Express) & { Router(options?: object): Router };
const require = createRequire(import.meta.url);
const express = require(process.env.EXPRESS ?? "express") as ExpressPackage;
const isExpress4 = (require(`${process.env.EXPRESS ?? "express"}/package.json`) as { version: string }).version.startsWith("4");
// Express 4 and 5.3 keep what a mount's path was made of.
const keepsPaths = isExpress4 || keepsPath();

function keepsPath(): boolean {
  const router = express.Router() as unknown as { use(path: string, handler: () => void): void; stack: object[] };
  router.use("/x", () => undefined);
  return "rawPath" in (router.stack[0] as object);
}

const stub = new Stub();
const lw = new LockWatch(stub);

function names(): string[] {
  return stub.calls.filter(([command]) => command === "LW.RATELIMIT").map(([, key = ""]) => key.split(":limit:")[1] ?? key);
}

function expressApp(): Express {
  const limit = forExpress.limit(lw, "5/minute");
  const done: RequestHandler = (_request, response) => {
    response.end("reached");
  };
  const app = express();
  app.get("/", limit, done);
  app.get("/items", limit, done);
  app.get("/items/:id", limit, done);
  app.get("/items-id", limit, done);
  app.get("/user-posts", limit, done);
  app.get("/user/posts", limit, done);
  app.get("/日本", limit, done);
  app.get("/中国", limit, done);
  app.get(["/one", "/two/:x"], limit, done);
  app.get(/^\/regexp\/(\d+)$/, limit, done);
  app.get(isExpress4 ? "/rest/*" : "/rest/*rest", limit, done);
  app.all("/all/:x", limit, done);
  app.route("/route/:x").get(limit, done).post(limit, done);
  app.route("/route-all").all(limit).get(done).put(done);
  app.get("/wrapped/:x", (request, response, next) => {
    limit(request, response, next);
  }, done);

  const orders = express.Router({ mergeParams: true });
  orders.get("/", limit, done);
  orders.get("/:order", limit, done);
  const lines = express.Router();
  lines.post("/:line", limit, done);
  orders.use("/:order/lines", lines);
  app.use("/orders", orders);
  app.use("/v1/orders", orders);
  app.use("/tenants/:id", orders);
  app.use("/Cased-Path/:id", orders);

  const sub = express();
  sub.get("/x/:x", limit, done);
  sub.use("/orders", orders);
  app.use("/app1", sub);
  const deeper = express();
  deeper.get("/y", limit, done);
  const middle = express();
  middle.use("/b/:b", deeper);
  app.use("/a/:a", middle);

  app.use("/used/:x", limit, done);
  const whole = express.Router();
  whole.use(limit);
  whole.get("/:x", done);
  app.use("/whole/:y", whole);
  if (keepsPaths) {
    app.use(/^\/mount\d+/, orders);
    app.use(["/many/:a", "/much/:b"], orders);
    app.use("/part-:x", orders);
  }
  app.use("/else", limit);
  return app;
}

const values = (path: (value: string) => string) => ["1", "2", "acme", "a%20b", "..%2f", "1.5", "x-y", "orders", "LONG".repeat(9), "%E6%97%A5"].map(path);

const IN_EXPRESS: Readonly<Record<string, readonly string[]>> = {
  "GET /": ["/"],
  "GET /items": ["/items", "/Items/"],
  "GET /items/{id}": values((id) => `/items/${id}`),
  "GET /items-id": ["/items-id"],
  "GET /user-posts": ["/user-posts"],
  "GET /user/posts": ["/user/posts"],
  "GET /one,/two/:x": ["/one", "/two/1", "/two/2"],
  "GET /RegExp(/^\\/regexp\\/(\\d+)$/)": ["/regexp/1", "/regexp/2"],
  [isExpress4 ? "GET /rest/*" : "GET /rest/*rest"]: ["/rest/a", "/rest/a/b"],
  "/all/{x}": ["/all/1", "POST /all/2", "PURGE /all/3"],
  "GET,POST /route/{x}": ["/route/1", "POST /route/2"],
  "/route-all": ["/route-all", "PUT /route-all"],
  "GET /wrapped/{x}": ["/wrapped/1", "/wrapped/2"],
  "GET /orders": ["/orders", "/orders/"],
  "GET /orders/{order}": values((order) => `/orders/${order}`),
  "POST /orders/{order}/lines/{line}": ["POST /orders/1/lines/2", "POST /orders/3/lines/4"],
  "GET /v1/orders": ["/v1/orders"],
  "GET /v1/orders/{order}": ["/v1/orders/1", "/V1/orders/1"],
  "GET /tenants/{id}": values((id) => `/tenants/${id}`),
  "GET /tenants/{id}/{order}": values((id) => `/tenants/${id}/1`),
  "POST /tenants/{id}/{order}/lines/{line}": ["POST /tenants/1/2/lines/3", "POST /tenants/4/5/lines/6"],
  "GET /app1/x/{x}": ["/app1/x/1", "/app1/x/2"],
  "GET /app1/orders/{order}": ["/app1/orders/1", "/app1/orders/2"],
  "GET /a/{a}/b/{b}/y": ["/a/1/b/2/y", "/a/3/b/4/y"],
  "/used/{x}/**": ["/used/1", "/used/2", "POST /used/3"],
  "/whole/{y}/**": ["/whole/1/2", "/whole/3/4"],
  ...(keepsPaths ? { "GET /part-:x": ["/part-1", "/part-2"].slice(0, isExpress4 ? 0 : 2) } : {}),
};

async function count(api: Api, target: string): Promise<{ status: number; name: string | undefined; body: string }> {
  const [method, path] = target.includes(" ") ? (target.split(" ") as [string, string]) : ["GET", target];
  stub.calls.length = 0;
  const { status, body } = await ask(api.port, encodeURI(path).replaceAll("%25", "%"), { method });
  const counted = names();
  assert.ok(counted.length <= 1, `${target} was counted under ${counted.join(" ")}`);
  return { status, name: counted[0], body };
}

describe("routes of Express", () => {
  let api: Api;

  before(async () => {
    api = await served(expressApp());
  });

  after(() => api.close());

  for (const [text, targets] of Object.entries(IN_EXPRESS)) {
    it(text, async () => {
      for (const target of targets) {
        assert.deepEqual(await count(api, target), { status: 200, name: policyName(text), body: "reached" }, target);
      }
    });
  }

  it("mounts of unusual paths have one counter each", { skip: !keepsPaths }, async () => {
    for (const targets of [["/mount1", "/mount2"], ["/many/1", "/many/2", "/much/3"], ["/part-1", "/part-2"]]) {
      const counted = new Set<string | undefined>();
      for (const target of targets) counted.add((await count(api, target)).name);
      assert.equal(counted.size, 1, targets.join(" "));
      assert.match(String([...counted][0]), /--[0-9a-f]{8}$/);
    }
  });

  it("a mount that hides its routes needs a name", async () => {
    const hidden = express.Router();
    hidden.get("/x", forExpress.limit(lw, "5/minute"), (_request, response) => {
      response.end();
    });
    const app = express();
    app.use("/hidden/:id", (request, response, next) => {
      hidden(request, response, next);
    });
    const hiding = await served(app);
    const { status, name, body } = await count(hiding, "/hidden/1/x").finally(() => hiding.close());
    assert.deepEqual([status, name], [500, undefined]);
    assert.match(body, /needs a name/);
  });
});

function fastifyApp(): FastifyInstance {
  const limit = { preHandler: forFastify.limit(lw, "5/minute") };
  const done = () => "reached";
  const app = fastify({ forceCloseConnections: true });
  app.get("/", limit, done);
  app.get("/items/:id", limit, done);
  app.get("/items-id", limit, done);
  app.get("/user-posts", limit, done);
  app.get("/user/posts", limit, done);
  app.get("/rest/*", limit, done);
  app.get("/number/:id(^\\d+$)", limit, done);
  app.all("/all/:x", limit, done);
  app.route({ method: ["POST", "GET"], url: "/both", ...limit, handler: done });
  const orders = (scope: FastifyInstance) => {
    scope.get("/", limit, done);
    scope.get("/:order", limit, done);
    scope.register((inner, _options, ready) => {
      inner.post("/:line", limit, done);
      ready();
    }, { prefix: "/:order/lines" });
  };
  for (const prefix of ["/orders", "/v1/orders", "/tenants/:id"]) {
    app.register((scope, _options, ready) => {
      orders(scope);
      ready();
    }, { prefix });
  }
  app.register((scope, _options, ready) => {
    scope.addHook("onRequest", forFastify.limit(lw, "5/minute"));
    scope.get("/:x", done);
    scope.get("/y/:y", done);
    ready();
  }, { prefix: "/hooked" });
  app.setNotFoundHandler(limit, (_request, reply) => reply.code(404).send("reached"));
  return app;
}

const IN_FASTIFY: Readonly<Record<string, readonly string[]>> = {
  "GET /": ["/"],
  "GET /items/{id}": values((id) => `/items/${id}`),
  "GET /items-id": ["/items-id"],
  "GET /user-posts": ["/user-posts"],
  "GET /user/posts": ["/user/posts"],
  "GET /rest/**": ["/rest/a", "/rest/a/b"],
  "GET /number/:id(^\\d+$)": ["/number/1", "/number/2"],
  "/all/{x}": ["/all/1", "POST /all/2"],
  "GET,POST /both": ["/both", "POST /both"],
  "GET /orders": ["/orders", "/orders/"],
  "GET /orders/{order}": ["/orders/1", "/orders/2"],
  "POST /orders/{order}/lines/{line}": ["POST /orders/1/lines/2", "POST /orders/3/lines/4"],
  "GET /v1/orders/{order}": ["/v1/orders/1"],
  "GET /tenants/{id}": values((id) => `/tenants/${id}`),
  "GET /tenants/{id}/{order}": values((id) => `/tenants/${id}/1`),
  "GET /hooked/{x}": ["/hooked/1", "/hooked/2"],
  "GET /hooked/y/{y}": ["/hooked/y/1", "/hooked/y/2"],
  "/**": ["/missing", "/other", "POST /missing"],
};

describe("routes of Fastify", () => {
  let api: Api;

  before(async () => {
    api = await servedByFastify(fastifyApp());
  });

  after(() => api.close());

  for (const [text, targets] of Object.entries(IN_FASTIFY)) {
    it(text, async () => {
      for (const target of targets) {
        const status = text === "/**" ? 404 : 200;
        assert.deepEqual(await count(api, target), { status, name: policyName(text), body: "reached" }, target);
      }
    });
  }
});
