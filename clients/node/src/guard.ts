/**
 * LW.ATTEMPT, LW.EVENT and LW.CHECK: a guard judges the addresses and users of a login or of a site.
 * The commands of operators are in `guard-admin.ts`.
 */
import { secondsRoundedUp } from "./duration.js";
import { wrongModule } from "./errors.js";
import type { Bytes, Command, Name, RedisReply } from "./redis/connection.js";
import { array, integer, optionalText } from "./redis/replies.js";
import { userArgument } from "./user-name.js";

/** What a guard decides: the call goes on, after a challenge such as a CAPTCHA, or not at all. */
export type Verdict = "allow" | "challenge" | "deny";

export const VERDICTS: readonly Verdict[] = ["allow", "challenge", "deny"];
const REPLY_LENGTH = 6;

export interface GuardCaller {
  ip?: string | undefined;
  user?: Name | null | undefined;
  /** What the browser shows of an earlier login, see `Guard`. */
  device?: Bytes | undefined;
  /** `false` sends the user as it is, and not in NFKC, trimmed and case-folded. */
  normalize?: boolean | undefined;
}

export interface AttemptOptions extends GuardCaller {
  /** A short keyed digest of the password, never the password itself. */
  value?: Bytes | undefined;
  /** The caller has passed the challenge. */
  solved?: boolean | undefined;
}

export interface CheckOptions extends GuardCaller {
  /** A subject that is neither an address nor a user, for rules with the scope `key`. */
  key?: Bytes | undefined;
}

export interface EventOptions extends CheckOptions {
  /** What rules that count distinct values count; of a failed login the value of its attempt. */
  value?: Bytes | undefined;
}

export class GuardResult {
  constructor(
    readonly verdict: Verdict,
    /** 0 unless denied. */
    readonly retryAfterMs: number,
    /** The rule that decided, `operator` for an operator's ban; null if none did. */
    readonly rule: string | null,
    /** How often the subject has been banned lately. */
    readonly strikes: number,
    /** The verdict if the rules that only observe were enforced. */
    readonly would: Verdict,
    /** Whether this call raised an alert. */
    readonly alerted: boolean,
  ) {}

  static parse(reply: RedisReply, command: string): GuardResult {
    const [verdict, retryAfterMs, rule, strikes, would, alerted] = array(reply, REPLY_LENGTH, command);
    return new GuardResult(
      verdictOf(verdict, command),
      integer(retryAfterMs, command),
      optionalText(rule, command),
      integer(strikes, command),
      verdictOf(would, command),
      integer(alerted, command) === 1,
    );
  }

  /** Whole seconds, rounded up, at least 1; undefined unless denied. */
  get retryAfterSeconds(): number | undefined {
    return this.verdict === "deny" ? Math.max(1, secondsRoundedUp(this.retryAfterMs)) : undefined;
  }
}

export function attemptCommand(key: Bytes, { ip, user, normalize, device, value, solved = false }: AttemptOptions): Command {
  const args = ["LW.ATTEMPT", key, ...callerArguments(ip, user, normalize), ...named("DEVICE", device), ...named("VALUE", value)];
  if (solved) args.push("SOLVED");
  return { args, key };
}

export function eventCommand(key: Bytes, kind: string, { ip, user, normalize, key: subject, value, device }: EventOptions): Command {
  const options = [...named("KEY", subject), ...named("VALUE", value), ...named("DEVICE", device)];
  return { args: ["LW.EVENT", key, kind, ...callerArguments(ip, user, normalize), ...options], key };
}

export function checkCommand(key: Bytes, { ip, user, normalize, key: subject, device }: CheckOptions): Command {
  return { args: ["LW.CHECK", key, ...callerArguments(ip, user, normalize), ...named("KEY", subject), ...named("DEVICE", device)], key };
}

function callerArguments(ip: string | undefined, user: Name | null | undefined, normalize: boolean | undefined): Bytes[] {
  const name = user === undefined || user === null ? "" : userArgument(user, normalize);
  // A name without characters is no user.
  return [...named("IP", ip), ...(name.length === 0 ? [] : ["USER", name])];
}

function named(option: string, value: Bytes | undefined): Bytes[] {
  return value === undefined ? [] : [option, value];
}

function verdictOf(given: unknown, command: string): Verdict {
  const verdict = VERDICTS[integer(given, command)];
  if (verdict === undefined) throw wrongModule(command);
  return verdict;
}
