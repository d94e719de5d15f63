/** Every option: ten wrong values, each an error at start that names it, and natural values. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import express from "express";
import fastify from "fastify";
import { ConfigurationError, LockWatch } from "lockwatch";
import * as forExpress from "lockwatch/express";
import * as forFastify from "lockwatch/fastify";
import { Stub } from "lockwatch/testing";
import { DEVICE_COOKIE_OPTIONS } from "../dist/guard/device.js";
import { GUARD_OPTIONS } from "../dist/guard/options.js";
import { MIDDLEWARE_OPTIONS } from "../dist/http/option-rules.js";
import { POLICY_OPTIONS } from "../dist/http/options.js";
import { ROUTE_LIMIT_OPTIONS } from "../dist/http/route-limit.js";
import { LOCKWATCH_OPTIONS } from "../dist/lockwatch.js";
import { JWT_OPTIONS } from "../dist/token/bearer.js";
import { COOKIE_OPTIONS } from "../dist/token/cookie.js";
import { TOKEN_OPTIONS } from "../dist/token/endpoints.js";
import { JWKS_OPTIONS } from "../dist/token/jwks.js";

const redis = new Stub();
const lw = new LockWatch(redis);
const authenticate = () => null;

class Redis {
  readonly url = "redis://localhost";
}

type Values = Readonly<Record<string, readonly unknown[]>>;

/** Values of types that few options accept. */
const THINGS = [null, [], {}, NaN, Symbol("x"), 1n, [[]], new Map()];
const BOOLEANS = ["false", "true", "", 0, 1, ...THINGS];
const INTEGERS = ["1", "", -1, true, 1.5, Infinity, [1], 2 ** 60, ...THINGS];
const NUMBERS = ["1", "", -1, true, Infinity, [1], 2 ** 40, ...THINGS];
const DURATIONS = ["soon", "", -1, true, Infinity, [1], "11 years", 0, 1e12, ...THINGS];
const LIMITS = [
  ...["100/fortnight", "", "100", [], [[100]], [[-1, 60]], [[true, 60]], [[1, 0]], 100, { "100/minute": 1 }],
  ...["@", "@a b", "@a; 5/s", ["@a", "@b"]],
  ...[[["100", 60]], null, ["100/minute", 5], [[1, NaN]], Array(9).fill("5/hour"), new Set(["1/s"]), new Array(1)],
];
const FUNCTIONS = ["f", 1, true, Redis, "() => 1", ...THINGS];
const MODES = ["open", "", "ALLOW", true, false, 1, ...THINGS];
const HEADERS = ["X Forwarded", "X-A:", "", "é", "a\r\nb", "a,b", 1, ...THINGS];
const NAMES = ['a"b', "", "a\r\nb", "a".repeat(65), "a:b", "a b", 1, ...THINGS];
const PREFIXES = ["a{b}", "", "a b", "a\n", 1, true, ...THINGS];
const COSTS = [0, -1, 2 ** 32, "1", 1.5, true, [1], ...THINGS];
const STORES = ["", Buffer.alloc(0), 1, true, undefined, Redis, ...THINGS];
const LISTS = ["/x", "", 1, true, [1], [null], [""], Buffer.from("x"), ...THINGS.filter((value) => !Array.isArray(value) || value.length > 0)];

const LOCKWATCH: Values = {
  connectTimeoutMs: [0, ...NUMBERS],
  commandTimeoutMs: [0, ...NUMBERS],
  breakerTimeouts: [0, ...INTEGERS],
  breakerSeconds: [0, ...NUMBERS],
  auditQueueSize: [0, ...INTEGERS],
  log: [{ warn: console.warn }, ...FUNCTIONS],
  logIntervalSeconds: NUMBERS,
  onEvent: [{ emit: () => undefined }, ...FUNCTIONS],
  service: NAMES,
};
const CHALLENGES = ["Deny", "", "solve", true, 1, Redis, ...THINGS];
const KEYS = ["session", "", "Address", () => "x", 1, ...THINGS];
const CHARGING: Values = { skipSuccessful: BOOLEANS, skipFailed: BOOLEANS, countWhen: [async () => Promise.resolve(true), ...FUNCTIONS] };
const FAILURE: Values = {
  onRedisFailure: MODES,
  localShare: [0, -0.5, 1.5, "1", true, NaN, Infinity, [1], 1n, ...THINGS],
  localLimits: ["@login", ...LIMITS],
};
const POLICY: Values = { ...CHARGING, ...FAILURE, limits: LIMITS, cost: COSTS, shadow: BOOLEANS, name: NAMES, key: KEYS, keyFunc: FUNCTIONS };
const KINDS = ["draft-8", "Legacy", "", [], ["legacy", "draft-8"], ["none", "legacy"], ["draft-7", "draft-11"], [["legacy"]], true, 7, { legacy: true }, null, new Map()];
const BODIES = [
  ...["<p>Slow down.</p>", "", 7, true, null, [], ["text/html"], new Map(), () => "x"],
  ...[{ html: "x" }, { "text/*": "x" }, { "*/*": "x" }, { "": "x" }, { "text/html": 7 }, { "text/html": null }, { "text/html": Redis }],
  ...[{ "text/html": "x", "Text/HTML; charset=utf-8": "y" }, { "text/html\r\nX: y": "x" }, { "text/html;\r\nX: y": "x" }],
];
const SOURCES = ["localhost:6379", "http://localhost", "redis://h:port", "", undefined, 1, true, Redis, Promise.resolve({}), new URL("http://x"), ...THINGS];
const MIDDLEWARE: Values = {
  ...LOCKWATCH,
  ...CHARGING,
  ...FAILURE,
  redis: SOURCES,
  rateLimitRequests: INTEGERS,
  rateLimitWindowSeconds: DURATIONS,
  limits: LIMITS,
  cost: COSTS,
  key: KEYS,
  credentialHeader: HEADERS,
  addressLimits: LIMITS,
  keyFunc: FUNCTIONS,
  planFunc: FUNCTIONS,
  routes: [
    ...["/a", ["/a"], 1, { login: "5/s" }, { "/a": 5 }, { "/a": null }, { "/a": undefined }, { "/a/**/b": "1/s" }, new Map([["/a", "5/s"]]), true],
    ...[null, { "/a": { limit: "5/s" } }, { "/a": { shadow: "false" } }, { "/a": { cost: 0 } }, { "/a": "5/fortnight" }],
  ],
  exempt: [...LISTS, ["healthz"], ["/a/**/b"], ["10.0.0.0/33"], ["/healthz", "proxy.example"]],
  shadow: BOOLEANS,
  burstThreshold: [0, ...INTEGERS.filter((value) => value !== null)],
  burstWindowSeconds: DURATIONS,
  burstCooldownSeconds: DURATIONS,
  audit: BOOLEANS,
  onDenied: FUNCTIONS,
  guard: ["", 1, true, () => "http", ...THINGS],
  challenge: CHALLENGES,
  trustedProxies: [...LISTS, ["proxy.example"], ["10.0.0.0/33"], "unix", "127.0.0.1"],
  forwardedHeader: HEADERS,
  ipv4Prefix: [0, 7, 33, ...INTEGERS.filter((value) => value !== 1)],
  ipv6Prefix: [0, 15, 129, ...INTEGERS.filter((value) => value !== 1)],
  headers: KINDS,
  errorBodies: BODIES,
  keyPrefix: PREFIXES,
};
const { limits: _limits, keyFunc: _keyFunc, ...ofPolicy } = POLICY;
const ROUTE_LIMIT: Values = { ...ofPolicy, key: FUNCTIONS, onDenied: FUNCTIONS, headers: KINDS, keyPrefix: PREFIXES };
const TEXTS = ["", 1, true, ...THINGS];
const JWT: Values = {
  store: STORES,
  audience: TEXTS,
  scopes: ["root", [""], ["a b"], [1], [null], [[]], ["a", ""], 1, true, ...THINGS.filter((value) => !Array.isArray(value))],
  realm: ['a"b', "a\\b", "a\nb", ...TEXTS],
};
const TOKENS: Values = {
  store: STORES,
  authenticate: [undefined, ...FUNCTIONS],
  accessTtl: DURATIONS,
  refreshTtl: DURATIONS.filter((value) => value !== 0),
  meta: FUNCTIONS,
  guard: ["login", Redis, true, 1, { challenge: "deny" }, ...THINGS],
  loginName: FUNCTIONS,
  cookie: ["https://a.example", true, ["https://a.example"], 1, { origins: [] }, { origins: "https://a.example" }, ...THINGS],
};
const COOKIE: Values = {
  origins: ["https://a.example", undefined, ...LISTS, []],
  name: ["a b", "a;b", "a=b", "", 1, ...THINGS],
  path: ["auth", "/a;b", "/a\n", "/é", "", 1, ...THINGS],
  domain: ["https://a.example", ".a.example", "a.example:443", "a", "127.0.0.1", "", 1, ...THINGS],
  secure: BOOLEANS,
};
const GUARD: Values = {
  challenge: [undefined, ...CHALLENGES],
  onRedisFailure: MODES,
  passwordDigestKey: ["", "too short", Buffer.alloc(15), 1, true, () => "x".repeat(16), ...THINGS],
  normalize: BOOLEANS,
  deviceCookie: ["lw_device", true, 1, { nam: "x" }, { domain: "a" }, ...THINGS.filter((value) => value === null || typeof value !== "object" || Array.isArray(value))],
};
const { origins: _origins, ...DEVICE_COOKIE } = COOKIE;
const JWKS: Values = { maxAgeSeconds: INTEGERS };

type Make = (options: Record<string, unknown>) => unknown;

const middleware: Make = (options) => forExpress.lockwatch({ redis, ...options });
/** What the plugins use of Fastify. A whole one for each value would take long. */
const server = { initialConfig: {}, hasDecorator: () => false, hasRequestDecorator: () => false, decorate: () => undefined, decorateRequest: () => undefined, addHook: () => undefined, post: () => undefined } as never;
const plugin: Make = (options) => ofPlugin((done) => forFastify.lockwatch(server, { redis, ...options }, done));
const routes: Make = (options) => ofPlugin((done) => forFastify.tokenRoutes(server, { lockwatch: lw, store: "auth", authenticate, ...options }, done));

function ofPlugin(register: (done: (error?: Error) => void) => void): void {
  register((error) => {
    if (error) throw error;
  });
}

/** What takes options: how it is called, its rules, and the wrong values. */
const TAKERS: Record<string, readonly [make: Make, rules: object, wrong: Values]> = {
  "the middleware of Express": [middleware, MIDDLEWARE_OPTIONS, MIDDLEWARE],
  "the plugin of Fastify": [plugin, MIDDLEWARE_OPTIONS, MIDDLEWARE],
  "a policy": [
    (options) => middleware({ routes: { "/a": { ...("limits" in options ? {} : { limits: "5/s" }), ...options } } }),
    POLICY_OPTIONS,
    POLICY,
  ],
  "limit of Express": [(options) => forExpress.limit(lw, "5/minute", options), ROUTE_LIMIT_OPTIONS, ROUTE_LIMIT],
  "limit of Fastify": [(options) => forFastify.limit(lw, "5/minute", options), ROUTE_LIMIT_OPTIONS, ROUTE_LIMIT],
  LockWatch: [(options) => new LockWatch(redis, options), LOCKWATCH_OPTIONS, LOCKWATCH],
  jwtRequired: [(options) => forExpress.jwtRequired(lw, { store: "auth", ...options }), JWT_OPTIONS, JWT],
  tokenRouter: [(options) => forExpress.tokenRouter(lw, { store: "auth", authenticate, ...options }), TOKEN_OPTIONS, TOKENS],
  tokenRoutes: [routes, TOKEN_OPTIONS, TOKENS],
  cookie: [
    (options) => forExpress.tokenRouter(lw, { store: "auth", authenticate, cookie: { origins: ["https://a.example"], ...options } }),
    COOKIE_OPTIONS,
    COOKIE,
  ],
  guard: [(options) => forExpress.guard(lw, "login", { challenge: "deny", ...options }), GUARD_OPTIONS, GUARD],
  deviceCookie: [(options) => forFastify.guard(lw, "login", { challenge: "deny", deviceCookie: options }), DEVICE_COOKIE_OPTIONS, DEVICE_COOKIE],
  jwks: [(options) => forExpress.jwks(lw, options), JWKS_OPTIONS, JWKS],
};

/** An error that names the option and says what was expected. */
const names = (option: string) => (error: unknown) =>
  error instanceof ConfigurationError && error.message.includes(option) && /expected|is to be/.test(error.message);

for (const [taker, [make, rules, wrong]] of Object.entries(TAKERS)) {
  describe(`options of ${taker}`, () => {
    for (const option of Object.keys(rules)) {
      it(`ten wrong values of ${option} are errors at start that name it`, () => {
        const values = wrong[option] ?? [];
        assert.ok(values.length >= 10, `${option} has too few wrong values`);
        values.forEach((value, index) => assert.throws(() => make({ [option]: value }), names(option), `wrong value ${index}`));
      });
    }

    it("an unknown option is an error that names it", () => {
      assert.throws(() => make({ shadwo: true }), /there is no option 'shadwo' of .*: there are /);
    });
  });
}

describe("options", () => {
  it("of limit, guard and LockWatch that are no members", () => {
    for (const value of ["", 1, null, undefined, {}, Redis]) assert.throws(() => forExpress.guard(lw, value as never, { challenge: "deny" }), names("guard"));
    for (const value of [...LIMITS, undefined]) assert.throws(() => forExpress.limit(lw, value as never), names("limits"));
    for (const value of SOURCES) assert.throws(() => new LockWatch(value as never), names("redis"));
  });

  it("are an object", () => {
    for (const value of [null, undefined, "redis://localhost", 5, [redis], true]) assert.throws(() => forExpress.lockwatch(value as never), names("middleware"));
  });

  it("of Fastify's register are accepted", async () => {
    const app = fastify();
    await app.register(forFastify.lockwatch, { redis, limits: "1/s", commandTimeoutMs: 50, logLevel: "warn", prefix: "/x" } as never);
    await app.register(forFastify.tokenRoutes, { prefix: "/auth", lockwatch: lw, store: "auth", authenticate });
    await app.close();
  });

  it("that are wrong reject Fastify's register", async () => {
    await assert.rejects(async () => await fastify().register(forFastify.lockwatch, { redis: undefined } as never), names("redis"));
    await assert.rejects(async () => await fastify().register(forFastify.tokenRoutes, { store: "auth", authenticate } as never), /needs a LockWatch/);
  });

  it("that exclude each other", () => {
    assert.throws(() => middleware({ challenge: "deny" }), /challenge is given without guard/);
    assert.throws(() => forExpress.guard(lw, "login", { challenge: "deny", deviceCookie: { name: "__Host-device", domain: "a.example" } }), /domain of deviceCookie .* expected none/);
    assert.throws(() => middleware({ limits: "5/s", rateLimitRequests: 5 }), /limits and rateLimitRequests are both given/);
    assert.throws(() => middleware({ limits: "5/s", rateLimitWindowSeconds: 5 }), /limits and rateLimitWindowSeconds are both given/);
    for (const name of Object.keys(LOCKWATCH_OPTIONS)) {
      const value = { log: console.warn, service: "shop" }[name] ?? 1;
      assert.throws(() => middleware({ redis: lw, [name]: value }), new RegExp(`^ConfigurationError: ${name} `));
    }
  });

  it("show no password", () => {
    const refused = (error: Error) => error instanceof ConfigurationError && !error.message.includes("s3cret");
    for (const url of ["http://user:s3cret@host", "redis://user:s3cret@host:port"]) assert.throws(() => middleware({ redis: url }), refused);
  });

  it("a function of a framework without a LockWatch", () => {
    for (const given of ["5/minute", undefined, redis, {}] as never[]) {
      assert.throws(() => forExpress.limit(given, "5/minute"), /limit\(lw, "5\/minute"\) needs a LockWatch/);
      assert.throws(() => forExpress.jwtRequired(given, { store: "auth" }), /needs a LockWatch/);
      assert.throws(() => forExpress.tokenRouter(given, { store: "auth", authenticate }), /needs a LockWatch/);
      assert.throws(() => forExpress.jwks(given), /needs a LockWatch/);
      assert.throws(() => forExpress.guard(given, "login", { challenge: "deny" }), /needs a LockWatch/);
    }
  });
});

const NATURAL: Record<string, unknown>[] = [
  { limits: ["100/minute", "5000/hour"] },
  { limits: ["100/minute", [5000, 3600], [9, "1h"]] },
  { limits: [100, 60] },
  { limits: [100, "1m"] },
  { limits: "0/minute" },
  { addressLimits: ["1000/minute"] },
  { rateLimitRequests: 10, rateLimitWindowSeconds: "1m" },
  { rateLimitRequests: 0, rateLimitWindowSeconds: 0.5 },
  { exempt: [] },
  { exempt: ["/healthz", "GET /metrics"], trustedProxies: ["127.0.0.1", "10.0.0.1/8", "::1", "unix"] },
  { exempt: ["/healthz", "10.0.0.0/8", "2001:db8::/32", "192.0.2.7", "unix"], ipv4Prefix: 24, ipv6Prefix: 48 },
  { headers: "draft-7", errorBodies: { "text/html; charset=utf-8": "<p>Slow down.</p>", "application/json": () => ({ error: "slow down" }) } },
  { onRedisFailure: "local", localShare: 0.25, routes: { "/a": { limits: "@a", localLimits: "5/minute" }, "/b": { onRedisFailure: "deny" } } },
  { burstThreshold: null, burstWindowSeconds: 60 },
  { burstThreshold: undefined, limits: undefined, keyFunc: undefined, log: undefined, routes: undefined },
  { burstCooldownSeconds: "5m", breakerSeconds: 0.5, connectTimeoutMs: 0.5, logIntervalSeconds: 0 },
  { routes: { "POST /login": "5/minute", "/a": ["1/s", "5/m"], "/b": { limits: [1, 60], shadow: true }, "/c": {}, "/d": { cost: 20, shadow: undefined } } },
  { guard: "http" },
  { guard: "http:{eu}", challenge: "deny" },
  { key: "credential", credentialHeader: "X-API-Key", forwardedHeader: "forwarded" },
  { redis: new URL("rediss://user:p%40ss@host:6380/1") },
  { planFunc: () => Promise.resolve("5/s"), keyFunc: async () => Promise.resolve("x"), onDenied: () => ({ status: 429 }) },
];

describe("natural values work", () => {
  for (const options of NATURAL) {
    it(JSON.stringify(options), () => {
      middleware(options);
      plugin(options);
    });
  }

  it("of functions", () => {
    forExpress.limit(lw, ["5/minute"], { key: () => 42, name: "search" });
    forExpress.jwtRequired(lw, { store: Buffer.from("auth"), scopes: [] });
    forExpress.tokenRouter(lw, { store: () => "auth", authenticate, refreshTtl: 0, accessTtl: "15m" });
    const logins = forExpress.guard(lw, (request) => `login:{${request.hostname}}`, { challenge: () => true, deviceCookie: false, passwordDigestKey: "x".repeat(16) });
    forExpress.tokenRouter(lw, { store: "auth", authenticate, guard: logins, loginName: ({ email }) => String(email) });
    forExpress.guard(lw, Buffer.from("login"), { challenge: async () => Promise.resolve({ status: 401 }), deviceCookie: { secure: false } });
    express().use(forExpress.lockwatch({ redis }));
  });
});
