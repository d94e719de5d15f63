/** LW.BAN, LW.ALLOW, LW.LIFT, LW.BANS, LW.WHY and LW.RULES: guards for operators. */
import { durationArgument, windowMs, type Duration } from "./duration.js";
import { ConfigurationError, wrongModule } from "./errors.js";
import { replyText, type Bytes, type Command, type Name, type RedisReply } from "./redis/connection.js";
import { Fields, records } from "./redis/records.js";
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
  /** What rules would have banned or challenged that only observe. Not together with `allowed`. */
  observed?: boolean | undefined;
  count?: number | undefined;
  /** The cursor of the last entry of a page: returns the page after it. An empty page is the end. */
  after?: string | undefined;
}

/** A ban, a challenge or an allow entry. */
export interface GuardEntry {
  /** An address, a network or a key, or a user as 16 hexadecimal digits, which `hash` accepts. */
  readonly subject: string;
  /** `operator` for an entry of `ban`. */
  readonly rule: string | null;
  readonly endsAt: Date | null;
  /** All that the server tells, by its names. */
  readonly details: Readonly<Record<string, unknown>>;
}

/** What a guard knows of a subject. */
export interface GuardReport {
  readonly verdict: string;
  /** All that the server tells, by its names. */
  readonly details: Readonly<Record<string, unknown>>;
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
  return records(reply, "LW.BANS").map((fields) => {
    const ends = fields.optionalNumber("ends_ms");
    return {
      subject: fields.text("subject"),
      rule: fields.optionalText("rule"),
      endsAt: ends === null ? null : new Date(ends),
      details: fields.others([]),
    };
  });
}

export function parseWhy(reply: RedisReply): GuardReport {
  const fields = new Fields(reply, "LW.WHY");
  return { verdict: fields.text("verdict"), details: fields.others([]) };
}

export function parseRules(reply: RedisReply): string[] {
  if (!Array.isArray(reply)) throw wrongModule("LW.RULES");
  return reply.map(replyText);
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
