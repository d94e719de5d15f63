// A hello-world application in Fastify, bare or behind one of the compared limiters.
import rateLimit from "@fastify/rate-limit";
import fastify from "fastify";
import { lockwatchStore } from "../../node/dist/fastify-rate-limit.mjs";
import { lockwatch } from "../../node/dist/fastify.mjs";
import { LockWatch } from "../../node/dist/index.mjs";
import { LIMIT, listening, middlewareOptions, mode, redis, WINDOW_MS } from "./limits.mjs";

const app = fastify();

const peer = { max: LIMIT, timeWindow: WINDOW_MS };

if (middlewareOptions) await app.register(lockwatch, middlewareOptions);
if (mode === "peer") await app.register(rateLimit, { ...peer, redis });
if (mode === "peer-store") {
  const client = new LockWatch(redis, { connectTimeoutMs: 10_000, commandTimeoutMs: 10_000, service: "bench" });
  await app.register(rateLimit, { ...peer, store: lockwatchStore(client) });
}

app.get("/", (_request, reply) => reply.type("text/plain").send("hello, world"));
await app.listen({ port: 0, host: "127.0.0.1" });
listening(app.server.address().port);
