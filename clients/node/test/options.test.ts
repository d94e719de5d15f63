/** A mistake in an option is an error at start-up. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import express from "express";
import fastify from "fastify";
import { ConfigurationError, LockWatch } from "lockwatch";
import * as forExpress from "lockwatch/express";
import * as forFastify from "lockwatch/fastify";
import { Stub } from "lockwatch/testing";

const redis = new Stub();
const lw = new LockWatch(redis);
const authenticate = () => null;
const tokens = (more: object) => ({ store: "auth", authenticate, ...more }) as never;

const MISTAKES: Record<string, () => unknown> = {
  "of the middleware": () => express().use(forExpress.lockwatch({ redis, onRedisFailiure: "deny" } as never)),
  "of a policy": () => express().use(forExpress.lockwatch({ redis, routes: { "/a": { limit: "1/s" } } } as never)),
  "of LockWatch": () => new LockWatch(redis, { commandTimeout: 1 } as never),
  "of a route's limit": () => forExpress.limit(lw, "1/s", { keyFunc: () => "a" } as never),
  "of jwtRequired": () => forExpress.jwtRequired(lw, { store: "auth", scope: ["root"] } as never),
  "scopes as a text": () => forExpress.jwtRequired(lw, { store: "auth", scopes: "root" } as never),
  "of jwks": () => forExpress.jwks(lw, { maxAge: 1 } as never),
  "of the token routes": () => forExpress.tokenRouter(lw, tokens({ accessTTL: 5 })),
  "origins as a text": () => forExpress.tokenRouter(lw, tokens({ cookie: { origins: "https://a.example" } })),
  "of the cookie": () => forExpress.tokenRouter(lw, tokens({ cookie: { origins: ["https://a.example"], secure: false } })),
};

describe("options that are unknown or of a wrong type are refused", () => {
  for (const [name, make] of Object.entries(MISTAKES)) it(name, () => assert.throws(make, ConfigurationError));

  it("of the Fastify plugins", async () => {
    await assert.rejects(async () => await fastify().register(forFastify.lockwatch, { redis, limit: "1/s" } as never), ConfigurationError);
    const options = tokens({ lockwatch: lw, accessTTL: 5 });
    await assert.rejects(async () => await fastify().register(forFastify.tokenRoutes, options), ConfigurationError);
  });

  it("known options are accepted", async () => {
    const app = fastify();
    await app.register(forFastify.lockwatch, { redis, limits: "1/s", commandTimeoutMs: 50, logLevel: "warn", prefix: "/x" } as never);
    await app.register(forFastify.tokenRoutes, { prefix: "/auth", lockwatch: lw, store: "auth", authenticate });
    await app.close();
  });
});
