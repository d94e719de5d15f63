/** The guard of the middleware: what the shared cases of the conformance file do not say. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import express from "express";
import { ConfigurationError, LockWatch, UnavailableError, type GuardResult } from "lockwatch";
import * as forExpress from "lockwatch/express";
import { Stub } from "lockwatch/testing";
import { ask } from "./support/http.js";
import { served } from "./support/listen.js";
import { serveLogins } from "./support/logins.js";
import { pathOf, serve, WITH_MIDDLEWARE, type Framework, type Served } from "./support/served.js";

const CHALLENGED = [1, 0, "trickle", 0, 1, 0];
const DENIED = [2, 600_000, "probe", 1, 2, 0];
const FROM = ["IP", "127.0.0.1"];

interface Site {
  readonly site: Served;
  readonly lw: LockWatch;
  readonly log: string[];
  /** The commands of these names that were sent. */
  readonly sent: (...names: string[]) => Promise<string[][]>;
}

async function withSite(framework: Framework, stub: Stub, options: object, test: (site: Site) => Promise<void>, status = 404): Promise<void> {
  const log: string[] = [];
  const lw = new LockWatch(stub, { log: (message) => log.push(message), service: "site" });
  const site = await serve(framework, { redis: lw, guard: "http", burstThreshold: null, ...options }, ({ answer }) => answer(status, [], "reached"));
  const sent = async (...names: string[]) => {
    await site.ended;
    await lw.outcomes.drained();
    return stub.calls.filter(([name = ""]) => names.includes(name));
  };
  try {
    await test({ site, lw, log, sent });
  } finally {
    await site.close();
  }
}

for (const framework of WITH_MIDDLEWARE) {
  describe(`the guard of a site in ${framework}`, () => {
    it("is asked about a request to which no limit applies, and about its client by name", () =>
      withSite(framework, new Stub(), { keyFunc: (request: { url: string }) => (pathOf(request) === "/bob" ? "Bob" : undefined) }, async ({ site, sent }) => {
        for (const path of ["/x", "/bob"]) assert.equal((await ask(site.port, path)).status, 404);
        assert.deepEqual(await sent("LW.CHECK", "LW.EVENT"), [
          ["LW.CHECK", "http", ...FROM],
          ["LW.EVENT", "http", "404", ...FROM, "VALUE", "/x"],
          ["LW.CHECK", "http", ...FROM, "USER", "bob"],
          ["LW.EVENT", "http", "404", ...FROM, "USER", "bob", "VALUE", "/bob"],
        ]);
      }));

    it("denies a request to which no limit applies", () =>
      withSite(framework, new Stub().answer("LW.CHECK", DENIED), { keyFunc: () => null }, async ({ site, sent }) => {
        const answer = await ask(site.port, "/");
        assert.deepEqual([answer.status, answer.header("Retry-After")], [429, "600"]);
        assert.deepEqual([site.state?.blocked, site.state?.guard?.rule], [true, "probe"]);
        assert.deepEqual(await sent("LW.EVENT"), []);
      }));

    it("is not asked about exempt paths", () =>
      withSite(framework, new Stub().answer("LW.CHECK", DENIED), { exempt: ["/healthz"] }, async ({ site, sent }) => {
        assert.equal((await ask(site.port, "/healthz")).status, 404);
        assert.deepEqual(await sent("LW.CHECK", "LW.EVENT"), []);
      }));

    it("without rules on the server there is an error for each request, also one without a limit", async () => {
      for (const options of [{}, { keyFunc: () => null }]) {
        await withSite(framework, new Stub().answer("LW.CHECK", { error: "LWNORULE no rules for 'htpt': did you mean 'http'?" }), options, async ({ site }) => {
          assert.equal((await ask(site.port, "/")).status, 500);
          assert.ok(site.error instanceof ConfigurationError);
          assert.match(site.error.message, /did you mean 'http'/);
        });
      }
    });

    it("lets requests through if Redis is away, and says so", () =>
      withSite(framework, new Stub().unavailable(), { keyFunc: () => null }, async ({ site, log }) => {
        assert.equal((await ask(site.port, "/")).status, 404);
        assert.match(log.join("\n"), /LW\.CHECK failed, requests are let through without a guard: no connection to Redis/);
      }));

    it("lets a challenged request through if the function fails because Redis is away", () => {
      const challenge = () => Promise.reject(new UnavailableError("TIMEOUT", "no answer"));
      return withSite(framework, new Stub().answer("LW.CHECK", CHALLENGED), { challenge }, async ({ site, log }) => {
        assert.equal((await ask(site.port, "/")).status, 404);
        assert.match(log.join("\n"), /requests are let through without a challenge: challenge failed because Redis is away/);
      });
    });

    it("gives a function that decides about challenges the request and the result", () => {
      const seen: unknown[] = [];
      const challenge = (request: { url: string }, result: GuardResult) => {
        seen.push([pathOf(request), result.verdict, result.rule]);
        return pathOf(request) === "/solved";
      };
      return withSite(framework, new Stub().answer("LW.CHECK", CHALLENGED), { challenge }, async ({ site }) => {
        assert.equal((await ask(site.port, "/solved")).status, 404);
        assert.equal((await ask(site.port, "/wrong")).status, 429);
        assert.deepEqual(seen, [["/solved", "challenge", "trickle"], ["/wrong", "challenge", "trickle"]]);
      });
    });

    it("the response does not wait for the report, and a report that is lost is logged", () =>
      withSite(framework, new Stub().answer("LW.EVENT", { failure: "closed" }), {}, async ({ site, sent, log }) => {
        assert.equal((await ask(site.port, "/")).status, 404);
        await sent();
        assert.match(log.join("\n"), /statuses of responses, are lost to guards: no connection/);
      }));

    it("a 503 of the middleware is not reported, and neither is an error of its configuration", () =>
      withSite(framework, new Stub().answer("LW.RATELIMIT", { error: "WRONGTYPE a key of another type" }, [0, 9, 8, 0, 1]), { onRedisFailure: "deny" }, async ({ site, sent }) => {
        assert.equal((await ask(site.port, "/")).status, 503);
        assert.deepEqual(await sent("LW.EVENT"), []);
        assert.equal((await ask(site.port, "/x")).status, 404);
        assert.equal((await sent("LW.EVENT")).length, 1);
      }));

    it("what the guard of a login answers is not reported to the guard of the site", async () => {
      const stub = new Stub().answer("LW.ATTEMPT", DENIED);
      const lw = new LockWatch(stub, { service: "site" });
      const logins = await serveLogins(framework, lw, { guard: { challenge: "deny" }, middleware: { guard: "http" } });
      for (const path of ["/around", "/explicit"]) assert.equal((await logins.post(path, { user: "alice" })).status, 429);
      assert.equal((await logins.post("/nowhere", {})).status, 404);
      await logins.close();
      await lw.outcomes.drained();
      assert.deepEqual(stub.calls.filter(([name]) => name === "LW.EVENT"), [["LW.EVENT", "http", "404", ...FROM, "VALUE", "/nowhere"]]);
    });
  });
}

it("of two middlewares with one guard, the outer one asks it", async () => {
  const stub = new Stub();
  const lw = new LockWatch(stub);
  const app = express();
  app.use(forExpress.lockwatch({ redis: lw, guard: "http", burstThreshold: null, keyPrefix: "outer" }));
  app.use(forExpress.lockwatch({ redis: lw, guard: "http", burstThreshold: null, keyPrefix: "inner" }));
  app.use(forExpress.lockwatch({ redis: lw, guard: "other", burstThreshold: null, keyPrefix: "third" }));
  const { port, close } = await served(app);
  assert.equal((await ask(port, "/x")).status, 404);
  await close();
  await lw.outcomes.drained();
  const guarded = stub.calls.filter(([name]) => name === "LW.CHECK" || name === "LW.EVENT").map((call) => call.slice(0, 3));
  assert.deepEqual(guarded, [["LW.CHECK", "http", "IP"], ["LW.CHECK", "other", "IP"], ["LW.EVENT", "http", "404"], ["LW.EVENT", "other", "404"]]);
});

it("the check goes with the limits in one write", async () => {
  const writes: string[][] = [];
  class Recording extends Stub {
    override send(...[commands]: Parameters<Stub["send"]>): ReturnType<Stub["send"]> {
      writes.push(commands.map(({ args }) => String(args[0])));
      return super.send(commands);
    }
  }
  await withSite("express", new Recording(), { burstThreshold: 5, audit: false }, async ({ site }) => {
    await ask(site.port, "/");
    assert.deepEqual(writes[0], ["LW.RATELIMIT", "LW.BURST", "LW.CHECK"]);
  });
});
