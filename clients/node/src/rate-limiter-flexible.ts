/** A limiter with the interface of rate-limiter-flexible, whose windows are exact. */
import { setTimeout as pause } from "node:timers/promises";
import { RateLimiterCompatibleAbstract, RateLimiterRes, type RateLimiterLike } from "rate-limiter-flexible";
import { ConfigurationError } from "./errors.js";
import { checkOptions } from "./known-options.js";
import { DEFAULT_NAME, ownOptions, RATE_LIMITER_OPTIONS, type RateLimiterLockWatchOptions } from "./stores/points-options.js";
import { PointsLimiter, type Consumption, type Points } from "./stores/points-limiter.js";
import { LONGEST_MS, StoreLimits } from "./stores/store.js";
import { StoreUnavailableError } from "./stores/unavailable.js";

export type { RateLimiterLockWatchOptions } from "./stores/points-options.js";
export type { StoreClient } from "./stores/store.js";
export { StoreUnavailableError };

type Key = string | number;
type CallOptions = Readonly<Record<string, unknown>>;

export class RateLimiterLockWatch extends RateLimiterCompatibleAbstract {
  points: number;
  duration: number;
  override readonly keyPrefix: string;
  override blockDuration: number;
  override execEvenly: boolean;
  readonly insuranceLimiter: RateLimiterLike | undefined;
  readonly #minDelayMs: number | undefined;
  readonly #limits: StoreLimits;
  readonly #limiter: PointsLimiter;

  constructor(given: RateLimiterLockWatchOptions) {
    super();
    const options = ownOptions(given);
    checkOptions(options, RATE_LIMITER_OPTIONS, "RateLimiterLockWatch");
    const { storeClient, points, duration, keyPrefix = DEFAULT_NAME, blockDuration = 0, execEvenly = false, execEvenlyMinDelayMs, insuranceLimiter } = options;
    this.points = points;
    this.duration = duration;
    this.keyPrefix = keyPrefix;
    this.blockDuration = blockDuration;
    this.execEvenly = execEvenly;
    this.#minDelayMs = execEvenlyMinDelayMs;
    this.insuranceLimiter = insuranceLimiter;
    if (insuranceLimiter) Object.assign(insuranceLimiter, { blockDuration, execEvenly });
    this.#limits = new StoreLimits(storeClient, keyPrefix, {}, "RateLimiterLockWatch");
    this.#limiter = new PointsLimiter(this.#limits, () => this.points);
  }

  /** Rejects with a `RateLimiterRes` if the limit has no room for the points. */
  override async consume(key: Key, pointsToConsume = 1, options: CallOptions = {}): Promise<RateLimiterRes> {
    const units = wholePoints(pointsToConsume, 0);
    const { allowed, result, isInsured } = await this.#limits.decide<Answer>(
      async () => answerOf(await this.#limiter.consume(String(key), units, this.#windowMs(options), this.blockDuration * 1000)),
      (answer) => answer.allowed,
      { insurance: this.#insured((limiter) => consumed(limiter.consume(key, units, options))) },
    );
    // The interface says what to reject with.
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
    if (!allowed) return Promise.reject(result);
    return this.execEvenly && !isInsured ? this.#evenly(result) : result;
  }

  /** Takes points whatever has been used. */
  override penalty(key: Key, points = 1, options: CallOptions = {}): Promise<RateLimiterRes> {
    return this.#call(async () => resultOf(await this.#limiter.penalty(String(key), wholePoints(points), this.#windowMs(options))), (limiter) => limiter.penalty(key, points, options));
  }

  /** Gives points back that this process has taken for the key. */
  override reward(key: Key, points = 1, options: CallOptions = {}): Promise<RateLimiterRes> {
    return this.#call(async () => resultOf(await this.#limiter.reward(String(key), wholePoints(points), this.#windowMs(options))), (limiter) => limiter.reward(key, points, options));
  }

  /** Null if the key has used nothing. */
  override get(key: Key, options: CallOptions = {}): Promise<RateLimiterRes | null> {
    const get = async () => {
      const state = await this.#limiter.get(String(key), this.#windowMs(options));
      return state ? resultOf(state) : null;
    };
    return this.#call(get, (limiter) => limiter.get(key, options));
  }

  /** Replaces what has been used. The points leave the window after `duration`. */
  override set(key: Key, points: number, secDuration?: number, options: CallOptions = {}): Promise<RateLimiterRes> {
    if (secDuration !== undefined && secDuration !== this.duration) {
      return Promise.reject(new ConfigurationError(`set() with ${secDuration} seconds is not possible: points leave the window of ${this.duration} seconds after that time`));
    }
    const set = async () => resultOf(await this.#limiter.set(String(key), wholePoints(points, 0), this.#windowMs({})));
    return this.#call(set, (limiter) => limiter.set(key, points, this.duration, options));
  }

  /** Denies every call for so many seconds; 0 for ten years. */
  override block(key: Key, secDuration: number, options: CallOptions = {}): Promise<RateLimiterRes> {
    const block = async () => resultOf(await this.#limiter.block(String(key), secDuration === 0 ? LONGEST_MS : secDuration * 1000));
    return this.#call(block, (limiter) => limiter.block(key, secDuration, options));
  }

  /** Forgets what has been used, and a block. Resolves to whether there was anything. */
  override delete(key: Key, options: CallOptions = {}): Promise<boolean> {
    return this.#call(() => this.#limiter.forget(String(key)), (limiter) => limiter.delete(key, options));
  }

  /** The key in Redis. */
  getKey(key: Key): string {
    return this.#limits.keyOf(String(key));
  }

  /** Closes the client of a limiter that was given a URL. */
  async close(): Promise<void> {
    await this.#limits.close();
  }

  #windowMs({ customDuration }: CallOptions): number {
    const seconds = typeof customDuration === "number" && customDuration >= 0 ? customDuration : this.duration;
    return seconds === 0 ? LONGEST_MS : seconds * 1000;
  }

  /** Calls something that decides nothing. The insurance takes over if Redis fails. */
  async #call<T>(call: () => Promise<T>, insurance: (limiter: RateLimiterLike) => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      const instead = this.#insured(insurance);
      if (!instead || !(error instanceof StoreUnavailableError)) throw error;
      return instead();
    }
  }

  #insured<T>(insurance: (limiter: RateLimiterLike) => Promise<T>): (() => Promise<T>) | undefined {
    const limiter = this.insuranceLimiter;
    return limiter && (() => insurance(limiter));
  }

  /** Spreads the calls over the window. */
  async #evenly(result: RateLimiterRes): Promise<RateLimiterRes> {
    const { msBeforeNext, remainingPoints, consumedPoints, isFirstInDuration } = result;
    if (isFirstInDuration || msBeforeNext <= 0) return result;
    const minimum = this.#minDelayMs ?? Math.ceil((this.duration * 1000) / this.points);
    const share = Math.ceil(msBeforeNext / (remainingPoints + 2));
    const delay = share < minimum ? consumedPoints * minimum : share;
    await pause(delay);
    return new RateLimiterRes(remainingPoints, Math.max(msBeforeNext - delay, 0), consumedPoints, false);
  }
}

/** The peer takes texts of digits, too. */
function wholePoints(points: unknown, least = 1): number {
  const whole = typeof points === "string" && /^\d+$/.test(points) ? Number(points) : points;
  if (typeof whole === "number" && Number.isSafeInteger(whole) && whole >= least) return whole;
  throw new RangeError(`${String(points)} points are not possible: expected an integer of at least ${least}`);
}

/** What a call to consume came to. */
interface Answer {
  readonly allowed: boolean;
  readonly result: RateLimiterRes;
  /** Whether it is the insurance's, which spreads its calls itself. */
  readonly isInsured: boolean;
}

function answerOf(consumption: Consumption): Answer {
  return { allowed: consumption.allowed, result: resultOf(consumption), isInsured: false };
}

/** What another limiter decides. Rejects with its errors. */
async function consumed(answer: Promise<RateLimiterRes>): Promise<Answer> {
  try {
    return { allowed: true, result: await answer, isInsured: true };
  } catch (error) {
    if (error instanceof RateLimiterRes) return { allowed: false, result: error, isInsured: true };
    throw error;
  }
}

function resultOf({ remaining, msBeforeNext, consumed, isFirst }: Points): RateLimiterRes {
  return new RateLimiterRes(remaining, msBeforeNext, consumed, isFirst);
}
