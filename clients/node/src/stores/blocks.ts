/**
 * Blocks: a key that has exceeded its limit is denied for a time of its own, whatever its window
 * says.
 *
 * A block is a unit of a second key, recorded under a window as long as the block, so that this key
 * expires when the block ends. One LW.MRATELIMIT judges both keys, so a blocked call is not counted.
 */
import { NO_LIMIT } from "../client-keys.js";
import { inspectCommand, parseReport } from "../explain.js";
import { MultiCall, type MultiRateLimitEntry } from "../multi.js";
import type { RedisReply } from "../redis/connection.js";
import { LONGEST_MS, wholeLimit, wholeWindow, type StoreLimits } from "./store.js";

const PART = ":block";

/** What a call met on a key that may be blocked. */
export interface BlockableHit {
  readonly allowed: boolean;
  readonly remaining: number;
  readonly resetAfterMs: number;
  /** Infinity if the call costs more than the limit. */
  readonly retryAfterMs: number;
  /** When units were recorded. Undefined if none were. */
  readonly timeMs: number | undefined;
  /** How long a block that began before the call still lasts; 0 if there is none. */
  readonly blockedForMs: number;
}

export class Blocks {
  constructor(private readonly limits: StoreLimits) {}

  /** Records units if the limit has room for them and the key is not blocked. */
  async hit(key: string, limit: number, windowMs: number, cost = 1): Promise<BlockableHit> {
    return this.#ask("LW.MRATELIMIT", key, limit, windowMs, cost);
  }

  /** Counts nothing. What is used is `NO_LIMIT` less what remains. */
  async peek(key: string, windowMs: number): Promise<BlockableHit> {
    return this.#ask("LW.MPEEK", key, NO_LIMIT, windowMs, 0);
  }

  /** Starts a block. Returns false if there is one already, which stays as it is. */
  async start(key: string, durationMs: number): Promise<boolean> {
    return (await this.limits.hit(this.#keyOf(key), 1, durationMs)).allowed;
  }

  /** Blocks a key that has exceeded its limit. When the block ends, its count begins anew. */
  async startAnew(key: string, durationMs: number): Promise<void> {
    if (await this.start(key, durationMs)) await this.limits.delete(this.limits.keyOf(key));
  }

  /** Replaces a block, if there is one. */
  async restart(key: string, durationMs: number): Promise<void> {
    await this.limits.delete(this.#keyOf(key));
    await this.start(key, durationMs);
  }

  /** Forgets a key and its block. Returns whether there was one. */
  async forget(key: string): Promise<boolean> {
    return (await this.limits.delete(this.limits.keyOf(key), this.#keyOf(key))) > 0;
  }

  async #ask(name: "LW.MRATELIMIT" | "LW.MPEEK", key: string, limit: number, windowMs: number, cost: number): Promise<BlockableHit> {
    const blockKey = this.#keyOf(key);
    const call = new MultiCall(name, [
      [this.limits.keyOf(key), [wholeLimit(limit), `${wholeWindow(windowMs)}ms`], cost],
      [blockKey, [1, `${LONGEST_MS}ms`], 0],
    ]);
    const [reply = null, report = null] = await this.limits.send([call.command, inspectCommand(blockKey)]);
    const { allowed, retryAfterMs, timeMs, results } = call.read(reply);
    const [own, block] = results as [MultiRateLimitEntry, MultiRateLimitEntry];
    const { remaining, resetAfterMs } = own;
    return { allowed, remaining, resetAfterMs, retryAfterMs, timeMs, blockedForMs: block.remaining > 0 ? 0 : lasting(report) };
  }

  #keyOf(key: string): string {
    return this.limits.keyOf(key, PART);
  }
}

/** At least a millisecond, because the block was there a moment ago. */
function lasting(report: RedisReply): number {
  return Math.max(parseReport(report)?.windows.at(-1)?.resetMs ?? 0, 1);
}
