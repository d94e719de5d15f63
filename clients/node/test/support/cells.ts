/** What an application of each framework shows in each situation: in its own process, over HTTP, on a real Redis. */
import assert from "node:assert/strict";
import { it } from "node:test";
import type { Settings } from "../apps/settings.js";
import { App } from "./app.js";
import { ask, load, type Answer } from "./http.js";
import { startRedis } from "./redis.js";
import type { Framework } from "./served.js";
import { until } from "./wait.js";
import { World } from "./world.js";

const MODES = ["allow", "deny"] as const;
const RATE_LIMIT_HEADERS = ["X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "RateLimit", "RateLimit-Policy"];

const IMPATIENT = { commandTimeoutMs: 100, connectTimeoutMs: 200 };

type Options = Settings["options"];

export function cells(framework: Framework, library: Settings["library"]): void {
  async function inWorld(options: Options, test: (app: App, world: World) => Promise<void>): Promise<void> {
    const world = await World.start();
    try {
      // Generous timeouts, because a busy machine must not change the results. Tests of timeouts
      // set their own.
      await withApp(world.url, { commandTimeoutMs: 10_000, connectTimeoutMs: 10_000, ...options }, (app) => test(app, world));
    } finally {
      await world.stop();
    }
  }

  async function withApp(url: string, options: Options, test: (app: App) => Promise<void>): Promise<void> {
    const app = await App.start(framework, { library, url, options });
    try {
      await test(app);
    } finally {
      await app.stop();
    }
  }

  it("admitted", () =>
    inWorld({ limits: "5/minute; 100/hour" }, async (app, world) => {
      const answer = await ask(app.port, "/items?secret=1", { headers: { "x-user": "alice", "user-agent": "probe" } });
      assert.equal(answer.status, 200);
      assert.equal(answer.header("X-RateLimit-Limit"), "5");
      assert.equal(answer.header("X-RateLimit-Remaining"), "4");
      assert.equal(answer.header("X-RateLimit-Reset"), "60");
      assert.equal(answer.header("RateLimit-Policy"), '"default-60s";q=5;w=60, "default-3600s";q=100;w=3600');
      assert.equal(answer.header("RateLimit"), '"default-60s";r=4;t=60');
      assert.equal(answer.header("Retry-After"), undefined);
      assert.deepEqual(JSON.parse(answer.body), { failure: null, remaining: 4 });
      const [row] = await world.auditRows("/items", 1);
      assert.deepEqual(
        { ...row, id: undefined, timestamp: undefined, latencyMs: undefined },
        {
          id: undefined,
          timestamp: undefined,
          latencyMs: undefined,
          kind: "request",
          user: "alice",
          ip: "127.0.0.1",
          endpoint: "/items",
          method: "GET",
          status: 200,
          limited: false,
          anomaly: false,
          data: null,
        },
      );
      assert.ok((row?.latencyMs ?? 0) > 0);
    }));

  it("denied", () =>
    inWorld({ limits: "2/minute" }, async (app, world) => {
      for (const remaining of ["1", "0"]) assert.equal((await ask(app.port, "/items")).header("X-RateLimit-Remaining"), remaining);
      const answer = await ask(app.port, "/items");
      assert.equal(answer.status, 429);
      const retryAfter = Number(answer.header("Retry-After"));
      assert.ok(retryAfter >= 1 && retryAfter <= 60, `Retry-After: ${retryAfter}`);
      assert.equal(answer.header("Content-Type"), "application/json");
      assert.equal(answer.header("X-RateLimit-Remaining"), "0");
      assert.equal(answer.body, `{"error":"rate_limit_exceeded","retry_after":${retryAfter}}`);
      const rows = await world.auditRows("/items", 3);
      assert.deepEqual(rows.map(({ status, limited }) => [status, limited]), [[200, false], [200, false], [429, true]]);
    }));

  it("burst", () =>
    inWorld({ burstThreshold: 3, burstWindowSeconds: 10 }, async (app, world) => {
      for (let i = 0; i < 4; i++) assert.equal((await ask(app.port, "/items", { headers: { "user-agent": "probe" } })).status, 200);
      const rows = await world.auditRows("/items", 4);
      assert.deepEqual(rows.map(({ anomaly }) => anomaly), [false, false, true, true]);
      const alerts = JSON.stringify(await world.admin.call("LW.ALERTS", "LIST"));
      assert.equal(alerts.split('"burst"').length, 2, "one alert of type burst");
    }));

  it("route policy", () =>
    inWorld({ limits: "9/minute", routes: { "POST /login": "1/minute", "/export/**": { cost: 5 } } }, async (app, world) => {
      const post = () => ask(app.port, "/login", { method: "POST", headers: { "content-length": 0 } });
      assert.equal((await post()).header("RateLimit-Policy"), '"post-login";q=1;w=60');
      assert.equal((await post()).status, 429);
      assert.equal((await ask(app.port, "/LOGIN/", { method: "POST", headers: { "content-length": 0 } })).status, 429);
      assert.equal((await ask(app.port, "/login")).header("X-RateLimit-Remaining"), "8");
      assert.equal((await ask(app.port, "/export/all")).header("X-RateLimit-Remaining"), "3");
      assert.equal((await ask(app.port, "/export/all")).status, 429);
      const rows = await world.auditRows("/login", 3);
      assert.deepEqual(rows.map(({ method, status }) => [method, status]), [["POST", 200], ["POST", 429], ["GET", 200]]);
      assert.deepEqual((await world.admin.keys("lw:*")).sort(), ["burst", "default", "post-login"].map((name) => `lw:{ip:127.0.0.1}:${name}`));
    }));

  it("exempt", () =>
    inWorld({ limits: "1/minute", exempt: ["/health"] }, async (app, world) => {
      for (let i = 0; i < 3; i++) {
        const answer = await ask(app.port, "/health");
        assert.equal(answer.status, 200);
        absent(answer);
      }
      assert.equal((await ask(app.port, "/items")).status, 200);
      const rows = await world.auditRows("/", 1);
      assert.deepEqual(rows.map(({ endpoint }) => endpoint), ["/items"]);
    }));

  it("forwarded address", () =>
    inWorld({ limits: "1/minute", trustedProxies: ["127.0.0.1"] }, async (app, world) => {
      const from = (address: string) => ask(app.port, "/items", { headers: { "x-forwarded-for": `192.0.2.66, ${address}` } });
      assert.equal((await from("198.51.100.7:4711")).status, 200);
      assert.equal((await from("198.51.100.7")).status, 429);
      assert.equal((await from("2001:db8::1")).status, 200);
      assert.equal((await from("2001:db8::2")).status, 429);
      const rows = await world.auditRows("/items", 4);
      assert.deepEqual(rows.map(({ ip }) => ip), ["198.51.100.7", "198.51.100.7", "2001:db8::1", "2001:db8::2"]);
    }));

  for (const mode of MODES) {
    it(`Redis down at start: ${mode}`, async () => {
      const gone = await startRedis();
      await gone.stop();
      await withApp(gone.url, { onRedisFailure: mode }, async (app) => {
        for (let i = 0; i < 3; i++) failed(await ask(app.port, "/before"), mode);
        assert.match(app.output, /lockwatch: requests are (let through without a limit|answered 503): no connection to Redis at 127\.0\.0\.1:\d+: /);
        const world = await World.start({ port: gone.port });
        try {
          await recovered(app);
          await world.auditRows("/after", 1);
          assert.equal((await world.lockwatch.auditLog({ endpoint: "/before" })).length, 0);
        } finally {
          await world.stop();
        }
      });
    });

    it(`Redis killed mid-load: ${mode}`, async () => {
      const first = await startRedis();
      await withApp(first.url, { onRedisFailure: mode, rateLimitRequests: 1_000_000 }, async (app) => {
        const running = load(app.port, "/before", 3000, 10);
        await until("some requests are through", async () => (await headersOf(app)) !== undefined);
        await first.stop();
        const statuses = await running;
        assert.deepEqual([...statuses.keys()].sort(), mode === "allow" ? [200] : [200, 503]);
        failed(await ask(app.port, "/before"), mode);
        const world = await World.start({ port: first.port });
        try {
          await recovered(app);
          await world.auditRows("/after", 1);
        } finally {
          await world.stop();
        }
      });
    });

    it(`Redis hung: ${mode}`, () =>
      inWorld({ onRedisFailure: mode, ...IMPATIENT }, async (app, world) => {
        assert.equal((await ask(app.port, "/before")).header("X-RateLimit-Limit"), "100");
        world.server.process.kill("SIGSTOP");
        try {
          await costsLittle(app, mode);
        } finally {
          world.server.process.kill("SIGCONT");
        }
        await recovered(app);
        await world.auditRows("/after", 1);
      }));

    it(`Redis hung at start: ${mode}`, async () => {
      const world = await World.start();
      world.server.process.kill("SIGSTOP");
      try {
        await withApp(world.url, { onRedisFailure: mode, ...IMPATIENT }, async (app) => {
          await costsLittle(app, mode);
          world.server.process.kill("SIGCONT");
          await recovered(app);
          await world.auditRows("/after", 1);
        });
      } finally {
        world.server.process.kill("SIGCONT");
        await world.stop();
      }
    });

    it(`module missing: ${mode}`, async () => {
      const plain = await startRedis({ module: null });
      try {
        await withApp(plain.url, { onRedisFailure: mode, commandTimeoutMs: 10_000, connectTimeoutMs: 10_000 }, async (app) => {
          const answer = await ask(app.port, "/items");
          failed(answer, mode);
          if (mode === "allow") assert.equal((JSON.parse(answer.body) as { failure: string }).failure, "module_missing");
          assert.match(app.output, /does not know LW\.RATELIMIT: the lockwatch module is not loaded/);
        });
      } finally {
        await plain.stop();
      }
    });
  }
}

function absent(answer: Answer): void {
  for (const name of RATE_LIMIT_HEADERS) assert.equal(answer.header(name), undefined, name);
}

function failed(answer: Answer, mode: "allow" | "deny"): void {
  absent(answer);
  assert.equal(answer.status, mode === "allow" ? 200 : 503);
  assert.equal(answer.header("Retry-After"), mode === "allow" ? undefined : "1");
  if (mode === "deny") assert.equal(answer.body, '{"error":"service_unavailable","retry_after":1}');
}

/**
 * Without the breaker each of the hundred requests would wait for a timeout of 100 ms, ten seconds
 * in total.
 */
async function costsLittle(app: App, mode: "allow" | "deny"): Promise<void> {
  const started = performance.now();
  for (let i = 0; i < 100; i++) failed(await ask(app.port, "/before"), mode);
  const took = performance.now() - started;
  assert.ok(took < 6000, `100 requests took ${took} ms`);
}

async function headersOf(app: App): Promise<string | undefined> {
  return (await ask(app.port, "/after")).header("X-RateLimit-Limit");
}

async function recovered(app: App): Promise<void> {
  await until("the limits are back", async () => (await headersOf(app)) !== undefined);
}
