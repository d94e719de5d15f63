/** Guards on a real server: the commands with each library, and applications in both frameworks. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { Redis } from "ioredis";
import { CommandError, LockWatch, NoRuleError, type RedisSource } from "lockwatch";
import { createClient } from "redis";
import { ask } from "./support/http.js";
import { serveLogins, type LoginOptions } from "./support/logins.js";
import { FRAMEWORKS, serve } from "./support/served.js";
import { World } from "./support/world.js";

const SOURCES: Record<string, (url: string) => RedisSource> = {
  ioredis: (url) => new Redis(url, { lazyConnect: true }),
  "node-redis": (url) => createClient({ url }),
  "a URL": (url) => url,
};
/** Rules challenge in place of a ban while a guard is young, unless this is 0. */
const AT_ONCE = { args: ["--lockwatch.guard-learn", "0"] };
const IP = "203.0.113.9";

for (const [name, sourceOf] of Object.entries(SOURCES)) {
  describe(`the commands of guards over ${name}`, () => {
    let world: World;
    let lw: LockWatch;

    before(async () => {
      world = await World.start(AT_ONCE);
      lw = new LockWatch(sourceOf(world.url), { connectTimeoutMs: 5000, commandTimeoutMs: 5000 });
    });

    after(async () => {
      await lw.close();
      await world.stop();
    });

    it("of parallel attempts exactly five pass, and a success lets the user in again", async () => {
      const attempt = () => lw.attempt("login", { ip: IP, user: "Alice" });
      const results = await Promise.all(Array.from({ length: 20 }, attempt));
      assert.equal(results.filter(({ verdict }) => verdict === "allow").length, 5);
      assert.deepEqual([...new Set(results.slice(5).map(({ verdict, rule }) => `${verdict} ${rule}`))], ["challenge guess"]);
      assert.equal((await lw.check("login", { ip: IP, user: " ALICE" })).verdict, "challenge");
      assert.equal((await lw.attempt("login", { ip: IP, user: "alice", solved: true })).verdict, "allow");
      await lw.event("login", "success", { ip: IP, user: "alice", device: "d" });
      assert.equal((await attempt()).verdict, "allow");
    });

    it("a password that was tried before is not counted again", async () => {
      for (let i = 0; i < 9; i++) {
        assert.equal((await lw.attempt("login", { ip: IP, user: "stale", value: "5e884898da280471" })).verdict, "allow");
        await lw.event("login", "failure", { ip: IP, user: "stale", value: "5e884898da280471" });
      }
    });

    it("an operator bans a network, looks at it, and lifts the ban", async () => {
      const end = await lw.ban("login", { ip: "198.51.100.0/24" }, "1h", { reason: "scraping", by: "ops" });
      assert.ok(Math.abs(end.getTime() - Date.now() - 3_600_000) < 5000);
      const denied = await lw.check("login", { ip: "198.51.100.7" });
      assert.deepEqual([denied.verdict, denied.rule], ["deny", "operator"]);
      assert.ok((denied.retryAfterSeconds ?? 0) > 3500);
      const [entry, ...others] = await lw.bans("login");
      assert.deepEqual(
        { ...entry, cursor: undefined, beganAt: undefined },
        { subject: "198.51.100.0/24", hash: null, source: "operator", rule: null, verdict: "deny", beganAt: undefined, endsAt: end, strikes: 0, count: 0, windowMs: 0, reason: "scraping", by: "ops", aclUser: "default", cursor: undefined },
      );
      assert.deepEqual(others, []);
      assert.deepEqual(await lw.bans("login", { after: String(entry?.cursor) }), [], "the page after it");
      const report = await lw.why("login", { ip: "198.51.100.7" });
      assert.deepEqual([report.subject, report.verdict, report.rule, report.entries[0]?.by, report.entries[0]?.cursor], ["198.51.100.7", "deny", "operator", "ops", null]);
      assert.equal(await lw.lift("login", { ip: "198.51.100.0/24" }, { by: "ops" }), 1);
      assert.equal((await lw.check("login", { ip: "198.51.100.7" })).verdict, "allow");
    });

    it("an allow entry outranks rules, and ends with its lift", async () => {
      await lw.ban("login", { key: "k" }, "1h");
      await lw.allow("login", { key: "k" }, "1h");
      assert.equal((await lw.check("login", { key: "k" })).verdict, "allow");
      assert.deepEqual((await lw.bans("login", { allowed: true })).map(({ source, verdict }) => [source, verdict]), [["allow", "allow"]]);
      assert.equal(await lw.lift("login", { key: "k" }, { allowed: true }), 2);
      await assert.rejects(lw.allow("login", { user: "alice" }, "8d"), CommandError);
    });

    it("why shows challenges and counts of a user, whom its hash names too", async () => {
      for (let i = 0; i < 6; i++) await lw.attempt("login", { ip: IP, user: "bob" });
      await lw.event("login", "failure", { ip: IP, user: "bob" });
      const report = await lw.why("login", { user: "Bob" });
      assert.match(String(report.subject), /^user [0-9a-f]{16}$/);
      assert.deepEqual(report.challenges.map(({ rule, verdict }) => [rule, verdict]), [["guess", "challenge"]]);
      assert.ok((report.challenges[0]?.endsAt.getTime() ?? 0) > Date.now());
      const account = report.counts.find(({ rule }) => rule === "account");
      assert.deepEqual([account?.count, account?.windowMs, account?.strikes, account?.quietUntil], [20, 7_200_000, 0, null]);
      assert.ok((account?.units ?? 0) >= 5);
      const hash = String(report.hash);
      assert.equal((await lw.why("login", { hash })).challenges.length, 1);
      assert.equal(await lw.lift("login", { hash }, { forget: true }), 1);
      assert.deepEqual((await lw.why("login", { hash })).counts, []);
      assert.equal((await lw.why("login", { ip: IP, user: "bob" })).verdict, "allow");
    });

    it("rules are lines of a file, and a name without rules is an error of its own", async () => {
      assert.deepEqual(await lw.rules("http"), ["http probe ip 401,403,404 15 values leak 5s ban 10m max 1d observe"]);
      assert.ok((await lw.rules()).length > 10);
      const noRules = (error: unknown) => error instanceof NoRuleError && error.message.includes("login");
      await assert.rejects(lw.attempt("logn", { user: "alice" }), noRules);
      await assert.rejects(lw.check("logn", { user: "alice" }), noRules);
      await assert.rejects(lw.event("logn", "failure", { user: "alice" }), noRules);
      await assert.rejects(lw.rules("logn"), noRules);
    });
  });
}

for (const framework of FRAMEWORKS) {
  describe(`guards in ${framework} on a real server`, () => {
    let world: World;

    before(async () => {
      world = await World.start(AT_ONCE);
    });

    after(() => world.stop());

    const withLogins = async (options: Partial<LoginOptions>, test: (login: (user: string, from: string, more?: object) => Promise<{ status: number; cookie: string }>) => Promise<void>) => {
      const logins = await serveLogins(framework, world.lockwatch, {
        guard: { challenge: "deny", passwordDigestKey: "sixteen bytes or more" },
        handler: (attempt, { password }, response) => (password === "right" ? attempt.succeeded(response) : attempt.failed()),
        middleware: { limits: "10000/minute", trustedProxies: ["127.0.0.1"], keyPrefix: `guards-${framework}` },
        ...options,
      });
      try {
        await test(async (user, from, { cookie = "", ...more }: { cookie?: string } = {}) => {
          const answer = await logins.post("/around", { user, password: "wrong", ...more }, { "x-forwarded-for": from, cookie });
          await world.lockwatch.outcomes.drained();
          return { status: answer.status, cookie: (answer.header("Set-Cookie") ?? "").split(";", 1)[0] ?? "" };
        });
      } finally {
        await logins.close();
      }
    };

    it("of parallel guesses at one user from one address exactly five reach the password", () =>
      withLogins({}, async (login) => {
        const answers = await Promise.all(Array.from({ length: 15 }, (_, i) => login("parallel", "203.0.113.1", { password: `guess ${i}` })));
        assert.equal(answers.filter(({ status }) => status === 200).length, 5);
        assert.equal(answers.filter(({ status }) => status === 429).length, 10);
      }));

    it("a passed challenge lets the user go on", () =>
      withLogins({ guard: { challenge: ((request: { body: { captcha?: string } }) => request.body.captcha === "solved") as never } }, async (login) => {
        for (let i = 0; i < 6; i++) await login("captcha", "203.0.113.2");
        assert.equal((await login("captcha", "203.0.113.2")).status, 429);
        assert.equal((await login("captcha", "203.0.113.2", { captcha: "solved", password: "right" })).status, 200);
        assert.equal((await login("captcha", "203.0.113.2")).status, 200, "the success has ended the challenge");
      }));

    it("a user with a known device gets in while others are banned at the address", () =>
      withLogins({}, async (login) => {
        const { cookie } = await login("resident", "203.0.113.3", { password: "right" });
        assert.match(cookie, /^lw_device=[0-9a-f]{32}$/);
        // From the network of an attacker, who tries many users.
        let status = 200;
        for (let i = 0; i < 40 && status === 200; i++) ({ status } = await login(`user ${i}`, "198.51.100.3"));
        assert.equal(status, 429);
        assert.equal((await login("somebody", "198.51.100.3")).status, 429);
        const home = await login("resident", "198.51.100.3", { password: "right", cookie });
        assert.equal(home.status, 200);
        assert.notEqual(home.cookie, cookie);
      }));

    it("a scanner is banned from the site", async () => {
      const file = join(world.server.dir, `${framework}.rules`);
      await writeFile(file, "http probe ip 404 5 values leak 1h ban 10m enforce\nlogin guess pair attempt 5 leak 2m challenge 15m enforce\n");
      await world.admin.config("SET", "lockwatch.guard-rules-file", file);
      const options = { redis: world.lockwatch, guard: `http:${framework}`, keyPrefix: framework, burstThreshold: null, trustedProxies: ["127.0.0.1"] };
      const site = await serve(framework, options, ({ answer }) => answer(404, [], "nothing here"));
      const get = async (path: string, from = "203.0.113.4") => {
        const answer = await ask(site.port, path, { headers: { "x-forwarded-for": from } });
        await site.ended;
        await world.lockwatch.outcomes.drained();
        return answer;
      };
      try {
        for (let i = 0; i < 9; i++) assert.equal((await get("/the-same-dead-link")).status, 404);
        for (let i = 0; i < 5; i++) await get(`/admin${i}.php`);
        const banned = await get("/");
        assert.deepEqual([banned.status, banned.body.slice(0, 30)], [429, '{"error":"temporarily_blocked"']);
        assert.ok(Number(banned.header("Retry-After")) > 500);
        assert.equal((await get("/", "203.0.113.5")).status, 404, "others are not");
        assert.deepEqual((await world.lockwatch.bans(`http:${framework}`)).map(({ subject, rule }) => [subject, rule]), [["203.0.113.4", "probe"]]);
      } finally {
        await site.close();
        await world.admin.config("SET", "lockwatch.guard-rules-file", "");
      }
    });
  });
}
