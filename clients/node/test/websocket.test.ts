/** WebSockets: handshakes on a real server, and messages of a connection. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, createServer, type IncomingMessage, type Server } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { after, before, describe, it } from "node:test";
import websocket from "@fastify/websocket";
import fastify from "fastify";
import { ConfigurationError, LockWatch, type LockWatchState } from "lockwatch";
import * as forFastify from "lockwatch/fastify";
import { Stub } from "lockwatch/testing";
import { limitUpgrades, messageLimit, type UpgradeOptions } from "lockwatch/websocket";
import { WebSocket, WebSocketServer } from "ws";
import { ask, handshake } from "./support/http.js";
import { until } from "./support/wait.js";
import { World } from "./support/world.js";

interface Api {
  readonly port: number;
  readonly states: (LockWatchState | undefined)[];
  /** The number of open connections. */
  connections(): number;
  close(): Promise<void>;
}

/** Of a version of ws that need not be the one above. */
type Socket = Pick<WebSocket, "send"> & { on(event: "message", listener: (message: Buffer) => void): unknown };

const ECHO = (socket: Socket) => {
  const limit = messageLimit("3/minute");
  socket.on("message", (message: Buffer) => {
    socket.send(limit.allow() ? message.toString() : `wait ${Math.ceil(limit.retryAfter)}`);
  });
};

/** A server of Node that passes handshakes to ws. */
async function nodeServer(lw: LockWatch, options: UpgradeOptions): Promise<Api> {
  const states: (LockWatchState | undefined)[] = [];
  const sockets = new WebSocketServer({ noServer: true });
  const server = createServer((_request, response) => void response.end("plain"));
  server.on("upgrade", limitUpgrades(lw, options, (request, socket, head) => {
    states.push((request as IncomingMessage & { lockwatch?: LockWatchState }).lockwatch);
    sockets.handleUpgrade(request, socket, head, ECHO);
  }));
  return served(server, states, () => new Promise((resolve) => server.close(resolve)));
}

async function fastifyServer(lw: LockWatch, options: UpgradeOptions): Promise<Api> {
  const states: (LockWatchState | undefined)[] = [];
  const app = fastify({ forceCloseConnections: true });
  await app.register(websocket);
  await app.register(forFastify.lockwatch, { ...(options as forFastify.FastifyOptions), redis: lw });
  app.get("/live", { websocket: true }, (socket, request) => {
    states.push(request.lockwatch);
    ECHO(socket);
  });
  await app.ready();
  return served(app.server, states, () => app.close());
}

async function served(server: Server, states: (LockWatchState | undefined)[], close: () => Promise<unknown>): Promise<Api> {
  const open = new Set<unknown>();
  server.on("connection", (socket) => open.add(socket.once("close", () => open.delete(socket))));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const closeAll = async () => {
    server.closeAllConnections();
    await close();
  };
  return { port: (server.address() as AddressInfo).port, states, connections: () => open.size, close: closeAll };
}

const UPGRADE = { headers: { connection: "Upgrade", upgrade: "websocket", "sec-websocket-version": "13", "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==" } };

for (const [name, serve] of Object.entries({ "a server of Node": nodeServer, Fastify: fastifyServer })) {
  describe(`handshakes in ${name}`, () => {
    let world: World;

    before(async () => {
      world = await World.start();
    });

    after(() => world.stop());

    it("count under the policy of their path, and are recorded when they are answered", async () => {
      const api = await serve(world.lockwatch, { keyPrefix: "real", routes: { "GET /live": "2/minute" } });
      const sockets: WebSocket[] = [];
      for (const remaining of ["1", "0"]) {
        const socket = new WebSocket(`ws://127.0.0.1:${api.port}/live`);
        const [response] = (await once(socket, "upgrade")) as [IncomingMessage];
        assert.deepEqual(response.headersDistinct["x-ratelimit-remaining"], [remaining]);
        assert.deepEqual(response.headersDistinct.ratelimit, [`"get-live";r=${remaining};t=60`]);
        sockets.push(socket);
      }
      const denied = await handshake(api.port, "/live", UPGRADE);
      assert.equal(denied.status, 429);
      assert.equal(denied.header("Content-Type"), "application/json");
      assert.match(denied.header("Retry-After") ?? "", /^\d+$/);
      assert.match(denied.body, /^\{"error":"rate_limit_exceeded","retry_after":\d+\}$/);
      // The two connections are still open.
      const rows = await world.auditRows("/live", 3);
      assert.deepEqual(rows.map(({ status, limited }) => [status, limited]), [[101, false], [101, false], [429, true]]);
      assert.deepEqual(api.states.map((state) => state?.policy), ["get-live", "get-live"]);
      for (const socket of sockets) socket.terminate();
      await api.close();
    });

    it("messages of a connection are limited by themselves", async () => {
      const api = await serve(world.lockwatch, { keyPrefix: "messages" });
      for (let i = 0; i < 2; i++) {
        const socket = new WebSocket(`ws://127.0.0.1:${api.port}/live`);
        await once(socket, "open");
        const answers = [];
        for (const message of ["a", "b", "c", "d"]) {
          socket.send(message);
          answers.push(String(((await once(socket, "message")) as [Buffer])[0]));
        }
        assert.deepEqual(answers, ["a", "b", "c", "wait 60"]);
        socket.terminate();
      }
      await api.close();
    });

    it("a client that leaves while Redis is asked ends nothing, and is recorded", async () => {
      const stub = new Stub().unavailable("timeout");
      const lw = new LockWatch(stub, { commandTimeoutMs: 300, log: () => undefined });
      const api = await serve(lw, { keyPrefix: "lw", burstThreshold: null });
      const socket = connect(api.port, "127.0.0.1").on("error", () => undefined);
      socket.write(`GET /live HTTP/1.1\r\nHost: a\r\n${Object.entries(UPGRADE.headers).map(([key, value]) => `${key}: ${value}\r\n`).join("")}\r\n`);
      await until("the limit is asked", () => stub.calls.length > 0);
      stub.available();
      socket.resetAndDestroy();
      await until("the event", () => stub.calls.some(([command]) => command === "LW.AUDIT"));
      assert.ok(stub.calls.find(([command]) => command === "LW.AUDIT")?.includes("499"));
      assert.deepEqual(api.states, []);
      await api.close();
      await lw.close();
    });
  });
}

describe("limitUpgrades", () => {
  it("answers 500 and says so if a function of the options fails", async () => {
    const logged: string[] = [];
    const lw = new LockWatch(new Stub(), { log: (message) => logged.push(message) });
    const api = await nodeServer(lw, { keyPrefix: "lw", keyFunc: () => Promise.reject(new Error("no such tenant")) });
    assert.equal((await handshake(api.port, "/live", UPGRADE)).status, 500);
    assert.deepEqual(logged, ["lockwatch: handshakes are answered 500: Error: no such tenant"]);
    assert.deepEqual(api.states, []);
    await api.close();
    await lw.close();
  });

  it("closes the connection of a denied handshake", async () => {
    const lw = new LockWatch(new Stub().answer("LW.RATELIMIT", [1, 1, 0, 9000, 60_000]));
    const api = await nodeServer(lw, { keyPrefix: "lw" });
    const denied = await handshake(api.port, "/live", { ...UPGRADE, agent: false });
    assert.equal(denied.header("Connection"), "close");
    assert.equal(denied.status, 429);
    await api.close();
    await lw.close();
  });

  it("closes the connection of a denied handshake though the client keeps its half open", async () => {
    const lw = new LockWatch(new Stub().answer("LW.RATELIMIT", [1, 1, 0, 9000, 60_000]));
    const api = await nodeServer(lw, { keyPrefix: "lw" });
    const socket = connect({ port: api.port, host: "127.0.0.1", allowHalfOpen: true });
    socket.write(`GET /live HTTP/1.1\r\nHost: a\r\n${Object.entries(UPGRADE.headers).map(([key, value]) => `${key}: ${value}\r\n`).join("")}\r\n`);
    socket.on("error", () => undefined).resume();
    await once(socket, "end");
    await until("the server has closed it", () => api.connections() === 0);
    socket.destroy();
    await api.close();
    await lw.close();
  });

  it("refuses options of the client, and calls without a handler", () => {
    const lw = new LockWatch(new Stub());
    assert.throws(() => limitUpgrades(lw, { redis: lw } as never, () => undefined), ConfigurationError);
    assert.throws(() => limitUpgrades(lw, { service: "shop" } as never, () => undefined), ConfigurationError);
    assert.throws(() => limitUpgrades(lw, {}, undefined as never), /handler of limitUpgrades is undefined: expected a function/);
    assert.throws(() => limitUpgrades({} as never, {}, () => undefined), /limitUpgrades\(lw/);
  });
});

describe("a request with an Upgrade that the server ignores", () => {
  it("is recorded with the status of its response", async () => {
    const stub = new Stub();
    const app = fastify({ forceCloseConnections: true });
    const lw = new LockWatch(stub);
    await app.register(forFastify.lockwatch, { redis: lw, keyPrefix: "lw" });
    app.get("/", (_request, reply) => reply.code(203).send("plain"));
    await app.listen({ port: 0, host: "127.0.0.1" });
    const answer = await ask((app.server.address() as AddressInfo).port, "/", { headers: { connection: "Upgrade", upgrade: "h2c" } });
    assert.deepEqual([answer.status, answer.body, answer.header("X-RateLimit-Limit")], [203, "plain", "100"]);
    await until("the event", () => stub.calls.some(([command]) => command === "LW.AUDIT"));
    assert.ok(stub.calls.find(([command]) => command === "LW.AUDIT")?.includes("203"));
    await app.close();
    await lw.close();
  });
});

describe("a connection with many requests that ask for an upgrade", () => {
  it("keeps nothing of those that have ended", async () => {
    const app = fastify({ forceCloseConnections: true });
    const lw = new LockWatch(new Stub());
    await app.register(forFastify.lockwatch, { redis: lw, keyPrefix: "lw" });
    const listeners: number[] = [];
    app.get("/", (request) => {
      listeners.push(request.raw.socket.listenerCount("close"));
      return "plain";
    });
    await app.listen({ port: 0, host: "127.0.0.1" });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (let i = 0; i < 30; i++) await ask((app.server.address() as AddressInfo).port, "/", { agent, headers: { upgrade: "x" } });
    assert.equal(listeners.length, 30);
    assert.equal(listeners.at(-1), listeners[1]);
    agent.destroy();
    await app.close();
    await lw.close();
  });
});

describe("messageLimit", () => {
  it("is exact under many messages, and remembers no more than count", () => {
    const limit = messageLimit("10000/hour; 100/second");
    const allowed = Array.from({ length: 1000 }, () => limit.allow()).filter(Boolean).length;
    assert.ok(allowed >= 100 && allowed < 300, `${allowed} were allowed`);
    assert.ok(limit.retryAfter > 0 && limit.retryAfter <= 1);
  });

  it("refuses a cost that is no positive integer", () => {
    const limit = messageLimit([5, 1]);
    for (const cost of [0, -1, 1.5, NaN, "1"]) assert.throws(() => limit.allow(cost as number), RangeError);
    assert.equal(limit.retryAfter, 0);
  });

  it("refuses other limits", () => {
    for (const limits of ["0/second", "10001/minute", "@login", "", undefined, null, 5, {}, []]) {
      assert.throws(() => messageLimit(limits as string), ConfigurationError);
    }
  });
});
