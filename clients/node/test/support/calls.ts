/** The cases of `calls`, as calls of this client's methods. */
import assert from "node:assert/strict";
import * as errors from "lockwatch";
import type { LockWatch } from "lockwatch";
import { camelCase, type CallCase, type WireExchange } from "./conformance.js";

type Arguments = Record<string, unknown>;
type Call = (lw: LockWatch, args: Arguments) => Promise<unknown>;

/** Calls a method whose first parameters are the named arguments, and whose last are the others. */
function method(name: keyof LockWatch, ...parameters: string[]): Call {
  return (lw, args) => {
    const others = Object.fromEntries(Object.entries(args).filter(([each]) => !parameters.includes(each)));
    return invoke(lw, name, [...parameters.map((each) => args[each]), others]);
  };
}

/** A method of guards: the subject is one parameter here. */
function ofSubject(name: "ban" | "allow" | "lift" | "why", ...parameters: string[]): Call {
  return (lw, { key, ip, user, free_key: freeKey, user_hash: hash, everything: all, ...args }) => {
    const subject = Object.fromEntries(Object.entries({ ip, user, key: freeKey, hash, all }).filter(([, value]) => value !== undefined));
    const given = [key, subject, ...parameters.map((each) => args[each])];
    const others = Object.fromEntries(Object.entries(args).filter(([each]) => !parameters.includes(each)));
    return invoke(lw, name, [...given, others]);
  };
}

function invoke(lw: LockWatch, name: keyof LockWatch, given: readonly unknown[]): Promise<unknown> {
  return (lw as unknown as Record<string, (...given: readonly unknown[]) => Promise<unknown>>)[name]?.(...given) as Promise<unknown>;
}

const METHODS: Record<string, Call> = {
  ratelimit: method("ratelimit", "key", "limits"),
  peek: method("peek", "key", "limits"),
  mratelimit: method("mratelimit", "entries"),
  mpeek: method("mpeek", "entries"),
  refund: method("refund", "key", "units", "at"),
  settle: method("settle", "key", "reserved", "actual", "at"),
  burst: method("burst", "key", "threshold", "window"),
  acquire: method("acquire", "key", "limit", "ttl"),
  renew: method("renew", "key", "id", "ttl"),
  release: method("release", "key", "id"),
  top: method("top", "count"),
  inspect: method("inspect", "key"),
  alert: method("alert", "type", "data"),
  audit: method("audit"),
  audit_log: (lw, { since: from, until: to, ...others }) => lw.auditLog({ ...others, ...defined({ from: from as number, to: to as number }) }),
  issue: method("issue", "store", "subject"),
  rotate: method("rotate", "store", "refreshToken"),
  set_claims: (lw, { store, claims, ...of }) => lw.setClaims(store as string, claims as Arguments, of as { session: string }),
  verify: method("verify", "store", "accessToken"),
  introspect: method("introspect", "store", "token"),
  revoke: (lw, { store, keep, ...of }) => lw.revoke(store as string, { ...(of as { subject: string }), ...defined({ except: keep as string }) }),
  revoke_all: method("revokeAll", "store"),
  sessions: method("sessions", "store", "subject"),
  jwks: method("jwks"),
  attempt: method("attempt", "key"),
  event: (lw, { key, kind, free_key: freeKey, ...others }) => lw.event(key as string, kind as string, { ...others, ...defined({ key: freeKey as string }) }),
  check: (lw, { key, free_key: freeKey, ...others }) => lw.check(key as string, { ...others, ...defined({ key: freeKey as string }) }),
  ban: ofSubject("ban", "duration"),
  allow: ofSubject("allow", "duration"),
  lift: ofSubject("lift"),
  bans: method("bans", "key"),
  why: ofSubject("why"),
  rules: method("rules", "name"),
  client_keys: method("clientKeys"),
  reset: method("reset"),
};

function defined<T extends object>(given: T): Partial<T> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Partial<T>;
}

/** The methods of this client that the cases call. */
export const methodNames = Object.keys(METHODS).map(camelCase);

export async function call(lw: LockWatch, { method: name, args }: CallCase): Promise<unknown> {
  // The names of a guard's subject and of filters are translated above.
  const kept = new Set(["free_key", "user_hash"]);
  const given = Object.fromEntries(Object.entries(args).map(([each, value]) => [kept.has(each) ? each : camelCase(each), value]));
  const found = METHODS[name];
  assert.ok(found, `the runner does not know ${name}`);
  // A method may throw before it returns its promise.
  return await Promise.resolve().then(() => found(lw, given));
}

export function exchangesOf({ command, reply, exchanges }: CallCase): WireExchange[] {
  return exchanges ?? (command === null || command === undefined ? [] : [{ command, reply: reply ?? null }]);
}

/** Puts the placeholder for the id that the client has made up. */
export function withoutId(words: readonly string[]): string[] {
  return words.map((word, at) => (words[0] === "LW.ACQUIRE" && at === 5 && /^[0-9a-f]{32}$/.test(word) ? "<lease id>" : word));
}

/** Compares a result with what a case expects: the named attributes, or all of a list. */
export function check(expected: unknown, found: unknown): void {
  if (Array.isArray(expected)) {
    assert.ok(Array.isArray(found));
    assert.equal(found.length, expected.length);
    for (const [index, each] of expected.entries()) check(each, (found as unknown[])[index]);
  } else if (typeof expected === "object" && expected !== null) {
    assert.ok(typeof found === "object" && found !== null);
    for (const [name, value] of Object.entries(expected)) check(value, attribute(found, name));
  } else {
    assert.strictEqual(plain(found), expected);
  }
}

function attribute(found: object, name: string): unknown {
  // Some names are data, like those of claims and of the details of a key.
  for (const each of [name, camelCase(name)]) if (each in found) return (found as Record<string, unknown>)[each];
  throw new assert.AssertionError({ message: `${name} is missing in ${JSON.stringify(found)}` });
}

function plain(found: unknown): unknown {
  if (found instanceof Date) return found.getTime();
  if (found === Infinity) return "never";
  return found ?? null;
}

const KINDS: Record<string, (new (...args: never[]) => Error)[]> = {
  argument: [errors.ConfigurationError, RangeError, TypeError],
  command: [errors.CommandError],
  unavailable: [errors.UnavailableError],
  module_missing: [errors.ModuleMissingError],
  full: [errors.FullError],
  no_policy: [errors.NoPolicyError],
  no_rule: [errors.NoRuleError],
  no_key: [errors.NoKeyError],
  conflict: [errors.ConflictError],
  token_invalid: [errors.TokenInvalidError],
  token_expired: [errors.TokenExpiredError],
  token_revoked: [errors.TokenRevokedError],
  token_reused: [errors.TokenReusedError],
};

export const kinds = Object.keys(KINDS);

/** Compares an error with the one that a case expects. */
export function checkError({ kind, code, message_has: part = "" }: NonNullable<CallCase["error"]>, found: unknown): void {
  const classes = KINDS[kind] ?? [];
  assert.ok(classes.some((each) => (found as object).constructor === each), `${kind} expected, and not ${String(found)}`);
  if (code !== undefined) assert.equal((found as errors.LockWatchError).code, code);
  assert.ok((found as Error).message.includes(part), (found as Error).message);
}
