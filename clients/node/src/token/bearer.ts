/**
 * Requires a bearer token (RFC 6750). If Redis fails, the answer is 503: that admits nobody, and
 * clients keep their tokens.
 */
import { LockWatchError, TokenError, TokenExpiredError, TokenRevokedError } from "../errors.js";
import { attach, middleware, rawRequest, send, stateOf, type AnyRequest, type AnyResponse, type Middleware } from "../http/framework.js";
import { SERVICE_UNAVAILABLE, type Reply } from "../http/reply.js";
import { checkOptions, type OptionRules } from "../known-options.js";
import { checkClient, type LockWatch } from "../lockwatch.js";
import { ask, FunctionFailure } from "../redis/away.js";
import { STORE, text, texts } from "../rules.js";
import type { Claims } from "../tokens.js";
import { storeOf, type Store } from "./store.js";

export interface JwtOptions {
  /** The Redis key of the token store, or a function that returns it. */
  store: Store<AnyRequest>;
  /** The required audience; the module's `jwt-audience` unless given. */
  audience?: string | undefined;
  /** The required scopes, from the claims `scope`, `scopes` or `scp`. */
  scopes?: readonly string[] | undefined;
  realm?: string | undefined;
}

export const JWT_OPTIONS: OptionRules<JwtOptions> = {
  store: STORE,
  audience: text(/^.+$/, "a text, like 'https://api.example'"),
  scopes: texts("an array of texts without spaces, like ['orders:read']", (scope) => /^[^ ]+$/.test(scope)),
  // In a quoted string of a header.
  realm: text(/^[^"\\\p{Cc}]+$/u, "a text without quotes and backslashes, like 'api'"),
};

/**
 * Sets `request.claims`, and the user of the audit event. In Fastify, use it as an `onRequest` or
 * `preHandler` hook.
 */
export function jwtRequired(lockwatch: LockWatch, options: JwtOptions): Middleware {
  checkClient(lockwatch, 'jwtRequired(lw, { store: "auth" })');
  checkOptions(options, JWT_OPTIONS, "jwtRequired");
  const { store, audience, scopes = [] } = options;
  const challenge = `Bearer realm="${options.realm ?? "api"}"`;

  async function admits(request: AnyRequest, response: AnyResponse): Promise<boolean> {
    const token = bearerToken(rawRequest(request).headers.authorization);
    if (token === undefined) {
      send(response, refusal(401, "unauthorized", challenge));
      return false;
    }
    let claims: Claims;
    try {
      const key = await ask("store", () => storeOf(store, request));
      claims = await lockwatch.verify(key, token, { audience });
    } catch (error) {
      send(response, refusalFor(error, lockwatch, challenge));
      return false;
    }
    attach(request, "claims", claims);
    const state = stateOf(request);
    if (state) state.user = claims.sub;
    const granted = scopesOf(claims);
    if (scopes.every((scope) => granted.has(scope))) return true;
    send(response, refusal(403, "insufficient_scope", `${challenge}, error="insufficient_scope", scope="${scopes.join(" ")}"`));
    return false;
  }

  return middleware(admits);
}

export function bearerToken(header: string | undefined): string | undefined {
  return /^bearer +(\S+) *$/i.exec(header ?? "")?.[1];
}

function refusalFor(error: unknown, lockwatch: LockWatch, challenge: string): Reply {
  if (error instanceof TokenError) {
    return refusal(401, "invalid_token", `${challenge}, error="invalid_token", error_description="${description(error)}"`);
  }
  if (!logTokenFailure(error, lockwatch, "requests with tokens are")) throw error;
  return SERVICE_UNAVAILABLE;
}

/** Logs that Redis is away. Returns false for any other error. */
export function logTokenFailure(error: unknown, { failures }: LockWatch, requests: string): boolean {
  if (error instanceof FunctionFailure) failures.log(`function ${error.failure.code}`, `${requests} answered 503: ${error.message}`);
  else if (error instanceof LockWatchError) failures.log(`token ${error.code}`, `${requests} answered 503: ${failures.named(error)}`);
  else return false;
  return true;
}

function description(error: TokenError): string {
  if (error instanceof TokenExpiredError) return "the token has expired";
  return error instanceof TokenRevokedError ? "the token has been revoked" : "the token is not valid";
}

function refusal(status: number, error: string, challenge: string): Reply {
  const headers = { "Content-Type": "application/json", "WWW-Authenticate": challenge };
  return { status, headers, body: JSON.stringify({ error }) };
}

/**
 * RFC 8693 has `scope`, a text with spaces between. Some issuers use `scopes` or `scp`, or a list.
 */
function scopesOf(claims: Claims): ReadonlySet<string> {
  // A member of a list is one scope, even with a space in it.
  const lists = [claims.scope, claims.scopes, claims.scp].map((value: unknown) => (typeof value === "string" ? value.split(" ") : value));
  return new Set(lists.flat().filter((value): value is string => typeof value === "string"));
}
