// A hello-world application, bare or behind one of the compared limiters. MODE and REDIS_URL are
// environment variables.
import { randomUUID } from "node:crypto";
import express from "express";
import { Redis } from "ioredis";
import { lockwatch } from "lockwatch/express";
import { createClient } from "redis";

const app = express();
app.disable("x-powered-by");
const redis = new Redis(process.env.REDIS_URL, { lazyConnect: !process.env.MODE.startsWith("sorted-set") });
const LIMIT = 1_000_000_000;
const WINDOW_MS = 60_000;

// The usual sliding window, a sorted set with one member per call, in Lua or as a transaction.
const SORTED_SET = `
local limit, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call("ZREMRANGEBYSCORE", KEYS[1], "-inf", now - window)
local used = redis.call("ZCARD", KEYS[1])
if used >= limit then
    local oldest = redis.call("ZRANGE", KEYS[1], 0, 0, "WITHSCORES")
    return {1, 0, oldest[2] + window - now}
end
redis.call("ZADD", KEYS[1], now, time[1] .. "." .. time[2])
redis.call("PEXPIRE", KEYS[1], window)
return {0, limit - used - 1, 0}`;

async function inLua(key) {
  const [limited, remaining, wait] = await redis.slide(key, LIMIT, WINDOW_MS);
  return { limited, remaining, wait };
}

async function asTransaction(key) {
  const now = Date.now();
  const commands = redis.multi().zremrangebyscore(key, 0, now - WINDOW_MS).zcard(key).zadd(key, now, randomUUID()).pexpire(key, WINDOW_MS);
  const [, [, used]] = await commands.exec();
  return { limited: used >= LIMIT, remaining: LIMIT - used - 1, wait: WINDOW_MS };
}

function sortedSet(spend) {
  redis.defineCommand("slide", { numberOfKeys: 1, lua: SORTED_SET });
  return async (request, response, next) => {
    const { limited, remaining, wait } = await spend(`rl:${request.ip}`);
    response.setHeader("X-RateLimit-Limit", LIMIT);
    response.setHeader("X-RateLimit-Remaining", remaining);
    if (!limited) return next();
    response.setHeader("Retry-After", Math.ceil(wait / 1000));
    return response.status(429).json({ error: "rate_limit_exceeded" });
  };
}

// After a timeout the request would go on, and its measurement would be one without a limiter.
const options = { redis, rateLimitRequests: LIMIT, burstThreshold: LIMIT, commandTimeoutMs: 10_000 };

const limiters = {
  bare: () => [],
  lockwatch: () => [lockwatch(options)],
  "lockwatch-limit": () => [lockwatch({ ...options, burstThreshold: null, audit: false })],
  "lockwatch-node-redis": () => [lockwatch({ ...options, redis: createClient({ url: process.env.REDIS_URL }) })],
  "sorted-set": () => [sortedSet(inLua)],
  "sorted-set-transaction": () => [sortedSet(asTransaction)],
};

for (const middleware of limiters[process.env.MODE]()) app.use(middleware);
app.get("/", (_request, response) => {
  response.type("text/plain").send("hello, world");
});
// For the benchmark: the CPU time so far.
process.on("message", () => process.send(process.cpuUsage()));
const server = app.listen(0, "127.0.0.1", () => console.log(`listening ${server.address().port}`));
