/**
 * Limits as pairs, or as texts in the notation of slowapi and Flask-Limiter; or the name of a
 * policy of the server, which has no numbers here.
 */
import { durationArgument, windowMs, type Duration } from "./duration.js";
import { ConfigurationError } from "./errors.js";

export interface Limit {
  readonly limit: number;
  readonly windowMs: number;
}

/** Limits that the server holds under a name (`LW.POLICY SET`), written `"@login"`. */
export class ServerPolicy {
  constructor(readonly name: string) {
    if (!/^[A-Za-z0-9._-]{1,64}$/.test(name)) {
      throw new RangeError(`'@${name}' is no policy of the server: its name is to be 1 to 64 of A-Z a-z 0-9 . _ -, as in '@login'`);
    }
  }
}

/**
 * `"100/minute"`, `"100/minute; 5000/hour"`, `"5 per 2 minutes"`, a pair `[100, 60]`, or several of
 * these: `["100/minute", [5000, "1h"]]`. Or a policy of the server, alone: `"@login"`.
 */
export type Limits = string | Pair | readonly (string | Pair)[];

export type ParsedLimits = readonly Limit[] | ServerPolicy;

type Pair = readonly [limit: number, window: Duration];

/** The maximum of one command of the module. */
const MAX_LIMITS = 8;

export function parseLimits(limits: Limits): ParsedLimits {
  const given = isPair(limits) ? [parsePair(limits)] : members(limits);
  const [first] = given;
  if (first instanceof ServerPolicy && given.length === 1) return first;
  const parsed = given.filter((each): each is Limit => !(each instanceof ServerPolicy));
  if (parsed.length < given.length) throw new RangeError("a policy of the server does not mix with other limits: give '@name' alone");
  if (parsed.length === 0) throw new RangeError("no limit is given: expected something like '100/minute; 5000/hour'");
  if (parsed.length > MAX_LIMITS) throw new RangeError(`${parsed.length} limits are given, and at most ${MAX_LIMITS} are possible`);
  return parsed;
}

function isPair(limits: unknown): limits is Pair {
  return Array.isArray(limits) && limits.length === 2 && typeof limits[0] === "number" && !Array.isArray(limits[1]);
}

function members(limits: Exclude<Limits, Pair>): (Limit | ServerPolicy)[] {
  if (typeof limits === "string") return parseText(limits);
  if (!Array.isArray(limits)) throw new RangeError("it has no limits");
  // `from` visits holes too.
  return Array.from(limits as (string | Pair)[]).flatMap((member) => (typeof member === "string" ? parseText(member) : [parsePair(member)]));
}

function parseText(text: string): (Limit | ServerPolicy)[] {
  const parts = text.split(/[;,|]/).filter((part) => part.trim() !== "");
  return parts.map((part) => {
    if (part.trim().startsWith("@")) return new ServerPolicy(part.trim().slice(1));
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
export function limitArguments(limits: ParsedLimits): readonly string[] {
  if (limits instanceof ServerPolicy) return [`@${limits.name}`];
  const known = ARGUMENTS.get(limits);
  if (known) return known;
  const args = limits.flatMap(({ limit, windowMs }) => [String(limit), durationArgument(windowMs)]);
  ARGUMENTS.set(limits, args);
  return args;
}

const ADDRESS_LIMITS = new WeakMap<readonly Limit[], readonly Limit[]>();

/** How many credentials may spend their whole limit at one address. */
const ADDRESS_FACTOR = 10;

/**
 * The limits of an address at which each credential has `limits`. Throws a ConfigurationError for a
 * policy of the server, whose numbers are not known.
 */
export function addressLimits(limits: ParsedLimits): readonly Limit[] {
  if (limits instanceof ServerPolicy) {
    throw new ConfigurationError(
      `the limits '@${limits.name}' count by credential, and an address gets ten times their numbers, which only the server knows: ` +
        "give the middleware addressLimits, or the route limits as numbers",
    );
  }
  const known = ADDRESS_LIMITS.get(limits);
  if (known) return known;
  const more = limits.map(({ limit, windowMs }) => ({ limit: Math.min(limit * ADDRESS_FACTOR, Number.MAX_SAFE_INTEGER), windowMs }));
  ADDRESS_LIMITS.set(limits, more);
  return more;
}

/** The limits of a result; none for a policy of the server. */
export function knownLimits(limits: ParsedLimits): readonly Limit[] {
  return limits instanceof ServerPolicy ? [] : limits;
}

/**
 * The limit that a reply names. A reply has no window: of equal limits, the one with the longest
 * window binds.
 */
export function bindingLimit(limits: readonly Limit[], limit: number): Limit | undefined {
  const named = limits.filter((candidate) => candidate.limit === limit);
  return named.reduce<Limit | undefined>((longest, next) => (longest && longest.windowMs >= next.windowMs ? longest : next), undefined);
}
