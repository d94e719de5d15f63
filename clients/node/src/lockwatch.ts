/**
 * The commands as methods. The module makes every decision; the client builds arguments and parses
 * replies.
 */
import { alertCommand, type AlertOptions } from "./alert.js";
import { auditCommand, auditLogCommand, parseAuditLog, type AuditEvent, type AuditFields, type AuditQuery } from "./audit.js";
import { AuditQueue } from "./audit-queue.js";
import { burstCommand, parseBurst, type BurstOptions, type BurstResult } from "./burst.js";
import * as clientKeys from "./client-keys.js";
import type { ClientQuery, InspectedKey } from "./client-keys.js";
import { windowMs, type Duration } from "./duration.js";
import { ConfigurationError } from "./errors.js";
import { FailureLog, type Log } from "./failure-log.js";
import { checkOption, checkOptions, type OptionRules } from "./known-options.js";
import { parseLimits, type Limits } from "./limits.js";
import { rateLimitCommand, RateLimitResult } from "./ratelimit.js";
import { nameArgument, replyText, type Bytes } from "./redis/connection.js";
import { Link } from "./redis/link.js";
import { closeAll, openConnections, REDIS_SOURCE, type Connections, type RedisSource } from "./redis/open.js";
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
  readonly failures: FailureLog;
  readonly #connections: Connections;
  readonly #slow: Link;

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
    this.link = new Link(this.#connections.fast, timing);
    this.#slow = new Link(this.#connections.slow, timing, this.link);
    const { auditQueueSize = 10_000, logIntervalSeconds = 10, log = (message) => console.warn(message) } = options;
    this.log = log;
    this.failures = new FailureLog(log, logIntervalSeconds * 1000, server);
    this.auditQueue = new AuditQueue(new Link(this.#connections.audit, timing), this.link, auditQueueSize, this.failures);
  }

  /** Admits the call if every limit has room for it. Only an admitted call is counted. */
  async ratelimit(key: Bytes, limits: Limits, { cost = 1 }: CostOption = {}): Promise<RateLimitResult> {
    const parsed = parseLimits(limits);
    const reply = await this.link.call(rateLimitCommand("LW.RATELIMIT", key, parsed, cost));
    return RateLimitResult.parse(reply, parsed, "LW.RATELIMIT");
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
   * Counts the call and returns whether the window holds `threshold` calls or more. Denies nothing.
   */
  async burst(key: Bytes, threshold: number, window: Duration, options: BurstOptions = {}): Promise<BurstResult> {
    return parseBurst(await this.link.call(burstCommand(key, threshold, windowMs(window), options)));
  }

  /** Raises an alert and returns its id, or null if `dedup` suppressed it. */
  async alert(type: string, data: unknown, options: AlertOptions = {}): Promise<string | null> {
    const reply = await this.link.call(alertCommand(type, data, options));
    return reply === null ? null : replyText(reply);
  }

  /**
   * Records an event in the module's journal and returns its id. In a cluster it goes to any
   * primary.
   */
  async audit(event: AuditFields): Promise<string> {
    return replyText(await this.link.call(auditCommand(event)));
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
   * Sets the claims that access tokens have from the next rotation on. Returns the number of sessions
   * that this changed.
   */
  async setClaims(store: Bytes, claims: Readonly<Record<string, unknown>>, of: tokens.SessionsOf): Promise<number> {
    return Number(await this.#slow.callSlow(tokens.claimsCommand(store, claims, of)));
  }

  /** The claims of an access token. Throws a {@link TokenError} if the token is not accepted. */
  async verify(store: Bytes, accessToken: string, { audience }: { audience?: string | undefined } = {}): Promise<tokens.Claims> {
    const reply = await this.link.call(tokens.verifyCommand(store, accessToken, audience));
    return tokens.parseJson(reply, "LW.VERIFY") as tokens.Claims;
  }

  async introspect(store: Bytes, token: string): Promise<tokens.Introspection> {
    const reply = await this.link.call({ args: ["LW.INTROSPECT", store, token], key: store });
    return tokens.parseJson(reply, "LW.INTROSPECT") as tokens.Introspection;
  }

  /** Returns the number of tokens or sessions that ended: 0 for an unknown or expired one. */
  async revoke(store: Bytes, what: tokens.Revocation): Promise<number> {
    return Number(await this.#slow.callSlow(tokens.revokeCommand(store, what)));
  }

  /** Ends every session of the store and returns their number. */
  async revokeAll(store: Bytes): Promise<number> {
    return Number(await this.#slow.callSlow({ args: ["LW.REVOKEALL", store], key: store }));
  }

  async sessions(store: Bytes, subject: string | number): Promise<tokens.Session[]> {
    return tokens.parseSessions(await this.#slow.callSlow({ args: ["LW.SESSIONS", store, nameArgument(subject)], key: store }));
  }

  /** The public keys that verify access tokens. */
  async jwks(): Promise<tokens.Jwks> {
    return tokens.parseJson(await this.#slow.callSlow({ args: ["LW.JWKS"] }), "LW.JWKS") as tokens.Jwks;
  }

  /**
   * The keys of a client, sorted: what it used, under which policy, and when they expire. With one of
   * `client` (as in a denial's audit event: `key:bob`), `key` and `address`.
   */
  async inspect(of: ClientQuery): Promise<InspectedKey[]> {
    return clientKeys.inspect((command) => this.#slow.callSlow(command), clientKeys.clientPrefix(of, this));
  }

  /** Deletes the keys of a client, which has used nothing then. Returns their number. */
  async reset(of: ClientQuery): Promise<number> {
    return clientKeys.reset((command) => this.#slow.callSlow(command), clientKeys.clientPrefix(of, this));
  }

  /** Sends the waiting audit events, for at most two seconds, and closes the connections. */
  async close(): Promise<void> {
    await this.auditQueue.drained();
    await closeAll(this.#connections);
  }
}
