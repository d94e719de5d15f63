// What the applications share: the limit, and how each mode limits.
import { Redis } from "ioredis";

export const mode = process.env.MODE;
export const redis = new Redis(process.env.REDIS_URL, { lazyConnect: !mode.startsWith("peer") });
export const LIMIT = 1_000_000_000;
export const WINDOW_MS = 60_000;

// After a timeout the request would go on, and its measurement would be one without a limiter.
const options = { redis, rateLimitRequests: LIMIT, burstThreshold: LIMIT, connectTimeoutMs: 10_000, commandTimeoutMs: 10_000, service: "bench" };

/** The options of the middleware for the modes that have it. */
export const middlewareOptions = {
  lockwatch: options,
  "lockwatch-limit": { ...options, burstThreshold: null, audit: false },
}[mode];

/** Tells the benchmark where the application listens. */
export function listening(port) {
  console.log(`127.0.0.1:${port}`);
}
