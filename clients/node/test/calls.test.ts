/** The calls of the client's methods that all clients share, with each library and protocol. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { Redis } from "ioredis";
import { CommandError, LockWatch, RateLimitResult, UnavailableError, type RedisSource } from "lockwatch";
import { Stub } from "lockwatch/testing";
import { createClient } from "redis";
import { call, check, checkError, exchangesOf, kinds, methodNames, withoutId } from "./support/calls.js";
import { camelCase, conformance, type CallCase } from "./support/conformance.js";
import { ScriptedServer } from "./support/scripted-server.js";

interface Library {
  readonly protocol: 2 | 3;
  readonly source: (port: number) => RedisSource;
  /** All unless given. */
  readonly methods?: readonly string[];
}

const LIBRARIES: Record<string, Library> = {
  "ioredis, RESP2": { protocol: 2, source: (port) => new Redis({ port, lazyConnect: true, protocol: 2 }) },
  "ioredis, RESP3": { protocol: 3, source: (port) => new Redis({ port, lazyConnect: true, protocol: 3 }) },
  "ioredis, maps of RESP3": {
    protocol: 3,
    source: (port) => new Redis({ port, lazyConnect: true, protocol: 3, replyMapping: "resp3" }),
    methods: ["top", "inspect", "audit_log", "sessions", "bans", "why"],
  },
  "ioredis, numbers as texts": {
    protocol: 3,
    source: (port) => new Redis({ port, lazyConnect: true, stringNumbers: true }),
    methods: ["ratelimit", "top"],
  },
  "node-redis, RESP2": { protocol: 2, source: (port) => createClient({ socket: { port }, RESP: 2 }) },
  "node-redis, RESP3": { protocol: 3, source: (port) => createClient({ socket: { port }, RESP: 3 }) },
};

/** Methods that send no command of their own, or not one alone. */
const OTHERS = ["close", "constructor", "lease", "stats", "withLease"];

for (const [name, library] of Object.entries(LIBRARIES)) {
  describe(`calls over ${name}`, { concurrency: 8 }, () => {
    for (const each of conformance.calls) {
      if (library.methods?.includes(each.method) ?? true) it(each.name, () => run(library, each));
    }
  });
}

async function run({ protocol, source }: Library, each: CallCase): Promise<void> {
  const exchanges = exchangesOf(each);
  const first = { command: ["LW.PEEK", "first", "1", "1"], reply: [0, 1, 1, 0, 0] };
  const server = await ScriptedServer.start([first, ...exchanges]);
  // On a busy machine an expected answer must not become a timeout.
  const commandTimeoutMs = JSON.stringify(each.reply ?? null).includes('"timeout"') ? 200 : 10_000;
  const lw = new LockWatch(source(server.port), { connectTimeoutMs: 10_000, commandTimeoutMs, log: () => undefined });
  try {
    await lw.peek("first", [1, 1]);
    assert.equal(server.protocol, protocol);
    const outcome = await call(lw, each).then((result) => ({ result }), (error: unknown) => ({ error }));
    const [peek, ...sent] = server.sent;
    assert.deepEqual(sent.map(({ words }) => withoutId(words)), exchanges.map(({ command }) => command));
    for (const { connection } of sent) assert.equal(connection !== peek?.connection, each.slow ?? false, "the connection of slow commands, or that of the others");
    if (each.error) {
      assert.ok("error" in outcome, "an error is expected");
      checkError(each.error, outcome.error);
    } else {
      if ("error" in outcome) throw outcome.error;
      check(each.result, outcome.result);
    }
  } finally {
    await lw.close();
    await server.stop();
  }
}

for (const [name, { source }] of Object.entries(LIBRARIES)) {
  it(`commands of one call, and of calls in one turn of the event loop, are one write over ${name}`, async () => {
    const replies = Array.from({ length: 7 }, (_, index) => ({ command: [], reply: index }));
    const server = await ScriptedServer.start(replies);
    const lw = new LockWatch(source(server.port), { connectTimeoutMs: 10_000, commandTimeoutMs: 10_000 });
    const commands = (...names: string[]) => names.map((each) => ({ args: [each, "k".repeat(1000)] }));
    assert.deepEqual(await lw.link.send(commands("first")), [0]);
    const found = await Promise.all([lw.link.send(commands("a", "b", "c")), lw.link.send(commands("d", "e", "f"))]);
    assert.deepEqual(found, [[1, 2, 3], [4, 5, 6]]);
    assert.deepEqual(server.sent.map(({ words: [each] }) => each), ["first", "a", "b", "c", "d", "e", "f"]);
    assert.equal(server.reads, 2);
    await lw.close();
    await server.stop();
  });
}

describe("the cases of calls", () => {
  it("call each method", () => {
    const methods = Object.getOwnPropertyNames(LockWatch.prototype).filter((name) => !OTHERS.includes(name));
    assert.deepEqual(new Set(methodNames), new Set(methods));
    assert.deepEqual(new Set(conformance.calls.map(({ method }) => camelCase(method))), new Set(methods));
  });

  it("have each kind of error", () => {
    assert.deepEqual(new Set(conformance.calls.flatMap(({ error }) => error?.kind ?? [])), new Set(kinds));
  });

  it("are compared", () => {
    const result = new RateLimitResult(true, 5, 4, 0, 60, []);
    check({ limit: 5, allowed: true, time_ms: null }, Object.assign(result, { timeMs: undefined }));
    for (const wrong of [{ limit: 6 }, { limit: null }, { allowed: 1 }, { remaining: "4" }, { absent: 1 }]) assert.throws(() => check(wrong, result));
    for (const wrong of [[], [{ limit: 5 }, { limit: 5 }]]) assert.throws(() => check(wrong, [result]));
    assert.throws(() => checkError({ kind: "command" }, new UnavailableError("OOM", "OOM")));
    assert.throws(() => checkError({ kind: "command", code: "ERR" }, new CommandError("WRONGTYPE", "WRONGTYPE")));
  });

  it("hold for a number that a double does not hold", async () => {
    const lw = new LockWatch(new Stub().answer("LW.REFUND", 2 ** 54));
    await assert.rejects(lw.refund("k", 1, 1), { code: "MODULE_MISSING" });
  });
});

it("each section of the conformance file is run", () => {
  const sources = new URL("../test/", import.meta.url);
  const files = readdirSync(sources, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
  const texts = files.map((file) => readFileSync(new URL(file, sources), "utf8"));
  assert.equal(conformance.version, 1);
  const run = new Set(texts.flatMap((text) => [...text.matchAll(/\bconformance\.([a-z_]+)\b(?!\.js|")/g)].map(([, name]) => name)));
  assert.deepEqual(run, new Set(Object.keys(conformance)));
});
