/** Runs the example applications. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { ask, load } from "./support/http.js";
import { until } from "./support/wait.js";
import { World } from "./support/world.js";

for (const name of ["express-app", "fastify-app"]) {
  describe(`examples/${name}.mjs`, () => {
    let world: World;
    let port: number;
    let stop: () => Promise<void>;

    before(async () => {
      world = await World.start();
      const file = fileURLToPath(new URL(`../examples/${name}.mjs`, import.meta.url));
      const app = spawn(process.execPath, [file], { env: { ...process.env, REDIS_URL: world.url, PORT: "0" } });
      let output = "";
      app.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
      app.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
      port = Number(await until("it listens", () => /"port":(\d+)/.exec(output)?.[1]));
      stop = async () => {
        const ended = once(app, "exit");
        app.kill("SIGTERM");
        await ended;
        assert.equal(app.exitCode, 0, output);
      };
    });

    after(() => world.stop());

    it("limits requests, except for the health check", async () => {
      const statuses = await load(port, "/items", 120, 8);
      assert.deepEqual(Object.fromEntries(statuses), { 200: 100, 429: 20 });
      assert.equal((await ask(port, "/health")).status, 200);
    });

    it("limits attempts to log in", async () => {
      await world.admin.flushall();
      const guess = () => ask(port, "/auth/login", { method: "POST", body: "{}", headers: { "content-type": "application/json", "content-length": 2 } });
      for (let i = 0; i < 5; i++) assert.notEqual((await guess()).status, 429);
      assert.equal((await guess()).status, 429);
    });

    it("records every request before it exits on SIGTERM", async () => {
      await world.admin.flushall();
      await load(port, "/items", 50, 8);
      await stop();
      assert.equal((await world.lockwatch.auditLog({ endpoint: "/items", count: 10_000 })).length, 170);
    });
  });
}
