/** The kinds of options: each a rule for `checkOptions`. */
import { milliseconds, windowMs, type Duration } from "./duration.js";
import type { Rule } from "./known-options.js";
import { parseLimits, type Limits } from "./limits.js";

export const BOOLEAN: Rule = { expected: "true or false", accepts: (value) => typeof value === "boolean" };

export function integer(minimum: number, maximum: number, example: number): Rule {
  return {
    expected: `an integer from ${minimum} to ${maximum}, like ${example}`,
    accepts: (value) => Number.isSafeInteger(value) && (value as number) >= minimum && (value as number) <= maximum,
  };
}

/** The longest delay of a timer of Node. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** A positive number of milliseconds that a timer can wait. */
export function timeout(example: number): Rule {
  return { expected: `a positive number of milliseconds up to ${MAX_TIMER_MS}, like ${example}`, accepts: (value) => isNumber(value, 0, MAX_TIMER_MS) && value !== 0 };
}

/** A number of seconds that a timer can wait. */
export function seconds(example: number, { zero = false } = {}): Rule {
  return {
    expected: `${zero ? "0 or " : ""}a positive number of seconds up to ${Math.floor(MAX_TIMER_MS / 1000)}, like ${example}`,
    accepts: (value) => isNumber(value, 0, MAX_TIMER_MS / 1000) && (zero || value !== 0),
  };
}

function isNumber(value: unknown, minimum: number, maximum: number): boolean {
  return typeof value === "number" && value >= minimum && value <= maximum;
}

export const DURATION: Rule = {
  expected: "seconds or a text like '500ms', '90s', '5m', '1h'",
  accepts: (value) => isDuration(value) && windowMs(value) > 0,
};

/** How long tokens live: 0 for none. */
export const LIFETIME: Rule = {
  expected: "seconds or a text like '15m', '30d'; 0 for no refresh token",
  accepts: (value) => isDuration(value) && (milliseconds(value) === 0 || windowMs(value) > 0),
};

function isDuration(value: unknown): value is Duration {
  return typeof value === "number" || typeof value === "string";
}

export const LIMITS: Rule = {
  expected: "limits like '100/minute; 5000/hour', [[100, 60], [5000, '1h']] or '@login'",
  accepts: (value) => Boolean(parseLimits(value as Limits)),
};

export function oneOf(...choices: string[]): Rule {
  return { expected: choices.map((choice) => `'${choice}'`).join(" or "), accepts: (value) => typeof value === "string" && choices.includes(value) };
}

export function text(pattern: RegExp, expected: string): Rule {
  return { expected, accepts: (value) => typeof value === "string" && pattern.test(value) };
}

export function headerName(example: string): Rule {
  return text(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, `the name of a header, like '${example}'`);
}

/**
 * An array of texts, each of which `accepts` accepts. One text alone is refused.
 * @param accepts may throw
 */
export function texts(expected: string, accepts: (text: string) => unknown = () => true, { empty = true } = {}): Rule {
  return {
    expected,
    accepts: (value) =>
      Array.isArray(value) && (empty || value.length > 0) && Array.from(value as unknown[]).every((member) => typeof member === "string" && accepts(member) !== false),
  };
}

export function fn(expected: string): Rule {
  return { expected, accepts: (value) => typeof value === "function" && !/^class\b/.test(Function.prototype.toString.call(value)) };
}

/** What `rule` says, or a function of the request that returns it. */
export function orFunction(rule: Rule): Rule {
  const ofRequest = fn("");
  return { ...rule, expected: `${rule.expected}, or a function of the request that returns it`, accepts: (value) => ofRequest.accepts(value) || rule.accepts(value) };
}

export function required(rule: Rule): Rule {
  return { ...rule, required: true };
}

export const IPV4_PREFIX = integer(8, 32, 24);
export const IPV6_PREFIX = integer(16, 128, 56);
export const COST = integer(1, 2 ** 32 - 1, 1);
export const FAILURE_MODE = oneOf("allow", "deny");
export const KEY: Rule = { ...oneOf("address", "credential"), expected: "'address' or 'credential'; a function goes into keyFunc" };
export const KEY_FUNCTION = fn("a function of the request: (request) => request.get('x-account') || ADDRESS");
export const POLICY_NAME = text(/^[A-Za-z0-9_.-]{1,64}$/, "1 to 64 of A-Z a-z 0-9 _ . -, like 'search'");
/** The first brace of a key starts the part that decides its slot. */
export const KEY_PREFIX = text(/^[^{}\s]+$/, "one or more characters without braces and spaces, like 'lw'");
/** The key of a token store, or a function that returns it. */
export const STORE: Rule = {
  expected: "the key of a token store, like 'auth', or a function of the request that returns it",
  accepts: (value) => (typeof value === "string" || value instanceof Uint8Array ? value.length > 0 : FUNCTION.accepts(value)),
  required: true,
};
const FUNCTION = fn("a function");
