/** LW.BAN, LW.ALLOW, LW.LIFT, LW.BANS, LW.WHY and LW.RULES: guards for operators. */
import { durationArgument, windowMs, type Duration } from "./duration.js";
import { ConfigurationError } from "./errors.js";
import { VERDICTS, type Verdict } from "./guard.js";
import type { Bytes, Command, Name, RedisReply } from "./redis/connection.js";
import { Fields, records } from "./redis/records.js";
import { texts } from "./redis/replies.js";
import { userArgument } from "./user-name.js";

/** An address or a network (`203.0.113.0/24`), a user, or a key of rules with the scope `key`. */
export type GuardSubject = { ip: string } | { user: Name } | { key: Bytes };

/** The same, or a user at an address, or a user as `bans` shows it. */
export type Explainable = GuardSubject | { ip: string; user: Name } | { hash: string };

/** The same, or all subjects of the guard. */
export type Liftable = Explainable | { all: true };

export interface NormalizeOption {
  /** `false` sends the user as it is, and not in NFKC, trimmed and case-folded. */
  normalize?: boolean | undefined;
}

export interface BanOptions extends NormalizeOption {
  reason?: string | undefined;
  /** Who does it, for the alert and the audit log. */
  by?: string | undefined;
}

export interface LiftOptions extends NormalizeOption {
  /** Forgets counts, strikes and known networks and devices, too. */
  forget?: boolean | undefined;
  /** Ends allow entries, too. */
  allowed?: boolean | undefined;
  by?: string | undefined;
}

export interface BansOptions {
  /** The allow entries, in place of bans and challenges. */
  allowed?: boolean | undefined;
  /** What rules would have done that only observe. Not together with `allowed`. */
  observed?: boolean | undefined;
  /** The maximum number of entries: 100 unless given, at most 1000. */
  count?: number | undefined;
  /** The cursor of the last entry of a page: returns the page after it. An empty page is the end. */
  after?: string | undefined;
}

const SOURCES = ["rule", "operator", "allow", "observed"] as const;

/** A ban or an allow entry, or what a rule would have done that only observes. */
export interface GuardEntry {
  /** `203.0.113.0/24`, `user 5faf3a0bf1a6b645`, `user 5faf3a0bf1a6b645 at 203.0.113.9`, `key …`. */
  readonly subject: string;
  /** The hash of the user or key, for `{ hash }`. */
  readonly hash: string | null;
  readonly source: (typeof SOURCES)[number];
  /** Null for an entry of an operator. */
  readonly rule: string | null;
  readonly verdict: Verdict;
  readonly beganAt: Date;
  readonly endsAt: Date;
  /** How many earlier bans made this one longer. */
  readonly strikes: number;
  /** The number of units of the rule's count, and the time in which they leak. */
  readonly count: number;
  readonly windowMs: number;
  readonly reason: string | null;
  readonly by: string | null;
  /** The user of Redis who ran the command. */
  readonly aclUser: string | null;
  /** For the next page of `bans`. Null in a `GuardReport`. */
  readonly cursor: string | null;
}

/** A challenge of a user or a pair. `verdict` is `deny` if the pair was challenged before. */
export interface GuardChallenge {
  readonly subject: string;
  readonly rule: string;
  readonly verdict: Verdict;
  readonly beganAt: Date;
  readonly endsAt: Date;
}

/** What a rule has counted for a subject. */
export interface GuardCount {
  readonly subject: string;
  readonly rule: string;
  readonly units: number;
  /** One unit more fires the rule. */
  readonly count: number;
  readonly windowMs: number;
  readonly strikes: number;
  /** The rule does not fire until then. Null if it may. */
  readonly quietUntil: Date | null;
}

/** What a guard knows of a subject, and what a call about it would be told. */
export interface GuardReport {
  /** Null if the guard does not exist. */
  readonly subject: string | null;
  readonly hash: string | null;
  readonly verdict: Verdict;
  readonly retryAfterMs: number;
  readonly rule: string | null;
  /** The verdict if the rules that only observe were enforced. */
  readonly would: Verdict;
  /** How many networks and devices of the user are known. */
  readonly knownNetworks: number;
  readonly knownDevices: number;
  readonly entries: readonly GuardEntry[];
  readonly challenges: readonly GuardChallenge[];
  readonly counts: readonly GuardCount[];
}

export function entryCommand(name: "LW.BAN" | "LW.ALLOW", key: Bytes, subject: GuardSubject, duration: Duration, { reason, by, normalize }: BanOptions): Command {
  const args = [name, key, ...subjectArguments(subject, normalize), "FOR", durationArgument(windowMs(duration))];
  if (reason !== undefined) args.push("REASON", reason);
  if (by !== undefined) args.push("BY", by);
  return { args, key };
}

export function liftCommand(key: Bytes, subject: Liftable, { forget = false, allowed = false, by, normalize }: LiftOptions): Command {
  const args = ["LW.LIFT", key, ...("all" in subject ? ["ALL"] : subjectArguments(subject, normalize))];
  if (forget) args.push("FORGET");
  if (allowed) args.push("ALLOWED");
  if (by !== undefined) args.push("BY", by);
  return { args, key };
}

export function bansCommand(key: Bytes, { allowed = false, observed = false, count, after }: BansOptions): Command {
  if (allowed && observed) throw new ConfigurationError("allowed and observed are both given: bans lists one of them");
  const args: Bytes[] = ["LW.BANS", key];
  if (allowed) args.push("ALLOWED");
  if (observed) args.push("OBSERVED");
  if (count !== undefined) args.push("COUNT", String(count));
  if (after !== undefined) args.push("AFTER", after);
  return { args, key };
}

export function whyCommand(key: Bytes, subject: Explainable, { normalize }: NormalizeOption): Command {
  return { args: ["LW.WHY", key, ...subjectArguments(subject, normalize)], key };
}

export function rulesCommand(name: string | undefined): Command {
  return { args: name === undefined ? ["LW.RULES"] : ["LW.RULES", name] };
}

export function parseBans(reply: RedisReply): GuardEntry[] {
  return records(reply, "LW.BANS").map(entryOf);
}

export function parseWhy(reply: RedisReply): GuardReport {
  const fields = new Fields(reply, "LW.WHY");
  return {
    subject: fields.optionalText("subject"),
    hash: fields.optionalText("hash"),
    verdict: fields.word("verdict", VERDICTS),
    retryAfterMs: fields.number("retry_after_ms"),
    rule: fields.optionalText("rule"),
    would: fields.word("would", VERDICTS),
    knownNetworks: fields.number("known_networks"),
    knownDevices: fields.number("known_devices"),
    entries: fields.records("entries").map(entryOf),
    challenges: fields.records("challenges").map(challengeOf),
    counts: fields.records("counts").map(countOf),
  };
}

function entryOf(fields: Fields): GuardEntry {
  return {
    subject: fields.text("subject"),
    hash: fields.optionalText("hash"),
    source: fields.word("source", SOURCES),
    rule: fields.optionalText("rule"),
    verdict: fields.word("verdict", VERDICTS),
    beganAt: fields.time("from_ms"),
    endsAt: fields.time("until_ms"),
    strikes: fields.number("strikes"),
    count: fields.number("count"),
    windowMs: fields.number("window_ms"),
    reason: fields.optionalText("reason"),
    by: fields.optionalText("by"),
    aclUser: fields.optionalText("acl_user"),
    cursor: fields.optionalText("cursor"),
  };
}

function challengeOf(fields: Fields): GuardChallenge {
  return {
    subject: fields.text("subject"),
    rule: fields.text("rule"),
    verdict: fields.word("verdict", VERDICTS),
    beganAt: fields.time("from_ms"),
    endsAt: fields.time("until_ms"),
  };
}

function countOf(fields: Fields): GuardCount {
  return {
    subject: fields.text("subject"),
    rule: fields.text("rule"),
    units: fields.number("units"),
    count: fields.number("count"),
    windowMs: fields.number("window_ms"),
    strikes: fields.number("strikes"),
    quietUntil: fields.number("quiet_until_ms") === 0 ? null : fields.time("quiet_until_ms"),
  };
}

export function parseRules(reply: RedisReply): string[] {
  return texts(reply, "LW.RULES");
}

/** The members of a subject, in the order of the command. */
const WORDS = { ip: "IP", user: "USER", key: "KEY", hash: "HASH" } as const;

function subjectArguments(subject: Explainable, normalize: boolean | undefined): Bytes[] {
  const given = subject as Partial<Record<keyof typeof WORDS, Name>>;
  const args = (Object.keys(WORDS) as (keyof typeof WORDS)[]).flatMap((member) => {
    const value = given[member];
    return value === undefined ? [] : [WORDS[member], userArgument(value, normalize !== false && member === "user")];
  });
  if (args.length === 0) throw new ConfigurationError("a guard's subject is one of { ip }, { user } and { key }, and where it is not given a ban also { ip, user } or { hash }");
  return args;
}
