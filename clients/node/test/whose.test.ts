/** Whose counter a request counts into: services, key functions, and peers. */
import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { describe, it } from "node:test";
import { inspect } from "node:util";
import { ADDRESS, ConfigurationError, LockWatch, type LockWatchOptions } from "lockwatch";
import * as forExpress from "lockwatch/express";
import { Stub } from "lockwatch/testing";
import { ask } from "./support/http.js";
import { FRAMEWORKS, serve, type Framework, type Served } from "./support/served.js";

interface Headers {
  readonly headers: IncomingMessage["headers"];
}

/** What a key function returns by the header `x-key`, and the client that it means. */
const KEYS = {
  alice: ["alice", "key:alice"],
  number: [7, "key:7"],
  bigint: [2n ** 60n, "key:1152921504606846976"],
  empty: ["", "ip:127.0.0.1"],
  ADDRESS: [ADDRESS, "ip:127.0.0.1"],
  undefined: [undefined, undefined],
  null: [null, undefined],
} as const;

const keyOf = ({ headers }: Headers) => KEYS[headers["x-key"] as keyof typeof KEYS][0];

interface Api extends Served {
  readonly stub: Stub;
  readonly logged: string[];
  readonly limits: () => (string | undefined)[];
}

interface Setting {
  readonly of?: LockWatchOptions;
  readonly options?: object;
  readonly limit?: object;
  readonly peer?: string;
}

/** An application behind the middleware and a limit of its own. */
async function serving(framework: Framework, { of, options, limit, peer }: Setting, test: (api: Api) => Promise<void>): Promise<void> {
  const stub = new Stub();
  const logged: string[] = [];
  const lw = new LockWatch(stub, { log: (message) => logged.push(message), ...of });
  const placed = limit && forExpress.limit(lw, "5/minute", { name: "own", ...limit });
  const disguise = (request: IncomingMessage) => {
    if (peer !== undefined) Object.defineProperty(request.socket, "remoteAddress", { value: peer, configurable: true });
  };
  const served = await serve(framework, { redis: lw, audit: false, ...options }, ({ answer }) => answer(200, [], "hello"), disguise, () => placed);
  const limits = () => stub.calls.filter(([name]) => name === "LW.RATELIMIT").map(([, key]) => key);
  try {
    await test(Object.assign(served, { stub, logged, limits }));
  } finally {
    await served.close();
  }
}

// A process says a notice once. The tests before the first one of a kind show when it is not said.
for (const framework of FRAMEWORKS) {
  describe(`in ${framework}, without notices`, () => {
    for (const setting of [{ of: { service: "shop" }, limit: {} }, { options: { keyPrefix: "lw" }, limit: { keyPrefix: "lw" } }]) {
      it(`a service or a prefix is not talked about: ${JSON.stringify(setting)}`, async () => {
        await serving(framework, setting, async ({ port, logged }) => {
          await ask(port, "/");
          assert.deepEqual(logged, []);
        });
      });
    }

    it("a server that has put the client in place of the peer is not warned of", async () => {
      await serving(framework, { of: { service: "shop" } }, async ({ port, logged }) => {
        for (const value of ["127.0.0.1", "198.51.100.7, 127.0.0.1", "127.0.0.1:80, 10.0.0.1"]) {
          await ask(port, "/", { headers: { "x-forwarded-for": value } });
        }
        await ask(port, "/", { headers: { forwarded: "for=127.0.0.1" } });
        assert.deepEqual(logged, []);
      });
    });

    it("a trusted proxy that sends its header is not warned of", async () => {
      await serving(framework, { of: { service: "shop" }, options: { trustedProxies: ["127.0.0.1"] } }, async ({ port, logged }) => {
        await ask(port, "/", { headers: { "x-forwarded-for": "198.51.100.7" } });
        assert.deepEqual(logged, []);
      });
    });
  });
}

describe("notices", () => {
  it("shared counters are said once, of the middleware and of a limit", async () => {
    const all: string[] = [];
    forExpress.limit(new LockWatch(new Stub(), { log: (message) => all.push(message) }), "5/minute");
    for (const framework of FRAMEWORKS) {
      await serving(framework, { of: { log: (message) => all.push(message) }, limit: {} }, async ({ port }) => {
        await ask(port, "/");
      });
    }
    assert.equal(all.length, 1);
    assert.match(all[0] ?? "", /key prefix 'lw'.*service: 'shop'/);
  });

  it("a header of a proxy that is not trusted is warned of once, without the header's text", async () => {
    const all: string[] = [];
    for (const framework of FRAMEWORKS) {
      await serving(framework, { of: { log: (message) => all.push(message) }, options: { trustedProxies: ["10.0.0.1"] } }, async ({ port, limits }) => {
        for (let i = 0; i < 3; i++) await ask(port, "/", { headers: { "x-real-ip": "198.51.100.7" } });
        assert.equal(limits()[0], "lw:{ip:127.0.0.1}:default");
      });
    }
    assert.equal(all.length, 1);
    assert.match(all[0] ?? "", /^lockwatch: X-Real-IP of the peer 127\.0\.0\.1 is not read, because trustedProxies does not have this address/);
    assert.doesNotMatch(all[0] ?? "", /198\.51/);
  });

  it("a trusted proxy without the header is warned of once", async () => {
    const all: string[] = [];
    for (const framework of FRAMEWORKS) {
      await serving(framework, { of: { log: (message) => all.push(message) }, options: { trustedProxies: ["127.0.0.1"] } }, async ({ port }) => {
        for (let i = 0; i < 3; i++) await ask(port, "/", { headers: { forwarded: "for=198.51.100.7" } });
      });
    }
    assert.equal(all.length, 1);
    assert.match(all[0] ?? "", /the trusted proxy 127\.0\.0\.1 sends no X-Forwarded-For, but Forwarded: all clients/);
  });
});

for (const framework of FRAMEWORKS) {
  describe(`whose counter in ${framework}`, () => {
    for (const [name, [, client]] of Object.entries(KEYS)) {
      it(`a key function that returns ${name}`, async () => {
        await serving(framework, { options: { keyFunc: keyOf }, limit: { key: keyOf } }, async ({ port, stub, limits }) => {
          const answer = await ask(port, "/", { headers: { "x-key": name } });
          assert.equal(answer.status, 200);
          assert.deepEqual(limits(), client === undefined ? [] : [`lw:{${client}}:default`, `lw:{${client}}:limit:own`]);
          // Without a limit the burst is that of the address.
          assert.deepEqual(stub.calls.filter(([command]) => command === "LW.BURST").map(([, key]) => key), [`lw:{${client ?? "ip:127.0.0.1"}}:burst`]);
          assert.equal(answer.header("X-RateLimit-Limit") !== undefined, client !== undefined);
        });
      });
    }

    for (const key of [true, false, Buffer.from("bob"), NaN, Infinity, ["bob"], { id: 1 }, Symbol("bob")]) {
      it(`a key of another type is an error and counts nothing: ${inspect(key)}`, async () => {
        const wrong = () => key as never;
        for (const setting of [{ options: { keyFunc: wrong } }, { options: { exempt: ["/**"] }, limit: { key: wrong } }]) {
          await serving(framework, setting, async (api) => {
            assert.equal((await ask(api.port, "/")).status, 500);
            assert.ok(api.error instanceof ConfigurationError && api.error.message.includes("the key function returned"), String(api.error));
            assert.deepEqual(api.limits(), []);
          });
        }
      });
    }

    it("a policy has a key function of its own", async () => {
      const routes = { "/own": { limits: "9/hour", keyFunc: () => Promise.resolve("of the policy") } };
      await serving(framework, { options: { keyFunc: () => "of the rest", routes } }, async ({ port, limits }) => {
        await ask(port, "/own");
        await ask(port, "/other");
        assert.deepEqual(limits(), ["lw:{key:of the policy}:own", "lw:{key:of the rest}:default"]);
      });
    });

    it("a service is a part of every key", async () => {
      await serving(framework, { of: { service: "shop" }, limit: {} }, async ({ port, stub }) => {
        await ask(port, "/");
        assert.deepEqual(stub.calls.map(([, key]) => key), ["default", "burst", "limit:own"].map((name) => `lw:shop:{ip:127.0.0.1}:${name}`));
      });
    });

    it("a forwarding header of 12 KiB is read from the right", async () => {
      const stub = new Stub();
      for (const [header, last] of [["X-Forwarded-For", "64:ff9b::198.51.100.7"], ["Forwarded", 'for="[64:ff9b::198.51.100.7]:80"']] as const) {
        const served = await serve(framework, { redis: stub, keyPrefix: "lw", trustedProxies: ["127.0.0.1"], forwardedHeader: header }, ({ answer }) => answer(200, [], ""));
        stub.calls.length = 0;
        await ask(served.port, "/", { headers: { [header]: `${"nonsense, ".repeat(1200)}${last}` } });
        await served.ended;
        await served.close();
        assert.equal(stub.calls[0]?.[1], "lw:{ip:198.51.100.7}:default");
        const event = stub.calls.find(([name]) => name === "LW.AUDIT") ?? [];
        assert.equal(event[event.indexOf("IP") + 1], "198.51.100.7");
      }
    });

    for (const peer of ["unknown", "proxy.example", "203.0.113.9:65536"]) {
      it(`a limit on an exempt path refuses the peer ${peer}`, async () => {
        await serving(framework, { options: { exempt: ["/**"] }, limit: {}, peer }, async (api) => {
          assert.equal((await ask(api.port, "/")).status, 500);
          assert.ok(api.error instanceof ConfigurationError);
          assert.ok(api.error.message.includes(`'${peer}'`), api.error.message);
          assert.deepEqual(api.stub.calls, []);
        });
      });
    }
  });
}

describe("errors at start", () => {
  const redis = new Stub();
  const MISTAKES: Record<string, object> = {
    "a policy with a key and no limits": { routes: { "/a": { key: "address" } } },
    "a policy with a key function and no limits": { routes: { "/a": { keyFunc: () => "a" } } },
    "a policy with a wrong key": { routes: { "/a": { limits: "1/s", key: "session" } } },
    "a policy with a text as its key function": { routes: { "/a": { limits: "1/s", keyFunc: "session" } } },
    "credential together with a key function": { key: "credential", keyFunc: () => "a" },
    "a text as key function": { keyFunc: "session" },
  };
  for (const [name, options] of Object.entries(MISTAKES)) {
    it(name, () => {
      const matches = (error: unknown) => error instanceof ConfigurationError && /\bkey/.test(error.message);
      assert.throws(() => forExpress.lockwatch({ redis, ...options } as never), matches);
    });
  }

  for (const service of ["", "a b", "a:b", "a{b}", "a".repeat(65), "a\n", 7, true, null, ["shop"]]) {
    it(`the service ${JSON.stringify(service)}`, () => {
      const matches = (error: unknown) => error instanceof ConfigurationError && error.message.includes("service");
      assert.throws(() => new LockWatch(redis, { service } as never), matches);
      assert.throws(() => forExpress.lockwatch({ redis, service } as never), matches);
    });
  }

  it("a service is named at the client, or at the middleware that makes one", () => {
    assert.equal(forExpress.lockwatch({ redis, service: "shop" }).lockwatch.service, "shop");
    const lw = new LockWatch(redis, { service: "shop" });
    assert.throws(() => forExpress.lockwatch({ redis: lw, service: "shop" }), /service and a LockWatch are both given: write new LockWatch\(redis, \{ service: … \}\)/);
  });
});
