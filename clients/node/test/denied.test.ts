/** What `onDenied` may return. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ConfigurationError } from "lockwatch";
import { Stub } from "lockwatch/testing";
import { ask, type Answer } from "./support/http.js";
import { serve, WITH_MIDDLEWARE, type Framework } from "./support/served.js";

const JSON_TYPE = "application/json";
const REPLIES: [given: unknown, status: number, body: string, type: string | undefined][] = [
  [{ status: 429, body: { error: "slow down" } }, 429, '{"error":"slow down"}', JSON_TYPE],
  [{ status: 503, body: ["slow"], headers: { "Content-Type": "application/problem+json" } }, 503, '["slow"]', "application/problem+json"],
  [{ body: { error: "slow down" } }, 429, '{"error":"slow down"}', JSON_TYPE],
  [{ status: 420, body: "own", headers: [["Content-Type", "text/x-own"]] }, 420, "own", "text/x-own"],
  ["slow down", 429, "slow down", "text/plain; charset=utf-8"],
  [undefined, 429, '{"error":"rate_limit_exceeded","retry_after":12}', JSON_TYPE],
  [null, 429, '{"error":"rate_limit_exceeded","retry_after":12}', JSON_TYPE],
  [{ status: 418 }, 418, "", undefined],
];
const NONSENSE = [7, true, ["slow"], { error: "slow down" }, { status: "429" }, { status: 7 }, { status: 429, headers: "x" }, { status: 429, headers: { a: 1 } }, () => "x", { body: Symbol("x") }];

for (const framework of WITH_MIDDLEWARE) {
  describe(`what onDenied returns in ${framework}`, () => {
    for (const [given, status, body, type] of REPLIES) {
      it(`sends ${JSON.stringify(given)}`, async () => {
        const { answer, error } = await denied(framework, () => given);
        assert.ifError(error);
        assert.deepEqual([answer.status, answer.body, answer.header("Content-Type")], [status, body, type]);
        assert.equal(answer.header("X-RateLimit-Remaining"), "0");
      });
    }

    for (const given of NONSENSE) {
      it(`refuses ${JSON.stringify(given)}`, async () => {
        const { error } = await denied(framework, () => Promise.resolve(given));
        assert.ok(error instanceof ConfigurationError, String(error));
        assert.match(error.message, /onDenied returned .*return \{ status: 429/s);
      });
    }
  });
}

async function denied(framework: Framework, onDenied: () => unknown): Promise<{ answer: Answer; error: unknown }> {
  const redis = new Stub().answer("LW.RATELIMIT", [1, 100, 0, 12_000, 60_000]);
  const served = await serve(framework, { redis, onDenied }, ({ answer }) => answer(200, [], "reached"));
  try {
    return { answer: await ask(served.port, "/"), error: served.error };
  } finally {
    await served.close();
  }
}
