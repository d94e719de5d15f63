/** The login of the token routes with a guard. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LockWatch, UnavailableError } from "lockwatch";
import type { Attempt } from "lockwatch/express";
import { Stub } from "lockwatch/testing";
import { serveLogins, type Logins } from "./support/logins.js";
import { FRAMEWORKS, type Framework } from "./support/served.js";

const FROM_ALICE = ["login", "IP", "127.0.0.1", "USER", "alice"];
const ALICE = { username: "Alice", password: "right" };

type Authenticate = (body: Record<string, unknown>, request: unknown, attempt: Attempt) => unknown;

const authenticate: Authenticate = ({ password }) => (password === "right" ? "alice" : null);

async function withRoutes(framework: Framework, stub: Stub, tokens: object, test: (logins: Logins, guarded: () => Promise<string[][]>) => Promise<void>) {
  const lw = new LockWatch(stub, { log: () => undefined });
  const logins = await serveLogins(framework, lw, { guard: { challenge: "deny" }, tokens: { store: "auth", authenticate, ...tokens } });
  const guarded = async () => {
    await lw.outcomes.drained();
    return stub.calls.filter(([name]) => name === "LW.ATTEMPT" || name === "LW.EVENT");
  };
  try {
    await test(logins, guarded);
  } finally {
    await logins.close();
  }
}

for (const framework of FRAMEWORKS) {
  describe(`the token routes with a guard in ${framework}`, () => {
    it("ask it before a login, and tell it a success", () =>
      withRoutes(framework, new Stub(), {}, async (logins, guarded) => {
        const answer = await logins.post("/auth/login", ALICE);
        assert.equal(answer.status, 200);
        const [, device] = /^lw_device=([0-9a-f]{32});/.exec(answer.header("Set-Cookie") ?? "") ?? [];
        assert.deepEqual(await guarded(), [["LW.ATTEMPT", ...FROM_ALICE], ["LW.EVENT", "login", "success", ...FROM_ALICE.slice(1), "DEVICE", device]]);
      }));

    it("set the cookies of the device and of the refresh token", () =>
      withRoutes(framework, new Stub(), { cookie: { origins: ["https://app.example"] } }, async (logins) => {
        const answer = await logins.post("/auth/login", ALICE, { origin: "https://app.example" });
        assert.deepEqual(answer.headers("Set-Cookie").map((cookie) => cookie.split("=")[0]), ["lw_refresh", "lw_device"]);
      }));

    it("tell it a failure", () =>
      withRoutes(framework, new Stub(), {}, async (logins, guarded) => {
        const answer = await logins.post("/auth/login", { ...ALICE, password: "wrong" });
        assert.deepEqual([answer.status, answer.header("Set-Cookie")], [401, undefined]);
        assert.deepEqual((await guarded())[1], ["LW.EVENT", "login", "failure", ...FROM_ALICE.slice(1)]);
      }));

    const TOLD: Record<string, [Authenticate, status: number, kinds: string[]]> = {
      "an unknown user": [(_body, _request, attempt) => attempt.unknown(), 401, ["unknown"]],
      "a wrong second factor": [(_body, _request, attempt) => (attempt.passwordOk(), attempt.mfaFailed()), 401, ["password", "mfa"]],
      "a second factor": [(_body, _request, attempt) => (attempt.passwordOk(), "alice"), 200, ["password", "success"]],
    };
    for (const [name, [own, status, kinds]] of Object.entries(TOLD)) {
      it(`let authenticate tell it of ${name}`, () =>
        withRoutes(framework, new Stub(), { authenticate: own }, async (logins, guarded) => {
          assert.equal((await logins.post("/auth/login", ALICE)).status, status);
          assert.deepEqual((await guarded()).slice(1).map((call) => call[2]), kinds);
        }));
    }

    it("answer what it denies, without calling authenticate", () =>
      withRoutes(framework, new Stub().answer("LW.ATTEMPT", [2, 1, "guess", 0, 2, 0]), { authenticate: () => assert.fail("it was called") }, async (logins, guarded) => {
        const answer = await logins.post("/auth/login", ALICE);
        assert.deepEqual([answer.status, answer.header("Retry-After"), answer.header("Cache-Control"), answer.body], [429, "1", "no-store", '{"error":"temporarily_blocked","retry_after":1}']);
        assert.equal((await guarded()).length, 1);
      }));

    it("tell it nothing if Redis fails after the password was right", () =>
      withRoutes(framework, new Stub().answer("LW.ISSUE", { error: "OOM command not allowed" }), {}, async (logins, guarded) => {
        assert.equal((await logins.post("/auth/login", ALICE)).status, 503);
        assert.equal((await guarded()).length, 1);
      }));

    it("tell it nothing if authenticate fails", () =>
      withRoutes(framework, new Stub(), { authenticate: () => Promise.reject(new UnavailableError("TIMEOUT", "no answer")) }, async (logins, guarded) => {
        assert.equal((await logins.post("/auth/login", ALICE)).status, 503);
        assert.equal((await guarded()).length, 1);
      }));

    it("find the name in the body, or by loginName", async () => {
      for (const body of [{ user: "Alice", password: "right" }, ALICE]) {
        await withRoutes(framework, new Stub(), {}, async (logins, guarded) => {
          await logins.post("/auth/login", body);
          assert.deepEqual((await guarded())[0], ["LW.ATTEMPT", ...FROM_ALICE]);
        });
      }
      await withRoutes(framework, new Stub(), { loginName: ({ email }: { email: string }) => email }, async (logins, guarded) => {
        await logins.post("/auth/login", { email: "A@example.com", password: "right" });
        assert.deepEqual((await guarded())[0], ["LW.ATTEMPT", "login", "IP", "127.0.0.1", "USER", "a@example.com"]);
      });
    });

    it("ask it nothing at a refresh and at a logout", () =>
      withRoutes(framework, new Stub(), {}, async (logins, guarded) => {
        await logins.post("/auth/refresh", { refresh_token: "x" });
        await logins.post("/auth/logout", { refresh_token: "x" });
        assert.deepEqual(await guarded(), []);
      }));
  });
}
