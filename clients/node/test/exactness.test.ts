/** Under load exactly the limit is admitted, and every request is recorded. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { App } from "./support/app.js";
import { load } from "./support/http.js";
import { WITH_MIDDLEWARE } from "./support/served.js";
import { until } from "./support/wait.js";
import { World } from "./support/world.js";

const REQUESTS = 10_000;
const CONNECTIONS = 50;
const LIMIT = 1000;

describe(`${REQUESTS} requests from ${CONNECTIONS} connections with a limit of ${LIMIT}`, () => {
  for (const [index, framework] of WITH_MIDDLEWARE.entries()) {
    const library = index === 0 ? "ioredis" : "node-redis";
    it(`${framework} with ${library}`, async () => {
      const world = await World.start();
      // Generous timeouts, because a timeout would let a request through on a busy machine.
      const options = { limits: `${LIMIT}/hour`, commandTimeoutMs: 10_000 };
      const app = await App.start(framework, { library, url: world.url, options });
      try {
        const statuses = await load(app.port, "/items", REQUESTS, CONNECTIONS);
        assert.deepEqual(Object.fromEntries(statuses), { 200: LIMIT, 429: REQUESTS - LIMIT });
        await until("every request is recorded", async () => (await world.counter("audit_appended_total")) >= REQUESTS);
        assert.equal(await world.counter("audit_appended_total"), REQUESTS);
        const rows = await world.auditRows("/items", REQUESTS);
        assert.equal(rows.filter(({ limited }) => limited).length, REQUESTS - LIMIT);
        assert.equal(new Set(rows.map(({ id }) => id)).size, REQUESTS);
        assert.equal(await world.counter("ratelimit_calls_total"), REQUESTS);
        assert.equal(await world.counter("burst_calls_total"), REQUESTS);
      } finally {
        await app.stop();
        await world.stop();
      }
    });
  }
});
