/** Faults of Redis under load, in each framework with each library. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { App } from "./support/app.js";
import { FAULTS, survives, TIMEOUT_MS } from "./support/faults.js";
import { FRAMEWORKS } from "./support/served.js";

for (const framework of FRAMEWORKS) {
  for (const library of ["ioredis", "node-redis"] as const) {
    describe(`${framework} with ${library}, under load`, () => {
      for (const [name, make] of Object.entries(FAULTS)) {
        it(`Redis is ${name}`, () => {
          const options = { rateLimitRequests: 1_000_000, burstThreshold: null, commandTimeoutMs: TIMEOUT_MS, connectTimeoutMs: TIMEOUT_MS, keyPrefix: "lw" };
          return survives(
            make,
            (url) => App.start(framework, { library, url, options }),
            (answer) => {
              assert.equal(answer.status, 200);
              return answer.header("X-RateLimit-Limit") !== undefined;
            },
          );
        });
      }
    });
  }
}
