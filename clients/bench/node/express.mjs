// A hello-world application in Express, bare or behind one of the compared limiters.
import express from "express";
import { rateLimit } from "express-rate-limit";
import { RedisStore } from "rate-limit-redis";
import { LockWatchStore } from "../../node/dist/express-rate-limit.mjs";
import { lockwatch } from "../../node/dist/express.mjs";
import { LockWatch } from "../../node/dist/index.mjs";
import { LIMIT, listening, middlewareOptions, mode, redis, WINDOW_MS } from "./limits.mjs";

const app = express();
app.disable("x-powered-by");

const peer = (store) => rateLimit({ windowMs: WINDOW_MS, limit: LIMIT, standardHeaders: "draft-7", legacyHeaders: false, store });

if (middlewareOptions) app.use(lockwatch(middlewareOptions));
if (mode === "peer") app.use(peer(new RedisStore({ sendCommand: (...args) => redis.call(...args) })));
if (mode === "peer-store") app.use(peer(new LockWatchStore(new LockWatch(redis, { connectTimeoutMs: 10_000, commandTimeoutMs: 10_000, service: "bench" }))));

app.get("/", (_request, response) => {
  response.type("text/plain").send("hello, world");
});
const server = app.listen(0, "127.0.0.1", () => listening(server.address().port));
