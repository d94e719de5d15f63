/** Reserves tokens of a language model before a call, and settles with what it really used. */
import { ConfigurationError, LockWatchError, TokenBudgetExceededError } from "./errors.js";
import { checkOption } from "./known-options.js";
import { parseLimits, type Limits } from "./limits.js";
import { checkClient, type LockWatch } from "./lockwatch.js";
import type { MultiRateLimitResult } from "./multi.js";
import { refundCommand, settleCommand, type Headers, type RateLimitResult } from "./ratelimit.js";
import { COST, required } from "./rules.js";

export interface TokenBudgetOptions {
  /** Limits of calls, which are admitted in one step with the tokens. */
  requests?: Limits | undefined;
}

/**
 * Tokens that each key may use, and with `requests` calls that it may make:
 * `new TokenBudget(lw, "10000/minute", { requests: "60/minute" })`.
 */
export class TokenBudget {
  readonly #requests: Limits | undefined;

  constructor(
    private readonly lockwatch: LockWatch,
    private readonly limits: Limits,
    { requests }: TokenBudgetOptions = {},
  ) {
    checkClient(lockwatch, 'new TokenBudget(lw, "10000/minute")');
    parseLimits(limits);
    if (requests !== undefined) parseLimits(requests);
    this.#requests = requests;
  }

  /**
   * Reserves `estimate` tokens of a key. Throws a {@link TokenBudgetExceededError} if fewer
   * are left. The Redis keys are `{key}:tokens` and `{key}:requests`.
   */
  async reserve(key: string, estimate: number): Promise<Reservation> {
    if (typeof key !== "string" || key === "" || key.startsWith("}")) throw new ConfigurationError(`'${key}' is no key of a budget: a text like 'user:42'`);
    checkOption("estimate of reserve", estimate, required(COST));
    const tokensKey = `{${key}}:tokens`;
    const requestsKey = this.#requests === undefined ? undefined : `{${key}}:requests`;
    const result =
      this.#requests === undefined || requestsKey === undefined
        ? await this.lockwatch.ratelimit(tokensKey, this.limits, { cost: estimate, withTime: true })
        : await this.lockwatch.mratelimit([
            [requestsKey, this.#requests, 1],
            [tokensKey, this.limits, estimate],
          ]);
    if (!result.allowed) throw new TokenBudgetExceededError(key, result.retryAfterMs);
    return new Reservation(this.lockwatch, tokensKey, requestsKey, estimate, result);
  }

  /**
   * Reserves tokens while `body` runs. Then they become what it used: what `settle` was told, or
   * the sum of `add`. If `body` throws, no token is given back unless `settle` or `cancel` was
   * called.
   */
  async withReservation<T>(key: string, estimate: number, body: (reservation: Reservation) => T | PromiseLike<T>): Promise<T> {
    const reservation = await this.reserve(key, estimate);
    try {
      const value = await body(reservation);
      await reservation.end({ isComplete: true });
      return value;
    } finally {
      await reservation.end();
    }
  }
}

/** Tokens that are reserved for a call. */
export class Reservation {
  #used = 0;
  #hasAdded = false;
  #settled: number | undefined;
  #isCancelled = false;
  #ended: Promise<void> | undefined;

  /** Made by `TokenBudget`. */
  constructor(
    private readonly lockwatch: LockWatch,
    private readonly tokensKey: string,
    private readonly requestsKey: string | undefined,
    readonly reserved: number,
    /** What the limits answered. */
    readonly result: RateLimitResult | MultiRateLimitResult,
  ) {}

  /** The sum of `add`. */
  get used(): number {
    return this.#used;
  }

  /** The headers of the limit that binds, for the response. */
  headers(policy = "tokens"): Headers {
    return this.result.headers(policy);
  }

  /** Counts tokens that were used, as they come. */
  add(tokens: number): void {
    this.#used += checkedTokens(tokens);
    this.#hasAdded = true;
  }

  /**
   * Says what was used in all, the sum of `add` unless given. The reservation is corrected at its
   * end.
   */
  settle(actual: number = this.#used): void {
    this.#settled = checkedTokens(actual);
    this.#isCancelled = false;
  }

  /** Says that nothing was used, and that the call does not count. */
  cancel(): void {
    this.#settled = 0;
    this.#isCancelled = true;
  }

  /**
   * Corrects the reservation, once. Without `settle` and `cancel`, the sum of `add` counts if the
   * call is complete; otherwise nobody knows what it used, and the reservation stays or grows to
   * that sum. A failure is logged.
   */
  end({ isComplete = false }: { isComplete?: boolean | undefined } = {}): Promise<void> {
    return (this.#ended ??= this.#end(isComplete));
  }

  /** `end` of a call that may not be complete: call `settle` before. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.end();
  }

  async #end(isComplete: boolean): Promise<void> {
    const actual = this.#settled ?? this.#sum(isComplete);
    const { timeMs } = this.result;
    if (timeMs === undefined || actual === this.reserved) return;
    const { failures, link } = this.lockwatch;
    const commands = [settleCommand(this.tokensKey, this.reserved, actual, timeMs)];
    if (this.#isCancelled && this.requestsKey !== undefined) commands.push(refundCommand(this.requestsKey, 1, timeMs));
    try {
      const failed = (await link.send(commands)).find((reply) => reply instanceof LockWatchError);
      if (failed) throw failed;
    } catch (error) {
      if (!(error instanceof LockWatchError)) throw error;
      failures.log(`budget ${error.code}`, `a reservation stays as it was estimated: ${failures.named(error)}`);
    }
  }

  #sum(isComplete: boolean): number {
    if (!this.#hasAdded) return this.reserved;
    return isComplete ? this.#used : Math.max(this.#used, this.reserved);
  }
}

function checkedTokens(tokens: number): number {
  if (!Number.isSafeInteger(tokens) || tokens < 0) throw new ConfigurationError(`'${tokens}' is no number of tokens: an integer from 0`);
  return tokens;
}
