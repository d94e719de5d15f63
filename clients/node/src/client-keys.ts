/**
 * `clientKeys` and `reset` list and delete the keys of one client. They show why a client was
 * denied, and let it in again. No request waits for them. They go through all keys of one server
 * with SCAN: in a cluster only through those of the node that holds the client's slot.
 */
import { CommandError, ConfigurationError } from "./errors.js";
import { canonicalAddress, prefixesOf } from "./http/address.js";
import { addressClient, keyClient, Keys, type ClientKey } from "./http/keys.js";
import { checkOption } from "./known-options.js";
import { rateLimitCommand, RateLimitResult } from "./ratelimit.js";
import type { Command, RedisReply } from "./redis/connection.js";
import { array, integer, text, texts } from "./redis/replies.js";
import { IPV4_PREFIX, IPV6_PREFIX, KEY_PREFIX } from "./rules.js";

/** Which client: one of `client`, `key` and `address`. */
export interface ClientQuery {
  /** As in the data of a denial's audit event: `ip:203.0.113.9`, `key:bob`. */
  client?: string | undefined;
  /** What the key function returned. */
  key?: ClientKey;
  /** An IP address. */
  address?: string | undefined;
  keyPrefix?: string | undefined;
  /** As in the middleware, if it has these options: how many bits of an address are one client. */
  ipv4Prefix?: number | undefined;
  ipv6Prefix?: number | undefined;
}

/** A key of a client. The numbers of units are null for a burst. */
export interface KeyOfClient {
  readonly key: string;
  /** The name of the policy or of the route's limit; null for a burst. */
  readonly policy: string | null;
  readonly kind: "limit" | "unverified" | "route limit" | "burst";
  /** Seconds; null if it does not expire. */
  readonly expiresIn: number | null;
  /** Units that were used in the last minute. Hits that left the longest window are forgotten. */
  readonly lastMinute: number | null;
  readonly lastHour: number | null;
  readonly lastDay: number | null;
}

/** Sends a command that no request waits for. */
export type Call = (command: Command) => Promise<RedisReply>;

/** Keys that the server looks at in one step of SCAN. */
const STEP = "1000";
/** More than anybody uses. ioredis's parser is off by one near Number.MAX_SAFE_INTEGER. */
export const NO_LIMIT = 2 ** 52;
const WINDOWS_MS = [60_000, 3_600_000, 86_400_000];

/** What the keys of a client start with. */
export function clientPrefix({ client, key, address, keyPrefix = "lw", ...prefixes }: ClientQuery, lockwatch: ConstructorParameters<typeof Keys>[1]): string {
  if ([client, key, address].filter((given) => given !== undefined && given !== null).length !== 1) {
    throw new ConfigurationError(
      "give one of client (as in the audit event: 'ip:203.0.113.9'), key (what the key function returned) and address",
    );
  }
  const found = client ?? (address === undefined ? keyClient(key ?? "") : clientAt(address, prefixes));
  if (found === undefined || found === "") throw new ConfigurationError("the client is an empty text, and has no keys");
  checkOption("keyPrefix", keyPrefix, KEY_PREFIX);
  return new Keys(keyPrefix, lockwatch).limit(found, "");
}

function clientAt(address: string, prefixes: Pick<ClientQuery, "ipv4Prefix" | "ipv6Prefix">): string {
  checkOption("ipv4Prefix", prefixes.ipv4Prefix, IPV4_PREFIX);
  checkOption("ipv6Prefix", prefixes.ipv6Prefix, IPV6_PREFIX);
  const canonical = canonicalAddress(address);
  if (canonical === undefined) throw new ConfigurationError(`address '${address}' is no IP address: write '203.0.113.9'`);
  return addressClient(canonical, prefixesOf(prefixes));
}

export async function find(call: Call, prefix: string): Promise<KeyOfClient[]> {
  return Promise.all((await scan(call, prefix)).map((key) => describe(call, key, prefix)));
}

/** Returns the number of keys that were deleted. */
export async function reset(call: Call, prefix: string): Promise<number> {
  const keys = await scan(call, prefix);
  return keys.length === 0 ? 0 : integer(await call({ args: ["UNLINK", ...keys], key: prefix }), "UNLINK");
}

/** The keys that start with the prefix, sorted. */
async function scan(call: Call, prefix: string): Promise<string[]> {
  const pattern = `${prefix.replace(/[\\*?[\]]/g, "\\$&")}*`;
  const found = new Set<string>();
  let cursor = "0";
  do {
    const [next, keys] = array(await call({ args: ["SCAN", cursor, "MATCH", pattern, "COUNT", STEP], key: prefix }), 2, "SCAN");
    cursor = text(next, "SCAN");
    for (const name of texts(keys, "SCAN")) {
      // No name of a policy has a brace: a key with one is that of a longer client.
      if (!name.slice(prefix.length).includes("}")) found.add(name);
    }
  } while (cursor !== "0");
  return [...found].sort();
}

async function describe(call: Call, key: string, prefix: string): Promise<KeyOfClient> {
  const { kind, policy } = kindOf(key.slice(prefix.length));
  const windows = kind === "burst" ? [] : WINDOWS_MS;
  const [expiry, ...used] = await Promise.all([call({ args: ["PTTL", key], key }), ...windows.map((windowMs) => usedIn(call, key, windowMs))]);
  const [lastMinute = null, lastHour = null, lastDay = null] = used;
  const ms = integer(expiry, "PTTL");
  return { key, policy, kind, expiresIn: ms < 0 ? null : ms / 1000, lastMinute, lastHour, lastDay };
}

function kindOf(rest: string): Pick<KeyOfClient, "kind" | "policy"> {
  if (rest === "burst") return { kind: "burst", policy: null };
  if (rest.startsWith("limit:")) return { kind: "route limit", policy: rest.slice("limit:".length) };
  if (rest.endsWith(":unverified")) return { kind: "unverified", policy: rest.slice(0, -":unverified".length) };
  return { kind: "limit", policy: rest };
}

/** One window at a time, because a reply describes the one that binds. */
async function usedIn(call: Call, key: string, windowMs: number): Promise<number | null> {
  const limits = [{ limit: NO_LIMIT, windowMs }];
  try {
    const reply = await call(rateLimitCommand("LW.PEEK", key, limits, 0));
    return NO_LIMIT - RateLimitResult.parse(reply, limits, "LW.PEEK").remaining;
  } catch (error) {
    // A key of another type, which lockwatch has not made.
    if (error instanceof CommandError && error.code === "WRONGTYPE") return null;
    throw error;
  }
}
