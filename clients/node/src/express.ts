/** lockwatch in Express: the middleware, and what a route may put in front of its handler. */
import type { Request, RequestHandler } from "express";
import type { LockWatchState } from "./http/state.js";
import { admitted, guardOf, isGone, visit } from "./http/handle.js";
import type { MiddlewareOptions } from "./http/options.js";
import { routeLimit, type Limit } from "./http/route-limit.js";
import { send } from "./http/exchange.js";
import type { LockWatch } from "./lockwatch.js";
import { TokenEndpoints, type Action, type TokenRoutesOptions } from "./token/endpoints.js";
import type { Claims } from "./tokens.js";

export type { RouteLimitOptions } from "./http/route-limit.js";
export { jwtRequired, type JwtOptions } from "./token/bearer.js";
export { jwks, type JwksOptions } from "./token/jwks.js";
export type { CookieOptions } from "./token/cookie.js";
export type { Login, TokenRoutesOptions } from "./token/endpoints.js";

declare global {
  // The way in which Express's types are extended.
  // eslint-disable-next-line @typescript-eslint/no-namespace
  namespace Express {
    interface Request {
      /** What lockwatch found out; undefined for what is exempt. */
      lockwatch?: LockWatchState;
      /** Of the access token that `jwtRequired` accepted. */
      claims?: Claims;
    }
  }
}

export type ExpressOptions = MiddlewareOptions<Request>;

/** Express takes a target with a host, a fragment or a backslash apart in a way of its own: its router matches what it made of it. */
function pathOf(request: Request): string {
  return request.baseUrl + ((request.path as string | null | undefined) ?? "/");
}

/** Limits, counts and records every request that comes through it. Before authentication, and before anything costly. */
export function lockwatch(options: ExpressOptions): RequestHandler & { readonly lockwatch: LockWatch } {
  const guard = guardOf(options);
  const handler: RequestHandler = (request, response, next) => {
    if (isGone(request)) return;
    let visited;
    try {
      visited = visit(guard, request, response, pathOf(request));
    } catch (error) {
      next(error);
      return;
    }
    if (!visited) {
      next();
      return;
    }
    request.lockwatch = visited.state;
    admitted(visited, request, response).then((goesOn) => goesOn && next(), next);
  };
  return Object.assign(handler, { lockwatch: guard.lockwatch });
}

/**
 * A limit on one route:
 * `app.post("/orders", authenticate, limit(lw, "5/minute", { key: (request) => request.claims?.sub }), handler)`.
 */
export const limit: Limit<Request> = routeLimit;

/** `POST login`, `refresh` and `logout`, below where it is mounted: `app.use("/auth", tokenRouter(lw, …))`. */
export function tokenRouter(lockwatch: LockWatch, options: TokenRoutesOptions<Request>): RequestHandler {
  const endpoints = new TokenEndpoints(lockwatch, options);
  return (request, response, next) => {
    const action = request.method === "POST" ? /^\/(login|refresh|logout)\/?$/.exec(request.path)?.[1] : undefined;
    if (action === undefined) {
      next();
      return;
    }
    endpoints.handle(action as Action, request, request.baseUrl).then((reply) => send(response, reply), next);
  };
}
