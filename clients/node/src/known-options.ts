/**
 * Checks options at start-up, with one rule for each. A misspelt or wrong one would silently leave a
 * limit or a scope unchecked.
 */
import { inspect } from "node:util";
import { ConfigurationError } from "./errors.js";

/** What an option may be. */
export interface Rule {
  /** The end of the sentence "expected …", with an example of how to write it. */
  readonly expected: string;
  /** May throw an error whose message says what is wrong. */
  accepts(value: unknown): boolean;
  /** Whether undefined is wrong. Otherwise it is the same as leaving the option out. */
  readonly required?: boolean;
  /** Whether the value must not be shown. */
  readonly secret?: boolean;
}

/** A rule for each option of a type. The compiler reports a missing one. */
export type OptionRules<Options> = Readonly<Record<keyof Options, Rule>>;

export function checkOptions<Options extends object>(options: Options, rules: OptionRules<Options>, of: string): void {
  if (!isPlain(options)) throw new ConfigurationError(`the options of ${of} are ${shown(options)}: expected an object, like { ${Object.keys(rules)[0]}: … }`);
  const known = rules as Readonly<Record<string, Rule>>;
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(known, name)) throw new ConfigurationError(`there is no option '${name}' of ${of}: there are ${Object.keys(known).join(", ")}`);
  }
  for (const [name, rule] of Object.entries(known)) checkOption(`${name} of ${of}`, (options as Record<string, unknown>)[name], rule);
}

/** @param name of the option in the message */
export function checkOption(name: string, value: unknown, rule: Rule): void {
  if (value === undefined && !rule.required) return;
  let why = "";
  try {
    if (rule.accepts(value)) return;
  } catch (error) {
    // A rule may say by itself what is wrong with its option, and what was expected.
    if (error instanceof ConfigurationError && error.message.startsWith(`${name.split(" ", 1)[0]} `)) throw error;
    why = `${(error as Error).message}; `;
  }
  throw new ConfigurationError(`${name} is ${rule.secret ? kind(value) : shown(value)}: ${why}expected ${rule.expected}`);
}

/** Throws for two options that exclude each other. */
export function refuseBoth<Options extends object>(options: Options, one: keyof Options & string, other: keyof Options & string, instead: string): void {
  if (options[one] !== undefined && options[other] !== undefined) throw new ConfigurationError(`${one} and ${other} are both given: ${instead}`);
}

const MAX_SHOWN = 80;

function shown(value: unknown): string {
  const text = inspect(value, { depth: 2, breakLength: Infinity, maxStringLength: MAX_SHOWN });
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
}

function kind(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  return typeof value === "object" ? `a ${(value.constructor as { name?: string } | undefined)?.name ?? "object"}` : `a ${typeof value}`;
}

function isPlain(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
