/** The parts without input and output, which take the time as an argument. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LockWatch, type LockWatchError } from "lockwatch";
import { Stub } from "lockwatch/testing";
import { canonicalAddress, clientNetwork, hopAddress } from "../dist/http/address.js";
import { pathOf, PathSegments, Pattern } from "../dist/http/pattern.js";
import { policyName } from "../dist/http/policy-name.js";
import { Breaker } from "../dist/redis/breaker.js";
import { hashSlot } from "../dist/redis/slot.js";

describe("the breaker", () => {
  const opened = () => {
    const breaker = new Breaker(2, 1000);
    assert.equal(breaker.timedOut(0), false);
    assert.equal(breaker.timedOut(10), true);
    return breaker;
  };

  it("opens after the given number of timeouts in a row, for the given pause", () => {
    const breaker = opened();
    assert.equal(breaker.admission(11), "bypass");
    assert.equal(breaker.admission(1009), "bypass");
    assert.equal(breaker.admission(1010), "go");
  });

  it("an answer resets the count", () => {
    const breaker = new Breaker(2, 1000);
    breaker.timedOut(0);
    breaker.answered();
    breaker.timedOut(1);
    assert.equal(breaker.admission(2), "go");
  });

  it("after the pause one call is the probe, and the others wait for its result", async () => {
    for (const isBack of [true, false]) {
      const breaker = opened();
      assert.equal(breaker.admission(1010), "go");
      const waiting = breaker.admission(1011);
      assert.ok(waiting instanceof Promise);
      if (isBack) breaker.answered();
      else assert.equal(breaker.timedOut(1100), true);
      await waiting;
      assert.equal(breaker.admission(1101), isBack ? "go" : "bypass");
    }
  });

  it("timeouts of calls in flight do not extend the pause", () => {
    const breaker = opened();
    assert.equal(breaker.timedOut(900), false);
    assert.equal(breaker.admission(1010), "go");
  });
});

describe("the time that a command may take", () => {
  const calls: Record<string, (lw: LockWatch) => Promise<unknown>> = {
    "LW.AUDITLOG": (lw) => lw.auditLog(),
    "LW.ISSUE": (lw) => lw.issue("auth", "alice"),
    "LW.ROTATE": (lw) => lw.rotate("auth", "token"),
    "LW.CLAIMS": (lw) => lw.setClaims("auth", {}, { subject: "alice" }),
    "LW.REVOKE": (lw) => lw.revoke("auth", { token: "token" }),
    "LW.REVOKEALL": (lw) => lw.revokeAll("auth"),
    "LW.SESSIONS": (lw) => lw.sessions("auth", "alice"),
    "LW.JWKS": (lw) => lw.jwks(),
    "LW.VERIFY": (lw) => lw.verify("auth", "token"),
    "LW.INTROSPECT": (lw) => lw.introspect("auth", "token"),
  };
  for (const [command, call] of Object.entries(calls)) {
    const isSlow = !["LW.VERIFY", "LW.INTROSPECT"].includes(command);
    for (const commandTimeoutMs of [100, 12_000]) {
      const expected = isSlow ? Math.max(10_000, commandTimeoutMs) : commandTimeoutMs;
      it(`${command} with a command timeout of ${commandTimeoutMs} ms: ${expected} ms`, async (test) => {
        test.mock.timers.enable({ apis: ["setTimeout"] });
        const lw = new LockWatch(new Stub().answer(command, { failure: "timeout" }), { commandTimeoutMs });
        const errors: unknown[] = [];
        call(lw).catch((error: unknown) => errors.push(error));
        await turns();
        test.mock.timers.tick(expected - 1);
        await turns();
        assert.deepEqual(errors, []);
        test.mock.timers.tick(1);
        await turns();
        assert.deepEqual(errors.map((error) => (error as LockWatchError).code), ["TIMEOUT"]);
      });
    }
  }

  /** Lets promises and immediates run, which the mocked timers do not stop. */
  async function turns(): Promise<void> {
    for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
  }
});

describe("addresses", () => {
  const cases: [string, string | undefined][] = [
    ["192.0.2.1", "192.0.2.1"],
    ["192.0.2.01", undefined],
    ["192.0.2", undefined],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["::FFFF:c000:0201", "192.0.2.1"],
    ["::192.0.2.1", "::c000:201"],
    ["64:ff9b::192.0.2.1", "192.0.2.1"],
    ["64:ff9b:1::192.0.2.1", "64:ff9b:1::c000:201"],
    ["::", "::"],
    ["1::", "1::"],
    ["1:0:0:2:0:0:0:3", "1:0:0:2::3"],
    ["1:0:2:0:3:0:4:0", "1:0:2:0:3:0:4:0"],
    ["0:0:1:1:1:1:0:0", "::1:1:1:1:0:0"],
    ["2001:DB8::ABCD", "2001:db8::abcd"],
    ["fe80::1%eth0", "fe80::1"],
    ["1::2::3", undefined],
    ["", undefined],
  ];
  for (const [text, canonical] of cases) {
    it(`'${text}' is ${canonical ?? "not an address"}`, () => assert.equal(canonicalAddress(text), canonical));
  }

  it("a client is an IPv4 address or the /64 of an IPv6 one", () => {
    assert.equal(clientNetwork("192.0.2.1"), "192.0.2.1");
    assert.equal(clientNetwork("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
    assert.equal(clientNetwork("::1"), "::/64");
  });

  it("a hop is an address, optionally with a port and brackets", () => {
    assert.equal(hopAddress("192.0.2.1:80"), "192.0.2.1");
    assert.equal(hopAddress("[2001:db8::1]:80"), "2001:db8::1");
    assert.equal(hopAddress("[2001:db8::1"), undefined);
    assert.equal(hopAddress("192.0.2.1:"), undefined);
    assert.equal(hopAddress("192.0.2.1:123456"), undefined);
    assert.equal(hopAddress("example.com:80"), undefined);
  });
});

describe("patterns", () => {
  const matches = (pattern: string, path: string, method = "GET") => new Pattern(pattern).matches(new PathSegments(method, path));

  it("a parameter can be a part of a segment", () => {
    assert.ok(matches("/x-{id}.json", "/X-42.JSON"));
    assert.ok(!matches("/x-{id}.json", "/x-.json"));
    assert.ok(matches("/:id/x", "/42/x"));
    assert.throws(() => new Pattern("/{a}-{b}"), /more than one parameter/);
    assert.throws(() => new Pattern("/a**"), /elsewhere than at its end/);
  });

  it("an exempt tree is matched exactly: its root and the paths below", () => {
    const exact = (path: string) => new Pattern("/static/**").matchesExactly(new PathSegments("GET", path));
    assert.deepEqual(["/static", "/static/", "/static/a/b", "/Static/a", "/static/./a", "/statics"].map(exact), [true, true, true, false, false, false]);
  });

  it("an ambiguous path is not exempt", () => {
    const exact = (path: string) => new Pattern("/a/{id}").matchesExactly(new PathSegments("GET", path));
    assert.deepEqual(["/a/5", "/a/x%20y", "/a/caf%c3%A9"].map(exact), [true, true, true]);
    assert.deepEqual(["/%61/5", "/a/5%2Fb", "/a/..%5Cb", "/a/%2e%2e", "/a/%zz", "/a/b\\c"].map(exact), new Array(6).fill(false));
  });

  it("the path of a request target", () => {
    assert.equal(pathOf("/a%20b?c=%20"), "/a%20b");
    assert.equal(pathOf("/%zz"), "/%zz");
    assert.equal(pathOf("http://host/a?b"), "/a");
    assert.equal(pathOf("http://host"), "/");
    assert.equal(pathOf("http://host?b"), "/");
    assert.equal(new PathSegments("GET", "/%zz/a%20b/5%2F6").text, "/%zz/a b/5%2F6");
  });
});

describe("hash slots", () => {
  for (const [key, slot] of Object.entries({ "123456789": 12739, foo: 12182, "{foo}bar": 12182, "foo{}{bar}": 8363, "": 0 })) {
    it(`'${key}' is in ${slot}`, () => assert.equal(hashSlot(key), slot));
  }
});

describe("names of policies", () => {
  const parts = ["/", "a", "-", ".", "*", "{a}", ":a", "get", "root", "A", "é", "--", "GET /", "POST,GET /"];
  const texts = (length: number): string[] => (length === 0 ? [""] : texts(length - 1).flatMap((text) => parts.map((part) => text + part)));
  const patterns = ["/", "GET /"].flatMap((start) => [0, 1, 2, 3, 4].flatMap((length) => texts(length).map((text) => start + text)));
  // `:a` as a whole segment is another spelling of `{a}`.
  const distinct = new Set(patterns.map((text) => text.replace(/(?<=\/):(\w+)(?=\/|$)/g, "{$1}")));

  it("distinct patterns have distinct names, which are valid", () => {
    const owners = new Map<string, string>();
    for (const pattern of distinct) {
      const name = policyName(pattern);
      assert.match(name, /^[a-z0-9_.-]{1,64}$/);
      assert.equal(owners.get(name), undefined, `'${pattern}' and '${owners.get(name)}' are both '${name}'`);
      owners.set(name, pattern);
    }
  });

  it("a pattern that differs only in its last character has another name, at any length", () => {
    for (let length = 1; length < 300; length++) {
      const path = `/${"ab/".repeat(100).slice(0, length)}`;
      assert.notEqual(policyName(`${path}c`), policyName(`${path}d`));
      assert.notEqual(policyName(`${path}c`), policyName(path));
    }
  });
});
