/** The Express middleware, the limit on a route, and the token routes. */
import type { Request, RequestHandler } from "express";
import { makeGuard, type MakeGuard } from "./guard/guard.js";
import { middleware, send } from "./http/framework.js";
import { admit, createRateLimiter, isGone } from "./http/middleware.js";
import type { MiddlewareOptions } from "./http/options.js";
import { routeLimit, type Limit } from "./http/route-limit.js";
import type { LockWatchState } from "./http/state.js";
import type { LockWatch } from "./lockwatch.js";
import { TokenEndpoints, type Action, type TokenRoutesOptions } from "./token/endpoints.js";
import type { Claims } from "./tokens.js";

export type { RouteLimitOptions } from "./http/route-limit.js";
export { jwtRequired, type JwtOptions } from "./token/bearer.js";
export type { CookieOptions } from "./token/cookie.js";
export type { TokenRoutesOptions } from "./token/endpoints.js";
export type { Attempt } from "./guard/attempt.js";
export type { DeviceCookieOptions } from "./guard/device.js";
export type { Guard } from "./guard/guard.js";
export type { Challenge, ChallengeFunction, Credentials, GuardKey, GuardOptions } from "./guard/options.js";
export { jwks, type JwksOptions } from "./token/jwks.js";
export type { Login } from "./token/login.js";

declare global {
  // Express's types are extended through this namespace.
  // eslint-disable-next-line @typescript-eslint/no-namespace
  namespace Express {
    interface Request {
      /** Undefined for exempt paths. */
      lockwatch?: LockWatchState;
      /** The claims of the access token that `jwtRequired` accepted. */
      claims?: Claims;
    }
  }
}

export type ExpressOptions = MiddlewareOptions<Request>;

/**
 * The path that the router matches. Express parses a target with a host, a fragment or a backslash
 * in its own way.
 */
function pathOf(request: Request): string {
  return request.baseUrl + ((request.path as string | null | undefined) ?? "/");
}

/** Limits, counts and records every request. Use it before authentication and other costly work. */
export function lockwatch(options: ExpressOptions): RequestHandler & { readonly lockwatch: LockWatch } {
  const limiter = createRateLimiter(options);
  const handler: RequestHandler = middleware(async (request: Request, response) => {
    return !isGone(request) && (await admit(limiter, request, response, pathOf(request)));
  });
  return Object.assign(handler, { lockwatch: limiter.lockwatch });
}

/**
 * A limit on one route:
 * `app.post("/orders", authenticate, limit(lw, "5/minute", { key: (request) => request.claims?.sub }), handler)`.
 */
export const limit: Limit<Request> = routeLimit;

/**
 * A guard of logins: `const logins = guard(lw, "login", { challenge: "deny" })`, and in the handler
 * `await logins.withAttempt(request, response, { user, password }, (attempt) => …)`.
 */
export const guard: MakeGuard<Request> = makeGuard;

/** `POST login`, `refresh` and `logout` below a path: `app.use("/auth", tokenRouter(lw, …))`. */
export function tokenRouter(lockwatch: LockWatch, options: TokenRoutesOptions<Request>): RequestHandler {
  const endpoints = new TokenEndpoints(lockwatch, options);
  return middleware(async (request: Request, response) => {
    const action = request.method === "POST" ? /^\/(login|refresh|logout)\/?$/.exec(request.path)?.[1] : undefined;
    if (action === undefined) return true;
    send(response, await endpoints.handle(action as Action, request));
    return false;
  });
}
