/**
 * The commands as methods. The module makes every decision; the client builds arguments and parses
 * replies.
 */
import { alertCommand, type AlertOptions } from "./alert.js";
import { auditCommand, auditLogCommand, parseAuditLog, type AuditEvent, type AuditFields, type AuditQuery } from "./audit.js";
import { AuditQueue } from "./audit-queue.js";
import { burstCommand, parseBurst, type BurstOptions, type BurstResult } from "./burst.js";
import * as keysOfClient from "./client-keys.js";
import type { ClientQuery, KeyOfClient } from "./client-keys.js";
import { Counters, type OnEvent, type Stats } from "./counters.js";
import { CorrectionQueue } from "./correction-queue.js";
import { windowMs, type Duration } from "./duration.js";
import { ConfigurationError } from "./errors.js";
import { inspectCommand, parseReport, parseTop, topCommand, type KeyReport, type TopKey } from "./explain.js";
import { attemptCommand, checkCommand, eventCommand, GuardResult, type AttemptOptions, type CheckOptions, type EventOptions } from "./guard.js";
import * as operator from "./guard-admin.js";
import { FailureLog, type Log } from "./failure-log.js";
import { checkOption, checkOptions, type OptionRules } from "./known-options.js";
import { parseLimits, type Limits } from "./limits.js";
import { acquireCommand, newLeaseId, parseAcquired, parseRenewed, releaseCommand, renewCommand, type AcquireOptions, type LeaseOptions, type LeaseResult } from "./lease.js";
import { Lease } from "./leases.js";
import { LocalLimiter } from "./local.js";
import { MultiCall, type MultiEntry, type MultiRateLimitResult } from "./multi.js";
import { OutcomeQueue } from "./outcome-queue.js";
import { parseSettlement, rateLimitCommand, RateLimitResult, refundCommand, settleCommand, type RateLimitOptions, type Settlement } from "./ratelimit.js";
import { nameArgument, type Bytes } from "./redis/connection.js";
import { Link, type LinkOptions } from "./redis/link.js";
import { closeAll, openConnections, REDIS_SOURCE, type Connections, type RedisSource } from "./redis/open.js";
import { integer as integerReply, optionalText, text, time } from "./redis/replies.js";
import { fn, integer, POLICY_NAME, seconds, timeout } from "./rules.js";
import * as tokens from "./tokens.js";

export interface LockWatchOptions {
  /**
   * The name of the service in the keys of the middleware and of `limit`. Without it, all services
   * on one Redis share their counters.
   */
  service?: string | undefined;
  /** How long a call waits for the first connection; 200 unless given. */
  connectTimeoutMs?: number;
  /**
   * How long a call waits for its reply; 100 unless given. `auditLog`, `issue`, `rotate`, `revoke`,
   * `revokeAll`, `sessions` and `jwks` wait for 10 s, or for this if it is longer.
   */
  commandTimeoutMs?: number;
  /** The number of timeouts in a row after which Redis is bypassed; 3 unless given. */
  breakerTimeouts?: number;
  /** How long Redis is bypassed; 1 unless given. */
  breakerSeconds?: number;
  /**
   * The maximum number of the middleware's audit events that wait in this process; further ones are
   * dropped. 10000 unless given.
   */
  auditQueueSize?: number;
  /**
   * Gets the failures that no caller sees, each kind once per interval; `console.warn` unless
   * given.
   */
  log?: Log;
  logIntervalSeconds?: number;
  /** Gets the outcome of each limit for a request. If it throws, the request goes on. */
  onEvent?: OnEvent;
}

export const LOCKWATCH_OPTIONS: OptionRules<LockWatchOptions> = {
  service: { ...POLICY_NAME, expected: "a name of 1 to 64 of A-Z a-z 0-9 _ . -, like 'shop'" },
  connectTimeoutMs: timeout(200),
  commandTimeoutMs: timeout(100),
  breakerTimeouts: integer(1, 1_000_000, 3),
  breakerSeconds: seconds(1),
  auditQueueSize: integer(1, 1_000_000_000, 10_000),
  log: fn("a function of a message: (message) => console.warn(message)"),
  logIntervalSeconds: seconds(10, { zero: true }),
  onEvent: fn("a function of an event: ({ outcome, policy }) => console.log(policy, outcome)"),
};

/**
 * Checks the client that a function of a framework is given.
 * @param write shows the right call
 */
export function checkClient(given: unknown, write: string): void {
  if (given instanceof LockWatch) return;
  const kind = typeof given === "object" && given !== null ? `a ${given.constructor.name}` : typeof given;
  throw new ConfigurationError(`${write} needs a LockWatch, as in const lw = new LockWatch("redis://localhost:6379"); the first argument is ${kind}`);
}

export interface CostOption {
  /** The number of units that the call takes from each limit. */
  cost?: number | undefined;
}

export class LockWatch {
  readonly service: string | undefined;
  /** For the middleware. */
  readonly log: Log;
  /** For the middleware. */
  readonly link: Link;
  /** For the middleware. */
  readonly auditQueue: AuditQueue;
  /** For the middleware. */
  readonly corrections: CorrectionQueue;
  /** For the middleware and for guards. */
  readonly outcomes: OutcomeQueue;
  /** For the middleware. */
  readonly failures: FailureLog;
  /** For the middleware and for stores. */
  readonly local = new LocalLimiter();
  /** For the middleware, for stores and for metrics. */
  readonly counters: Counters;
  readonly #connections: Connections;
  readonly #slow: Link;
  readonly #timing: LinkOptions;

  /**
   * @param redis a client of ioredis (`Redis`, `Cluster`) or node-redis (`createClient`,
   *   `createCluster`, `createSentinel`), connected or not, or a `redis://` or `rediss://` URL.
   *   lockwatch opens connections of its own with the client's settings, on the first call, and
   *   closes them when the client is closed.
   */
  constructor(redis: RedisSource, options: LockWatchOptions = {}) {
    checkOption("redis of LockWatch", redis, REDIS_SOURCE);
    checkOptions(options, LOCKWATCH_OPTIONS, "LockWatch");
    this.service = options.service;
    const { connectTimeoutMs = 200, commandTimeoutMs = 100, breakerTimeouts = 3, breakerSeconds = 1 } = options;
    this.#connections = openConnections(redis, connectTimeoutMs);
    const { server } = this.#connections;
    const timing = { commandTimeoutMs, breakerTimeouts, breakerPauseMs: breakerSeconds * 1000, server };
    this.#timing = timing;
    this.link = new Link(this.#connections.fast, timing);
    this.#slow = new Link(this.#connections.slow, timing, this.link);
    const { auditQueueSize = 10_000, logIntervalSeconds = 10, log = (message) => console.warn(message) } = options;
    this.log = log;
    this.failures = new FailureLog(log, logIntervalSeconds * 1000, server);
    this.counters = new Counters(this.failures);
    if (options.onEvent) this.counters.listen(options.onEvent);
    const behind = new Link(this.#connections.audit, timing);
    this.auditQueue = new AuditQueue(behind, this.link, auditQueueSize, this.failures, this.counters);
    this.corrections = new CorrectionQueue(behind, this.link, this.failures);
    this.outcomes = new OutcomeQueue(behind, this.link, this.failures);
  }

  /**
   * Admits the call if every limit has room for it. Only an admitted call is counted, unless
   * `force` is given.
   */
  async ratelimit(key: Bytes, limits: Limits, { cost = 1, ...others }: RateLimitOptions = {}): Promise<RateLimitResult> {
    const parsed = parseLimits(limits);
    const reply = await this.link.call(rateLimitCommand("LW.RATELIMIT", key, parsed, cost, others));
    return RateLimitResult.parse(reply, parsed, "LW.RATELIMIT", others.withTime);
  }

  /**
   * Returns what `ratelimit` would return and counts nothing. For the present `remaining`, pass
   * `cost: 0`.
   */
  async peek(key: Bytes, limits: Limits, { cost = 1 }: CostOption = {}): Promise<RateLimitResult> {
    const parsed = parseLimits(limits);
    const reply = await this.link.call(rateLimitCommand("LW.PEEK", key, parsed, cost));
    return RateLimitResult.parse(reply, parsed, "LW.PEEK");
  }

  /**
   * Gives units back that were recorded at `at`, the `timeMs` of a result. Returns how many. A
   * second call would give back more: do not repeat one whose answer is not known.
   */
  async refund(key: Bytes, units: number, at: number): Promise<number> {
    return integerReply(await this.link.call(refundCommand(key, units, at)), "LW.REFUND");
  }

  /**
   * Corrects a reservation that was recorded at `at` to what was really used: gives back what was
   * reserved too much, or records what was used beyond it, whatever the limit says. Not to be
   * repeated either.
   */
  async settle(key: Bytes, reserved: number, actual: number, at: number): Promise<Settlement> {
    return parseSettlement(await this.link.call(settleCommand(key, reserved, actual, at)));
  }

  /**
   * Admits the call if every key does, and counts it at all keys or at none. In a cluster all keys
   * need the same hash tag.
   */
  async mratelimit(entries: readonly MultiEntry[]): Promise<MultiRateLimitResult> {
    const call = new MultiCall("LW.MRATELIMIT", entries);
    return call.read(await this.link.call(call.command));
  }

  /** Returns what `mratelimit` would return and counts nothing. */
  async mpeek(entries: readonly MultiEntry[]): Promise<MultiRateLimitResult> {
    const call = new MultiCall("LW.MPEEK", entries);
    return call.read(await this.link.call(call.command));
  }

  /** Takes a lease for `ttl` if the units of all leases of the key stay within `limit`. */
  async acquire(key: Bytes, limit: number, ttl: Duration, { id = newLeaseId(), ...others }: AcquireOptions = {}): Promise<LeaseResult> {
    return parseAcquired(await this.link.call(acquireCommand(key, limit, ttl, id, others)), id);
  }

  /** Has a lease last at least `ttl` from now on. Returns false if it has ended. */
  async renew(key: Bytes, id: Bytes, ttl: Duration): Promise<boolean> {
    return parseRenewed(await this.link.call(renewCommand(key, id, ttl)));
  }

  /** Ends a lease. Returns false if it has ended already. */
  async release(key: Bytes, id: Bytes): Promise<boolean> {
    return integerReply(await this.link.call(releaseCommand(key, id)), "LW.RELEASE") === 1;
  }

  /**
   * Takes a lease: `await using lease = await lw.lease("report:42", 3, "30s")`, or call
   * `lease.release()` in the end. Throws a {@link LeaseDeniedError} if all units are held. It lasts
   * for `ttl` and no longer, so what may take longer calls `lease.renew()` meanwhile. With
   * `onClose` it has a connection of its own, and ends at once if the process ends.
   */
  async lease(key: Bytes, limit: number, ttl: Duration, options: LeaseOptions = {}): Promise<Lease> {
    const { link, failures } = this;
    if (!options.onClose) return await Lease.acquire({ link, failures, close: () => Promise.resolve() }, key, limit, ttl, options);
    const { fast, own, opened } = this.#connections;
    const connection = own();
    const close = async () => {
      opened.delete(connection);
      // A connection of the application itself stays open.
      if (connection !== fast) await connection.close();
    };
    return await Lease.acquire({ link: new Link(connection, this.#timing), failures, close }, key, limit, ttl, options);
  }

  /** Holds a lease while `body` runs, and releases it at its end, also if it throws. */
  async withLease<T>(key: Bytes, limit: number, ttl: Duration, body: (lease: Lease) => T | PromiseLike<T>, options: LeaseOptions = {}): Promise<T> {
    const lease = await this.lease(key, limit, ttl, options);
    try {
      return await body(lease);
    } finally {
      await lease.release();
    }
  }

  /**
   * The keys that were denied most often lately, the most often first. In a cluster, those of one
   * primary.
   */
  async top(count = 10): Promise<TopKey[]> {
    return parseTop(await this.link.call(topCommand(count)));
  }

  /** What a key of lockwatch holds, without touching it. Null if there is no such key. */
  async inspect(key: Bytes): Promise<KeyReport | null> {
    return parseReport(await this.link.call(inspectCommand(key)));
  }

  /**
   * Counts the call and returns whether the window holds `threshold` calls or more. Denies nothing.
   */
  async burst(key: Bytes, threshold: number, window: Duration, options: BurstOptions = {}): Promise<BurstResult> {
    return parseBurst(await this.link.call(burstCommand(key, threshold, windowMs(window), options)));
  }

  /** Raises an alert and returns its id, or null if `dedup` suppressed it. */
  async alert(type: string, data: unknown, options: AlertOptions = {}): Promise<string | null> {
    return optionalText(await this.link.call(alertCommand(type, data, options)), "LW.ALERT");
  }

  /**
   * Records an event in the module's journal and returns its id. In a cluster it goes to any
   * primary.
   */
  async audit(event: AuditFields): Promise<string> {
    return text(await this.link.call(auditCommand(event)), "LW.AUDIT");
  }

  /**
   * The matching events, the newest first. In a cluster, those in Postgres and in the journal of
   * one node.
   */
  async auditLog(query: AuditQuery = {}): Promise<AuditEvent[]> {
    return parseAuditLog(await this.#slow.callSlow(auditLogCommand(query)));
  }

  /** Opens a session in the token store at the key `store`. */
  async issue(store: Bytes, subject: string | number, options: tokens.IssueOptions = {}): Promise<tokens.Tokens> {
    const reply = await this.#slow.callSlow(tokens.issueCommand(store, subject, options));
    return tokens.parseTokens(reply, "LW.ISSUE");
  }

  /**
   * Exchanges a refresh token for new tokens. Within `rotate-grace` the same refresh token returns
   * the same tokens; with other claims it throws a {@link ConflictError}.
   */
  async rotate(store: Bytes, refreshToken: string, options: tokens.RotateOptions = {}): Promise<tokens.Tokens> {
    const reply = await this.#slow.callSlow(tokens.rotateCommand(store, refreshToken, options));
    return tokens.parseTokens(reply, "LW.ROTATE");
  }

  /**
   * Sets the claims that access tokens have from the next rotation on. Returns the number of
   * sessions that this changed.
   */
  async setClaims(store: Bytes, claims: Readonly<Record<string, unknown>>, of: tokens.SessionsOf): Promise<number> {
    return integerReply(await this.#slow.callSlow(tokens.claimsCommand(store, claims, of)), "LW.CLAIMS");
  }

  /** The claims of an access token. Throws a {@link TokenError} if the token is not accepted. */
  async verify(store: Bytes, accessToken: string, { audience }: { audience?: string | undefined } = {}): Promise<tokens.Claims> {
    return tokens.parseClaims(await this.link.call(tokens.verifyCommand(store, accessToken, audience)));
  }

  async introspect(store: Bytes, token: string): Promise<tokens.Introspection> {
    return tokens.parseIntrospection(await this.link.call({ args: ["LW.INTROSPECT", store, token], key: store }));
  }

  /** Returns the number of tokens or sessions that ended: 0 for an unknown or expired one. */
  async revoke(store: Bytes, what: tokens.Revocation): Promise<number> {
    return integerReply(await this.#slow.callSlow(tokens.revokeCommand(store, what)), "LW.REVOKE");
  }

  /** Ends every session of the store and returns their number. */
  async revokeAll(store: Bytes): Promise<number> {
    return integerReply(await this.#slow.callSlow({ args: ["LW.REVOKEALL", store], key: store }), "LW.REVOKEALL");
  }

  async sessions(store: Bytes, subject: string | number): Promise<tokens.Session[]> {
    return tokens.parseSessions(await this.#slow.callSlow({ args: ["LW.SESSIONS", store, nameArgument(subject)], key: store }));
  }

  /** The public keys that verify access tokens. */
  async jwks(): Promise<tokens.Jwks> {
    return tokens.parseJwks(await this.#slow.callSlow({ args: ["LW.JWKS"] }));
  }

  /**
   * Whether a login may go on, before its password is checked, and charges it. `key` is that of the
   * guard. Give an address or a user, or both. `Guard` does this for a request.
   */
  async attempt(key: Bytes, options: AttemptOptions): Promise<GuardResult> {
    return GuardResult.parse(await this.link.call(attemptCommand(key, options)), "LW.ATTEMPT");
  }

  /**
   * Tells a guard what happened: the outcome of a login (`success`, `password`, `failure`, `unknown`,
   * `mfa`, `reset`), or a kind of the application's own.
   */
  async event(key: Bytes, kind: string, options: EventOptions): Promise<GuardResult> {
    return GuardResult.parse(await this.link.call(eventCommand(key, kind, options)), "LW.EVENT");
  }

  /** What a guard has against a caller. Changes nothing. */
  async check(key: Bytes, options: CheckOptions): Promise<GuardResult> {
    return GuardResult.parse(await this.link.call(checkCommand(key, options)), "LW.CHECK");
  }

  /** Bans an address, a network, a user or a key. Returns the end. */
  async ban(key: Bytes, subject: operator.GuardSubject, duration: Duration, options: operator.BanOptions = {}): Promise<Date> {
    return time(await this.link.call(operator.entryCommand("LW.BAN", key, subject, duration, options)), "LW.BAN");
  }

  /**
   * Lets an address, a network or a key pass all rules. A user is only spared challenges, for seven
   * days at most. Returns the end.
   */
  async allow(key: Bytes, subject: operator.GuardSubject, duration: Duration, options: operator.BanOptions = {}): Promise<Date> {
    return time(await this.link.call(operator.entryCommand("LW.ALLOW", key, subject, duration, options)), "LW.ALLOW");
  }

  /** Ends bans and challenges. Returns their number. */
  async lift(key: Bytes, subject: operator.Liftable, options: operator.LiftOptions = {}): Promise<number> {
    return integerReply(await this.link.call(operator.liftCommand(key, subject, options)), "LW.LIFT");
  }

  /** The bans of a guard, ordered by subject. */
  async bans(key: Bytes, options: operator.BansOptions = {}): Promise<operator.GuardEntry[]> {
    return operator.parseBans(await this.link.call(operator.bansCommand(key, options)));
  }

  /** What a guard knows of a subject, and why it decides as it does. Changes nothing. */
  async why(key: Bytes, subject: operator.Explainable, options: operator.NormalizeOption = {}): Promise<operator.GuardReport> {
    return operator.parseWhy(await this.link.call(operator.whyCommand(key, subject, options)));
  }

  /** The rules of all guards or of one, as lines of a rules file. */
  async rules(name?: string): Promise<string[]> {
    return operator.parseRules(await this.link.call(operator.rulesCommand(name)));
  }

  /**
   * The keys of a client, sorted: what it used, under which policy, and when they expire. With one of
   * `client` (as in a denial's audit event: `key:bob`), `key` and `address`.
   */
  async clientKeys(of: ClientQuery): Promise<KeyOfClient[]> {
    return keysOfClient.find((command) => this.#slow.callSlow(command), keysOfClient.clientPrefix(of, this));
  }

  /** Deletes the keys of a client, which has used nothing then. Returns their number. */
  async reset(of: ClientQuery): Promise<number> {
    return keysOfClient.reset((command) => this.#slow.callSlow(command), keysOfClient.clientPrefix(of, this));
  }

  /** What became of the requests under limits of this client, since it was made. */
  stats(): Stats {
    return this.counters.stats();
  }

  /** Sends the waiting audit events, for at most two seconds, and closes the connections. */
  async close(): Promise<void> {
    await Promise.all([this.auditQueue, this.corrections, this.outcomes].map((queue) => queue.drained()));
    await closeAll(this.#connections);
  }
}
