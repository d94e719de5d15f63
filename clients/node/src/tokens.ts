/**
 * The token commands: LW.ISSUE, LW.ROTATE, LW.CLAIMS, LW.VERIFY, LW.INTROSPECT, LW.REVOKE,
 * LW.REVOKEALL, LW.SESSIONS, LW.JWKS.
 */
import { durationArgument, milliseconds, type Duration } from "./duration.js";
import { ConfigurationError, wrongModule } from "./errors.js";
import { nameArgument, replyText, type Bytes, type Command, type RedisReply } from "./redis/connection.js";
import { records } from "./redis/records.js";

export interface IssueOptions {
  /**
   * Claims of the application for the access token. They belong to the session, so rotation keeps
   * them.
   */
  claims?: Readonly<Record<string, unknown>> | undefined;
  /** One name, or up to eight. */
  audience?: string | readonly string[] | undefined;
  accessTtl?: Duration | undefined;
  /** 0 issues an access token without a refresh token. */
  refreshTtl?: Duration | undefined;
  /**
   * Any JSON. Kept with the session and returned by `sessions`; for example the address and the
   * device.
   */
  meta?: unknown;
}

export interface RotateOptions {
  /** Replace the session's claims from this rotation on. */
  claims?: Readonly<Record<string, unknown>> | undefined;
  /** Replaces the session's metadata. */
  meta?: unknown;
}

export interface Tokens {
  readonly accessToken: string;
  readonly refreshToken: string | null;
  readonly accessExpiresAt: Date;
  readonly refreshExpiresAt: Date | null;
  readonly sessionId: string;
}

/** The claims of a verified access token: the module's and the application's. */
export interface Claims {
  readonly iss: string;
  readonly sub: string;
  readonly aud: string | readonly string[];
  readonly iat: number;
  readonly exp: number;
  readonly jti: string;
  readonly sid: string;
  readonly [claim: string]: unknown;
}

/** RFC 7662. A token that is not accepted has `active` only. */
export interface Introspection {
  readonly active: boolean;
  readonly [member: string]: unknown;
}

export interface Session {
  readonly sessionId: string;
  readonly createdAt: Date;
  readonly rotatedAt: Date;
  readonly expiresAt: Date;
  readonly generation: number;
  readonly meta: unknown;
}

/** RFC 7517 */
export interface Jwks {
  readonly keys: readonly Readonly<Record<string, unknown>>[];
}

/**
 * One access token, the session of a refresh token, one session, or all sessions of a subject but
 * `except`.
 */
export type Revocation = { token: string } | { session: string } | { subject: string | number; except?: string | undefined };

/** One session, or all sessions of a subject. */
export type SessionsOf = { session: string } | { subject: string | number };

export function issueCommand(store: Bytes, subject: string | number, options: IssueOptions): Command {
  const args = ["LW.ISSUE", store, nameArgument(subject)];
  if (options.claims !== undefined) args.push("CLAIMS", JSON.stringify(options.claims));
  if (options.audience !== undefined) args.push(...audienceArguments(options.audience));
  if (options.accessTtl !== undefined) args.push("ACCESSTTL", durationArgument(milliseconds(options.accessTtl)));
  if (options.refreshTtl !== undefined) args.push("REFRESHTTL", durationArgument(milliseconds(options.refreshTtl)));
  if (options.meta !== undefined) args.push("META", JSON.stringify(options.meta));
  return { args, key: store };
}

function audienceArguments(audience: string | readonly string[]): string[] {
  const names = typeof audience === "string" ? [audience] : audience;
  if (!Array.isArray(names) || names.length === 0 || !names.every((name) => typeof name === "string")) {
    throw new ConfigurationError("audience is a name, or a list of one to eight names");
  }
  return names.flatMap((name) => ["AUDIENCE", name]);
}

export function claimsCommand(store: Bytes, claims: Readonly<Record<string, unknown>>, of: SessionsOf): Command {
  const what = "session" in of ? ["SESSION", of.session] : ["SUBJECT", nameArgument(of.subject)];
  return { args: ["LW.CLAIMS", store, ...what, JSON.stringify(claims)], key: store };
}

export function rotateCommand(store: Bytes, refreshToken: string, { claims, meta }: RotateOptions): Command {
  const args = ["LW.ROTATE", store, refreshToken];
  if (claims !== undefined) args.push("CLAIMS", JSON.stringify(claims));
  if (meta !== undefined) args.push("META", JSON.stringify(meta));
  return { args, key: store };
}

export function verifyCommand(store: Bytes, accessToken: string, audience: string | undefined): Command {
  const args = ["LW.VERIFY", store, accessToken];
  if (audience !== undefined) args.push("AUDIENCE", audience);
  return { args, key: store };
}

export function revokeCommand(store: Bytes, what: Revocation): Command {
  const args = ["LW.REVOKE", store];
  if ("token" in what) args.push("TOKEN", what.token);
  else if ("session" in what) args.push("SESSION", what.session);
  else args.push("SUBJECT", nameArgument(what.subject), ...(what.except === undefined ? [] : ["EXCEPT", what.except]));
  return { args, key: store };
}

export function parseTokens(reply: RedisReply, command: string): Tokens {
  if (!Array.isArray(reply) || reply.length !== 5) throw wrongModule(command);
  const [accessToken, refreshToken, accessExpires, refreshExpires, sessionId] = reply as unknown[];
  const hasRefresh = refreshToken !== null && refreshToken !== undefined;
  return {
    accessToken: replyText(accessToken),
    refreshToken: hasRefresh ? replyText(refreshToken) : null,
    accessExpiresAt: new Date(Number(accessExpires)),
    refreshExpiresAt: hasRefresh ? new Date(Number(refreshExpires)) : null,
    sessionId: replyText(sessionId),
  };
}

export function parseSessions(reply: RedisReply): Session[] {
  return records(reply, "LW.SESSIONS").map((fields) => ({
    sessionId: fields.text("session_id"),
    createdAt: fields.time("created_at_ms"),
    rotatedAt: fields.time("rotated_at_ms"),
    expiresAt: fields.time("expires_at_ms"),
    generation: fields.number("generation"),
    meta: fields.json("meta"),
  }));
}

export function parseJson(reply: RedisReply, command: string): unknown {
  try {
    return JSON.parse(replyText(reply));
  } catch {
    throw wrongModule(command);
  }
}
