/** What happens to a request whose limit Redis did not evaluate: `onRedisFailure`. */
import type { Outcome } from "../counters.js";
import { ConfigurationError, type LockWatchError } from "../errors.js";
import type { Fate } from "../failure-log.js";
import type { OptionRules, Rule } from "../known-options.js";
import { parseLimits, ServerPolicy, type Limit, type Limits, type ParsedLimits } from "../limits.js";
import { checkLocalLibrary } from "../local.js";
import type { LockWatch } from "../lockwatch.js";
import { sayOnce } from "../notices.js";
import type { RateLimitResult } from "../ratelimit.js";
import { FunctionFailure } from "../redis/away.js";
import { oneOf } from "../rules.js";

/**
 * What happens to a request if Redis fails: `allow` lets it through, `deny` answers 503, and `local`
 * asks a limiter in this process.
 */
export type FailureMode = "allow" | "deny" | "local";

/** The modes of what has no limiter in the process: guards of logins, and stores of other limiters. */
export type PlainFailureMode = Exclude<FailureMode, "local">;

export interface FailureOptions {
  onRedisFailure?: FailureMode | undefined;
  /** The share of each limit that this process allows by itself with `local`; 1 unless given. */
  localShare?: number | undefined;
  /** Limits that `local` uses in place of the others. Needed if those are a policy of the server. */
  localLimits?: Limits | undefined;
}

const LOCAL_LIMITS: Rule = {
  expected: "limits like '5/minute; 100/hour'",
  accepts: (value) => {
    if (parseLimits(value as Limits) instanceof ServerPolicy) throw new RangeError("only the server knows its numbers");
    return true;
  },
};

export const FAILURE_RULES: OptionRules<FailureOptions> = {
  onRedisFailure: oneOf("allow", "deny", "local"),
  localShare: { expected: "a number above 0 and up to 1, like 0.25", accepts: (value) => typeof value === "number" && value > 0 && value <= 1 },
  localLimits: LOCAL_LIMITS,
};

/** The three options of a policy or of a route's limit. */
export class OnFailure {
  static readonly #ALLOW = new OnFailure("allow", 1, undefined);

  private constructor(
    readonly mode: FailureMode,
    readonly share: number,
    readonly limits: readonly Limit[] | undefined,
  ) {}

  /**
   * @param of says in messages whose options they are
   * @param limits undefined if a function returns them
   * @param inherited the options of the default policy
   * @param inheritsLimits whether its `localLimits` apply, because its limits do
   */
  static of(options: FailureOptions, of: string, limits: ParsedLimits | undefined, inherited = OnFailure.#ALLOW, inheritsLimits = false): OnFailure {
    const given = options.localLimits === undefined ? undefined : (parseLimits(options.localLimits) as readonly Limit[]);
    const made = new OnFailure(options.onRedisFailure ?? inherited.mode, options.localShare ?? inherited.share, given ?? (inheritsLimits ? inherited.limits : undefined));
    if (made.mode !== "local") return made;
    checkLocalLibrary();
    if (limits && !made.numbers(limits)) {
      throw new ConfigurationError(`onRedisFailure${of} is 'local', and only the server knows the numbers of its limits: give localLimits: '5/minute' too`);
    }
    return made;
  }

  /** The limits that this process can count by; undefined if only the server knows them. */
  numbers(limits: ParsedLimits | undefined): readonly Limit[] | undefined {
    return this.limits ?? (limits instanceof ServerPolicy ? undefined : limits);
  }
}

/** A limit that was to be evaluated. */
export interface AskedLimit {
  /** As in headers. */
  readonly name: string;
  readonly key: string;
  /** Undefined if they are not known. */
  readonly limits: ParsedLimits | undefined;
}

/** A request that a limit denied. */
export interface LimitDenial extends Omit<AskedLimit, "limits"> {
  readonly result: RateLimitResult;
}

/** What has failed, and for whom. */
export interface Failed {
  readonly error: LockWatchError | FunctionFailure;
  /** In words, for the log. */
  readonly requests: string;
  readonly policy: string;
  readonly route: string | null | (() => string | null);
  readonly onFailure: OnFailure;
  readonly shadow: boolean;
  readonly asked: readonly AskedLimit[];
  readonly cost: number;
}

/** `false` is answered 503. */
export type Admitted = LimitDenial | boolean;

/** Decides without Redis, counts it, and logs it. */
export async function decideWithoutRedis(failed: Failed, { local, failures, counters, log }: LockWatch): Promise<Admitted> {
  const { error, requests, onFailure, shadow, asked, cost } = failed;
  let fate: Fate = shadow ? "allow" : onFailure.mode;
  let denial: LimitDenial | undefined;
  if (fate === "local") {
    const unknown = asked.find(({ limits }) => !onFailure.numbers(limits));
    if (unknown) {
      sayOnce(`local ${unknown.name}`, log, `while Redis is away requests are answered 503 although onRedisFailure is 'local', because this process does not know the numbers of the limit '${unknown.name}': give localLimits: '5/minute' too`);
      fate = "deny";
    } else denial = await askLocally();
  }
  if (error instanceof FunctionFailure) failures.functionFailed(error, requests, fate);
  else failures.limitFailed(error, requests, fate);
  const reason = reasonOf(error);
  counters.count(failed.policy, outcomeOf(fate, reason, denial), failed.route, reason);
  return denial ?? fate !== "deny";

  /** The denial with the longest wait. Each limit counts by itself, as in Redis. */
  async function askLocally(): Promise<LimitDenial | undefined> {
    const admit = async ({ name, key, limits }: AskedLimit) => ({ name, key, result: await local.admit(key, onFailure.numbers(limits) ?? [], onFailure.share, cost) });
    const results = await Promise.all(asked.map(admit));
    const longest = results.reduce((one, other) => (other.result.retryAfterMs > one.result.retryAfterMs ? other : one));
    return longest.result.allowed ? undefined : longest;
  }
}

/** The reason of a failure, as in `LockWatchState.failure`. */
export function reasonOf(error: LockWatchError | FunctionFailure): string {
  return (error instanceof FunctionFailure ? error.failure : error).code.toLowerCase();
}

function outcomeOf(fate: Fate, reason: string, denial: LimitDenial | undefined): Outcome {
  if (fate === "deny") return "failed_closed";
  if (fate === "local") return denial ? "local_denied" : "local";
  return reason === "bypassed" ? "bypassed" : "failed_open";
}
