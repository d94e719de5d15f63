/** Applications before and after they moved to a store of lockwatch: few lines differ, and limits are exact. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { App } from "./support/app.js";
import { ask, load, type Ask } from "./support/http.js";
import { World } from "./support/world.js";

const CONNECTIONS = 50;

/** The lines of one file that the other one does not have. */
function linesOnlyIn(file: string, other: string): string[] {
  const [lines, others] = [file, other].map((name) => readFileSync(new URL(`../test/apps/move/${name}.ts`, import.meta.url), "utf8").split("\n")) as [string[], string[]];
  for (const line of lines.filter((each) => others.includes(each))) {
    const at = others.indexOf(line);
    if (at < 0) continue;
    others.splice(at, 1);
    lines.splice(lines.indexOf(line), 1);
  }
  return lines;
}

for (const [framework, changed] of [["express", 4], ["nest", 4]] as const) {
  describe(`an application in ${framework}`, () => {
    let world: World;
    let app: App;

    before(async () => {
      world = await World.start();
      app = await App.run(`move/${framework}-after.js`, { REDIS_URL: world.url });
    });

    after(async () => {
      await app.stop();
      await world.stop();
    });

    it(`differs in ${changed} lines`, () => {
      assert.equal(linesOnlyIn(`${framework}-after`, `${framework}-before`).length, changed);
      assert.ok(linesOnlyIn(`${framework}-before`, `${framework}-after`).length <= changed);
    });

    it(`admits exactly its limits from ${CONNECTIONS} connections`, async () => {
      const count = async (path: string, total: number, options: Ask = {}) => Object.fromEntries(await load(app.port, path, total, CONNECTIONS, options));
      const post = { method: "POST", headers: { "content-length": 0 } };
      // In Express the limit of everything counts the other two as well.
      assert.deepEqual(await count("/orders", 60, post), { 201: 20, 429: 40 });
      assert.deepEqual(await count("/login", 30, post), { 401: 5, 429: 25 });
      const left = framework === "express" ? 10 : 100;
      assert.deepEqual(await count("/items", 300), { 200: left, 429: 300 - left });
      assert.deepEqual(await count("/health", 100), { 200: 100 });
      const wait = Number((await ask(app.port, "/items")).header("Retry-After"));
      assert.ok(wait > 50 && wait <= 60, `Retry-After: ${wait}`);
    });
  });
}
