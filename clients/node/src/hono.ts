/** The middleware of Hono on `@hono/node-server`, and the limit on a route. */
import type { Context, MiddlewareHandler } from "hono";
import { rawRequest, type HonoContextLike, type Middleware } from "./http/framework.js";
import { HonoReply } from "./http/hono-reply.js";
import { admit, createRateLimiter, isGone } from "./http/middleware.js";
import type { LimitsFunction, MiddlewareOptions } from "./http/options.js";
import { routeLimit, type RouteLimitOptions } from "./http/route-limit.js";
import { honoPlaces } from "./http/route-text.js";
import type { LockWatchState } from "./http/state.js";
import type { Limits } from "./limits.js";
import type { LockWatch } from "./lockwatch.js";
import { jwtRequired as required, type JwtOptions } from "./token/bearer.js";
import type { Claims } from "./tokens.js";

export type { RouteLimitOptions } from "./http/route-limit.js";
export type { JwtOptions } from "./token/bearer.js";

declare module "hono" {
  interface ContextVariableMap {
    /** Undefined for exempt paths. */
    lockwatch: LockWatchState | undefined;
    /** The claims of the access token that `jwtRequired` accepted. */
    claims: Claims | undefined;
  }
}

export type HonoOptions = MiddlewareOptions<Context>;

/** Answers nobody: the client has gone. */
const GONE = 499;

/** Limits, counts and records every request: `app.use(lockwatch({ redis, limits: "100/minute" }))`. */
export function lockwatch(options: HonoOptions): MiddlewareHandler & { readonly lockwatch: LockWatch } {
  const limiter = createRateLimiter(options);
  const handler: MiddlewareHandler = async (context, next) => {
    const reply = HonoReply.of(context);
    if (isGone(rawRequest(requestOf(context)))) return new Response(null, { status: GONE });
    // The path that the router matches.
    if (!(await admit(limiter, requestOf(context), reply, context.req.path))) return reply.response;
    await next();
    reply.setHeaders();
    return undefined;
  };
  return Object.assign(handler, { lockwatch: limiter.lockwatch });
}

/**
 * A limit on one route: `app.post("/orders", authenticate, limit(lw, "5/minute", { key: (c) =>
 * c.get("claims")?.sub }), handler)`.
 */
export function limit(lockwatch: LockWatch, limits: Limits | LimitsFunction<Context>, options: RouteLimitOptions<Context> = {}): MiddlewareHandler {
  return handlerOf(routeLimit(lockwatch, limits as Limits | LimitsFunction<HonoContextLike>, options as RouteLimitOptions<HonoContextLike>));
}

/** Requires a bearer token. Sets `claims` of the context, and the user of the audit event. */
export function jwtRequired(lockwatch: LockWatch, options: JwtOptions): MiddlewareHandler {
  return handlerOf(required(lockwatch, options));
}

function handlerOf(middleware: Middleware): MiddlewareHandler {
  return async (context, next) => {
    const reply = HonoReply.of(context);
    setPlace(context);
    const goesOn = await new Promise<boolean>((resolve, reject) => {
      reply.whenSent(() => resolve(false));
      middleware(requestOf(context), reply, (error) => (error ? reject(error) : resolve(true)));
    });
    if (!goesOn) return reply.response;
    await next();
    reply.setHeaders();
    return undefined;
  };
}

/** Notes the template of the route that the context is at. */
function setPlace(context: Context): void {
  // `matchedRoutes` of hono/route knows only the contexts of its own copy of Hono: those of an
  // application that imports Hono and those of one that requires it are of two copies.
  // eslint-disable-next-line @typescript-eslint/no-deprecated
  const route = context.req.matchedRoutes[context.req.routeIndex];
  if (!route) return;
  const path = route.path === "*" ? "/*" : route.path;
  honoPlaces.set(context, { methods: route.method === "ALL" ? [] : [route.method], path: path.replace(/\/\*$/, "/**") });
}

function requestOf(context: Context): Context & HonoContextLike {
  return context as Context & HonoContextLike;
}
