/**
 * Requests whose cost depends on their response: `skipSuccessful`, `skipFailed`, `countWhen`.
 *
 * The first two count a request when it comes, and give its units back after the response. So of
 * parallel requests no more than the limit are admitted. `countWhen` counts nothing before, and
 * counts what its function says after the response, whatever the limit says then.
 */
import { ConfigurationError } from "../errors.js";
import type { OptionRules, Rule } from "../known-options.js";
import type { ParsedLimits } from "../limits.js";
import type { LockWatch } from "../lockwatch.js";
import { rateLimitCommand, RateLimitResult, refundCommand } from "../ratelimit.js";
import type { Command, RedisReply } from "../redis/connection.js";
import { BOOLEAN, fn } from "../rules.js";
import { rawResponse, whenEnded, type AnyResponse } from "./framework.js";

/** What `countWhen` is given, once the response has been sent. */
export interface FinishedResponse {
  /** 499 if the client left before the response was complete. */
  readonly status: number;
  header(name: string): string | undefined;
}

export type CountWhen = (response: FinishedResponse) => boolean;

export interface ChargingOptions {
  /** Gives a request's units back if the status of its response is below 400. */
  skipSuccessful?: boolean | undefined;
  /** Gives a request's units back if the status is 400 or above, or if the client left. */
  skipFailed?: boolean | undefined;
  /** Counts a request after its response, if this function of the response returns true. */
  countWhen?: CountWhen | undefined;
}

const ANY_FUNCTION = fn("a function of the response: (response) => response.status === 401");
const LATER: Rule = {
  expected: ANY_FUNCTION.expected,
  accepts: (value) => {
    if (Object.prototype.toString.call(value) === "[object AsyncFunction]") {
      throw new ConfigurationError("it is called after the response, and can't be asynchronous");
    }
    return ANY_FUNCTION.accepts(value);
  },
};

export const CHARGING_RULES: OptionRules<ChargingOptions> = {
  skipSuccessful: BOOLEAN,
  skipFailed: BOOLEAN,
  countWhen: LATER,
};

const NAMES = ["skipSuccessful", "skipFailed", "countWhen"] as const;
/** The first status of a response that has failed, as in express-rate-limit. */
const FAILED = 400;

/** A limit that was asked about a request. */
export interface Asked {
  readonly command: Command;
  readonly result: RateLimitResult;
}

/** Which responses count. */
export class Charging {
  readonly #skipSuccessful: boolean;
  readonly #countWhen: CountWhen | undefined;
  readonly #withTime: boolean;

  constructor({ skipSuccessful = false, skipFailed = false, countWhen }: ChargingOptions) {
    this.#skipSuccessful = skipSuccessful;
    this.#countWhen = countWhen;
    this.#withTime = skipSuccessful || skipFailed;
  }

  /**
   * The three options, or what is inherited if none of them is given.
   * @param of says in messages whose options they are
   */
  static of(options: ChargingOptions, of: string, inherited = ALWAYS): Charging {
    if (NAMES.every((name) => options[name] === undefined)) return inherited;
    const chosen = NAMES.filter((name) => options[name]);
    if (chosen.length > 1) throw new ConfigurationError(`${chosen.join(" and ")}${of} are given together: give one of ${NAMES.join(", ")}`);
    return new Charging(options);
  }

  /** What asks for the limit before the application is called. */
  command(key: string, limits: ParsedLimits, cost: number): Command {
    return rateLimitCommand(this.#name, key, limits, cost, { withTime: this.#withTime });
  }

  read(reply: RedisReply, limits: ParsedLimits): RateLimitResult {
    return RateLimitResult.parse(reply, limits, this.#name, this.#withTime);
  }

  /** Sends what is left to do when the response is closed. It never waits for this. */
  after(response: AnyResponse, asked: readonly Asked[], cost: number, { corrections, failures }: LockWatch): void {
    if (!this.#withTime && !this.#countWhen) return;
    const commands = this.#corrections(asked, cost);
    if (commands.length === 0) return;
    // The client may have left while Redis was asked.
    whenEnded(rawResponse(response), (status) => {
      try {
        if (this.#applies(response, status)) for (const command of commands) corrections.record(() => command);
      } catch (error) {
        // The response has been sent, so nobody else can answer.
        failures.log("countWhen", `a request is not counted, because countWhen failed: ${String(error)}`);
      }
    });
  }

  get #name(): "LW.PEEK" | "LW.RATELIMIT" {
    return this.#countWhen ? "LW.PEEK" : "LW.RATELIMIT";
  }

  /** What to send after a response that does not count, or that counts. */
  #corrections(asked: readonly Asked[], cost: number): Command[] {
    if (this.#countWhen) {
      // A request that was denied costs nothing, as without this option.
      if (!asked.every(({ result }) => result.allowed)) return [];
      return asked.map(({ command: { args, key } }) => ({ args: ["LW.RATELIMIT", ...args.slice(1), "FORCE"], key }));
    }
    return asked.flatMap(({ command: { key = "" }, result: { timeMs } }) => (timeMs === undefined ? [] : [refundCommand(key, cost, timeMs)]));
  }

  #applies(response: AnyResponse, status: number): boolean {
    if (!this.#countWhen) return this.#skipSuccessful ? status < FAILED : status >= FAILED;
    return this.#countWhen({ status, header: (name) => headerOf(response, name) });
  }
}

const ALWAYS = new Charging({});

function headerOf(response: AnyResponse, name: string): string | undefined {
  const value = response.getHeader(name);
  return typeof value === "object" ? value[0] : value?.toString();
}
