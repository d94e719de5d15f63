/** The timer that calls of one timeout share. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { setTimeout as pause } from "node:timers/promises";
import { Deadlines } from "../dist/redis/deadlines.js";

const NEVER = new Promise<never>(() => undefined);

describe("deadlines", () => {
  it("are those of each call, though they share a timer", async () => {
    const deadlines = new Deadlines(100);
    const took: number[] = [];
    const call = async () => {
      const began = performance.now();
      await assert.rejects(deadlines.within(NEVER), { message: "no answer within 100 ms" });
      took.push(performance.now() - began);
    };
    const calls = [call()];
    for (let i = 0; i < 3; i++) {
      await pause(30);
      calls.push(call(), deadlines.within(Promise.resolve()).then(() => undefined));
    }
    await Promise.all(calls);
    assert.equal(took.length, 4);
    for (const each of took) assert.ok(each >= 99 && each < 1000, `${each} ms`);
  });

  it("pass results and errors on", async () => {
    const deadlines = new Deadlines(60_000);
    assert.equal(await deadlines.within(pause(1, "answer")), "answer");
    await assert.rejects(deadlines.within(Promise.reject(new Error("closed"))), { message: "closed" });
  });

  const run = (code: string) => {
    const file = fileURLToPath(new URL("../dist/redis/deadlines.js", import.meta.url));
    const began = performance.now();
    const { stdout } = spawnSync(process.execPath, ["-e", `const { Deadlines } = require(${JSON.stringify(file)}); ${code}`], { encoding: "utf8" });
    return { stdout, tookMs: performance.now() - began };
  };

  it("keep the process alive while a call waits, and no longer", () => {
    const waiting = run("new Deadlines(200).within(new Promise(() => undefined)).catch((error) => console.log(error.message));");
    assert.equal(waiting.stdout, "no answer within 200 ms\n");
    const answered = run("new Deadlines(60_000).within(Promise.resolve(1)).then(console.log);");
    assert.equal(answered.stdout, "1\n");
    assert.ok(answered.tookMs < 30_000, `${answered.tookMs} ms`);
  });
});
