/** What functions in `errorBodies` may return, and what they are given. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LockWatch, type Denial } from "lockwatch";
import { Stub } from "lockwatch/testing";
import { preferredType } from "../dist/http/accept.js";
import { ask, type Answer } from "./support/http.js";
import { pathOf, serve, WITH_MIDDLEWARE } from "./support/served.js";

const DENIED = [1, 100, 0, 12_000, 60_000];

async function deniedBy(framework: (typeof WITH_MIDDLEWARE)[number], errorBodies: object, accept: string): Promise<Answer & { error: unknown }> {
  const lw = new LockWatch(new Stub().answer("LW.RATELIMIT", DENIED));
  const served = await serve(framework, { redis: lw, keyPrefix: "lw", errorBodies }, ({ answer }) => answer(200, [], ""));
  const answer = await ask(served.port, "/", { headers: { accept } });
  await served.close();
  await lw.close();
  return { ...answer, error: served.error };
}

for (const framework of WITH_MIDDLEWARE) {
  describe(`functions in errorBodies in ${framework}`, () => {
    it("get the request and the denial, and may be asynchronous", async () => {
      const given: Denial[] = [];
      const page = async (request: { url: string }, denial: Denial) => {
        given.push(denial);
        return Promise.resolve(`<p>${pathOf(request)}: ${denial.retryAfter}</p>`);
      };
      const answer = await deniedBy(framework, { "text/html; charset=utf-8": page }, "text/html");
      assert.deepEqual([answer.status, answer.body, answer.header("Content-Type")], [429, "<p>/: 12</p>", "text/html; charset=utf-8"]);
      assert.deepEqual(given, [{ status: 429, error: "rate_limit_exceeded", retryAfter: 12, policy: "default" }]);
    });

    it("may return bytes or an object", async () => {
      const bytes = await deniedBy(framework, { "image/png": () => Uint8Array.of(137, 80) }, "image/png");
      assert.deepEqual([bytes.header("Content-Type"), bytes.header("Content-Length")], ["image/png", "2"]);
      const object = await deniedBy(framework, { "application/json": () => ({ slow: "down" }) }, "*/*");
      assert.equal(object.body, '{"slow":"down"}');
    });

    it("that return something else are an error of the application", async () => {
      for (const returned of [undefined, null, 5, true]) {
        const answer = await deniedBy(framework, { "text/html": () => returned }, "text/html");
        assert.equal(answer.status, 500);
        assert.match(String(answer.error), /the function for 'text\/html' in errorBodies returned/);
      }
    });
  });
}

describe("Accept", () => {
  const OFFERED = ["text/html", "application/problem+json", "application/json"];

  it("of any length and form takes little time", () => {
    const began = performance.now();
    for (const text of [",".repeat(1024), ";".repeat(1024), "q=".repeat(512), `text/html;q=${"9".repeat(1000)}`, `a${" ".repeat(1000)};q = ${" ".repeat(10)}`, "x".repeat(100_000)]) {
      assert.equal(preferredType(text, OFFERED), "application/json");
    }
    assert.ok(performance.now() - began < 1000);
  });
});
