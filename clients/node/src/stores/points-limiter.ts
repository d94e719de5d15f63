/** The calls of a limiter of rate-limiter-flexible, on an exact window. */
import { NO_LIMIT } from "../client-keys.js";
import { Blocks } from "./blocks.js";
import { Receipts } from "./receipts.js";
import { LONGEST_MS, wholeLimit, type StoreLimits } from "./store.js";

/** What a key has used. */
export interface Points {
  readonly remaining: number;
  readonly consumed: number;
  /** -1 for a window or a block without an end. */
  readonly msBeforeNext: number;
  /** Whether the units of the call are all that is used. */
  readonly isFirst: boolean;
}

export interface Consumption extends Points {
  readonly allowed: boolean;
}

export class PointsLimiter {
  readonly #blocks: Blocks;
  readonly #receipts = new Receipts();

  constructor(
    private readonly limits: StoreLimits,
    private readonly points: () => number,
  ) {
    this.#blocks = new Blocks(limits);
  }

  /** @param blockMs how long a key is blocked that exceeds its limit; 0 for no block */
  async consume(key: string, units: number, windowMs: number, blockMs: number): Promise<Consumption> {
    const limit = this.#limit;
    const { allowed, remaining, resetAfterMs, retryAfterMs, timeMs, blockedForMs } = await this.#blocks.hit(key, limit, windowMs, units);
    const used = limit - remaining;
    if (allowed) {
      this.#remember(key, timeMs, units);
      return { allowed, remaining, consumed: used, msBeforeNext: finite(resetAfterMs), isFirst: used === units };
    }
    const denied = { allowed, remaining: 0, consumed: used + units, isFirst: false };
    if (blockedForMs > 0) return { ...denied, consumed: limit + units, msBeforeNext: finite(blockedForMs) };
    if (blockMs > 0) await this.#blocks.startAnew(key, blockMs);
    return { ...denied, msBeforeNext: finite(blockMs > 0 ? blockMs : Math.min(retryAfterMs, windowMs)) };
  }

  /** Records units whatever has been used. */
  async penalty(key: string, units: number, windowMs: number): Promise<Points> {
    const { used, resetAfterMs, timeMs } = await this.limits.count(this.limits.keyOf(key), windowMs, units);
    this.#remember(key, timeMs, units);
    return this.#state(used, resetAfterMs, used === units);
  }

  /** Gives units back that this process has recorded for the key, the latest first. */
  async reward(key: string, units: number, windowMs: number): Promise<Points> {
    const redisKey = this.limits.keyOf(key);
    for (let left = units, receipt = this.#receipts.take(redisKey); receipt && left > 0; receipt = left > 0 ? this.#receipts.take(redisKey) : undefined) {
      const back = Math.min(left, receipt.units);
      if (receipt.units > back) this.#receipts.add(redisKey, receipt.at, receipt.units - back);
      left -= await this.limits.refund(redisKey, back, receipt.at);
    }
    const { used, resetAfterMs } = await this.limits.peek(redisKey, windowMs);
    return this.#state(used, resetAfterMs, false);
  }

  /** Undefined if the key has used nothing and is not blocked. */
  async get(key: string, windowMs: number): Promise<Points | undefined> {
    const { remaining, resetAfterMs, blockedForMs } = await this.#blocks.peek(key, windowMs);
    const used = NO_LIMIT - remaining;
    if (blockedForMs > 0) return this.#state(Math.max(used, this.#limit + 1), blockedForMs, false);
    return used === 0 ? undefined : this.#state(used, resetAfterMs, false);
  }

  /** Two steps: a call between them is forgotten. */
  async set(key: string, units: number, windowMs: number): Promise<Points> {
    await this.forget(key);
    return units === 0 ? this.#state(0, 0, false) : this.penalty(key, units, windowMs);
  }

  async block(key: string, durationMs: number): Promise<Points> {
    await this.#blocks.restart(key, durationMs);
    return this.#state(this.#limit + 1, durationMs, false);
  }

  /** Returns whether there was anything. */
  async forget(key: string): Promise<boolean> {
    this.#receipts.forget(this.limits.keyOf(key));
    return this.#blocks.forget(key);
  }

  get #limit(): number {
    return wholeLimit(this.points());
  }

  #state(consumed: number, msBeforeNext: number, isFirst: boolean): Points {
    return { remaining: Math.max(this.#limit - consumed, 0), consumed, msBeforeNext: finite(msBeforeNext), isFirst };
  }

  #remember(key: string, at: number | undefined, units: number): void {
    if (at !== undefined) this.#receipts.add(this.limits.keyOf(key), at, units);
  }
}

/** A window of ten years stands for one without an end. */
function finite(ms: number): number {
  return ms > LONGEST_MS / 2 ? -1 : ms;
}
