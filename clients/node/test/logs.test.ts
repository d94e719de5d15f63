/** A test fails if its server logs a panic, a flood of warnings or a secret. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { appendFile } from "node:fs/promises";
import { it } from "node:test";
import { startRedis } from "./support/redis.js";

const WARNING = "7:M 29 Nov 2026 10:06:52.123 # <module> ";
const FAULTS: [string, string][] = [
  ["a panic", `${WARNING}panic caught at src/window/log.rs:12; please report it\n`],
  ["a crash", "=== REDIS BUG REPORT START\n"],
  ["a flood of 21 warnings", `${WARNING}Postgres is away\n`.repeat(21)],
  ["a refresh token", `${WARNING}lwr_AbCdEfGhIjKlMnOpQrSt\n`],
];

for (const [what, text] of FAULTS) {
  it(`a server that logs ${what} fails the test`, async () => {
    const server = await startRedis();
    await appendFile(`${server.dir}/redis.log`, text);
    await assert.rejects(server.stop(), (error) => error instanceof assert.AssertionError && String(error.actual).startsWith(what));
    assert.ok(!existsSync(server.dir));
  });
}
