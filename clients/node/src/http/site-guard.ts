/**
 * The guard of a whole site: the middleware asks it about each request, in the round trip of the
 * limits, and reports the status of each response that fails.
 */
import { ConfigurationError, LockWatchError, NoRuleError, noRules } from "../errors.js";
import { checkCommand, eventCommand, GuardResult, type GuardCaller } from "../guard.js";
import type { Challenge } from "../guard/options.js";
import type { LockWatch } from "../lockwatch.js";
import { ask, FunctionFailure } from "../redis/away.js";
import type { Bytes, Command, RedisReply } from "../redis/connection.js";
import { CLIENT_CLOSED_REQUEST } from "./handshake.js";
import { blockedDenial, CHALLENGE_DENIAL, givenReply, type SentReply } from "./reply.js";
import type { Asker, Responses } from "./responses.js";
import { shortened } from "./shortened.js";
import type { GuardDenial, LockWatchState } from "./state.js";

/** The first status that is reported. */
const FAILED = 400;

export class SiteGuard<Req> {
  constructor(
    readonly key: Bytes,
    private readonly challenge: Challenge<Req>,
    private readonly lockwatch: LockWatch,
    private readonly responses: Responses<Req>,
  ) {}

  /** Undefined without the option `guard`. Throws if there is a challenge without a guard. */
  static of<Req>({ guard, challenge }: { guard?: Bytes | undefined; challenge?: Challenge<Req> | undefined }, lockwatch: LockWatch, responses: Responses<Req>): SiteGuard<Req> | undefined {
    if (guard !== undefined) return new SiteGuard(guard, challenge ?? "allow", lockwatch, responses);
    if (challenge !== undefined) throw new ConfigurationError("challenge is given without guard, which decides who is challenged: give guard: 'http' too");
    return undefined;
  }

  /** Undefined for a client that has neither an address nor a name. */
  check(state: LockWatchState): Command | undefined {
    const caller = callerOf(state);
    return caller.ip === undefined && caller.user === undefined ? undefined : checkCommand(this.key, caller);
  }

  /** Undefined if the guard did not answer, so that the request goes on. Throws if it has no rules. */
  read(reply: RedisReply): GuardResult | undefined {
    if (reply instanceof NoRuleError) throw noRules(reply);
    try {
      if (reply instanceof LockWatchError) throw reply;
      return GuardResult.parse(reply, "LW.CHECK");
    } catch (error) {
      if (!(error instanceof LockWatchError)) throw error;
      this.logFailure(error);
      return undefined;
    }
  }

  logFailure(error: LockWatchError): void {
    const { failures } = this.lockwatch;
    failures.log(`check ${error.code}`, `LW.CHECK failed, requests are let through without a guard: ${failures.named(error)}`);
  }

  /** The response to a request that may not go on. */
  async refusal(asker: Asker<Req>, result: GuardResult): Promise<SentReply | undefined> {
    const { verdict } = result;
    const { challenge } = this;
    if (verdict === "allow" || (verdict === "challenge" && challenge === "allow")) return undefined;
    if (verdict === "deny" || typeof challenge === "string") return this.responses.refused(asker, blockedDenial(result));
    try {
      const answer = await ask("challenge", () => challenge(asker.request, result));
      if (answer === true) return undefined;
      return givenReply("challenge", answer === false ? undefined : answer) ?? (await this.responses.refused(asker, CHALLENGE_DENIAL));
    } catch (error) {
      if (!(error instanceof FunctionFailure)) throw error;
      this.lockwatch.failures.log(`function ${error.failure.code}`, `requests are let through without a challenge: ${error.message}`);
      return undefined;
    }
  }

  /** The data of the audit event of a request that may not go on. */
  denial({ rule, retryAfterSeconds }: GuardResult): GuardDenial {
    return { guard: String(this.key), rule, retry_after: retryAfterSeconds ?? null };
  }

  /**
   * Reports a failed response of the application, and waits for nothing. Responses of lockwatch itself
   * are none, and neither is a client that leaves.
   */
  report(status: number, path: string, state: LockWatchState): void {
    const isOwn = state.blocked || (state.limited && !state.shadowed);
    // While the breaker is open, Redis gets nothing.
    if (status < FAILED || status === CLIENT_CLOSED_REQUEST || isOwn || state.failure === "bypassed") return;
    const caller = callerOf(state);
    this.lockwatch.outcomes.record(() => eventCommand(this.key, String(status), { ...caller, value: shortened(path) }));
  }
}

function callerOf({ address, user, keyText }: LockWatchState): GuardCaller {
  return { ip: address, user: user ?? keyText };
}
