/**
 * What the stores of other limiters have in common: a client, the names of their Redis keys, and
 * calls of the limiter with a limit and a window in milliseconds.
 */
import { NO_LIMIT } from "../client-keys.js";
import { LockWatchError } from "../errors.js";
import { keyClient, Keys } from "../http/keys.js";
import { checkOption, checkOptions, type OptionRules, type Rule } from "../known-options.js";
import type { Limit } from "../limits.js";
import { LockWatch } from "../lockwatch.js";
import { rateLimitCommand, RateLimitResult, refundCommand, type RateLimitOptions } from "../ratelimit.js";
import type { Command, RedisReply } from "../redis/connection.js";
import { REDIS_SOURCE, type RedisSource } from "../redis/open.js";
import { KEY_PREFIX, required, text } from "../rules.js";
import { StoreUnavailableError } from "./unavailable.js";

export interface StoreOptions {
  /** Part of the Redis keys, and the policy in counters. Two limiters with one name share their counts. */
  name?: string | undefined;
  /** The first part of every Redis key; `lw` unless given. */
  keyPrefix?: string | undefined;
}

export const STORE_NAME = text(/^[^{}\s]{1,64}$/, "1 to 64 characters without braces and spaces, like 'login'");

export const STORE_OPTIONS: OptionRules<StoreOptions> = {
  name: STORE_NAME,
  keyPrefix: KEY_PREFIX,
};

/** A `LockWatch`, or what one is made from. */
export type StoreClient = LockWatch | RedisSource;

export const STORE_CLIENT: Rule = required({
  ...REDIS_SOURCE,
  expected: `a LockWatch, ${REDIS_SOURCE.expected}`,
  accepts: (value) => value instanceof LockWatch || REDIS_SOURCE.accepts(value),
});

/** Names of policies have no colon, so a store never shares a key with a policy. */
const KIND = "store:";

/** Ten years. */
export const LONGEST_MS = 3650 * 24 * 3600 * 1000;

/** What a key has used. */
export interface Usage {
  readonly used: number;
  /** Until nothing of it counts any more. */
  readonly resetAfterMs: number;
}

/** What happens to a request if Redis fails. */
export interface OnFailure<T> {
  /** Makes an answer that lets the request through. Without it the failure is thrown. */
  readonly instead?: (() => T) | undefined;
  /** Decides in place of Redis. */
  readonly insurance?: (() => Promise<T>) | undefined;
  /** Whether the limiter denies a request whose failure is thrown; true unless given. */
  readonly denies?: boolean | undefined;
}

export class StoreLimits {
  readonly lockwatch: LockWatch;
  readonly #isOwn: boolean;
  readonly #keys: Keys;
  #limits: readonly [Limit] = [{ limit: 0, windowMs: 1 }];

  /** @param of names the store in messages */
  constructor(
    client: StoreClient,
    readonly name: string,
    { keyPrefix }: Pick<StoreOptions, "keyPrefix">,
    of: string,
  ) {
    checkOption(`the client of ${of}`, client, STORE_CLIENT);
    this.#isOwn = typeof client === "string" || client instanceof URL;
    this.lockwatch = lockwatchOf(client);
    this.#keys = new Keys(keyPrefix, this.lockwatch);
  }

  /** Checks the options, too. */
  static of<Options extends StoreOptions>(client: StoreClient, options: Options, rules: OptionRules<Options>, defaultName: string, of: string): StoreLimits {
    checkOptions(options, rules, of);
    return new StoreLimits(client, options.name ?? defaultName, options, of);
  }

  /** @param part keeps further things of a key apart. All are in one slot of a cluster */
  keyOf(key: string | number, part = ""): string {
    return this.#keys.limit(keyClient(key) ?? "key:", `${KIND}${this.name}${part}`);
  }

  /**
   * Asks Redis about a request, and records what became of it.
   * @param allows whether an answer admits the request
   */
  async decide<T>(ask: () => Promise<T>, allows: (answer: T) => boolean, onFailure: OnFailure<T>): Promise<T> {
    const { counters, failures } = this.lockwatch;
    let answer: T;
    try {
      answer = await ask();
    } catch (error) {
      if (!(error instanceof LockWatchError)) throw error;
      // A reply that is none of lockwatch is found later than other failures.
      return await this.#failed(error instanceof StoreUnavailableError ? error : new StoreUnavailableError(error), allows, onFailure);
    }
    failures.limitAnswered();
    counters.count(this.name, allows(answer) ? "allowed" : "denied");
    return answer;
  }

  /** Records units if the limit has room for them. The result has the time. */
  async hit(key: string, limit: number, windowMs: number, { cost = 1, ...options }: RateLimitOptions = {}): Promise<RateLimitResult> {
    const limits = this.limitsOf(limit, windowMs);
    const reply = await this.call(rateLimitCommand("LW.RATELIMIT", key, limits, cost, { withTime: true, ...options }));
    return RateLimitResult.parse(reply, limits, "LW.RATELIMIT", true);
  }

  /** Records units whatever has been used. */
  async count(key: string, windowMs: number, cost: number): Promise<Usage & { timeMs: number | undefined }> {
    const result = await this.hit(key, NO_LIMIT, windowMs, { cost });
    return { ...usage(result), timeMs: result.timeMs };
  }

  async peek(key: string, windowMs: number): Promise<Usage> {
    const limits = this.limitsOf(NO_LIMIT, windowMs);
    const reply = await this.call(rateLimitCommand("LW.PEEK", key, limits, 0));
    return usage(RateLimitResult.parse(reply, limits, "LW.PEEK"));
  }

  /** Gives units back after a request. A failure is logged only: nobody waits for it. */
  async refund(key: string, units: number, at: number): Promise<number> {
    try {
      return Number(await this.call(refundCommand(key, units, at)));
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      const { failures } = this.lockwatch;
      failures.log(`refund ${error.code}`, `units of the limit '${this.name}' are not given back: ${failures.named(error.cause)}`);
      return 0;
    }
  }

  /** Returns the number of keys that existed. */
  async delete(...keys: string[]): Promise<number> {
    return Number(await this.call({ args: ["UNLINK", ...keys], key: keys[0] }));
  }

  async call(command: Command): Promise<RedisReply> {
    const [reply = null] = await this.send([command]);
    return reply;
  }

  /** Sends commands in one write. Rejects with a {@link StoreUnavailableError} if one of them fails. */
  async send(commands: readonly Command[]): Promise<RedisReply[]> {
    let replies: RedisReply[];
    try {
      replies = await this.lockwatch.link.send(commands);
    } catch (error) {
      if (error instanceof LockWatchError) throw new StoreUnavailableError(error);
      throw error;
    }
    const failed = replies.find((reply) => reply instanceof LockWatchError);
    if (failed) throw new StoreUnavailableError(failed);
    return replies;
  }

  /** Closes the client of a store that was given a URL. Others are the application's to close. */
  async close(): Promise<void> {
    if (this.#isOwn) await this.lockwatch.close();
  }

  async #failed<T>(error: StoreUnavailableError, allows: (answer: T) => boolean, { insurance, instead, denies = true }: OnFailure<T>): Promise<T> {
    const { counters, failures } = this.lockwatch;
    const reason = error.code.toLowerCase();
    const isDenied = denies && !instead && !insurance;
    failures.limitFailed(error.cause, `requests under the limit '${this.name}'`, insurance ? "local" : isDenied ? "deny" : "allow");
    if (insurance) {
      const answer = await insurance();
      counters.count(this.name, allows(answer) ? "local" : "local_denied", null, reason);
      return answer;
    }
    const letThrough = error.code === "BYPASSED" ? "bypassed" : "failed_open";
    counters.count(this.name, isDenied ? "failed_closed" : letThrough, null, reason);
    if (instead) return instead();
    throw error;
  }

  /** The same object for the same numbers, whose arguments are cached then. */
  limitsOf(given: number, window: number): readonly [Limit] {
    const limit = wholeLimit(given);
    const windowMs = wholeWindow(window);
    const [last] = this.#limits;
    if (last.limit !== limit || last.windowMs !== windowMs) this.#limits = [{ limit, windowMs }];
    return this.#limits;
  }
}

const shared = new WeakMap<object, LockWatch>();

/** Stores that are given one client of a Redis library share a LockWatch, which is closed with that client. */
function lockwatchOf(client: StoreClient): LockWatch {
  if (client instanceof LockWatch) return client;
  if (typeof client === "string" || client instanceof URL) return new LockWatch(client);
  const lockwatch = shared.get(client) ?? new LockWatch(client);
  shared.set(client, lockwatch);
  return lockwatch;
}

/** The peers compare `hits > limit`, so a fraction of a hit is none. */
export function wholeLimit(limit: number): number {
  if (Number.isNaN(limit)) throw new RangeError("the limit is not a number");
  return Math.min(Math.max(Math.floor(limit), 0), NO_LIMIT);
}

export function wholeWindow(windowMs: number): number {
  if (Number.isNaN(windowMs)) throw new RangeError("the window is not a number of milliseconds");
  return Math.min(Math.max(Math.ceil(windowMs), 1), LONGEST_MS);
}

function usage({ remaining, resetAfterMs }: RateLimitResult): Usage {
  return { used: NO_LIMIT - remaining, resetAfterMs };
}
