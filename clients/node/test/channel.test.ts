/** The socket that a connection takes over from ioredis. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { Redis } from "ioredis";
import { Redis as Redis5 } from "ioredis-5";
import { LockWatch, UnavailableError } from "lockwatch";
import { Batch } from "../dist/redis/batch.js";
import { Channel } from "../dist/redis/channel.js";
import { ServerError } from "../dist/redis/connection.js";
import { IoredisConnection, ioredisOptions } from "../dist/redis/ioredis.js";
import { startRedis } from "./support/redis.js";
import { until } from "./support/wait.js";

const LIBRARIES = { "ioredis 6": Redis, "the oldest ioredis": Redis5 as unknown as typeof Redis };

/** A channel, what it has written, and its other end. */
function channel(silenceMs?: number) {
  const written: string[] = [];
  const stream = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _encoding, done) => {
      written.push(chunk.toString());
      done();
    },
  });
  const errors: string[] = [];
  stream.on("error", ({ message }) => errors.push(message));
  const made = new Channel(stream, silenceMs);
  const batch = new Batch((calls) => made.send(calls));
  const send = (...commands: (string | Uint8Array)[][]) => batch.send(commands.map((args) => ({ args })));
  return { stream, send, written, errors };
}

describe("a channel", () => {
  it("writes the calls of one turn of the event loop together, and gives each its replies", async () => {
    const { stream, send, written } = channel();
    const calls = [send(["A", "grüße"], ["B"]), send(["C", Buffer.from([0x80, 0x0d]), "z"]), send()];
    await until("it has written", () => written.length > 0);
    assert.deepEqual(written, [`*2\r\n$1\r\nA\r\n$7\r\ngrüße\r\n*1\r\n$1\r\nB\r\n*3\r\n$1\r\nC\r\n$2\r\n\ufffd\r\r\n$1\r\nz\r\n`]);
    for (const piece of [":1\r\n-ERR", " no\r", "\n*1\r\n:3\r\n"]) stream.push(piece);
    assert.deepEqual(await Promise.all(calls), [[1, new ServerError("ERR no")], [[3]], []]);
  });

  it("gives the reply of a call that nobody awaits any more to no other call", async () => {
    const { stream, send, written } = channel();
    const late = send(["LATE"]);
    await until("the first is written", () => written.length === 1);
    const next = send(["NEXT"]);
    await until("the second is written", () => written.length === 2);
    stream.push("+late\r\n+next\r\n");
    assert.deepEqual(await next, ["next"]);
    assert.deepEqual(await late, ["late"]);
  });

  for (const [what, bytes, message] of [
    ["a reply to no command", "+one\r\n+two\r\n", "Redis sent a reply to no command"],
    ["bytes that are no reply", "+one\r\nHTTP/1.1\r\n", 'Redis sent a reply of the unknown type "H"'],
  ] as const) {
    it(`ends with ${what}`, async () => {
      const { stream, send, written, errors } = channel();
      const call = send(["A"]);
      await until("it has written", () => written.length > 0);
      stream.push(bytes);
      assert.deepEqual(await call, ["one"]);
      await until("it has ended", () => errors.length > 0);
      assert.deepEqual(errors, [message]);
      await assert.rejects(send(["B"]), { message: "the connection is closed" });
    });
  }

  it("rejects the calls that wait when it is closed", async () => {
    const { stream, send, written } = channel();
    const calls = [send(["A"]), send(["B"])];
    await until("it has written", () => written.length > 0);
    stream.push("+a\r\n");
    assert.deepEqual(await calls[0], ["a"]);
    stream.destroy();
    await assert.rejects(calls[1] as Promise<unknown>, { message: "the connection was closed before the reply" });
  });

  it("ends when it was silent for too long while a reply is owed, and not otherwise", async () => {
    const idle = channel(150);
    const { stream, send, errors } = channel(150);
    const began = performance.now();
    const call = assert.rejects(send(["A"], ["B"]), { message: "the connection was closed before the reply" });
    setTimeout(() => stream.push("+a\r\n"), 100);
    await until("it has ended", () => stream.closed);
    await call;
    assert.ok(performance.now() - began >= 245, "an answer begins the time anew");
    assert.equal(idle.stream.destroyed, false, "it owed nothing");
    assert.deepEqual(errors, ["Redis was silent for too long"]);
  });
});

for (const [name, Library] of Object.entries(LIBRARIES)) {
  describe(`a connection of ${name}`, () => {
    it("takes over the sockets of a connection with a password and a database, after each reset", async () => {
      const server = await startRedis({ args: ["--requirepass", "secret"] });
      const client = new Library({ port: server.port, password: "secret", db: 3, ...ioredisOptions() });
      const connection = new IoredisConnection(client, 5000);
      const listeners = () => ["data", "close", "error"].map((event) => client.stream.listenerCount(event));
      const counts: number[][] = [];
      for (let round = 1; round <= 3; round++) {
        await until("it is open", () => connection.ready()?.then(() => true, () => false) ?? true);
        await connection.send([{ args: ["SET", "round", String(round)] }]);
        assert.deepEqual(await connection.send([{ args: ["GET", "round"] }, { args: ["NONE"] }]), [String(round), new ServerError("ERR unknown command 'NONE', with args beginning with: ")]);
        assert.match(String((await connection.send([{ args: ["CLIENT", "INFO"] }]))[0]), / db=3 /);
        counts.push(listeners());
        const { stream } = client;
        connection.reset();
        await until("the socket is replaced", () => client.stream !== stream);
      }
      assert.equal(counts[0]?.[0], 1, "ioredis reads nothing any more");
      assert.deepEqual(counts, [counts[0], counts[0], counts[0]]);
      await connection.close();
      await server.stop();
    });

    it("reports a wrong password", async () => {
      const server = await startRedis({ args: ["--requirepass", "secret"] });
      const lw = new LockWatch(new Library({ port: server.port, password: "wrong", lazyConnect: true }), { connectTimeoutMs: 5000 });
      await assert.rejects(lw.ratelimit("k", "1/s"), (error) => error instanceof UnavailableError && error.message.includes("WRONGPASS"));
      await lw.close();
      await server.stop();
    });

    it("does not end because of the handshake's time limit", async () => {
      const server = await startRedis({ args: ["--requirepass", "secret"] });
      const client = new Library({ port: server.port, password: "secret", ...ioredisOptions(), socketTimeout: 300 });
      const connection = new IoredisConnection(client, 5000);
      await connection.ready();
      const { stream } = client;
      await connection.send([{ args: ["PING"] }]);
      await pause(900);
      assert.equal(client.stream, stream);
      assert.deepEqual(await connection.send([{ args: ["PING"] }]), ["PONG"]);
      await connection.close();
      await server.stop();
    });
  });
}

it("a library that does not show its queue sends the commands itself", async () => {
  const server = await startRedis();
  const client = new Redis({ port: server.port, ...ioredisOptions() });
  const shown = new Proxy(client, {
    get: (target, name) => {
      const value: unknown = name === "commandQueue" ? undefined : Reflect.get(target, name);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
  const connection = new IoredisConnection(shown, 5000);
  await connection.ready();
  const calls = [connection.send([{ args: ["SET", "k", "v"] }, { args: ["GET", "k"] }]), connection.send([{ args: ["NONE"] }])];
  assert.deepEqual(await calls[0], ["OK", "v"]);
  assert.ok((await calls[1])?.[0] instanceof ServerError);
  await connection.close();
  await server.stop();
});

it("a server that writes unasked gets its connection replaced, and no call a wrong reply", async () => {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket.on("error", () => undefined));
    socket.on("data", (chunk: Buffer) => {
      const text = chunk.toString().toUpperCase();
      if (text.includes("HELLO")) socket.write("%1\r\n+proto\r\n:3\r\n");
      else for (const [, number] of text.matchAll(/ECHO\r\n\$\d+\r\n(\d+)/g)) socket.write(`+${number}\r\n`);
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = new Redis({ port: (server.address() as AddressInfo).port, protocol: 3, ...ioredisOptions() });
  const connection = new IoredisConnection(client, 5000);
  await connection.ready();
  assert.deepEqual(await connection.send([{ args: ["ECHO", "1"] }]), ["1"]);
  sockets[0]?.write("+unasked\r\n");
  await until("there is another connection", () => sockets.length === 2);
  await until("it is open", () => connection.ready()?.then(() => true, () => false) ?? true);
  assert.deepEqual(await connection.send([{ args: ["ECHO", "2"] }]), ["2"]);
  await connection.close();
  server.close();
});
