/**
 * What became of requests under limits: counters for `stats()`, and an event for each outcome. Names
 * of policies, patterns of routes and reasons are all that is kept, never a key, a user or an
 * address.
 */
import type { FailureLog } from "./failure-log.js";

/**
 * What became of a limit for a request:
 *
 * - `allowed`, `denied`: Redis decided. `shadow` would have been denied and was let through.
 * - `failed_open`, `failed_closed`: Redis failed, and the request was let through, or answered 503.
 * - `bypassed`: the breaker is open, so Redis was not asked. The request was let through.
 * - `local`, `local_denied`: the limiter in this process decided in place of Redis.
 */
export type Outcome = "allowed" | "denied" | "shadow" | "failed_open" | "failed_closed" | "bypassed" | "local" | "local_denied";

/** What `onEvent` gets. */
export interface LimitEvent {
  readonly outcome: Outcome | "audit_dropped";
  /** The name of the policy or of the route's limit; null for `audit_dropped`. */
  readonly policy: string | null;
  /** The pattern of the policy, or the template of the route; null if there is none. */
  readonly route: string | null;
  /** Why Redis failed, as in `LockWatchState.failure`; null if it did not. */
  readonly reason: string | null;
}

/** Must not be slow: the request waits while it runs. */
export type OnEvent = (event: LimitEvent) => void;

/** A snapshot of the counters of a client. */
export interface Stats {
  /** Requests by the name of the policy, and then by outcome. Outcomes that did not occur are missing. */
  readonly requests: Readonly<Record<string, Readonly<Partial<Record<Outcome, number>>>>>;
  /** Audit events that were not recorded. */
  readonly auditDropped: number;
  /** Whether requests are let through without a limit, because Redis is away. */
  readonly limitsOff: boolean;
}

/** The template of a route, or a function that finds it, which is called only if there is an `onEvent`. */
type Route = string | null | (() => string | null);

const MAX_POLICIES = 1000;
/** Counts the policies beyond the first thousand. */
const OTHER = "other";
/** The policy under which a guard's denials are counted. */
const GUARD = "guard";

const OFF: ReadonlySet<Outcome> = new Set<Outcome>(["failed_open", "bypassed"]);
const ANSWERED: ReadonlySet<Outcome> = new Set<Outcome>(["allowed", "denied", "shadow"]);

export class Counters {
  readonly #requests = new Map<string, Map<Outcome, number>>();
  readonly #listeners: OnEvent[] = [];
  #auditDropped = 0;
  #limitsOff = false;

  constructor(private readonly failures: FailureLog) {}

  stats(): Stats {
    const requests = Object.fromEntries([...this.#requests].map(([policy, counts]) => [policy, Object.fromEntries(counts)]));
    return { requests, auditDropped: this.#auditDropped, limitsOff: this.#limitsOff };
  }

  listen(listener: OnEvent): void {
    this.#listeners.push(listener);
  }

  /** @param policy a name from the code, and not from a request */
  count(policy: string, outcome: Outcome, route: Route = null, reason: string | null = null): void {
    if (ANSWERED.has(outcome)) this.#limitsOff = false;
    else if (OFF.has(outcome)) this.#limitsOff = true;
    this.#add(policy, outcome, route, reason);
  }

  /** Counts what Redis answered to a limit. */
  answered(policy: string, allowed: boolean, shadow: boolean, route: Route = null): void {
    this.count(policy, allowed ? "allowed" : shadow ? "shadow" : "denied", route);
  }

  /** Counts a request that a guard answered. It says nothing about the limits. */
  guardDenied(route: Route): void {
    this.#add(GUARD, "denied", route, null);
  }

  auditDropped(count: number, reason: string): void {
    this.#auditDropped += count;
    if (this.#listeners.length === 0) return;
    for (let i = 0; i < count; i++) this.#tell({ outcome: "audit_dropped", policy: null, route: null, reason });
  }

  #add(policy: string, outcome: Outcome, route: Route, reason: string | null): void {
    const counts = this.#requests.get(policy) ?? this.#countsOf(policy);
    counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
    if (this.#listeners.length > 0) this.#tell({ outcome, policy, route: typeof route === "function" ? route() : route, reason });
  }

  #countsOf(policy: string): Map<Outcome, number> {
    const name = this.#requests.size < MAX_POLICIES ? policy : OTHER;
    const counts = this.#requests.get(name) ?? new Map<Outcome, number>();
    this.#requests.set(name, counts);
    return counts;
  }

  #tell(event: LimitEvent): void {
    for (const listener of this.#listeners) {
      try {
        // A function that is asynchronous by mistake may reject.
        const returned: unknown = listener(event);
        if (returned instanceof Promise) returned.catch((error: unknown) => this.#listenerFailed(error));
      } catch (error) {
        this.#listenerFailed(error);
      }
    }
  }

  #listenerFailed(error: unknown): void {
    this.failures.log("onEvent", `onEvent failed, and the request went on: ${String(error)}`);
  }
}
