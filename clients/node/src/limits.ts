/** Limits as pairs, or as texts in the notation of slowapi and Flask-Limiter. */
import { durationArgument, windowMs, type Duration } from "./duration.js";

export interface Limit {
  readonly limit: number;
  readonly windowMs: number;
}

/**
 * `"100/minute"`, `"100/minute; 5000/hour"`, `"5 per 2 minutes"`, a pair `[100, 60]`, or several of
 * these: `["100/minute", [5000, "1h"]]`.
 */
export type Limits = string | Pair | readonly (string | Pair)[];

type Pair = readonly [limit: number, window: Duration];

/** The maximum of one command of the module. */
const MAX_LIMITS = 8;

export function parseLimits(limits: Limits): readonly Limit[] {
  const parsed = isPair(limits) ? [parsePair(limits)] : members(limits);
  if (parsed.length === 0) throw new RangeError("no limit is given: expected something like '100/minute; 5000/hour'");
  if (parsed.length > MAX_LIMITS) throw new RangeError(`${parsed.length} limits are given, and at most ${MAX_LIMITS} are possible`);
  return parsed;
}

function isPair(limits: unknown): limits is Pair {
  return Array.isArray(limits) && limits.length === 2 && typeof limits[0] === "number" && !Array.isArray(limits[1]);
}

function members(limits: Exclude<Limits, Pair>): Limit[] {
  if (typeof limits === "string") return parseText(limits);
  if (!Array.isArray(limits)) throw new RangeError("it has no limits");
  // `from` visits holes too.
  return Array.from(limits as (string | Pair)[]).flatMap((member) => (typeof member === "string" ? parseText(member) : [parsePair(member)]));
}

function parseText(text: string): Limit[] {
  const parts = text.split(/[;,|]/).filter((part) => part.trim() !== "");
  return parts.map((part) => {
    const match = /^\s*(\d+)\s*(?:\/|per\s)\s*(\S.*)$/i.exec(part);
    if (!match) throw new RangeError(`limit '${part.trim()}' is not like '100/minute', '5 per 2 minutes' or '10/500ms'`);
    return parsePair([Number(match[1]), match[2] as string]);
  });
}

function parsePair(pair: Pair): Limit {
  const [limit, window] = (Array.isArray(pair) && (pair as unknown[]).length === 2 ? pair : []) as Partial<Pair>;
  if (typeof window !== "number" && typeof window !== "string") throw new RangeError(`'${String(pair)}' is not a pair of a limit and a window, like [100, 60]`);
  if (limit === undefined || !Number.isSafeInteger(limit) || limit < 0) {
    throw new RangeError(`limit '${limit}' is not an integer from 0 to ${Number.MAX_SAFE_INTEGER}`);
  }
  return { limit, windowMs: windowMs(window) };
}

const ARGUMENTS = new WeakMap<readonly Limit[], readonly string[]>();

/** Cached per limits, because the middleware sends the same limits with every request. */
export function limitArguments(limits: readonly Limit[]): readonly string[] {
  const known = ARGUMENTS.get(limits);
  if (known) return known;
  const args = limits.flatMap(({ limit, windowMs }) => [String(limit), durationArgument(windowMs)]);
  ARGUMENTS.set(limits, args);
  return args;
}

const ADDRESS_LIMITS = new WeakMap<readonly Limit[], readonly Limit[]>();

/** How many credentials may spend their whole limit at one address. */
const ADDRESS_FACTOR = 10;

/** The limits of an address at which each credential has `limits`. */
export function addressLimits(limits: readonly Limit[]): readonly Limit[] {
  const known = ADDRESS_LIMITS.get(limits);
  if (known) return known;
  const more = limits.map(({ limit, windowMs }) => ({ limit: Math.min(limit * ADDRESS_FACTOR, Number.MAX_SAFE_INTEGER), windowMs }));
  ADDRESS_LIMITS.set(limits, more);
  return more;
}

/**
 * The limit that a reply names. A reply has no window: of equal limits, the one with the longest
 * window binds.
 */
export function bindingLimit(limits: readonly Limit[], limit: number): Limit | undefined {
  const named = limits.filter((candidate) => candidate.limit === limit);
  return named.reduce<Limit | undefined>((longest, next) => (longest && longest.windowMs >= next.windowMs ? longest : next), undefined);
}
