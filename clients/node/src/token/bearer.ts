/**
 * Routes for those who bring an access token (RFC 6750). It never fails open: where Redis can't say whether a token counts, the
 * answer is 503, which logs nobody out.
 */
import { ConfigurationError, LockWatchError, TokenError, TokenExpiredError, TokenRevokedError } from "../errors.js";
import { rawRequest, send, stateOf, type AnyRequest, type AnyResponse, type Middleware } from "../http/exchange.js";
import { SERVICE_UNAVAILABLE, type Reply } from "../http/verdict.js";
import { checkOptions, type Names } from "../known-options.js";
import type { LockWatch } from "../lockwatch.js";
import type { Claims } from "../tokens.js";
import { storeOf, type Store } from "./store.js";

export interface JwtOptions {
  /** The key of the token store, or what finds it. */
  store: Store<AnyRequest>;
  /** What the token must be for; the module's `jwt-audience` unless given. */
  audience?: string | undefined;
  /** All of these must be in the claims `scope`, `scopes` or `scp`. */
  scopes?: readonly string[] | undefined;
  realm?: string | undefined;
}

const NAMES: Names<JwtOptions> = {
  store: true,
  audience: true,
  scopes: true,
  realm: true,
};

/** Puts the claims into `request.claims`, and the subject into the audit event. In Fastify an `onRequest` or `preHandler` hook. */
export function jwtRequired(lockwatch: LockWatch, options: JwtOptions): Middleware {
  checkOptions(options, NAMES, "jwtRequired");
  const { store, audience, scopes = [] } = options;
  if (!Array.isArray(scopes) || !scopes.every((scope) => typeof scope === "string" && scope !== "")) {
    throw new ConfigurationError("scopes is not an array of texts");
  }
  const challenge = `Bearer realm="${(options.realm ?? "api").replace(/["\\]/g, "")}"`;

  async function accepts(request: AnyRequest, response: AnyResponse): Promise<boolean> {
    const token = bearerToken(rawRequest(request).headers.authorization);
    if (token === undefined) {
      send(response, refusal(401, "unauthorized", challenge));
      return false;
    }
    let claims: Claims;
    try {
      claims = await lockwatch.verify(storeOf(store, request), token, { audience });
    } catch (error) {
      send(response, refusalFor(error, lockwatch, challenge));
      return false;
    }
    (request as { claims?: Claims }).claims = claims;
    const state = stateOf(request);
    if (state) state.user = claims.sub;
    const granted = scopesOf(claims);
    if (scopes.every((scope) => granted.has(scope))) return true;
    send(response, refusal(403, "insufficient_scope", `${challenge}, error="insufficient_scope", scope="${scopes.join(" ")}"`));
    return false;
  }

  return (request, response, next) => {
    accepts(request, response).then((accepted) => accepted && next(), next);
  };
}

export function bearerToken(header: string | undefined): string | undefined {
  return /^bearer +(\S+) *$/i.exec(header ?? "")?.[1];
}

function refusalFor(error: unknown, lockwatch: LockWatch, challenge: string): Reply {
  if (error instanceof TokenError) {
    return refusal(401, "invalid_token", `${challenge}, error="invalid_token", error_description="${description(error)}"`);
  }
  if (!(error instanceof LockWatchError)) throw error;
  lockwatch.failures.tell(error.code, `${error.message}; requests with tokens are answered 503`);
  return SERVICE_UNAVAILABLE;
}

function description(error: TokenError): string {
  if (error instanceof TokenExpiredError) return "the token has expired";
  return error instanceof TokenRevokedError ? "the token has been revoked" : "the token is not valid";
}

function refusal(status: number, error: string, challenge: string): Reply {
  const headers = { "Content-Type": "application/json", "WWW-Authenticate": challenge };
  return { status, headers, body: JSON.stringify({ error }) };
}

/** RFC 8693's `scope` is a text with spaces; `scopes` and `scp` are what others make of it. */
function scopesOf(claims: Claims): ReadonlySet<string> {
  // A member of a list is one scope, with whatever is in it.
  const lists = [claims.scope, claims.scopes, claims.scp].map((value: unknown) => (typeof value === "string" ? value.split(" ") : value));
  return new Set(lists.flat().filter((value): value is string => typeof value === "string"));
}
