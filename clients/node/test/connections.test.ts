/** Slow commands do not delay commands that a request waits for. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { Redis } from "ioredis";
import { LockWatch, type RedisSource } from "lockwatch";
import { createClient } from "redis";
import { ask } from "./support/http.js";
import { FRAMEWORKS, serve } from "./support/served.js";
import { World } from "./support/world.js";

const SOURCES: Record<string, (url: string) => RedisSource> = {
  ioredis: (url) => new Redis(url, { lazyConnect: true }),
  "node-redis": (url) => createClient({ url }),
  "a URL": (url) => url,
};

for (const [name, sourceOf] of Object.entries(SOURCES)) {
  describe(`connections over ${name}`, () => {
    let world: World;

    before(async () => {
      world = await World.start();
    });

    after(() => world.stop());

    it("a reset by the breaker does not abort a slow command", async () => {
      const lw = new LockWatch(sourceOf(world.url), { connectTimeoutMs: 5000, commandTimeoutMs: 50, breakerTimeouts: 1 });
      await lw.issue("auth", "alice");
      await lw.ratelimit("k", "100/minute").catch(() => undefined);
      world.server.process.kill("SIGSTOP");
      const issuing = lw.issue("auth", "alice");
      try {
        await assert.rejects(lw.ratelimit("k", "100/minute"), /did not answer in time: no answer within 50 ms/);
      } finally {
        world.server.process.kill("SIGCONT");
      }
      assert.ok((await issuing).accessToken);
      await lw.close();
    });

    for (const framework of FRAMEWORKS) {
      it(`limits apply while a query waits for Postgres: ${framework}`, async () => {
        const sockets: Socket[] = [];
        const silent = createServer((socket) => sockets.push(socket.on("error", () => undefined))).listen(0, "127.0.0.1");
        await once(silent, "listening");
        const file = join(world.server.dir, "postgres.url");
        await writeFile(file, `postgres://u:p@127.0.0.1:${(silent.address() as AddressInfo).port}/app?sslmode=disable`, { mode: 0o600 });
        await world.admin.config("SET", "lockwatch.postgres-url-file", file);
        const lw = new LockWatch(sourceOf(world.url), { connectTimeoutMs: 5000, commandTimeoutMs: 250, log: () => undefined });
        const served = await serve(framework, { redis: lw, limits: "100/minute", burstThreshold: null }, ({ answer }) => answer(200, [], ""));
        await ask(served.port, "/warm");
        let isAnswered = false;
        const question = lw.auditLog().catch(() => undefined);
        void question.then(() => (isAnswered = true));
        for (let i = 0; i < 5; i++) {
          assert.notEqual((await ask(served.port, "/items")).header("X-RateLimit-Limit"), undefined);
        }
        assert.equal(isAnswered, false, "the question still waits");
        await world.admin.config("SET", "lockwatch.postgres-url-file", "");
        for (const socket of sockets) socket.destroy();
        silent.close();
        await served.close();
        await lw.close();
        await question;
      });
    }
  });
}
