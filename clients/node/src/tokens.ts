/**
 * The token commands: LW.ISSUE, LW.ROTATE, LW.CLAIMS, LW.VERIFY, LW.INTROSPECT, LW.REVOKE,
 * LW.REVOKEALL, LW.SESSIONS, LW.JWKS.
 */
import { durationArgument, milliseconds, windowMs, type Duration } from "./duration.js";
import { ConfigurationError, wrongModule } from "./errors.js";
import { nameArgument, type Bytes, type Command, type RedisReply } from "./redis/connection.js";
import { records } from "./redis/records.js";
import { array, jsonObject, optionalText, text, time } from "./redis/replies.js";

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
  if (options.accessTtl !== undefined) args.push("ACCESSTTL", lifetimeArgument(options.accessTtl));
  if (options.refreshTtl !== undefined) args.push("REFRESHTTL", lifetimeArgument(options.refreshTtl));
  if (options.meta !== undefined) args.push("META", JSON.stringify(options.meta));
  return { args, key: store };
}

/** 0 is no duration, but asks for no refresh token. */
function lifetimeArgument(lifetime: Duration): string {
  return milliseconds(lifetime) === 0 ? "0" : durationArgument(windowMs(lifetime));
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
  const [accessToken, refreshToken, accessExpires, refreshExpires, sessionId] = array(reply, 5, command);
  const hasRefresh = refreshExpires !== null && refreshExpires !== undefined;
  return {
    accessToken: text(accessToken, command),
    refreshToken: optionalText(refreshToken, command),
    accessExpiresAt: time(accessExpires, command),
    refreshExpiresAt: hasRefresh ? time(refreshExpires, command) : null,
    sessionId: text(sessionId, command),
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

export function parseClaims(reply: RedisReply): Claims {
  const claims = jsonObject(reply, "LW.VERIFY");
  const { sub, sid, jti, exp } = claims;
  if (![sub, sid, jti].every((each) => typeof each === "string") || !Number.isFinite(exp)) throw wrongModule("LW.VERIFY");
  return claims as unknown as Claims;
}

export function parseIntrospection(reply: RedisReply): Introspection {
  const answer = jsonObject(reply, "LW.INTROSPECT");
  if (typeof answer.active !== "boolean") throw wrongModule("LW.INTROSPECT");
  return answer as unknown as Introspection;
}

export function parseJwks(reply: RedisReply): Jwks {
  const jwks = jsonObject(reply, "LW.JWKS");
  if (!Array.isArray(jwks.keys)) throw wrongModule("LW.JWKS");
  return jwks as unknown as Jwks;
}
