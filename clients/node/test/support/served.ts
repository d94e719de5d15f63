/**
 * Serves an application behind the middleware in this process, for tests with functions or a
 * scripted connection.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import express, { type Express } from "express";
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import type { LockWatchState } from "lockwatch";
import * as forExpress from "lockwatch/express";
import * as forFastify from "lockwatch/fastify";

export const FRAMEWORKS = ["express", "fastify"] as const;
export type Framework = (typeof FRAMEWORKS)[number];

export interface Handled {
  state: LockWatchState | undefined;
  /** Responds as the application. */
  answer: (status: number, headers: [string, string][], body: string) => void;
}

/** Called for each request: returns the limit in front of the handler, if there is one. */
export type RouteLimit = () => ReturnType<typeof forExpress.limit> | undefined;

export interface Served {
  readonly port: number;
  /** The last error that the middleware passed to the framework. */
  error: unknown;
  /** The last request's state. */
  state: LockWatchState | undefined;
  /** Resolves when the response of the last request has been sent and its audit event queued. */
  ended: Promise<unknown>;
  close(): Promise<void>;
}

/** Changes what a request looks like before the framework sees it. */
export type Disguise = (request: IncomingMessage) => void;

export async function serve(
  framework: Framework,
  options: unknown,
  handler: (handled: Handled) => void,
  disguise: Disguise = () => undefined,
  routeLimit: RouteLimit = () => undefined,
): Promise<Served> {
  const served = { error: undefined, state: undefined, ended: Promise.resolve() } as { -readonly [K in keyof Served]: Served[K] };
  const wrapped = (listener: RequestListener) => (request: IncomingMessage, response: ServerResponse) => {
    disguise(request);
    served.ended = once(response, "close");
    listener(request, response);
  };
  const server = framework === "express" ? expressServer(served, options, handler, wrapped, routeLimit) : await fastifyServer(served, options, handler, wrapped, routeLimit);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  served.port = (server.address() as AddressInfo).port;
  served.close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return served;
}

type Wrap = (listener: RequestListener) => RequestListener;

function expressServer(served: Served, options: unknown, handler: (handled: Handled) => void, wrap: Wrap, routeLimit: RouteLimit): Server {
  const app: Express = express();
  app.disable("x-powered-by");
  app.use(forExpress.lockwatch(options as forExpress.ExpressOptions));
  app.use((request, response, next) => {
    const limit = routeLimit();
    if (limit) limit(request, response, next);
    else next();
  });
  app.use((request, response) => {
    served.state = request.lockwatch;
    const answer: Handled["answer"] = (status, headers, body) => {
      response.status(status);
      for (const [name, value] of headers) response.setHeader(name, value);
      response.end(body);
    };
    handler({ state: request.lockwatch, answer });
  });
  app.use((error: unknown, _request: express.Request, response: express.Response, _next: express.NextFunction) => {
    served.error = error;
    response.status(500).end();
  });
  return createServer(
    wrap((request, response) => {
      response.once("close", () => (served.state = (request as express.Request).lockwatch));
      app(request, response);
    }),
  );
}

async function fastifyServer(served: Served, options: unknown, handler: (handled: Handled) => void, wrap: Wrap, routeLimit: RouteLimit): Promise<Server> {
  let server: Server | undefined;
  const app: FastifyInstance = fastify({ serverFactory: (listener) => (server = createServer(wrap(listener))) });
  app.addHook("onSend", (request, _reply, payload, done) => {
    served.state = request.lockwatch;
    done(null, payload);
  });
  app.setErrorHandler((error, _request, reply) => {
    served.error = error;
    return reply.code(500).send();
  });
  app.register(forFastify.lockwatch, options as forFastify.FastifyOptions);
  const preHandler = (request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void) => {
    const limit = routeLimit();
    if (limit) limit(request, reply, done);
    else done();
  };
  app.all("/*", { preHandler }, (request, reply) => {
    const answer: Handled["answer"] = (status, headers, body) => {
      for (const [name, value] of headers) reply.header(name, value);
      reply.code(status).send(body);
    };
    handler({ state: request.lockwatch, answer });
  });
  await app.ready();
  return server as unknown as Server;
}
