/** Faults of Redis under load, in Hono and behind the stores of other limiters. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { App } from "./support/app.js";
import { FAULTS, survives, TIMEOUT_MS } from "./support/faults.js";

const TIMEOUTS = { commandTimeoutMs: TIMEOUT_MS, connectTimeoutMs: TIMEOUT_MS };

describe("hono, under load", () => {
  for (const [name, make] of Object.entries(FAULTS)) {
    it(`Redis is ${name}`, () => {
      const options = { rateLimitRequests: 1_000_000, burstThreshold: null, keyPrefix: "lw", ...TIMEOUTS };
      return survives(
        make,
        (url) => App.start("hono", { library: "ioredis", url, options }),
        (answer) => {
          assert.equal(answer.status, 200);
          return answer.header("X-RateLimit-Limit") !== undefined;
        },
      );
    });
  }
});

for (const limiter of ["express-rate-limit", "fastify-rate-limit", "hono-rate-limiter", "nestjs-throttler", "rate-limiter-flexible"]) {
  describe(`${limiter}, under load`, () => {
    for (const [name, make] of Object.entries(FAULTS)) {
      it(`Redis is ${name}`, () =>
        survives(
          make,
          (url) => App.run("store-app.js", { LIMITER: limiter, REDIS_URL: url, TIMEOUTS: JSON.stringify(TIMEOUTS) }),
          ({ status, body }) => {
            assert.ok(status === 200 || status === 503, `${status} ${body}`);
            return status === 200;
          },
        ));
    }
  });
}
