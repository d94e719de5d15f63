/** lockwatch in Fastify: the plugin. */
import type { FastifyInstance, FastifyPluginCallback, FastifyRequest } from "fastify";
import type { LockWatchState } from "./http/state.js";
import { admitted, guardOf, isGone, visit } from "./http/handle.js";
import type { MiddlewareOptions } from "./http/options.js";
import { routeLimit, type Limit } from "./http/route-limit.js";
import { send } from "./http/exchange.js";
import { pathOf } from "./http/pattern.js";
import { LockWatch } from "./lockwatch.js";
import { TokenEndpoints, type Action, type TokenRoutesOptions } from "./token/endpoints.js";
import type { Claims } from "./tokens.js";

export type { RouteLimitOptions } from "./http/route-limit.js";
export { jwtRequired, type JwtOptions } from "./token/bearer.js";
export { jwks, type JwksOptions } from "./token/jwks.js";
export type { CookieOptions } from "./token/cookie.js";
export type { Login, TokenRoutesOptions } from "./token/endpoints.js";

declare module "fastify" {
  interface FastifyInstance {
    lockwatch: LockWatch;
  }
  interface FastifyRequest {
    /** What lockwatch found out; undefined for what is exempt. */
    lockwatch: LockWatchState | undefined;
    /** Of the access token that `jwtRequired` accepted. */
    claims?: Claims;
  }
}

export type FastifyOptions = MiddlewareOptions<FastifyRequest>;

/** Without those that `register` reads itself. */
function ownOptions<Options extends object>(options: Options): Options {
  const { prefix: _prefix, logLevel: _level, logSerializers: _serializers, ...own } = options as Options & FastifyRegisterOptions;
  return own as unknown as Options;
}

interface FastifyRegisterOptions {
  prefix?: unknown;
  logLevel?: unknown;
  logSerializers?: unknown;
}

interface RouterConfig {
  useSemicolonDelimiter?: boolean;
}

/** A plugin that throws ends the process; one that tells is an error of `register`, `ready` and `listen`. */
function telling<Options extends object>(setUp: (fastify: FastifyInstance, options: Options) => void): FastifyPluginCallback<Options> {
  return (fastify, options, done) => {
    try {
      setUp(fastify, ownOptions(options));
    } catch (error) {
      done(error as Error);
      return;
    }
    done();
  };
}

const plugin = telling<FastifyOptions>((fastify, options) => {
  const guard = guardOf(options);
  const { useSemicolonDelimiter, routerOptions } = fastify.initialConfig as RouterConfig & { routerOptions?: RouterConfig };
  // Where the two contradict each other, rather a semicolon too many than a policy that is evaded.
  const cutsSemicolons = (useSemicolonDelimiter ?? false) || (routerOptions?.useSemicolonDelimiter ?? false);
  fastify.decorate("lockwatch", guard.lockwatch);
  fastify.decorateRequest("lockwatch", undefined);
  fastify.addHook("onRequest", async (request, reply) => {
    const { raw } = request;
    if (isGone(raw)) return reply.hijack();
    const target = raw.url ?? "/";
    const visited = visit(guard, raw, reply.raw, pathOf(cutsSemicolons ? target.replace(/;.*/s, "") : target));
    if (!visited) return undefined;
    request.lockwatch = visited.state;
    return (await admitted(visited, request, reply)) ? undefined : reply;
  });
  // What the plugin opened it closes. A LockWatch of the application's is the application's.
  if (!(options.redis instanceof LockWatch)) fastify.addHook("onClose", () => guard.lockwatch.close());
});

/** Limits, counts and records every request of the server. */
export const lockwatch = Object.assign(plugin, {
  // For the whole server, not only for what is registered inside the plugin.
  [Symbol.for("skip-override")]: true,
  [Symbol.for("fastify.display-name")]: "lockwatch",
  [Symbol.for("plugin-meta")]: { fastify: ">=5", name: "lockwatch" },
});

/** A limit on one route: `app.post("/orders", { preHandler: [authenticate, limit(lw, "5/minute")] }, handler)`. */
export const limit: Limit<FastifyRequest> = routeLimit;

export interface FastifyTokenOptions extends TokenRoutesOptions<FastifyRequest> {
  lockwatch: LockWatch;
}

const ACTIONS: readonly Action[] = ["login", "refresh", "logout"];

/** `POST login`, `refresh` and `logout`, below a prefix: `app.register(tokenRoutes, { prefix: "/auth", lockwatch: lw, … })`. */
export const tokenRoutes: FastifyPluginCallback<FastifyTokenOptions> = telling<FastifyTokenOptions>((fastify, options) => {
  const { lockwatch, ...others } = options;
  const endpoints = new TokenEndpoints(lockwatch, others);
  for (const action of ACTIONS) {
    fastify.post(`/${action}`, async (request, reply) => {
      send(reply, await endpoints.handle(action, request, fastify.prefix));
      return reply;
    });
  }
});
