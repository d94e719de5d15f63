/** The commands of guards: their arguments and results, and how names of users are sent. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CommandError, ConfigurationError, LockWatch, NoRuleError, type GuardSubject } from "lockwatch";
import { Stub } from "lockwatch/testing";

function client(): { stub: Stub; lw: LockWatch } {
  const stub = new Stub();
  return { stub, lw: new LockWatch(stub, { log: () => undefined }) };
}

describe("the commands of a guard", () => {
  it("have their options in the order of the reference", async () => {
    const { stub, lw } = client();
    await lw.attempt("login", { solved: true, value: "v", device: "d", user: "alice", ip: "203.0.113.9" });
    await lw.attempt("login", { user: 42 });
    await lw.event("http", "404", { ip: "203.0.113.9", value: "/wp-login.php", device: "d", key: "k", user: "bob" });
    await lw.event("login", "success", { user: null, ip: "::1" });
    await lw.check("login:{t7}", { key: Buffer.from("k"), device: "d", ip: "203.0.113.9" });
    assert.deepEqual(stub.calls, [
      ["LW.ATTEMPT", "login", "IP", "203.0.113.9", "USER", "alice", "DEVICE", "d", "VALUE", "v", "SOLVED"],
      ["LW.ATTEMPT", "login", "USER", "42"],
      ["LW.EVENT", "http", "404", "IP", "203.0.113.9", "USER", "bob", "KEY", "k", "VALUE", "/wp-login.php", "DEVICE", "d"],
      ["LW.EVENT", "login", "success", "IP", "::1"],
      ["LW.CHECK", "login:{t7}", "IP", "203.0.113.9", "KEY", "k", "DEVICE", "d"],
    ]);
  });

  it("resolve to a verdict, and to the seconds after which a denied call may come again", async () => {
    const { stub, lw } = client();
    stub.answer("LW.ATTEMPT", [2, 90_001, "brute", 3, 2, 1], [1, 0, Buffer.from("guess"), 0, 1, 0], [0, 0, null, 0, 2, 0]);
    const denied = await lw.attempt("login", { user: "alice" });
    assert.deepEqual(Object.assign({}, denied), { verdict: "deny", retryAfterMs: 90_001, rule: "brute", strikes: 3, would: "deny", alerted: true });
    assert.equal(denied.retryAfterSeconds, 91);
    const challenged = await lw.attempt("login", { user: "alice" });
    assert.deepEqual([challenged.verdict, challenged.rule, challenged.retryAfterSeconds], ["challenge", "guess", undefined]);
    const allowed = await lw.attempt("login", { user: "alice" });
    assert.deepEqual([allowed.verdict, allowed.rule, allowed.would, allowed.alerted], ["allow", null, "deny", false]);
  });

  it("reject with an error of its own if the server has no rules for the guard", async () => {
    const { stub, lw } = client();
    stub.answer("LW.CHECK", { error: "LWNORULE there are no rules for 'logn': did you mean 'login'?" });
    await assert.rejects(lw.check("logn", { ip: "::1" }), (error) => error instanceof NoRuleError && error.code === "LWNORULE" && error.message.includes("did you mean"));
  });

  it("refuse a reply that no guard gives", async () => {
    for (const reply of [[0, 0, null, 0, 0], [3, 0, null, 0, 0, 0], "OK", null]) {
      const { stub, lw } = client();
      stub.answer("LW.CHECK", reply);
      await assert.rejects(lw.check("login", { ip: "::1" }), /in a way that lockwatch does not/);
    }
  });
});

describe("the name of a user", () => {
  const SENT: [given: string | number, sent: string][] = [
    ["Alice", "alice"],
    ["  alice\t", "alice"],
    ["ＡＬＩＣＥ", "alice"],
    ["Straße", "strasse"],
    ["STRASSE", "strasse"],
    ["ΣΊΣΥΦΟΣ", "σίσυφοσ"],
    ["ﬁsh", "fish"],
    ["İ", "i̇"],
    ["ı", "ı"],
    ["Ꭰꭰ", "ᎠᎠ"],
    ["ẞ", "ss"],
    ["\u001fa\u0085", "a"],
    ["\ufeffa", "\ufeffa"],
    ["a\u00a0b", "a b"],
    [42, "42"],
  ];
  for (const [given, sent] of SENT) {
    it(`${JSON.stringify(given)} is sent as ${JSON.stringify(sent)}`, async () => {
      const { stub, lw } = client();
      await lw.check("login", { user: given });
      await lw.ban("login", { user: given }, "1h");
      assert.deepEqual([stub.calls[0]?.at(-1), stub.calls[1]?.[3]], [sent, sent]);
    });
  }

  it("is sent as it is with normalize: false, and bytes always are", async () => {
    const { stub, lw } = client();
    await lw.check("login", { user: " Alice", normalize: false });
    await lw.lift("login", { user: " Alice" }, { normalize: false });
    await lw.check("login", { user: Buffer.from(" Alice") });
    assert.deepEqual(stub.calls.map((call) => call[3]), [" Alice", " Alice", " Alice"]);
  });

  it("is left out if it has no characters", async () => {
    const { stub, lw } = client();
    await lw.check("login", { user: "  ", ip: "::1" });
    assert.deepEqual(stub.calls, [["LW.CHECK", "login", "IP", "::1"]]);
  });

  it("that is an object is a TypeError", async () => {
    const { lw } = client();
    await assert.rejects(lw.check("login", { user: {} as never }), TypeError);
  });
});

describe("the commands of operators", () => {
  it("name a subject, a time, and who did it", async () => {
    const { stub, lw } = client();
    const end = await lw.ban("login", { ip: "203.0.113.0/24" }, "1h", { reason: "scraping", by: "ops" });
    assert.ok(end instanceof Date);
    await lw.allow("login", { key: "k" }, 0.5);
    await lw.lift("login", { ip: "203.0.113.9", user: "Alice" }, { forget: true, allowed: true, by: "ops" });
    assert.equal(await lw.lift("login", { all: true }), 1);
    assert.deepEqual(await lw.bans("login", { allowed: true, count: 5, after: "7" }), []);
    await lw.bans("login", { observed: true });
    assert.deepEqual([await lw.rules(), await lw.rules("login")], [[], []]);
    assert.deepEqual(stub.calls, [
      ["LW.BAN", "login", "IP", "203.0.113.0/24", "FOR", "3600", "REASON", "scraping", "BY", "ops"],
      ["LW.ALLOW", "login", "KEY", "k", "FOR", "500ms"],
      ["LW.LIFT", "login", "IP", "203.0.113.9", "USER", "alice", "FORGET", "ALLOWED", "BY", "ops"],
      ["LW.LIFT", "login", "ALL"],
      ["LW.BANS", "login", "ALLOWED", "COUNT", "5", "AFTER", "7"],
      ["LW.BANS", "login", "OBSERVED"],
      ["LW.RULES"],
      ["LW.RULES", "login"],
    ]);
  });

  it("refuse what is no subject before anything is sent", async () => {
    const { stub, lw } = client();
    for (const subject of [{}, { adress: "::1" }, { ip: undefined }] as unknown as GuardSubject[]) {
      await assert.rejects(lw.ban("login", subject, "1h"), ConfigurationError);
      await assert.rejects(lw.why("login", subject), ConfigurationError);
    }
    await assert.rejects(lw.bans("login", { allowed: true, observed: true }), ConfigurationError);
    await assert.rejects(lw.ban("login", { ip: "::1" }, 0), RangeError);
    assert.deepEqual(stub.calls, []);
  });

  it("reject with the server's error for a malformed call", async () => {
    const { stub, lw } = client();
    stub.answer("LW.BAN", { error: "ERR IP is 'x': expected an address or a network" });
    await assert.rejects(lw.ban("login", { ip: "x" }, "1h"), CommandError);
  });
});
