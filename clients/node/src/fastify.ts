/** The Fastify plugin, the limit on a route, and the token routes. */
import type { FastifyInstance, FastifyPluginCallback, FastifyRequest } from "fastify";
import { makeGuard, type MakeGuard } from "./guard/guard.js";
import { send } from "./http/framework.js";
import { admit, createRateLimiter, isGone } from "./http/middleware.js";
import type { MiddlewareOptions } from "./http/options.js";
import { pathOf } from "./http/pattern.js";
import { routeLimit, type Limit } from "./http/route-limit.js";
import type { LockWatchState } from "./http/state.js";
import { checkClient, LockWatch } from "./lockwatch.js";
import { ACTIONS, TokenEndpoints, type TokenRoutesOptions } from "./token/endpoints.js";
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

declare module "fastify" {
  interface FastifyInstance {
    lockwatch: LockWatch;
  }
  interface FastifyRequest {
    /** Undefined for exempt paths. */
    lockwatch: LockWatchState | undefined;
    /** The claims of the access token that `jwtRequired` accepted. */
    claims?: Claims;
  }
}

export type FastifyOptions = MiddlewareOptions<FastifyRequest>;

interface RegisterOptions {
  prefix?: unknown;
  logLevel?: unknown;
  logSerializers?: unknown;
}

interface RouterConfig {
  useSemicolonDelimiter?: boolean;
}

/**
 * A plugin whose errors reject `register`, `ready` and `listen`. An exception in a plugin would end
 * the process. `setUp` gets the options without those that `register` reads itself.
 */
function pluginOf<Options extends object>(setUp: (fastify: FastifyInstance, options: Options) => void): FastifyPluginCallback<Options> {
  return (fastify, options, done) => {
    try {
      const { prefix: _prefix, logLevel: _level, logSerializers: _serializers, ...own } = options as Options & RegisterOptions;
      setUp(fastify, own as unknown as Options);
    } catch (error) {
      done(error as Error);
      return;
    }
    done();
  };
}

const plugin = pluginOf<FastifyOptions>((fastify, options) => {
  const limiter = createRateLimiter(options);
  const { useSemicolonDelimiter, routerOptions } = fastify.initialConfig as RouterConfig & { routerOptions?: RouterConfig };
  // If the two options contradict each other, the policy applies to the path without the semicolon,
  // so that it cannot be evaded.
  const cutsSemicolons = (useSemicolonDelimiter ?? false) || (routerOptions?.useSemicolonDelimiter ?? false);
  // A part of the server may have a plugin of its own, inside the server's.
  if (!fastify.hasDecorator("lockwatch")) fastify.decorate("lockwatch", limiter.lockwatch);
  if (!fastify.hasRequestDecorator("lockwatch")) fastify.decorateRequest("lockwatch", undefined);
  fastify.addHook("onRequest", (request, reply, done) => {
    const { raw } = request;
    if (isGone(raw)) {
      reply.hijack();
      return;
    }
    const target = raw.url ?? "/";
    const path = pathOf(cutsSemicolons ? target.replace(/;.*/s, "") : target);
    // A hook that does not call `done` has answered the request.
    admit(limiter, request, reply, path).then((goesOn) => goesOn && done(), done);
  });
  // The plugin closes a LockWatch that it has created. One of the application is the application's
  // to close.
  if (!(options.redis instanceof LockWatch)) fastify.addHook("onClose", () => limiter.lockwatch.close());
});

/** Limits, counts and records every request of the server. */
export const lockwatch = Object.assign(plugin, {
  // Applies the plugin to the whole server instead of a scope of its own.
  [Symbol.for("skip-override")]: true,
  [Symbol.for("fastify.display-name")]: "lockwatch",
  [Symbol.for("plugin-meta")]: { fastify: ">=5", name: "lockwatch" },
});

/**
 * A limit on one route: `app.post("/orders", { preHandler: [authenticate, limit(lw, "5/minute")] },
 * handler)`.
 */
export const limit: Limit<FastifyRequest> = routeLimit;

/**
 * A guard of logins: `const logins = guard(lw, "login", { challenge: "deny" })`, and in the handler
 * `await logins.withAttempt(request, reply, { user, password }, (attempt) => …)`.
 */
export const guard: MakeGuard<FastifyRequest> = makeGuard;

export interface FastifyTokenOptions extends TokenRoutesOptions<FastifyRequest> {
  lockwatch: LockWatch;
}

const FORM = "application/x-www-form-urlencoded";

/**
 * `POST login`, `refresh` and `logout` below a prefix: `app.register(tokenRoutes, { prefix:
 * "/auth", lockwatch: lw, … })`.
 */
export const tokenRoutes: FastifyPluginCallback<FastifyTokenOptions> = pluginOf<FastifyTokenOptions>((fastify, options) => {
  const { lockwatch, ...others } = options;
  checkClient(lockwatch, "register(tokenRoutes, { lockwatch: lw, … })");
  const endpoints = new TokenEndpoints(lockwatch, others);
  // Fastify refuses forms unless something reads them.
  if (!fastify.hasContentTypeParser(FORM)) {
    fastify.addContentTypeParser(FORM, { parseAs: "string" }, (_request, body, done) => {
      done(null, Object.fromEntries(new URLSearchParams(body as string)));
    });
  }
  for (const action of ACTIONS) {
    fastify.post(`/${action}`, async (request, reply) => {
      send(reply, await endpoints.handle(action, request));
      return reply;
    });
  }
});
