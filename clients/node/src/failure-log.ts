/**
 * Logs failures that no caller sees, without flooding the log when every request has the same one.
 *
 * The objects of a process that use one server share what is known of it. So ten middlewares and
 * limits together log a failure once per interval, and its end once.
 */
import { NoPolicyError, UnavailableError, type LockWatchError } from "./errors.js";
import { sayOnce } from "./notices.js";
import type { FunctionFailure } from "./redis/away.js";

/** What happens to a request whose limit could not be evaluated. */
export type Fate = "allow" | "deny" | "local";

const DONE: Readonly<Record<Fate, string>> = {
  allow: "let through without a limit",
  deny: "answered 503",
  local: "limited by this process alone",
};

export type Log = (message: string) => void;

/** A time in which limits, or audit events, failed. */
interface Outage {
  readonly since: number;
  isLogged: boolean;
  readonly requests: Record<Fate, number>;
  lost: number;
}

/** What is known and was logged of one server. */
class ServerLog {
  readonly last = new Map<string, { at: number; suppressed: number }>();
  limits: Outage | undefined;
  events: Outage | undefined;
}

const servers = new Map<string, ServerLog>();

/** A connection of the application itself has no address, and shares nothing. */
function logOf(server: string | undefined): ServerLog {
  if (server === undefined) return new ServerLog();
  const known = servers.get(server) ?? new ServerLog();
  servers.set(server, known);
  return known;
}

export class FailureLog {
  readonly #known: ServerLog;

  constructor(
    private readonly write: Log,
    private readonly intervalMs: number,
    private readonly server?: string,
  ) {
    this.#known = logOf(server);
  }

  /**
   * Writes the message, unless one of the same kind was written less than an interval ago. Returns
   * whether it did.
   */
  log(kind: string, message: string): boolean {
    const now = performance.now();
    const last = this.#known.last.get(kind);
    if (last && now - last.at < this.intervalMs) {
      last.suppressed++;
      return false;
    }
    this.#known.last.set(kind, { at: now, suppressed: 0 });
    this.write(`lockwatch: ${message}${last?.suppressed ? ` (and ${last.suppressed} times since it was last said)` : ""}`);
    return true;
  }

  /** @param requests whose limit could not be evaluated, in words */
  limitFailed(error: LockWatchError, requests: string, fate: Fate): void {
    if (error instanceof NoPolicyError) {
      this.misconfigured("a limit is not enforced, because the server does not have its policy", error, ": set it with LW.POLICY SET");
    }
    const isLogged = this.log(error.code, `${requests} are ${DONE[fate]}: ${this.named(error)}`);
    // Other errors concern one key or one command, and the next command may succeed meanwhile.
    if (!(error instanceof UnavailableError) || error.code === "NOPERM") return;
    const outage = (this.#known.limits ??= newOutage());
    outage.isLogged ||= isLogged;
    outage.requests[fate]++;
  }

  /** A function of the application failed, which may use another Redis. */
  functionFailed({ failure, message }: FunctionFailure, requests: string, fate: Fate): void {
    this.log(`function ${failure.code}`, `${requests} are ${DONE[fate]}: ${message}`);
  }

  /** Logs an error of the configuration once in this process. */
  misconfigured(consequence: string, error: LockWatchError, remedy = ""): void {
    sayOnce(`${error.code}: ${error.message}`, this.write, `${consequence}: ${error.message}${remedy}`);
  }

  /** Logs the end of failures. The usual path is one look. */
  limitAnswered(): void {
    const outage = this.#known.limits;
    if (!outage) return;
    this.#known.limits = undefined;
    const fates = Object.entries(outage.requests).filter(([, requests]) => requests > 0);
    this.#ended("limits are enforced again", outage, fates.map(([fate, requests]) => `${count(requests, "request")} ${DONE[fate as Fate]}`).join(" and "));
  }

  eventsLost(kind: string, error: LockWatchError | string, lost: number): void {
    const isLogged = this.log(`audit ${kind}`, `audit events are lost: ${this.named(error)}`);
    const outage = (this.#known.events ??= newOutage());
    outage.isLogged ||= isLogged;
    outage.lost += lost;
  }

  /** Logs the end of losses. The usual path is one look. */
  eventsRecorded(): void {
    const outage = this.#known.events;
    if (!outage) return;
    this.#known.events = undefined;
    this.#ended("audit events are recorded again", outage, `${count(outage.lost, "event")} lost`);
  }

  /** A reason, with the server. */
  named(error: LockWatchError | string): string {
    const reason = typeof error === "string" ? error : error.message;
    const isNamed = this.server === undefined || (error instanceof UnavailableError && error.server !== undefined);
    return isNamed ? reason : `${reason} (Redis at ${this.server})`;
  }

  #ended(what: string, { since, isLogged }: Outage, counts: string): void {
    // The end of what was not logged, because the interval was not over, is no news either.
    if (!isLogged) return;
    const seconds = (performance.now() - since) / 1000;
    const at = this.server === undefined ? "" : ` at ${this.server}`;
    this.write(`lockwatch: ${what}${at} after ${seconds.toFixed(seconds >= 10 ? 0 : 1)} s; ${counts}`);
  }
}

function newOutage(): Outage {
  return { since: performance.now(), isLogged: false, requests: { allow: 0, local: 0, deny: 0 }, lost: 0 };
}

function count(number: number, noun: string): string {
  return number === 1 ? `1 ${noun} was` : `${number} ${noun}s were`;
}
