/** The commands as methods. Everything that decides anything is in the module; here are arguments and results. */
import { alertCommand, type AlertOptions } from "./alert.js";
import { auditCommand, auditLogCommand, parseAuditLog, type AuditEvent, type AuditFields, type AuditQuery } from "./audit.js";
import { AuditTrail } from "./audit-trail.js";
import { burstCommand, parseBurst, type BurstOptions, type BurstResult } from "./burst.js";
import { windowMs, type Duration } from "./duration.js";
import { ConfigurationError } from "./errors.js";
import { FailureLog, type Log } from "./failure-log.js";
import { checkOptions, type Names } from "./known-options.js";
import { parseLimits, type Limits } from "./limits.js";
import { rateLimitCommand, RateLimitResult } from "./ratelimit.js";
import { nameArgument, replyText, type Bytes } from "./redis/connection.js";
import { Link } from "./redis/link.js";
import { closeAll, openConnections, type Connections, type RedisSource } from "./redis/open.js";
import * as tokens from "./tokens.js";

export interface LockWatchOptions {
  /** How long a call waits for the first connection. */
  connectTimeoutMs?: number;
  /** How long a call waits for an answer. Issuing, rotating and revoking tokens and asking the audit log have 10 s. */
  commandTimeoutMs?: number;
  /** After so many timeouts in a row … */
  breakerTimeouts?: number;
  /** … Redis is not asked for so long. */
  breakerSeconds?: number;
  /** How many audit events of the middleware may wait in this process for Redis to take them; what comes then is dropped. */
  auditQueueSize?: number;
  /** Where failures are told that no caller sees, each kind once per interval. `console.warn` unless given. */
  log?: Log;
  logIntervalSeconds?: number;
}

export const LOCKWATCH_OPTIONS: Names<LockWatchOptions> = {
  connectTimeoutMs: true,
  commandTimeoutMs: true,
  breakerTimeouts: true,
  breakerSeconds: true,
  auditQueueSize: true,
  log: true,
  logIntervalSeconds: true,
};

export interface CostOption {
  /** How many units the call takes. */
  cost?: number | undefined;
}

export class LockWatch {
  /** The way to Redis, for the middleware. */
  readonly link: Link;
  /** The middleware's audit events. */
  readonly trail: AuditTrail;
  readonly failures: FailureLog;
  readonly #connections: Connections;
  /** The way for what Redis does on another thread, reading nothing more from the connection meanwhile. */
  readonly #slow: Link;

  /**
   * @param redis a client of ioredis (`Redis`, `Cluster`) or node-redis (`createClient`, `createCluster`), connected or not, or a
   *   `redis://` or `rediss://` URL. Of a client the settings are taken: the connection is lockwatch's own, opened by the first
   *   call, and closed with the client.
   */
  constructor(redis: RedisSource, options: LockWatchOptions = {}) {
    checkOptions(options, LOCKWATCH_OPTIONS, "LockWatch");
    const { connectTimeoutMs = 200, commandTimeoutMs = 100, breakerTimeouts = 3, breakerSeconds = 1 } = options;
    for (const [name, value] of Object.entries({ connectTimeoutMs, commandTimeoutMs, breakerTimeouts, breakerSeconds })) {
      if (!(value > 0)) throw new ConfigurationError(`${name} '${value}' is not a positive number`);
    }
    const timing = { commandTimeoutMs, breakerTimeouts, breakerPauseMs: breakerSeconds * 1000 };
    this.#connections = openConnections(redis, { connectTimeoutMs });
    this.link = new Link(this.#connections.fast, timing);
    this.#slow = new Link(this.#connections.slow, timing);
    const { auditQueueSize = 10_000, logIntervalSeconds = 10, log = (message) => console.warn(message) } = options;
    this.failures = new FailureLog(log, logIntervalSeconds * 1000);
    this.trail = new AuditTrail(new Link(this.#connections.audit, timing), this.link, auditQueueSize, this.failures);
  }

  /** Admits the call if every limit has room for it, and counts it then, and only then. */
  async ratelimit(key: Bytes, limits: Limits, { cost = 1 }: CostOption = {}): Promise<RateLimitResult> {
    const parsed = parseLimits(limits);
    const reply = await this.link.call(rateLimitCommand("LW.RATELIMIT", key, parsed, cost));
    return RateLimitResult.parse(reply, parsed, "LW.RATELIMIT");
  }

  /** What `ratelimit` would say, counting nothing. With `cost: 0` the state as it is: read `remaining` then. */
  async peek(key: Bytes, limits: Limits, { cost = 1 }: CostOption = {}): Promise<RateLimitResult> {
    const parsed = parseLimits(limits);
    const reply = await this.link.call(rateLimitCommand("LW.PEEK", key, parsed, cost));
    return RateLimitResult.parse(reply, parsed, "LW.PEEK");
  }

  /** Counts the call, and says whether there is a burst: `threshold` calls or more in the window. Denies nothing. */
  async burst(key: Bytes, threshold: number, window: Duration, options: BurstOptions = {}): Promise<BurstResult> {
    return parseBurst(await this.link.call(burstCommand(key, threshold, windowMs(window), options)));
  }

  /** Raises an alert. Its id, or null if `dedup` suppressed it. */
  async alert(type: string, data: unknown, options: AlertOptions = {}): Promise<string | null> {
    const reply = await this.link.call(alertCommand(type, data, options));
    return reply === null ? null : replyText(reply);
  }

  /** Records an event. Its id: it is in the journal then. */
  async audit(event: AuditFields): Promise<string> {
    return replyText(await this.link.call(auditCommand(event)));
  }

  /** The events that match, newest first. In a cluster: of one node's journal, and of Postgres. */
  async auditLog(query: AuditQuery = {}): Promise<AuditEvent[]> {
    return parseAuditLog(await this.#slow.callSlow(auditLogCommand(query)));
  }

  /** Opens a session in the token store at the key `store`. */
  async issue(store: Bytes, subject: string | number, options: tokens.IssueOptions = {}): Promise<tokens.Tokens> {
    const reply = await this.#slow.callSlow(tokens.issueCommand(store, subject, options));
    return tokens.parseTokens(reply, "LW.ISSUE");
  }

  /** The next pair of tokens for a refresh token. The same again if it was rotated a moment ago. */
  async rotate(store: Bytes, refreshToken: string, { meta }: { meta?: unknown } = {}): Promise<tokens.Tokens> {
    const reply = await this.#slow.callSlow(tokens.rotateCommand(store, refreshToken, meta));
    return tokens.parseTokens(reply, "LW.ROTATE");
  }

  /** The claims of an access token; a {@link TokenError} for one that is not to be accepted. */
  async verify(store: Bytes, accessToken: string, { audience }: { audience?: string | undefined } = {}): Promise<tokens.Claims> {
    const reply = await this.link.call(tokens.verifyCommand(store, accessToken, audience));
    return tokens.parseJson(reply, "LW.VERIFY") as tokens.Claims;
  }

  async introspect(store: Bytes, token: string): Promise<tokens.Introspection> {
    const reply = await this.link.call({ args: ["LW.INTROSPECT", store, token], key: store });
    return tokens.parseJson(reply, "LW.INTROSPECT") as tokens.Introspection;
  }

  /** How many ended. A token that is unknown or has expired counts 0. */
  async revoke(store: Bytes, what: tokens.Revocation): Promise<number> {
    return Number(await this.#slow.callSlow(tokens.revokeCommand(store, what)));
  }

  /** Ends every session of the store, and says how many there were. */
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

  /** Lets the audit events go out that wait, for two seconds at most, and closes the connections. */
  async close(): Promise<void> {
    await this.trail.drained();
    await closeAll(this.#connections);
  }
}
