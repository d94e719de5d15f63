/** What the conformance file cannot express: functions, sockets, closed connections, logs. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, request as httpRequest } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import express from "express";
import fastify from "fastify";
import { Redis } from "ioredis";
import { LockWatch, UnavailableError } from "lockwatch";
import * as forExpress from "lockwatch/express";
import * as forFastify from "lockwatch/fastify";
import { Stub } from "lockwatch/testing";
import { ask } from "./support/http.js";
import { served as servedByExpress, servedByFastify } from "./support/listen.js";
import { FRAMEWORKS, serve, type Served } from "./support/served.js";
import { until } from "./support/wait.js";
import { World } from "./support/world.js";

for (const framework of FRAMEWORKS) {
  describe(`the middleware in ${framework}`, () => {
    it("keyFunc and planFunc can return promises", async () => {
      const stub = new Stub();
      const keyFunc = () => Promise.resolve("tenant-7");
      const planFunc = () => Promise.resolve("7/second");
      await serving(framework, { redis: stub, keyFunc, planFunc }, async ({ port }) => {
        await ask(port, "/items");
        assert.deepEqual(stub.calls[0], ["LW.RATELIMIT", "lw:{key:tenant-7}:default", "7", "1"]);
      });
    });

    it("a key and a user can be numbers, and an invalid argument fails only its own request", async () => {
      const world = await World.start();
      const lw = new LockWatch(new Redis(world.url, { lazyConnect: true }), { connectTimeoutMs: 5000, commandTimeoutMs: 5000, log: () => undefined });
      const served = await serve(
        framework,
        { redis: lw, limits: "1/minute", keyFunc: ({ headers }: { headers: Record<string, unknown> }) => keys[String(headers["x-key"])] },
        ({ state, answer }) => {
          if (state) state.user = 42;
          answer(200, [], "");
        },
      );
      const keys: Record<string, unknown> = { number: 42, object: { id: 42 } };
      const as = (key: string) => ask(served.port, "/items", { headers: { "x-key": key } });
      assert.equal((await as("number")).status, 200);
      await served.ended;
      assert.equal((await as("number")).status, 429);
      assert.equal(await world.admin.exists("lw:{key:42}:default"), 1);
      assert.equal((await as("object")).status, 500);
      assert.equal((await world.auditRows("/items", 1))[0]?.user, "42");
      // Both calls are made in one turn of the event loop, so they share a write.
      const calls = [lw.verify("auth", 42 as unknown as string), lw.ratelimit("lw:{key:42}:default", "1/minute")] as const;
      const [wrong, right] = await Promise.allSettled(calls);
      assert.ok(wrong.status === "rejected" && wrong.reason instanceof TypeError);
      assert.equal(right.status === "fulfilled" && right.value.allowed, false);
      await served.close();
      await lw.close();
      await world.stop();
    });

    it("the event has no USER without a user, and is dropped for an invalid one", async () => {
      for (const [user, expected] of [[null, false], [undefined, false], [7, true], [{}, undefined]] as const) {
        const stub = new Stub();
        const served = await serve(framework, { redis: stub, log: () => undefined }, ({ state, answer }) => {
          if (state) state.user = user as null;
          answer(200, [], "");
        });
        assert.equal((await ask(served.port, "/items")).status, 200);
        await served.ended;
        if (expected !== undefined) {
          const audit = await until("the event", () => stub.calls.find(([name]) => name === "LW.AUDIT"));
          assert.equal(audit.includes("USER"), expected);
        }
        await served.close();
      }
    });

    it("an error of onDenied fails the request instead of letting it through", async () => {
      const stub = new Stub().answer("LW.RATELIMIT", [1, 1, 0, 60_000, 60_000]);
      const onDenied = () => Promise.reject(new UnavailableError("TIMEOUT", "the alert was not raised"));
      await serving(framework, { redis: stub, onDenied }, async (served) => {
        assert.equal((await ask(served.port, "/items")).status, 500);
        assert.equal((served.error as Error).message, "the alert was not raised");
      });
    });

    it("an error of keyFunc fails the request instead of letting it through", async () => {
      const keyFunc = () => Promise.reject(new Error("no such tenant"));
      await serving(framework, { redis: new Stub(), keyFunc }, async (served) => {
        assert.equal((await ask(served.port, "/items")).status, 500);
        assert.equal((served.error as Error).message, "no such tenant");
      });
    });

    it("a client that disconnects before the response is recorded with status 499", async () => {
      const stub = new Stub();
      let called = false;
      const never = () => (called = true);
      await serving(framework, { redis: stub }, async ({ port }) => {
        const socket = connect(port, "127.0.0.1", () => socket.write("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"));
        await until("the handler is called", () => called);
        socket.destroy();
        const audit = await until("the event", () => stub.calls.find(([name]) => name === "LW.AUDIT"));
        assert.equal(audit[audit.indexOf("STATUS") + 1], "499");
      }, never);
    });

    it("a request target with scheme and host does not evade a policy", async () => {
      const stub = new Stub();
      await serving(framework, { redis: stub, routes: { "/login": "1/minute" } }, async ({ port }) => {
        await ask(port, "http://elsewhere/login?x");
        assert.equal(stub.calls[0]?.[1], "lw:{ip:127.0.0.1}:login");
      });
    });

    it("an encoded slash neither evades a policy nor exempts a path", async () => {
      const stub = new Stub();
      const options = { redis: stub, routes: { "/items/{id}": "1/minute" }, exempt: ["/items/{id}/thumb"] };
      await serving(framework, options, async (served) => {
        for (const path of ["/items/5%2F6", "/items/5%2Fthumb"]) {
          stub.calls.length = 0;
          await ask(served.port, path);
          assert.equal(stub.calls[0]?.[1], "lw:{ip:127.0.0.1}:items-.id", path);
          await served.ended;
        }
        stub.calls.length = 0;
        await ask(served.port, "/items/5/thumb");
        assert.equal(stub.calls.length, 0);
      });
    });

    it("a hostile forwarding header is read in linear time", async () => {
      const stub = new Stub();
      await serving(framework, { redis: stub, trustedProxies: ["127.0.0.1"], forwardedHeader: "Forwarded", audit: false }, async ({ port }) => {
        const started = performance.now();
        await ask(port, "/items", { headers: { forwarded: `for=192.0.2.7, ${'"\\'.repeat(7000)}` } });
        await ask(port, "/items", { headers: { forwarded: `for=192.0.2.7${" ".repeat(4096)};a=b` } });
        assert.ok(performance.now() - started < 1000);
        await ask(port, "/items", { headers: { forwarded: 'for=192.0.2.7;by="a,b", for="127.0.0.1:80"' } });
        const keys = stub.calls.filter(([name]) => name === "LW.RATELIMIT").map(([, key]) => key);
        assert.deepEqual(keys, ["127.0.0.1", "192.0.2.7", "192.0.2.7"].map((ip) => `lw:{ip:${ip}}:default`));
      });
    });

    it("a failure is logged once per interval, with its consequence", async () => {
      const logged: string[] = [];
      const stub = new Stub().answer("LW.RATELIMIT", { error: "READONLY You can't write against a read only replica." });
      const options = { redis: stub, log: (message: string) => logged.push(message) };
      await serving(framework, options, async ({ port }) => {
        for (let i = 0; i < 5; i++) await ask(port, "/items");
        assert.deepEqual(logged, ["lockwatch: requests are let through without a limit: READONLY You can't write against a read only replica."]);
      });
    });

    it("a failure of LW.BURST is logged and denies nothing", async () => {
      for (const reply of [{ error: "NOPERM this user has no permissions" }, "not three integers"]) {
        const logged: string[] = [];
        const stub = new Stub().answer("LW.BURST", reply);
        const options = { redis: stub, onRedisFailure: "deny", log: (message: string) => logged.push(message) };
        await serving(framework, options, async ({ port }) => {
          assert.equal((await ask(port, "/items")).status, 200);
          assert.match(logged[0] ?? "", /LW\.BURST failed, bursts are not counted/);
        });
      }
    });

    it("at most auditQueueSize events wait, and dropped ones are logged", async () => {
      const logged: string[] = [];
      const stub = new Stub().answer("LW.AUDIT", { failure: "timeout" });
      const options = { redis: stub, auditQueueSize: 3, log: (message: string) => logged.push(message) };
      await serving(framework, options, async (served) => {
        for (let i = 0; i < 5; i++) {
          await ask(served.port, "/items");
          await served.ended;
        }
        await until("the drop is logged", () => logged.length > 0);
        assert.match(logged[0] ?? "", /audit events are lost: 3 wait/);
        assert.equal(stub.calls.filter(([name]) => name === "LW.AUDIT").length, 3);
      });
    });
  });
}

describe("Fastify", () => {
  for (const options of [{ useSemicolonDelimiter: true }, { routerOptions: { useSemicolonDelimiter: true } }]) {
    it(`a semicolon does not evade a policy: ${JSON.stringify(options)}`, async () => {
      const stub = new Stub();
      const app = fastify(options as object);
      await app.register(forFastify.lockwatch, { redis: stub, routes: { "POST /auth/login": "1/minute" } });
      app.post("/auth/login", () => "login");
      const { port, close } = await servedByFastify(app);
      const answer = await ask(port, "/auth/login;x", { method: "POST", headers: { "content-length": 0 } });
      assert.equal(answer.body, "login");
      assert.equal(stub.calls[0]?.[1], "lw:{ip:127.0.0.1}:post-auth-login");
      await close();
    });
  }
});

describe("Express", () => {
  it("below a mount point, patterns match the whole path", async () => {
    const stub = new Stub();
    const app = express();
    app.use("/api", forExpress.lockwatch({ redis: stub, routes: { "/api/login": "1/minute" } }), (_request, response) => {
      response.end();
    });
    const { port, close } = await servedByExpress(app);
    await ask(port, "/api/login");
    assert.equal(stub.calls[0]?.[1], "lw:{ip:127.0.0.1}:api-login");
    await close();
  });

  it("every spelling of a target gets the policy of the route that Express selects", async () => {
    const stub = new Stub();
    const app = express();
    app.use("/api", forExpress.lockwatch({ redis: stub, routes: { "/api/login": "1/minute", "/api/login/x": "2/minute" }, audit: false }));
    app.get("/api/login", (_request, response) => void response.end("login"));
    app.get("/api/login/x", (_request, response) => void response.end("x"));
    const { port, close } = await servedByExpress(app);
    for (const [target, handler] of [
      ["/api/login", "login"],
      ["http://elsewhere/api/login?a", "login"],
      ["/api/login#a", "login"],
      ["/api\\login#a", ""],
      ["/api/login\\x#a", "x"],
      ["http://elsewhere\\api/login", ""],
    ] as const) {
      stub.calls.length = 0;
      const answer = await ask(port, target);
      const policy = { login: "api-login", x: "api-login-x", "": undefined }[answer.status === 200 ? (answer.body as "login") : ""];
      if (handler !== "") assert.equal(answer.body, handler, target);
      if (policy !== undefined) assert.equal(stub.calls[0]?.[1], `lw:{ip:127.0.0.1}:${policy}`, target);
    }
    await close();
  });

  it("on a Unix socket the trusted header has the address, and without trust there is a configuration error", async () => {
    const dir = await mkdtemp(join(tmpdir(), "lockwatch-"));
    const path = join(dir, "http.sock");
    for (const [trustedProxies, expected] of [[["unix"], 200], [[], 500]] as const) {
      const stub = new Stub();
      const app = express();
      app.use(forExpress.lockwatch({ redis: stub, trustedProxies }), (_request, response) => {
        response.end();
      });
      app.use((error: Error, _request: express.Request, response: express.Response, _next: express.NextFunction) => {
        response.status(500).end(error.message);
      });
      const server = createServer(app).listen(path);
      await until("it listens", () => server.listening);
      const status = await new Promise((resolve, reject) => {
        const request = httpRequest({ socketPath: path, path: "/", agent: false, headers: { "x-forwarded-for": "198.51.100.7" } }, (response) => {
          response.resume();
          resolve(response.statusCode);
        });
        request.once("error", reject).end();
      });
      assert.equal(status, expected);
      assert.equal(stub.calls[0]?.[1], expected === 200 ? "lw:{ip:198.51.100.7}:default" : undefined);
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
    await rm(dir, { recursive: true });
  });

  it("the LockWatch that the middleware created can be closed", async () => {
    const middleware = forExpress.lockwatch({ redis: "redis://127.0.0.1:1" });
    assert.ok(middleware.lockwatch instanceof LockWatch);
    await middleware.lockwatch.close();
  });
});

async function serving(
  framework: (typeof FRAMEWORKS)[number],
  options: object,
  test: (served: Served) => Promise<void>,
  handler: () => unknown = () => undefined,
): Promise<void> {
  const served = await serve(framework, options, ({ answer }) => {
    if (handler() === undefined) answer(200, [], "hello");
  });
  try {
    await test(served);
  } finally {
    await served.close();
  }
}
