/**
 * The settings of both applications: Redis's URL, the library, and the options of the middleware.
 */
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Redis } from "ioredis";
import type { RedisSource } from "lockwatch";
import { createClient } from "redis";

export interface Settings {
  library: "ioredis" | "node-redis" | "url";
  url: string;
  options: Record<string, unknown>;
}

export function settings(): Settings {
  return JSON.parse(process.env.APP_SETTINGS ?? "") as Settings;
}

export function redisOf(): RedisSource {
  const { library, url } = settings();
  if (library === "url") return url;
  // Neither client connects: lockwatch opens connections of its own with their settings.
  return library === "ioredis" ? new Redis(url, { lazyConnect: true }) : createClient({ url });
}

export function announce(server: Server): void {
  process.stdout.write(`listening ${(server.address() as AddressInfo).port}\n`);
}
