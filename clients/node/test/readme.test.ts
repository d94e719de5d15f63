/**
 * Each block of TypeScript in the README runs as it is against a real Redis; only the ports are
 * replaced. The README's ACL rights suffice for each method of the client.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { after, before, beforeEach, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { LockWatch } from "lockwatch";
import { freePort } from "lockwatch/testing";
import ts from "typescript";
import { ask, type Answer } from "./support/http.js";
import { until } from "./support/wait.js";
import { World } from "./support/world.js";

const README = readFileSync(new URL("../README.md", import.meta.url), "utf8");
const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };
const REDIS_URL = "redis://localhost:6379";

interface Block {
  /** The section's heading and the number of the block in it. */
  readonly name: string;
  readonly code: string;
}

const BLOCKS: Block[] = README.split(/^#+ (?=\S.*$)/m).flatMap((section) => {
  const heading = section.slice(0, section.indexOf("\n"));
  return [...section.matchAll(/^```ts\n([^]*?)^```$/gm)].map(([, code], index) => ({ name: `${heading}, ${index + 1}`, code: code as string }));
});

type Send = (method: string, path: string, options?: { token?: string; json?: unknown; headers?: Record<string, string> }) => Promise<Answer>;

let world: World;

before(async () => {
  world = await World.start();
});

after(() => world.stop());

beforeEach(() => world.admin.flushall());

const limitOf = (answer: Answer) => answer.header("X-RateLimit-Limit");

/** What the applications of the README do, besides setting the headers of a limit. */
const APPLICATIONS: Record<string, (send: Send) => Promise<void>> = {
  "Start, 1": async (send) => {
    const items = await send("GET", "/items");
    assert.deepEqual([items.status, items.body, limitOf(items)], [200, '["lamp"]', "100"]);
    assert.match(items.header("RateLimit-Policy") ?? "", /q=100;w=60.*q=2000;w=3600/);
    assert.equal(limitOf(await send("POST", "/login")), "5");
  },
  "Start, 2": async (send) => {
    const items = await send("GET", "/items");
    assert.deepEqual([items.status, items.body, limitOf(items)], [200, '["lamp"]', "100"]);
  },
  "Policies, 1": async (send) => {
    const remaining = async (path: string) => Number((await send("GET", path)).header("X-RateLimit-Remaining"));
    assert.equal((await remaining("/other")) - (await remaining("/export/all")), 20);
    assert.equal(limitOf(await send("POST", "/login")), "5");
    assert.equal(limitOf(await send("GET", "/v1/items/7")), "1000");
    assert.equal(limitOf(await send("GET", "/beta/7")), "10");
  },
  "Policies, 2": async (send) => {
    for (let i = 0; i < 5; i++) assert.notEqual((await send("POST", "/login", { headers: { "x-api-key": `k${i}` } })).status, 429);
    assert.equal((await send("POST", "/login", { headers: { "x-api-key": "k5" } })).status, 429);
    assert.equal((await send("GET", "/", { headers: { "x-api-key": "k5" } })).header("X-RateLimit-Remaining"), "99");
  },
  "Credentials and people, 1": async (send) => {
    const { accessToken } = await world.lockwatch.issue("auth", "alice", { claims: { scope: "orders:write" } });
    const order = await send("POST", "/orders", { token: accessToken });
    assert.deepEqual([order.status, order.body, limitOf(order)], [200, '{"ordered by":"alice"}', "10"]);
  },
  "Counters, 1": async (send) => {
    await send("GET", "/items");
    assert.equal((await send("GET", "/health")).body, '{"limitsOff":false}');
    const { body } = await send("GET", "/metrics");
    assert.match(body, /^lockwatch_client_requests_total\{policy="default",outcome="allowed"\} \d+$/m);
    assert.match(body, /^lockwatch_client_limits_off 0$/m);
  },
  "Guards, 1": guessed,
  "Guards, 2": guessed,
  "Tokens over HTTP, 1": async (send) => {
    const login = await send("POST", "/auth/login", { json: { user: "alice", password: "wonderland" } });
    assert.deepEqual([login.status, limitOf(login)], [200, "5"]);
    const { access_token: token } = JSON.parse(login.body) as { access_token: string };
    assert.equal((await send("GET", "/orders", { token })).body, '{"orders of":"alice"}');
    assert.equal((await send("GET", "/orders")).status, 401);
    assert.equal((await send("GET", "/.well-known/jwks.json")).status, 200);
  },
  "Tokens over HTTP, 2": async (send) => {
    const login = await send("POST", "/auth/login", { json: { user: "alice", password: "wonderland" } });
    assert.deepEqual([login.status, limitOf(login)], [200, "100"]);
    const { access_token: token } = JSON.parse(login.body) as { access_token: string };
    const orders = await send("GET", "/orders", { token });
    assert.deepEqual([orders.status, orders.body, limitOf(orders)], [200, '{"orders of":"alice"}', "1000"]);
  },
};

/** A wrong and a right password, and then one guess more than a user and an address have. */
async function guessed(send: Send): Promise<void> {
  const login = (password: string) => send("POST", "/login", { json: { user: "alice", password } });
  assert.equal((await login("rabbit")).status, 401);
  const right = await login("wonderland");
  assert.match(right.header("Set-Cookie") ?? "", /^lw_device=[0-9a-f]{32};/);
  assert.deepEqual([right.status, right.body.replaceAll('"', "")], [200, "welcome"]);
  const statuses = [];
  for (let i = 0; i < 6; i++) statuses.push((await login(`guess ${i}`)).status);
  assert.deepEqual(statuses, [401, 401, 401, 401, 401, 429]);
}

/** What the programs of the README that end print, and what is to be there before and after. */
const PROGRAMS: Record<string, { before?: () => Promise<unknown>; prints: RegExp; after?: () => Promise<unknown> }> = {
  "Why was Bob denied? Let Bob in again, 1": {
    before: async () => {
      await world.lockwatch.ratelimit("lw:{key:bob}:default", "1/hour");
      await world.lockwatch.audit({ user: "bob", limited: true, endpoint: "/", status: 429, data: { client: "key:bob" } });
    },
    prints: /^default limit 1 1 \d+/,
    after: async () => assert.equal(await world.admin.exists("lw:{key:bob}:default"), 0),
  },
  "The client, 1": { prints: /^8\nalice\n$/ },
  "Tokens of a language model, 1": {
    prints: /^$/,
    after: async () => {
      const { remaining } = await world.lockwatch.peek("{user:42}:tokens", "10000/minute", { cost: 0 });
      assert.equal(remaining, 10_000 - 42);
    },
  },
  "For your tests, 1": { prints: /pass 2\n[^]*fail 0\n[^]*skipped 0\n/ },
};

describe("the README's blocks", () => {
  it("are those that are checked here", () => {
    assert.deepEqual(BLOCKS.map(({ name }) => name).sort(), [...Object.keys(APPLICATIONS), ...Object.keys(PROGRAMS)].sort());
  });

  for (const { name, code } of BLOCKS) {
    it(name, async () => {
      const check = APPLICATIONS[name];
      const program = PROGRAMS[name];
      await program?.before?.();
      const port = await freePort();
      const running = await run(code, port);
      try {
        if (check) await settled(running, async () => check(await sender(running, port)));
        else await until("the program has ended", () => running.process.exitCode !== null);
        if (program) {
          assert.equal(running.process.exitCode, 0, running.output());
          assert.match(running.output(), program.prints);
          await program.after?.();
        }
      } finally {
        await running.stop();
      }
    });
  }

  it("the file to install is the one that npm pack makes", () => {
    assert.ok(README.includes(`npm install ./clients/node/lockwatch-${version}.tgz`));
  });
});

it("the README's rights suffice for each method of the client", async () => {
  const lines = README.match(/^ACL SETUSER api .*$/gm) ?? [];
  const rights = [/rights `([^`]+)`/, /For the other methods add `([^`]+)`/, /for tokens their keys, `([^`]+)`/, /`[^`]+`, and `(\+lw\.issue [^`]+)`/, /For guards add their keys,\s`([^`]+)`/, /and `(\+lw\.attempt [^`]+)`/, /also needs `([^`]+)`/];
  const more = rights.flatMap((pattern) => (pattern.exec(README)?.[1] as string).split(/\s+/));
  for (const line of lines) await world.admin.call("ACL", ...line.split(" ").slice(1));
  const lw = new LockWatch(world.url.replace("://", "://api:password@"), { connectTimeoutMs: 5000, commandTimeoutMs: 5000 });
  await assert.rejects(lw.peek("lw:k", "1/s"), /lw\.peek/);
  await world.admin.call("ACL", "SETUSER", "api", ...more);
  await lw.ratelimit("lw:k", "1/s");
  await lw.peek("lw:k", "1/s");
  const { timeMs } = await lw.ratelimit("lw:t", "9/s", { withTime: true, force: true });
  await lw.refund("lw:t", 1, timeMs as number);
  await lw.settle("lw:t", 1, 2, timeMs as number);
  await lw.mratelimit([["lw:t", "9/s"]]);
  await lw.mpeek([["lw:t", "9/s"]]);
  await lw.withLease("lw:l", 1, "9s", (lease) => lease.renew());
  await lw.burst("lw:b", 5, 10);
  await lw.alert("test", {});
  await lw.audit({ endpoint: "/" });
  await lw.auditLog();
  await lw.clientKeys({ key: "bob" });
  await lw.reset({ key: "bob" });
  const { refreshToken } = await lw.issue("auth", "alice");
  const { accessToken } = await lw.rotate("auth", refreshToken as string);
  await lw.verify("auth", accessToken);
  await lw.introspect("auth", accessToken);
  await lw.sessions("auth", "alice");
  await lw.revoke("auth", { subject: "alice" });
  await lw.revokeAll("auth");
  await lw.jwks();
  await lw.attempt("login", { user: "alice" });
  await lw.event("login", "failure", { user: "alice" });
  await lw.check("http", { ip: "203.0.113.9" });
  await lw.ban("login", { ip: "203.0.113.9" }, "1h");
  await lw.allow("login", { ip: "203.0.113.9" }, "1h");
  await lw.bans("login");
  await lw.why("login", { user: "alice" });
  await lw.lift("login", { all: true });
  await lw.rules();
  await lw.close();
});

type Running = Awaited<ReturnType<typeof run>>;

/** Runs a block in a process of its own, which finds the package as a user's project does. */
async function run(code: string, port: number) {
  const own = code.replaceAll(REDIS_URL, world.url).replaceAll("3000", String(port));
  const { outputText } = ts.transpileModule(own, { compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 } });
  const file = fileURLToPath(new URL(`./readme-${port}.mjs`, import.meta.url));
  await writeFile(file, outputText);
  // With this variable a test reports to the runner of this test.
  const { NODE_TEST_CONTEXT: _context, ...env } = process.env;
  const child = spawn(process.execPath, [file], { env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const stop = async () => {
    if (child.exitCode === null) {
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    }
    await rm(file);
  };
  return { process: child, output: () => output, stop };
}

/** Tries again if the block's default timeouts were too short for this machine. */
async function settled(running: Running, check: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await check();
    } catch (error) {
      if (attempt === 5 || !/in time|without a limit|503/.test(running.output() + String(error))) throw error;
      await world.admin.flushall();
    }
  }
}

/** Waits until the application answers with the headers of a limit. */
async function sender(running: Running, port: number): Promise<Send> {
  await until("requests are limited", async () => {
    assert.equal(running.process.exitCode, null, running.output());
    const answer = await ask(port, "/first").catch(() => undefined);
    return answer && limitOf(answer) !== undefined && answer.header("X-RateLimit-Remaining") !== undefined;
  });
  return (method, path, { token, json, headers = {} } = {}) => {
    const body = json === undefined ? undefined : JSON.stringify(json);
    const own = {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { "content-type": "application/json", "content-length": String(body.length) }),
    };
    return ask(port, path, { method, body, headers: { ...headers, ...own } });
  };
}
