/** A limit on the messages of one connection, in this process: nothing is sent to Redis. */
import { ConfigurationError } from "./errors.js";
import { checkOption, type Rule } from "./known-options.js";
import { parseLimits, ServerPolicy, type Limit, type Limits } from "./limits.js";
import { LIMITS, required } from "./rules.js";

/** Every message that counts is remembered while it does. */
const MAX_LIMIT = 10_000;
/** Entries that have left the window are removed in batches of at least this many. */
const BATCH = 256;

const MESSAGE_LIMITS: Rule = {
  expected: `limits of 1 to ${MAX_LIMIT} like '20/second; 500/minute'`,
  accepts: (value) => {
    if (!LIMITS.accepts(value)) return false;
    const limits = parseLimits(value as Limits);
    if (limits instanceof ServerPolicy) throw new ConfigurationError("only the server knows its numbers");
    return limits.every(({ limit }) => limit >= 1 && limit <= MAX_LIMIT);
  },
};

/** A limit for one connection: make one for each. */
export function messageLimit(limits: Limits): MessageLimit {
  return new MessageLimit(limits);
}

/** An exact sliding window for each limit. Made by `messageLimit`. */
export class MessageLimit {
  readonly #windows: readonly Window[];

  /** @param now the time in milliseconds */
  constructor(
    limits: Limits,
    private readonly now: () => number = () => performance.now(),
  ) {
    checkOption("limits of messageLimit", limits, required(MESSAGE_LIMITS));
    this.#windows = (parseLimits(limits) as readonly Limit[]).map((limit) => new Window(limit));
  }

  /** Counts a message if every window has room for its cost. Returns whether it has. */
  allow(cost = 1): boolean {
    if (!Number.isSafeInteger(cost) || cost < 1) throw new RangeError(`the cost of a message is ${cost}: expected an integer from 1, like 1`);
    const now = this.now();
    if (!this.#windows.every((window) => window.hasRoom(cost, now))) return false;
    for (const window of this.#windows) window.add(cost, now);
    return true;
  }

  /** Seconds until a message with a cost of 1 is allowed; 0 if it is now. */
  get retryAfter(): number {
    const now = this.now();
    return Math.max(...this.#windows.map((window) => window.waitMs(now))) / 1000;
  }
}

/** What counts in one window, the oldest first. */
class Window {
  #entries: { readonly at: number; readonly cost: number }[] = [];
  /** The index of the oldest entry that counts. */
  #first = 0;
  #used = 0;

  constructor(private readonly limit: Limit) {}

  hasRoom(cost: number, now: number): boolean {
    this.#expire(now);
    return this.#used + cost <= this.limit.limit;
  }

  add(cost: number, at: number): void {
    this.#entries.push({ at, cost });
    this.#used += cost;
  }

  waitMs(now: number): number {
    this.#expire(now);
    const oldest = this.#entries[this.#first];
    if (!oldest || this.#used < this.limit.limit) return 0;
    return oldest.at + this.limit.windowMs - now;
  }

  #expire(now: number): void {
    for (let oldest = this.#entries[this.#first]; oldest && now - oldest.at >= this.limit.windowMs; oldest = this.#entries[this.#first]) {
      this.#used -= oldest.cost;
      this.#first++;
    }
    if (this.#first < BATCH && this.#first < this.#entries.length) return;
    this.#entries = this.#entries.slice(this.#first);
    this.#first = 0;
  }
}
