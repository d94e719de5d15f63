/**
 * The store of limiters that count hits and compare the count with the limit themselves:
 * express-rate-limit and hono-rate-limiter.
 *
 * They expect that every call is counted. Here a call is recorded only if it is admitted, so that
 * the window is exact: a denied call is reported as one hit above the limit.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { NO_LIMIT } from "../client-keys.js";
import { ConfigurationError } from "../errors.js";
import type { OptionRules } from "../known-options.js";
import { integer, orFunction } from "../rules.js";
import { Receipts } from "./receipts.js";
import { STORE_OPTIONS, wholeLimit, type OnFailure, type StoreLimits, type StoreOptions } from "./store.js";

export interface HitStoreOptions extends StoreOptions {
  /**
   * The limit of a key, where the limiter's own `limit` is a function. Without it, denied calls are
   * counted as well then, because the limiter does not tell the store which they are.
   */
  limit?: number | ((key: string) => number | PromiseLike<number>) | undefined;
}

export const HIT_STORE_OPTIONS: OptionRules<HitStoreOptions> = {
  ...STORE_OPTIONS,
  limit: orFunction(integer(0, NO_LIMIT, 100)),
};

/** The limiter's options that matter to the store. */
export interface LimiterOptions {
  readonly windowMs: number;
  readonly limit?: unknown;
  readonly skipFailedRequests?: boolean | undefined;
  readonly skipSuccessfulRequests?: boolean | undefined;
  readonly passOnStoreError?: boolean | undefined;
}

/** What a limiter is told about a client. */
export interface Hits {
  totalHits: number;
  resetTime: Date;
}

/** The unit of the request that is being handled. */
interface Current {
  readonly key: string;
  /** Undefined if none was recorded, or if it was given back. */
  at: number | undefined;
}

export class HitStore {
  /** Other processes see the same keys. */
  readonly localKeys = false;
  /** For the limiter's own check that a request is not counted twice. */
  readonly prefix: string;
  readonly #limits: StoreLimits;
  readonly #limitOption: HitStoreOptions["limit"];
  readonly #receipts = new Receipts();
  #current: AsyncLocalStorage<Current> | undefined;
  #limit: HitStoreOptions["limit"];
  #windowMs: number | undefined;
  #onFailure: OnFailure<Hits> = {};

  constructor(limits: StoreLimits, options: HitStoreOptions) {
    this.#limits = limits;
    this.#limitOption = options.limit;
    this.prefix = limits.name;
  }

  /** The client that counts what became of the requests. */
  get lockwatch(): StoreLimits["lockwatch"] {
    return this.#limits.lockwatch;
  }

  /** Called by the limiter, with its options. */
  init({ windowMs, limit, skipFailedRequests, skipSuccessfulRequests, passOnStoreError = false }: LimiterOptions): void {
    this.#windowMs = windowMs;
    this.#onFailure = this.onFailure(windowMs, passOnStoreError);
    this.#limit = this.#limitOption ?? (typeof limit === "number" ? limit : undefined);
    // Only then are units given back, each by the request that took it.
    if (skipFailedRequests || skipSuccessfulRequests) this.#current ??= new AsyncLocalStorage();
  }

  async increment(key: string): Promise<Hits> {
    const redisKey = this.#limits.keyOf(key);
    const current: Current = { key: redisKey, at: undefined };
    // In front of the first `await`, so that the limiter goes on in this context.
    this.#current?.enterWith(current);
    const windowMs = this.#window();
    const limit = wholeLimit(await this.#limitOf(key));
    return this.#limits.decide(() => this.#hit(current, limit, windowMs), ({ totalHits }) => totalHits <= limit, this.#onFailure);
  }

  /** Gives the unit of the present request back, or the last one that this process recorded for the key. */
  async decrement(key: string): Promise<void> {
    const redisKey = this.#limits.keyOf(key);
    const current = this.#current?.getStore();
    const at = current?.key === redisKey ? take(current) : this.#receipts.take(redisKey)?.at;
    if (at !== undefined) await this.#limits.refund(redisKey, 1, at);
  }

  async resetKey(key: string): Promise<void> {
    const redisKey = this.#limits.keyOf(key);
    this.#receipts.forget(redisKey);
    await this.#limits.delete(redisKey);
  }

  /** Undefined if the key has used nothing. */
  async get(key: string): Promise<Hits | undefined> {
    const { used, resetAfterMs } = await this.#limits.peek(this.#limits.keyOf(key), this.#window());
    return used === 0 ? undefined : { totalHits: used, resetTime: after(resetAfterMs) };
  }

  /** Closes the client of a store that was given a URL. */
  async shutdown(): Promise<void> {
    await this.#limits.close();
  }

  /** What happens to a request if Redis fails. */
  protected onFailure(_windowMs: number, passes: boolean): OnFailure<Hits> {
    return { denies: !passes };
  }

  async #hit(current: Current, limit: number, windowMs: number): Promise<Hits> {
    const { allowed, remaining, retryAfterMs, resetAfterMs, timeMs } = await this.#limits.hit(current.key, limit, windowMs);
    if (!allowed) return { totalHits: limit + 1, resetTime: after(retryAfterMs === Infinity ? windowMs : retryAfterMs) };
    current.at = timeMs;
    if (!this.#current && timeMs !== undefined) this.#receipts.add(current.key, timeMs, 1);
    return { totalHits: limit - remaining, resetTime: after(resetAfterMs) };
  }

  #limitOf(key: string): number | PromiseLike<number> {
    const limit = this.#limit ?? NO_LIMIT;
    return typeof limit === "function" ? limit(key) : limit;
  }

  #window(): number {
    // The limiters call `init` when they are made.
    if (this.#windowMs === undefined) throw new ConfigurationError("the store has no window: give it to a limiter, which calls init({ windowMs, limit })");
    return this.#windowMs;
  }
}

function take(current: Current): number | undefined {
  const { at } = current;
  current.at = undefined;
  return at;
}

export function after(ms: number): Date {
  return new Date(Date.now() + ms);
}
