/** A guard of logins in both frameworks, with scripted replies. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHmac } from "node:crypto";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { AttemptDeniedError, ConfigurationError, LockWatch, LockWatchError, TokenExpiredError, UnavailableError, type GuardResult } from "lockwatch";
import * as forExpress from "lockwatch/express";
import { Stub } from "lockwatch/testing";
import { serveLogins, type LoginOptions, type Logins } from "./support/logins.js";
import { FRAMEWORKS, type Framework } from "./support/served.js";

const DENIED = [2, 61_500, "brute", 1, 2, 0];
const CHALLENGED = [1, 0, "guess", 0, 1, 0];
const ALLOWED = [0, 0, null, 0, 0, 0];
const SECRET = "sixteen bytes or more";
const ALICE = { user: "Alice", password: "wonderland" };
const FROM_ALICE = ["login", "IP", "127.0.0.1", "USER", "alice"];
const BLOCKED = (seconds: number | null) => `{"error":"temporarily_blocked","retry_after":${seconds}}`;

/** Runs the test with an application, and closes it. */
async function withLogins(framework: Framework, options: LoginOptions, test: (logins: Logins, stub: Stub, lw: LockWatch, log: string[]) => Promise<void>, stub = new Stub()) {
  const log: string[] = [];
  const lw = new LockWatch(stub, { log: (message) => log.push(message) });
  const logins = await serveLogins(framework, lw, options);
  try {
    await test(logins, stub, lw, log);
  } finally {
    await logins.close();
  }
}

for (const framework of FRAMEWORKS) {
  describe(`a guard of logins in ${framework}`, { concurrency: 4 }, () => {
    it("is asked before the login, and told its outcome afterwards", () =>
      withLogins(framework, { guard: { challenge: "deny" }, handler: (attempt) => attempt.failed() }, async (logins, stub, lw) => {
        for (const path of ["/around", "/explicit"]) assert.equal((await logins.post(path, ALICE)).status, 200);
        await lw.outcomes.drained();
        const both = [["LW.ATTEMPT", ...FROM_ALICE], ["LW.EVENT", "login", "failure", ...FROM_ALICE.slice(1)]];
        assert.deepEqual(stub.calls, [...both, ...both]);
      }));

    const OUTCOMES: [string, NonNullable<LoginOptions["handler"]>, kinds: string[]][] = [
      ["unknown", (attempt) => attempt.unknown(), ["unknown"]],
      ["passwordOk and succeeded", (attempt) => [attempt.passwordOk(), attempt.succeeded()], ["password", "success"]],
      ["mfaFailed", (attempt) => attempt.mfaFailed(), ["mfa"]],
      ["nothing", () => undefined, []],
    ];
    for (const [name, handler, kinds] of OUTCOMES) {
      it(`sends ${kinds.length === 0 ? "nothing" : kinds.join(" and ")} for ${name}`, () =>
        withLogins(framework, { guard: { challenge: "deny" }, handler }, async (logins, stub, lw) => {
          await logins.post("/around", ALICE);
          await lw.outcomes.drained();
          assert.deepEqual(stub.calls.slice(1).map((call) => call[2]), kinds);
        }));
    }

    it("sends no outcome after an exception", () =>
      withLogins(framework, { guard: { challenge: "deny" }, handler: () => Promise.reject(new Error("the database is away")) }, async (logins, stub, lw) => {
        for (const path of ["/around", "/explicit"]) assert.equal((await logins.post(path, ALICE)).status, 500);
        await lw.outcomes.drained();
        assert.deepEqual(stub.calls.map(([name]) => name), ["LW.ATTEMPT", "LW.ATTEMPT"]);
      }));

    it("refuses a second outcome", () =>
      withLogins(framework, { guard: { challenge: "deny" }, handler: (attempt) => [attempt.failed(), attempt.succeeded()] }, async (logins) => {
        assert.equal((await logins.post("/around", ALICE)).status, 500);
        assert.match(String(logins.error), /ConfigurationError: an attempt is told 'success' after 'failure'/);
      }));

    it("answers a denied login 429, without calling its handler", () =>
      withLogins(framework, { guard: { challenge: "deny" }, handler: () => assert.fail("it was called") }, async (logins, stub, lw) => {
        const answer = await logins.post("/around", ALICE);
        assert.deepEqual([answer.status, answer.header("Retry-After"), answer.body], [429, "62", BLOCKED(62)]);
        assert.equal(answer.header("Content-Type"), "application/json");
        const explicit = await logins.post("/explicit", ALICE);
        assert.deepEqual([explicit.status, explicit.header("Retry-After")], [429, "62"]);
        const { error } = logins;
        assert.ok(error instanceof AttemptDeniedError);
        assert.deepEqual([error.code, error.status, error.retryAfterSeconds, error.result?.rule, error.body], ["ATTEMPT_DENIED", 429, 62, "brute", BLOCKED(62)]);
        await lw.outcomes.drained();
        assert.ok(stub.calls.every(([name]) => name === "LW.ATTEMPT"));
      }, new Stub().answer("LW.ATTEMPT", DENIED)));

    it("denies a challenged login with challenge: 'deny', and nobody knows for how long", () =>
      withLogins(framework, { guard: { challenge: "deny" } }, async (logins, stub) => {
        const answer = await logins.post("/around", ALICE);
        assert.deepEqual([answer.status, answer.header("Retry-After"), answer.body], [429, undefined, BLOCKED(null)]);
        assert.equal(stub.calls.length, 1);
      }, new Stub().answer("LW.ATTEMPT", CHALLENGED)));

    it("charges a challenged login with challenge: 'allow', unless it is denied then", () =>
      withLogins(framework, { guard: { challenge: "allow" } }, async (logins, stub) => {
        assert.equal((await logins.post("/around", ALICE)).status, 200);
        assert.equal((await logins.post("/around", ALICE)).status, 429);
        const attempts = stub.calls.filter(([name]) => name === "LW.ATTEMPT");
        assert.deepEqual(attempts.map((call) => call.at(-1)), ["alice", "SOLVED", "alice", "SOLVED"]);
      }, new Stub().answer("LW.ATTEMPT", CHALLENGED, ALLOWED, CHALLENGED, DENIED)));

    const challenge = (request: { body?: unknown }, result: GuardResult) => {
      assert.deepEqual([result.verdict, result.rule], ["challenge", "guess"]);
      const { captcha } = request.body as { captcha?: string };
      if (captcha === "throw") throw new Error("no CAPTCHA service");
      return captcha === "page" ? { status: 401, body: { error: "captcha" } } : captcha === "solved";
    };
    it("a function decides about challenges, and may return the response", () =>
      withLogins(framework, { guard: { challenge: challenge } }, async (logins, stub) => {
        const attempts = async (captcha: string) => {
          stub.calls.length = 0;
          const answer = await logins.post("/around", { ...ALICE, captcha });
          return [answer.status, answer.body, stub.calls.filter(([name]) => name === "LW.ATTEMPT").length];
        };
        stub.answer("LW.ATTEMPT", CHALLENGED, ALLOWED);
        assert.equal((await attempts("solved"))[0], 200);
        assert.equal(stub.calls[1]?.at(-1), "SOLVED");
        stub.answer("LW.ATTEMPT", CHALLENGED);
        assert.deepEqual(await attempts("wrong"), [429, '{"error":"challenge_required","retry_after":null}', 1]);
        assert.deepEqual(await attempts("page"), [401, '{"error":"captcha"}', 1]);
        assert.equal((await attempts("throw"))[0], 500);
        assert.match(String(logins.error), /no CAPTCHA service/);
      }));

    it("an error that the function throws is the application's, unless its Redis is away", async () => {
      const throwing = (error: Error) => ({ guard: { challenge: () => Promise.reject(error), onRedisFailure: "allow" as const } });
      await withLogins(framework, throwing(new TokenExpiredError("LWEXPIRED", "the proof has expired")), async (logins) => {
        assert.equal((await logins.post("/around", ALICE)).status, 500);
        assert.ok(logins.error instanceof TokenExpiredError);
      }, new Stub().answer("LW.ATTEMPT", CHALLENGED));
      await withLogins(framework, throwing(new UnavailableError("TIMEOUT", "no answer")), async (logins, stub, _lw, log) => {
        assert.equal((await logins.post("/around", ALICE)).status, 200);
        assert.equal(stub.calls.filter(([name]) => name === "LW.ATTEMPT").length, 1);
        assert.match(log.join(), /let through without a guard: challenge failed because Redis is away/);
      }, new Stub().answer("LW.ATTEMPT", CHALLENGED));
    });

    it("sends a digest of the password only, and only with a key", () =>
      withLogins(framework, { guard: { challenge: "deny", passwordDigestKey: SECRET }, handler: (attempt) => attempt.failed() }, async (logins, stub, lw) => {
        await logins.post("/around", ALICE);
        await lw.outcomes.drained();
        const value = createHmac("sha256", SECRET).update("wonderland").digest("hex").slice(0, 16);
        assert.deepEqual(stub.calls, [
          ["LW.ATTEMPT", ...FROM_ALICE, "VALUE", value],
          ["LW.EVENT", "login", "failure", ...FROM_ALICE.slice(1), "VALUE", value],
        ]);
      }));

    it("knows a browser again by a cookie, which is new after each success", () =>
      withLogins(framework, { guard: { challenge: "deny" } }, async (logins, stub, lw) => {
        const cookie = (await logins.post("/around", ALICE)).header("Set-Cookie") ?? "";
        const [, device = ""] = /^lw_device=([0-9a-f]{32}); Max-Age=7776000; Path=\/; HttpOnly; Secure; SameSite=Lax$/.exec(cookie) ?? [];
        const again = (await logins.post("/explicit", ALICE, { cookie: `a=b; lw_device=${device}` })).header("Set-Cookie");
        const forged = await logins.post("/explicit", ALICE, { cookie: "lw_device=x" });
        await lw.outcomes.drained();
        const devices = stub.calls.map((call) => (call.includes("DEVICE") ? call[call.indexOf("DEVICE") + 1] : undefined));
        assert.deepEqual(devices.slice(0, 3), [undefined, device, device]);
        assert.ok(again?.includes(String(devices[3])) && devices[3] !== device);
        assert.equal(devices[4], undefined, "what no guard has made is not sent");
        assert.equal(forged.status, 200);
      }));

    it("the cookie has the options that are given, or there is none", async () => {
      const deviceCookie = { name: "own", domain: "example.com", path: "/auth", secure: false };
      await withLogins(framework, { guard: { challenge: "deny", deviceCookie } }, async (logins) => {
        const cookie = (await logins.post("/around", ALICE)).header("Set-Cookie");
        assert.match(cookie ?? "", /^own=[0-9a-f]{32}; Max-Age=7776000; Path=\/auth; Domain=example\.com; HttpOnly; SameSite=Lax$/);
      });
      await withLogins(framework, { guard: { challenge: "deny", deviceCookie: false } }, async (logins) => {
        assert.equal((await logins.post("/around", ALICE)).header("Set-Cookie"), undefined);
      });
    });

    it("answers 503 if Redis is away, or lets logins through if it is told to", async () => {
      await withLogins(framework, { guard: { challenge: "deny" } }, async (logins, _stub, _lw, log) => {
        const answer = await logins.post("/around", ALICE);
        assert.deepEqual([answer.status, answer.header("Retry-After"), answer.body], [503, "1", '{"error":"service_unavailable","retry_after":1}']);
        assert.equal((await logins.post("/explicit", ALICE)).status, 503);
        assert.ok(logins.error instanceof LockWatchError);
        assert.equal(logins.error.code, "CONNECTION");
        assert.match(log.join(), /logins are answered 503: no connection to Redis/);
      }, new Stub().unavailable());
      await withLogins(framework, { guard: { challenge: "deny", onRedisFailure: "allow" }, handler: (attempt) => assert.equal(attempt.result, undefined) }, async (logins, _stub, _lw, log) => {
        assert.equal((await logins.post("/around", ALICE)).status, 200);
        assert.match(log.join(), /logins are let through without a guard/);
      }, new Stub().unavailable());
    });

    it("without rules on the server there is an error, whatever onRedisFailure says", () =>
      withLogins(framework, { guard: { challenge: "deny", onRedisFailure: "allow" } }, async (logins) => {
        assert.equal((await logins.post("/around", ALICE)).status, 500);
        assert.ok(logins.error instanceof ConfigurationError);
        assert.match(logins.error.message, /no rules for a guard: LWNORULE .*did you mean 'login'/);
      }, new Stub().answer("LW.ATTEMPT", { error: "LWNORULE no rules for 'logn': did you mean 'login'?" })));

    it("a malformed call is an error, and not a failure of Redis", () =>
      withLogins(framework, { guard: { challenge: "deny", onRedisFailure: "allow" } }, async (logins) => {
        assert.equal((await logins.post("/around", ALICE)).status, 500);
        assert.match(String(logins.error), /WRONGTYPE/);
      }, new Stub().answer("LW.ATTEMPT", { error: "WRONGTYPE Operation against a key holding the wrong kind of value" })));

    it("an outcome that is lost is logged, and changes no response", () =>
      withLogins(framework, { guard: { challenge: "deny" } }, async (logins, _stub, lw, log) => {
        assert.equal((await logins.post("/around", ALICE)).status, 200);
        await lw.outcomes.drained();
        assert.match(log.join("\n"), /outcomes of logins, or statuses of responses, are lost to guards: OOM/);
      }, new Stub().answer("LW.EVENT", { error: "OOM command not allowed when used memory > 'maxmemory'." })));

    it("the key may be a function of the request, and the address is that of the middleware", () =>
      withLogins(framework, { guard: { challenge: "deny", normalize: false }, key: () => Promise.resolve("login:{t7}"), middleware: { trustedProxies: ["127.0.0.1"] } }, async (logins, stub, lw) => {
        await logins.post("/around", ALICE, { "x-forwarded-for": "203.0.113.9" });
        await lw.outcomes.drained();
        const guarded = stub.calls.filter(([name]) => name === "LW.ATTEMPT" || name === "LW.EVENT").map((call) => call.slice(0, -2).concat(call.includes("DEVICE") ? [] : call.slice(-2)));
        assert.deepEqual(guarded, [
          ["LW.ATTEMPT", "login:{t7}", "IP", "203.0.113.9", "USER", "Alice"],
          ["LW.EVENT", "login:{t7}", "success", "IP", "203.0.113.9", "USER", "Alice"],
        ]);
      }));
  });
}

describe("a guard that is asked and told something else", () => {
  const request = { socket: { remoteAddress: "203.0.113.9" }, headers: {} } as never;
  const make = (stub: Stub) => {
    const lw = new LockWatch(stub, { log: () => undefined });
    return { lw, guard: forExpress.guard(lw, "login", { challenge: "deny" }) };
  };

  it("sends the address of the request", async () => {
    const stub = new Stub();
    const { lw, guard } = make(stub);
    assert.equal((await guard.check(request, { user: "Alice" }))?.verdict, "allow");
    await guard.event(request, "scraped", { key: "k", value: "v" });
    await lw.outcomes.drained();
    assert.deepEqual(stub.calls, [
      ["LW.CHECK", "login", "IP", "203.0.113.9", "USER", "alice"],
      ["LW.EVENT", "login", "scraped", "IP", "203.0.113.9", "KEY", "k", "VALUE", "v"],
    ]);
  });

  it("goes on if Redis is away, but not without rules", async () => {
    const { lw, guard } = make(new Stub().unavailable());
    assert.equal(await guard.check(request), undefined);
    await guard.event(request, "scraped");
    await lw.outcomes.drained();
    await assert.rejects(make(new Stub().answer("LW.CHECK", { error: "LWNORULE none" })).guard.check(request), ConfigurationError);
  });
});

it("a changed password is told to the guard", async () => {
  const stub = new Stub();
  const lw = new LockWatch(stub);
  await forExpress.guard(lw, "login", { challenge: "deny" }).reset({} as never, "Alice");
  await lw.outcomes.drained();
  assert.deepEqual(stub.calls, [["LW.EVENT", "login", "reset", "USER", "alice"]]);
});

it("a login without an outcome is a hint for those who debug, once", async () => {
  const code = `
    import { guard } from "lockwatch/express";
    import { LockWatch } from "lockwatch";
    import { Stub } from "lockwatch/testing";
    const logins = guard(new LockWatch(new Stub()), "login", { challenge: "deny" });
    const request = { socket: { remoteAddress: "::1" }, headers: {} };
    for (const body of [(attempt) => attempt.failed(), () => 1, () => 2]) await logins.withAttempt(request, {}, { user: "alice" }, body);`;
  const hints = async (debug: string) => {
    const env = { ...process.env, NODE_DEBUG: debug };
    const { stderr } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", code], { env });
    return stderr.match(/a login ended without an outcome/g)?.length ?? 0;
  };
  assert.deepEqual([await hints("lockwatch"), await hints("")], [1, 0]);
});

it("close waits for outcomes that wait to be sent", async () => {
  const stub = new Stub();
  const lw = new LockWatch(stub);
  await forExpress.guard(lw, "login", { challenge: "deny" }).reset({} as never, "Alice");
  await lw.close();
  assert.equal(stub.calls.length, 1);
});
