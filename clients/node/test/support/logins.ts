/** An application with a guarded login in either framework. */
import { createServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import express from "express";
import fastify from "fastify";
import type { LockWatch, LockWatchState } from "lockwatch";
import * as forExpress from "lockwatch/express";
import * as forFastify from "lockwatch/fastify";
import { ask, type Answer } from "./http.js";
import type { Framework } from "./served.js";

type Body = Readonly<Record<string, string>>;

/** What the handler of the login does with its attempt. */
export type Handler = (attempt: forExpress.Attempt, body: Body, response: Parameters<forExpress.Attempt["succeeded"]>[0]) => unknown;

export interface Logins {
  /** The last error that the framework's error handler got. */
  error: unknown;
  state: LockWatchState | undefined;
  post(path: string, body: Body, headers?: Record<string, string>): Promise<Answer>;
  close(): Promise<void>;
}

export interface LoginOptions {
  readonly guard: forExpress.GuardOptions<never>;
  readonly key?: forExpress.GuardKey<never>;
  readonly handler?: Handler;
  /** The options of the middleware; none unless given. */
  readonly middleware?: object;
  /** The options of the token routes at `/auth`; no routes unless given. */
  readonly tokens?: object;
}

/** `/around` logs in by `withAttempt`, `/explicit` by `attempt`, whose error the framework answers. */
export async function serveLogins(framework: Framework, lw: LockWatch, options: LoginOptions): Promise<Logins> {
  const logins = { error: undefined, state: undefined } as { -readonly [K in keyof Logins]: Logins[K] };
  const server = framework === "express" ? createServer(expressApp(logins, lw, options)) : await fastifyServer(logins, lw, options);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  logins.post = (path, body, headers = {}) => {
    const text = JSON.stringify(body);
    return ask(port, path, { method: "POST", body: text, headers: { "content-type": "application/json", "content-length": String(Buffer.byteLength(text)), ...headers } });
  };
  logins.close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return logins;
}

const succeed: Handler = (attempt, _body, response) => attempt.succeeded(response);

function expressApp(logins: Logins, lw: LockWatch, { guard: guardOptions, key = "login", handler = succeed, middleware, tokens }: LoginOptions) {
  const guard = forExpress.guard(lw, key as forExpress.GuardKey<express.Request>, guardOptions as forExpress.GuardOptions<express.Request>);
  const app = express();
  if (middleware) app.use(forExpress.lockwatch({ redis: lw, burstThreshold: null, ...middleware }));
  if (tokens) app.use("/auth", forExpress.tokenRouter(lw, { guard, ...tokens } as never));
  app.use(express.json(), (request, _response, next) => {
    logins.state = request.lockwatch;
    next();
  });
  app.post("/around", async (request, response) => {
    const body = request.body as Body;
    await guard.withAttempt(request, response, body, async (attempt) => {
      await handler(attempt, body, response);
      response.json("done");
    });
  });
  app.post("/explicit", async (request, response) => {
    const body = request.body as Body;
    await handler(await guard.attempt(request, body), body, response);
    response.json("done");
  });
  const onError: express.ErrorRequestHandler = (error: Error & { status?: number; headers?: Record<string, string> }, _request, response, _next) => {
    logins.error = error;
    response.status(error.status ?? 500).set(error.headers).end();
  };
  return app.use(onError);
}

async function fastifyServer(logins: Logins, lw: LockWatch, { guard: guardOptions, key = "login", handler = succeed, middleware, tokens }: LoginOptions) {
  const guard = forFastify.guard(lw, key, guardOptions);
  const app = fastify();
  if (middleware) await app.register(forFastify.lockwatch, { redis: lw, burstThreshold: null, ...middleware });
  if (tokens) await app.register(forFastify.tokenRoutes, { prefix: "/auth", lockwatch: lw, guard, ...tokens } as never);
  app.addHook("preHandler", (request, _reply, done) => {
    logins.state = request.lockwatch;
    done();
  });
  app.addHook("onError", (_request, _reply, error, done) => {
    logins.error = error;
    done();
  });
  app.post<{ Body: Body }>("/around", (request, reply) =>
    guard.withAttempt(request as never, reply, request.body, async (attempt) => {
      await handler(attempt, request.body, reply);
      return "done";
    }),
  );
  app.post<{ Body: Body }>("/explicit", async (request, reply) => {
    await handler(await guard.attempt(request as never, request.body), request.body, reply);
    return "done";
  });
  await app.ready();
  return app.server;
}
