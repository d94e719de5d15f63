/**
 * The package of `npm pack` can be installed into an empty project, imported, required and compiled
 * against.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { LockWatch } from "lockwatch";

const run = promisify(execFile);
const root = fileURLToPath(new URL("..", import.meta.url));
const resolve = createRequire(import.meta.url).resolve;

describe("the package", () => {
  let project: string;

  before(async () => {
    project = await mkdtemp(join(tmpdir(), "lockwatch-project-"));
    await writeFile(join(project, "package.json"), '{ "private": true }');
    await run("npm", ["pack", "--ignore-scripts", "--pack-destination", project], { cwd: root });
    const [tarball = ""] = (await readdir(project)).filter((file) => file.endsWith(".tgz"));
    await run("npm", ["install", "--offline", "--no-audit", "--no-fund", `./${tarball}`], { cwd: project });
  });

  after(() => rm(project, { recursive: true }));

  const node = async (file: string, code: string) => {
    await writeFile(join(project, file), code);
    return (await run(process.execPath, [file], { cwd: project })).stdout.trim();
  };

  it("has no other files and no dependencies", async () => {
    const files = await readdir(join(project, "node_modules/lockwatch"));
    assert.deepEqual(files.sort(), ["LICENSE", "README.md", "dist", "package.json"]);
    assert.deepEqual((await readdir(join(project, "node_modules"))).filter((name) => !name.startsWith(".")), ["lockwatch"]);
  });

  it("can be imported and required without a framework or a Redis library", async () => {
    const stores = ["hono", "express-rate-limit", "fastify-rate-limit", "hono-rate-limiter"].map((name) => `lockwatch/${name}`);
    const names = ["lockwatch", "lockwatch/express", "lockwatch/fastify", "lockwatch/testing", ...stores];
    const imports = names.map((name, index) => `import * as m${index} from "${name}";`).join("\n");
    const expected = "LockWatch,lockwatch,lockwatch,startRedis";
    const shown = 'console.log([m0.LockWatch.name, ...[m1, m2].map((m) => "lockwatch" in m && "lockwatch"), m3.startRedis.name].join())';
    assert.equal(await node("esm.mjs", `${imports}\n${shown}`), expected);
    const requires = names.map((name, index) => `const m${index} = require("${name}");`).join("\n");
    assert.equal(await node("cjs.cjs", `${requires}\n${shown}`), expected);
  });

  it("loads no framework entry and no route limit from the generic entry", async () => {
    const reached = [...(await reachable("index.js")), ...(await reachable("index.d.ts"))];
    assert.ok(reached.includes("lockwatch.js") && reached.includes("lockwatch.d.ts"), "the graph is read");
    assert.deepEqual(reached.filter((file) => /^(express|fastify|http\/route-limit)\./.test(file)), []);
    assert.ok(!("limit" in LockWatch.prototype));
  });

  it("has the same classes for import and require", async () => {
    const code = 'import { createRequire } from "node:module"; import { LockWatch } from "lockwatch";\n';
    const shown = 'console.log(createRequire(import.meta.url)("lockwatch").LockWatch === LockWatch)';
    assert.equal(await node("both.mjs", code + shown), "true");
  });

  it("names the package to install for limits in the process", async () => {
    const code = 'import { lockwatch } from "lockwatch/express"; try { lockwatch({ redis: "redis://x", onRedisFailure: "local" }); } catch (e) { console.log(e.name, e.message); }';
    assert.match(await node("local.mjs", code), /ConfigurationError.*npm install rate-limiter-flexible/);
  });

  it("names the package to install for limits in the process", async () => {
    const code = 'import { lockwatch } from "lockwatch/express"; try { lockwatch({ redis: "redis://x", onRedisFailure: "local" }); } catch (e) { console.log(e.name, e.message); }';
    assert.match(await node("local.mjs", code), /ConfigurationError.*npm install rate-limiter-flexible/);
  });

  it("names the package to install for a URL without a Redis library", async () => {
    const code = 'import { LockWatch } from "lockwatch"; new LockWatch("redis://x").ratelimit("k", "1/s").catch((e) => console.log(e.message));';
    assert.match(await node("url.mjs", code), /neither ioredis nor redis is installed/);
    assert.match(await node("url.cjs", code.replace("import { LockWatch } from", "const { LockWatch } = require(").replace('"lockwatch";', '"lockwatch");')), /neither/);
  });

  it("has a limiter of rate-limiter-flexible where that is installed", async () => {
    await link("rate-limiter-flexible");
    const shown = "console.log(RateLimiterLockWatch.name)";
    assert.equal(await node("flexible.mjs", `import { RateLimiterLockWatch } from "lockwatch/rate-limiter-flexible"; ${shown}`), "RateLimiterLockWatch");
    assert.equal(await node("flexible.cjs", `const { RateLimiterLockWatch } = require("lockwatch/rate-limiter-flexible"); ${shown}`), "RateLimiterLockWatch");
  });

  it("compiles in strict ESM and CommonJS projects", async () => {
    await link("express", "@types/express", "@types/node", "fastify", "ioredis", "redis", "prom-client");
    const readme = await readFile(join(root, "README.md"), "utf8");
    const samples = [...readme.matchAll(/```ts\n([^]*?)```/g)].map(([, code]) => code as string);
    assert.ok(samples.length >= 3, "the README has samples");
    for (const [index, sample] of samples.entries()) {
      // CommonJS has no await outside of functions.
      const extensions = /^(await|\S.*\bawait)\b/m.test(sample) ? ["mts"] : ["mts", "cts"];
      for (const extension of extensions) await writeFile(join(project, `sample${index}.${extension}`), `export {};\n${sample}`);
    }
    const files = (await readdir(project)).filter((file) => file.startsWith("sample"));
    const options = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--target", "es2022", "--module", "node16", "--types", "node", "--skipLibCheck"];
    await run(process.execPath, [resolve("typescript/bin/tsc"), ...options, ...files], { cwd: project }).catch((error: unknown) => {
      assert.fail((error as { stdout: string }).stdout);
    });
  });

  const MODULES = { commonjs: "node10", node16: "node16", nodenext: "nodenext", esnext: "bundler" };
  for (const [module, moduleResolution] of Object.entries(MODULES)) {
    it(`every entry is found by TypeScript with module ${module} and moduleResolution ${moduleResolution}`, async () => {
      await link("express", "@types/express", "@types/node", "fastify", "prom-client", "@opentelemetry/api", "hono", "rate-limiter-flexible", "@nestjs/common", "@nestjs/core");
      const code = [
        'import { LockWatch } from "lockwatch";',
        'import { limit } from "lockwatch/express";',
        'import { lockwatch } from "lockwatch/fastify";',
        'import { instrument } from "lockwatch/opentelemetry";',
        'import { register } from "lockwatch/prometheus";',
        'import { Stub } from "lockwatch/testing";',
        'import { messageLimit } from "lockwatch/websocket";',
        'import { jwtRequired } from "lockwatch/hono";',
        'import { LockWatchStore } from "lockwatch/express-rate-limit";',
        'import { LockWatchStore as HonoStore } from "lockwatch/hono-rate-limiter";',
        'import { lockwatchStore } from "lockwatch/fastify-rate-limit";',
        'import { LockWatchThrottlerStorage } from "lockwatch/nestjs";',
        'import { RateLimiterLockWatch } from "lockwatch/rate-limiter-flexible";',
        "const lw = new LockWatch(new Stub());",
        'export const made = [limit(lw, "5/minute"), lockwatch, register, instrument, messageLimit, new LockWatchStore(lw), new HonoStore(lw), lockwatchStore(lw)];',
        "export const others = [jwtRequired(lw, { store: 'auth' }), new LockWatchThrottlerStorage(lw), new RateLimiterLockWatch({ storeClient: lw, points: 1, duration: 1 })];",
        'export const wrong = limit(new LockWatch(new Stub()), "5/minute", { shadow: "false" });',
      ];
      await writeFile(join(project, `${module}.ts`), code.join("\n"));
      const options = ["--noEmit", "--strict", "--target", "es2022", "--module", module, "--moduleResolution", moduleResolution, "--types", "node", "--skipLibCheck"];
      const { stdout } = await run(process.execPath, [resolve("typescript/bin/tsc"), ...options, `${module}.ts`], { cwd: project }).then(
        () => ({ stdout: "" }),
        (error: unknown) => error as { stdout: string },
      );
      // With types there is this one error, and with `any` there would be none.
      assert.match(stdout, /^\w+\.ts\((\d+),\d+\): error TS2322: Type 'string' is not assignable to type 'boolean/);
      assert.ok(stdout.includes(`(${code.length},`), "it is that of the last line");
      assert.equal(stdout.match(/error TS/g)?.length, 1, stdout);
    });
  }

  it("has types that compile without the libraries", async () => {
    await rm(join(project, "node_modules/ioredis"), { recursive: true, force: true });
    await link("@types/node");
    await writeFile(join(project, "plain.mts"), 'import { LockWatch } from "lockwatch";\nimport "lockwatch/testing";\nvoid new LockWatch("redis://x").jwks();\n');
    const options = ["--noEmit", "--strict", "--target", "es2022", "--module", "node16", "--types", "node"];
    await run(process.execPath, [resolve("typescript/bin/tsc"), ...options, "plain.mts"], { cwd: project }).catch((error: unknown) => {
      assert.fail((error as { stdout: string }).stdout);
    });
  });

  /** The files of `dist` that an entry loads, by the paths in `require`, `import` and `from`. */
  async function reachable(entry: string): Promise<string[]> {
    const dist = join(root, "dist");
    const files = new Set([entry]);
    for (const file of files) {
      const code = await readFile(join(dist, file), "utf8");
      for (const [, path] of code.matchAll(/(?:require\(|import\(|from |import )"(\.[^"]+)\.js"/g)) {
        files.add(relative(dist, join(dist, dirname(file), `${path}${file.endsWith(".d.ts") ? ".d.ts" : ".js"}`)));
      }
    }
    return [...files];
  }

  /** Links the tests' own packages into the project, so that the test needs no network. */
  async function link(...packages: string[]): Promise<void> {
    for (const name of packages) {
      const target = join(project, "node_modules", name);
      await mkdir(dirname(target), { recursive: true });
      await symlink(join(root, "node_modules", name), target).catch((error: unknown) => {
        if ((error as { code: string }).code !== "EEXIST") throw error;
      });
    }
  }
});
