/** What @fastify/rate-limit calls. */
import { ConfigurationError } from "../errors.js";
import { policyName } from "../http/policy-name.js";
import { wholeLimit, type StoreLimits } from "./store.js";

/** The plugin's options that matter to the store. */
export interface FastifyStoreParams {
  /** Counts denied calls, too, so that a client has to be quiet for a while. */
  readonly continueExceeding?: boolean | undefined;
  readonly exponentialBackoff?: boolean | undefined;
  /** Answers 403 after so many denied calls; -1 for never. */
  readonly ban?: number | undefined;
  /** Lets requests through if the store fails. */
  readonly skipOnError?: boolean | undefined;
}

export interface FastifyStoreRoute extends FastifyStoreParams {
  readonly routeInfo?: { readonly method?: string | readonly string[] | undefined; readonly url?: string | undefined } | undefined;
}

export type FastifyStoreCallback = (error: Error | null, result?: { current: number; ttl: number }) => void;

const NO_BAN = -1;

export class FastifyLimitStore {
  readonly #limits: StoreLimits;
  readonly #part: string;
  readonly #counts: boolean;
  readonly #ban: number;
  readonly #denies: boolean;

  /** @param part keeps the keys of a route apart */
  constructor(limits: StoreLimits, part: string, { continueExceeding = false, exponentialBackoff = false, ban = NO_BAN, skipOnError = false }: FastifyStoreParams) {
    if (exponentialBackoff) {
      throw new ConfigurationError(
        "exponentialBackoff is not possible with lockwatch, whose window slides: use continueExceeding, or ban, or a guard",
      );
    }
    this.#limits = limits;
    this.#part = part;
    this.#counts = continueExceeding;
    this.#ban = ban;
    this.#denies = !skipOnError;
  }

  incr(key: string, callback: FastifyStoreCallback, timeWindow: number, max: number): void {
    const limit = wholeLimit(max);
    const answer = this.#limits.decide(() => this.#incr(key, timeWindow, limit), ({ current }) => current <= limit, { denies: this.#denies });
    answer.then((result) => callback(null, result), callback);
  }

  /** Looks and counts nothing. */
  read(key: string, callback: FastifyStoreCallback, timeWindow: number): void {
    const peek = async () => {
      const { used, resetAfterMs } = await this.#limits.peek(this.#keyOf(key), timeWindow);
      return { current: used, ttl: resetAfterMs };
    };
    peek().then((result) => callback(null, result), callback);
  }

  /**
   * The store of a route with options of its own.
   * @param route a `FastifyStoreRoute`, which the plugin's types do not know
   */
  child(route: object): FastifyLimitStore {
    const { routeInfo: { method = [], url } = {}, ...params } = route as FastifyStoreRoute;
    // Fastify makes a route for HEAD beside each for GET. The two share their counts.
    const methods = [...new Set([method].flat().map((each) => (each === "HEAD" ? "GET" : each)))].sort().join(",");
    const part = url === undefined ? ":custom" : `:${policyName(`${methods} ${url}`.trim())}`;
    return new FastifyLimitStore(this.#limits, this.#part + part, params);
  }

  async #incr(key: string, timeWindow: number, max: number): Promise<{ current: number; ttl: number }> {
    const result = await this.#limits.hit(this.#keyOf(key), max, timeWindow, { force: this.#counts });
    const { allowed, remaining, retryAfterMs, resetAfterMs } = result;
    if (allowed) return { current: max - remaining, ttl: resetAfterMs };
    const ttl = retryAfterMs === Infinity ? timeWindow : retryAfterMs;
    return { current: max + (await this.#denials(key, timeWindow)), ttl };
  }

  /** The number of denied calls of the window, as far as a ban depends on it: at least 1. */
  async #denials(key: string, timeWindow: number): Promise<number> {
    const ban = this.#ban;
    if (ban === NO_BAN) return 1;
    // The plugin bans a client that was denied more often than this.
    const { allowed, remaining } = await this.#limits.hit(this.#keyOf(key, ":denied"), ban, timeWindow);
    return allowed ? ban - remaining : ban + 1;
  }

  #keyOf(key: string, part = ""): string {
    return this.#limits.keyOf(key, this.#part + part);
  }
}
