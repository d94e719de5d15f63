/**
 * The limiter in this process, which decides while Redis is away (`onRedisFailure: "local"`). The
 * counting is that of the package `rate-limiter-flexible`.
 */
import type { RateLimiterMemory } from "rate-limiter-flexible";
import { ConfigurationError } from "./errors.js";
import type { Limit } from "./limits.js";
import { RateLimitResult } from "./ratelimit.js";

type Library = typeof import("rate-limiter-flexible");

/** Clients of one policy that are remembered. Further ones share a counter. */
const MAX_CLIENTS = 10_000;
/** How often counters that have expired are searched for, if a policy has too many clients. */
const PRUNE_MS = 1000;
/** After this time without a failure an answer of Redis ends an outage. */
const OUTAGE_MS = 10_000;
/** The longest delay of a timer of Node, 24 days. A longer window ends after it. */
const MAX_WINDOW_MS = 2 ** 31 - 1;

/** Throws a ConfigurationError if `rate-limiter-flexible` is not installed. */
export function checkLocalLibrary(): void {
  load();
}

function load(): Library {
  try {
    // The library is optional, so that it cannot be imported at the top.
    // eslint-disable-next-line @typescript-eslint/no-require-imports
    return require("rate-limiter-flexible") as Library;
  } catch (error) {
    if ((error as { code?: string }).code !== "MODULE_NOT_FOUND") throw error;
    throw new ConfigurationError("onRedisFailure is 'local', and the package rate-limiter-flexible is missing: npm install rate-limiter-flexible");
  }
}

/** A share of each limit, rounded down, but at least one unit. A limit of 0 stays 0. */
export function shareOf(limits: readonly Limit[], share: number): readonly Limit[] {
  return share === 1 ? limits : limits.map(({ limit, windowMs }) => ({ limit: Math.max(Math.min(limit, 1), Math.floor(limit * share)), windowMs }));
}

/** The counters of one key. */
interface Client {
  /** What the library counts under: one name for each window. */
  readonly names: Set<string>;
  /** When the last of them has expired. */
  until: number;
}

/** The counters of one client object. */
export class LocalLimiter {
  #memory: RateLimiterMemory | undefined;
  readonly #policies = new Map<string, Map<string, Client>>();
  #failedAt = 0;
  #prunedAt = -Infinity;

  /** @param now the time in milliseconds */
  constructor(private readonly now: () => number = () => performance.now()) {}

  /** Counts a call under a key of Redis if each limit has room for it. */
  async admit(key: string, limits: readonly Limit[], share: number, cost: number): Promise<RateLimitResult> {
    const own = shareOf(limits, share);
    const tooSmall = limits.findIndex(({ limit }) => cost > limit);
    if (tooSmall >= 0) return new RateLimitResult(false, own[tooSmall]?.limit ?? 0, 0, Infinity, 0, own);
    const now = (this.#failedAt = this.now());
    const memory = (this.#memory ??= this.#newMemory());
    const { name, client } = this.#clientOf(key, now);
    // All of them count before the first promise is awaited, so that no other call comes in between.
    const counts = await Promise.all(own.map((limit) => count(memory, `${name} ${limit.windowMs}`, limit, Math.min(cost, limit.limit))));
    for (const { name: counter, waitMs } of counts) {
      client.names.add(counter);
      client.until = Math.max(client.until, now + waitMs);
    }
    const isDenied = counts.some(({ room }) => room < 0);
    // The units of a denied call are given back.
    if (isDenied) await Promise.all(counts.map((each) => each.undo()));
    return isDenied ? denialOf(counts, own) : new RateLimitResult(true, own[0]?.limit ?? 0, 0, 0, 0, own);
  }

  /**
   * Redis has answered for a key. Empties the counter of this key and of no other, because Redis may
   * refuse some keys only. The usual path is one look.
   */
  answered(key: string): void {
    const memory = this.#memory;
    if (!memory) return;
    if (this.now() - this.#failedAt > OUTAGE_MS) {
      for (const clients of this.#policies.values()) for (const client of clients.values()) forget(memory, client);
      this.#policies.clear();
      this.#memory = undefined;
      return;
    }
    const clients = this.#policies.get(policyOf(key));
    const client = clients?.get(key);
    if (client) forget(memory, client);
    clients?.delete(key);
  }

  #newMemory(): RateLimiterMemory {
    return new (load().RateLimiterMemory)({ points: 0, duration: 0 });
  }

  #clientOf(key: string, now: number): { name: string; client: Client } {
    const policy = policyOf(key);
    const clients = this.#policies.get(policy) ?? new Map<string, Client>();
    this.#policies.set(policy, clients);
    const known = clients.get(key);
    if (known) return { name: key, client: known };
    if (clients.size >= MAX_CLIENTS) this.#prune(clients, now);
    const name = clients.size >= MAX_CLIENTS ? policy : key;
    const client = clients.get(name) ?? { names: new Set<string>(), until: 0 };
    clients.set(name, client);
    return { name, client };
  }

  #prune(clients: Map<string, Client>, now: number): void {
    if (now - this.#prunedAt < PRUNE_MS) return;
    this.#prunedAt = now;
    for (const [key, { until }] of clients) if (until < now) clients.delete(key);
  }
}

interface Count {
  readonly name: string;
  readonly limit: Limit;
  /** Units that are left; negative if there was no room. */
  readonly room: number;
  readonly waitMs: number;
  readonly undo: () => Promise<unknown>;
}

/** The limit with the longest wait binds. */
function denialOf(counts: readonly Count[], own: readonly Limit[]): RateLimitResult {
  const full = counts.filter(({ room }) => room < 0);
  const { limit, waitMs } = full.reduce((one, other) => (other.waitMs > one.waitMs ? other : one));
  return new RateLimitResult(false, limit.limit, 0, Math.max(1, waitMs), waitMs, own);
}

async function count(memory: RateLimiterMemory, name: string, limit: Limit, cost: number): Promise<Count> {
  const options = { customDuration: Math.min(limit.windowMs, MAX_WINDOW_MS) / 1000 };
  const { consumedPoints, msBeforeNext } = await memory.penalty(name, cost, options);
  return { name, limit, room: limit.limit - consumedPoints, waitMs: msBeforeNext, undo: () => memory.reward(name, cost, options) };
}

function forget(memory: RateLimiterMemory, { names }: Client): void {
  for (const name of names) void memory.delete(name);
}

/** A key `prefix:{client}:policy` without the client. */
function policyOf(key: string): string {
  return key.slice(0, key.indexOf("{")) + key.slice(key.lastIndexOf("}") + 1);
}
