/** TLS, a password, and a user with the rights of the README's ACL line. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, describe, it } from "node:test";
import { Cluster, Redis } from "ioredis";
import { LockWatch, UnavailableError, type RedisSource } from "lockwatch";
import { freePort } from "lockwatch/testing";
import { createClient, createCluster } from "redis";
import { makeCertificates, type Certificates } from "./support/certificates.js";
import { TestCluster } from "./support/cluster.js";
import { ask } from "./support/http.js";
import { FRAMEWORKS, serve } from "./support/served.js";
import { World } from "./support/world.js";

const README = new URL("../README.md", import.meta.url);

describe("TLS, password and ACL user", () => {
  let world: World;
  let certificates: Certificates;
  let ca: Buffer;
  let port: number;

  before(async () => {
    certificates = await makeCertificates();
    ca = await readFile(certificates.ca);
    port = await freePort();
    const files = ["--tls-ca-cert-file", certificates.ca, "--tls-cert-file", certificates.cert, "--tls-key-file", certificates.key];
    world = await World.start({ args: ["--tls-port", String(port), ...files, "--tls-auth-clients", "no"] });
    for (const line of await aclLines()) await world.admin.call("ACL", ...line);
  });

  after(async () => {
    await world.stop();
    await certificates.remove();
  });

  const sources: Record<string, (password: string) => RedisSource> = {
    ioredis: (password) => new Redis({ host: "127.0.0.1", port, username: "api", password, tls: { ca }, lazyConnect: true }),
    "node-redis": (password) => createClient({ username: "api", password, socket: { host: "127.0.0.1", port, tls: true, ca } }),
  };

  for (const [name, sourceOf] of Object.entries(sources)) {
    for (const framework of FRAMEWORKS) {
      it(`${framework} with ${name}: the ACL line allows what the middleware needs`, async () => {
        const complaints: string[] = [];
        const redis = new LockWatch(sourceOf("password"), { connectTimeoutMs: 5000, log: (message) => complaints.push(message) });
        const endpoint = `/${framework}/${name}`;
        const served = await serve(framework, { redis, keyPrefix: "lw", limits: "1000/minute" }, ({ answer }) => answer(200, [], "hello"));
        const answer = await ask(served.port, endpoint);
        assert.equal(answer.header("X-RateLimit-Limit"), "1000");
        assert.ok(served.state?.burst, "the burst was counted");
        await world.auditRows(endpoint, 1);
        assert.deepEqual(complaints, []);
        await served.close();
        await redis.close();
      });
    }

    it(`${name}: the ACL line forbids other keys and commands`, async () => {
      const lw = new LockWatch(sourceOf("password"), { connectTimeoutMs: 5000 });
      const refused = (right: RegExp) => (error: unknown) => error instanceof UnavailableError && error.code === "NOPERM" && right.test(error.message);
      await assert.rejects(lw.ratelimit("other:key", "1/s"), refused(/add the keys with ACL SETUSER <user> ~lw:\*/));
      await assert.rejects(lw.auditLog(), refused(/add it with ACL SETUSER (api|<user>) \+lw\.auditlog\|query/));
      await lw.close();
    });

    it(`${name}: a wrong password fails at once`, async () => {
      const lw = new LockWatch(sourceOf("wrong"), { connectTimeoutMs: 5000 });
      await assert.rejects(lw.ratelimit("lw:k", "1/s"), (error) => error instanceof UnavailableError && error.message.includes("WRONGPASS"));
      await lw.close();
    });
  }
});

describe("an ACL user in a cluster", () => {
  let cluster: TestCluster;

  before(async () => {
    cluster = await TestCluster.start();
    for (const line of await aclLines()) for (const admin of cluster.admins) await admin.call("ACL", ...line);
  });

  after(() => cluster.stop());

  const user = { username: "api", password: "password" };
  const sources: Record<string, () => RedisSource> = {
    ioredis: () => new Cluster(cluster.nodes, { lazyConnect: true, redisOptions: user }),
    "node-redis": () => createCluster({ rootNodes: cluster.nodes.map((socket) => ({ socket })), defaults: user }),
  };

  for (const [name, sourceOf] of Object.entries(sources)) {
    it(name, async () => {
      const lw = new LockWatch(sourceOf(), { connectTimeoutMs: 5000, commandTimeoutMs: 5000 });
      for (let i = 0; i < 20; i++) assert.ok((await lw.ratelimit(`lw:{${name}:${i}}:default`, "1/s")).allowed);
      await lw.close();
    });

    it(`${name}: the missing right is named`, async () => {
      for (const admin of cluster.admins) await admin.call("ACL", "SETUSER", "api", "-cluster|slots");
      const lw = new LockWatch(sourceOf(), { connectTimeoutMs: 5000, commandTimeoutMs: 5000 });
      // The first call finds out that the right is missing, and later calls repeat its error.
      for (let i = 0; i < 2; i++) {
        await assert.rejects(lw.ratelimit("lw:{a}:default", "1/s"), (error) => {
          assert.ok(error instanceof UnavailableError && error.code === "NOPERM", String(error));
          assert.match(error.message, /add it with ACL SETUSER (api|<user>) \+cluster\|slots \(Redis at 127\.0\.0\.1:\d+ \(cluster\)\)/);
          return true;
        });
      }
      await lw.close();
      for (const admin of cluster.admins) await admin.call("ACL", "SETUSER", "api", "+cluster|slots");
    });
  }
});

/** The arguments of ACL SETUSER in the README. */
async function aclLines(): Promise<string[][]> {
  const lines = (await readFile(README, "utf8")).match(/^ACL SETUSER api .*$/gm) ?? [];
  assert.ok(lines.length > 0, "the README has an ACL line");
  return lines.map((line) => line.split(" ").slice(1));
}
