/**
 * LW.MRATELIMIT and LW.MPEEK: several keys in one step, which admits the call by all or by none.
 */
import { ConfigurationError, wrongModule } from "./errors.js";
import { knownLimits, limitArguments, parseLimits, ServerPolicy, type Limit, type Limits, type ParsedLimits } from "./limits.js";
import { RateLimitResult, type Headers } from "./ratelimit.js";
import type { Bytes, Command, RedisReply } from "./redis/connection.js";
import { integers } from "./redis/replies.js";

/** A key, its limits, and what the call costs it: 1 unless given. */
export type MultiEntry = readonly [key: Bytes, limits: Limits, cost?: number];

/** The maximum of one command of the module. */
const MAX_TUPLES = 16;
const HEAD = 4;
const PER_TUPLE = 3;

/** What was found for one of the entries of a call: the window of it that binds. */
export interface MultiRateLimitEntry {
  readonly key: Bytes;
  readonly limit: number;
  readonly remaining: number;
  readonly resetAfterMs: number;
  /** The limits of the entry. Empty if a policy of the server decided. */
  readonly limits: readonly Limit[];
}

export class MultiRateLimitResult {
  constructor(
    /** Whether every entry admitted the call, and so counted it. */
    readonly allowed: boolean,
    /**
     * The index of the entry that binds: of a denied call the one with the longest wait, else the
     * fullest.
     */
    readonly binding: number,
    /**
     * 0 if allowed; Infinity if the call costs more than a limit, so that waiting does not help.
     */
    readonly retryAfterMs: number,
    /**
     * When the units were recorded, for `refund` and `settle`: Unix milliseconds. Undefined if none
     * were.
     */
    readonly timeMs: number | undefined,
    /** One for each entry, in their order. */
    readonly results: readonly MultiRateLimitEntry[],
  ) {}

  /** The entry that binds. */
  get entry(): MultiRateLimitEntry {
    return this.results[this.binding] as MultiRateLimitEntry;
  }

  /** The entry that binds, as the result of a single limit. */
  get limit(): RateLimitResult {
    const { limit, remaining, resetAfterMs, limits } = this.entry;
    return new RateLimitResult(this.allowed, limit, remaining, this.retryAfterMs, resetAfterMs, limits, this.timeMs);
  }

  /** Whole seconds, rounded up, at least 1; undefined if allowed or if waiting does not help. */
  get retryAfterSeconds(): number | undefined {
    return this.limit.retryAfterSeconds;
  }

  /** The headers of `RateLimitResult`, of the entry that binds. */
  headers(policy = "default"): Headers {
    return this.limit.headers(policy);
  }
}

interface Entry {
  readonly key: Bytes;
  readonly limits: ParsedLimits;
  readonly cost: number;
}

interface Tuple {
  readonly args: readonly Bytes[];
  /** The index of its entry. */
  readonly owner: number;
}

/** A call on several keys. */
export class MultiCall {
  readonly command: Command;
  readonly #entries: readonly Entry[];
  readonly #owners: readonly number[];

  constructor(
    private readonly name: "LW.MRATELIMIT" | "LW.MPEEK",
    given: readonly MultiEntry[],
  ) {
    this.#entries = Array.from(given, parseEntry);
    const tuples = this.#entries.flatMap(tuplesOf);
    if (tuples.length < 1 || tuples.length > MAX_TUPLES) {
      throw new ConfigurationError(`${name} has ${tuples.length} limits of all entries together: one to ${MAX_TUPLES} go`);
    }
    this.#owners = tuples.map(({ owner }) => owner);
    this.command = { args: [name, ...tuples.flatMap(({ args }) => args)], key: this.#entries[0]?.key };
  }

  read(reply: RedisReply): MultiRateLimitResult {
    const owners = this.#owners;
    const numbers = integers(reply, HEAD + PER_TUPLE * owners.length, this.name);
    const [limited, binding, wait, time] = numbers as [number, number, number, number];
    const owner = owners[binding];
    if (owner === undefined) throw wrongModule(this.name);
    const found = owners.map((_, index) => numbers.slice(HEAD + PER_TUPLE * index, HEAD + PER_TUPLE * (index + 1)) as unknown as Found);
    const results = this.#entries.map(({ key, limits }, at) => {
      const own = [...owners.keys()].filter((index) => owners[index] === at);
      // The window that binds the call, else the fullest one of the entry.
      const best = own.includes(binding) ? binding : own.reduce((one, other) => (isFuller(found[other] as Found, found[one] as Found) ? other : one));
      const [limit, remaining, resetAfterMs] = found[best] as Found;
      return { key, limit, remaining, resetAfterMs, limits: knownLimits(limits) };
    });
    return new MultiRateLimitResult(limited === 0, owner, wait < 0 ? Infinity : wait, time === 0 ? undefined : time, results);
  }
}

function parseEntry(given: MultiEntry): Entry {
  const [key, limits, cost = 1] = (Array.isArray(given) ? given : []) as Partial<MultiEntry>;
  if (key === undefined || limits === undefined || typeof cost !== "number") {
    throw new ConfigurationError("an entry is to be [key, limits] or [key, limits, cost], like ['user:42', '100/minute', 3]");
  }
  return { key, limits: parseLimits(limits), cost };
}

function tuplesOf({ key, limits, cost }: Entry, owner: number): Tuple[] {
  const words = limitArguments(limits);
  if (limits instanceof ServerPolicy) return [{ args: [key, ...words, "-", String(cost)], owner }];
  return limits.map((_, index) => ({ args: [key, ...words.slice(2 * index, 2 * index + 2), String(cost)], owner }));
}

/** The limit, what remains, and the time until all of it is free. */
type Found = readonly [limit: number, remaining: number, resetAfterMs: number];

function isFuller(one: Found, other: Found): boolean {
  const share = ([limit, remaining]: Found) => (limit === 0 ? 0 : remaining / limit);
  return share(one) === share(other) ? one[2] > other[2] : share(one) < share(other);
}
