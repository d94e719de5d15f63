/**
 * Serves an application behind the middleware in this process, for tests with functions or a
 * scripted connection.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { createAdaptorServer, upgradeWebSocket } from "@hono/node-server";
import express, { type Express } from "express";
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import websocket from "@fastify/websocket";
import { Hono, type MiddlewareHandler } from "hono";
import { LockWatch, type LockWatchState } from "lockwatch";
import * as forExpress from "lockwatch/express";
import * as forFastify from "lockwatch/fastify";
import * as forHono from "lockwatch/hono";
import { limitUpgrades } from "lockwatch/websocket";
import { WebSocketServer } from "ws";

export const FRAMEWORKS = ["express", "fastify"] as const;
/** Those with middleware of lockwatch. Hono has no guards and token routes of it. */
export const WITH_MIDDLEWARE = [...FRAMEWORKS, "hono"] as const;
export type Framework = (typeof WITH_MIDDLEWARE)[number];

export interface Handled {
  state: LockWatchState | undefined;
  /** Responds as the application: accepts the handshake of a WebSocket with the status 101. */
  answer: (status: number, headers: [string, string][], body: string) => void;
}

type Limit = typeof forExpress.limit;

/** Called for each request: makes the limit in front of the handler, if there is one. */
export type RouteLimit = (limit: Limit) => ReturnType<Limit> | undefined;

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

/** The path of what a function of the application is given: a request, or a context of Hono. */
export function pathOf(request: { readonly url: string } | { readonly req: { readonly path: string } }): string {
  return "req" in request ? request.req.path : request.url;
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
  const onUpgrade = (request: IncomingMessage) => {
    disguise(request);
    served.ended = once(request.socket, "close");
  };
  const server = await SERVERS[framework](served, options, handler, wrapped, routeLimit);
  // Not a listener of its own: Hono refuses a handshake only if nothing else could accept it.
  const emit = server.emit.bind(server) as (event: string, ...values: unknown[]) => boolean;
  server.emit = (event: string, ...values: unknown[]) => {
    if (event === "upgrade") onUpgrade(values[0] as IncomingMessage);
    return emit(event, ...values);
  };
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

const SERVERS: Record<Framework, typeof expressServer | typeof fastifyServer> = { express: expressServer, fastify: fastifyServer, hono: honoServer };

function expressServer(served: Served, options: unknown, handler: (handled: Handled) => void, wrap: Wrap, routeLimit: RouteLimit): Server {
  const app: Express = express();
  app.disable("x-powered-by");
  app.use(forExpress.lockwatch(options as forExpress.ExpressOptions));
  app.use((request, response, next) => {
    const limit = routeLimit(forExpress.limit);
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
  const server = createServer(
    wrap((request, response) => {
      response.once("close", () => (served.state = (request as express.Request).lockwatch));
      app(request, response);
    }),
  );
  const { redis, ...upgradeOptions } = options as { redis: LockWatch };
  if (redis instanceof LockWatch) server.on("upgrade", upgrades(served, redis, upgradeOptions, handler));
  return server;
}

/** Serves handshakes without a framework. */
function upgrades(served: Served, lockwatch: LockWatch, options: object, handler: (handled: Handled) => void): (request: IncomingMessage, socket: Duplex, head: Buffer) => void {
  const wss = new WebSocketServer({ noServer: true });
  const limited = limitUpgrades(lockwatch, options, (request, socket, head) => {
    const answer: Handled["answer"] = (status, headers, body) => {
      if (status === 101) return wss.handleUpgrade(request, socket, head, (ws) => ws.on("error", () => undefined));
      const lines = [...headers, ["Content-Length", String(body.length)]].map(([name, value]) => `${name}: ${value}\r\n`);
      socket.end(`HTTP/1.1 ${status} Refused\r\n${lines.join("")}\r\n${body}`);
    };
    handler({ state: stateOf(request), answer });
  });
  return (request, socket, head) => {
    socket.once("close", () => (served.state = stateOf(request)));
    limited(request, socket, head);
  };
}

function stateOf(request: IncomingMessage): LockWatchState | undefined {
  return (request as { lockwatch?: LockWatchState }).lockwatch;
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
  app.register(websocket);
  app.register(forFastify.lockwatch, options as forFastify.FastifyOptions);
  const preHandler = (request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void) => {
    const limit = routeLimit(forExpress.limit);
    if (limit) limit(request, reply, done);
    else done();
  };
  const handle = (request: FastifyRequest, reply: FastifyReply) => {
    const answer: Handled["answer"] = (status, headers, body) => {
      for (const [name, value] of headers) reply.header(name, value);
      reply.code(status).send(body);
    };
    handler({ state: request.lockwatch, answer });
  };
  const methods = app.supportedMethods.filter((method) => !["GET", "HEAD"].includes(method));
  app.route({ method: methods, url: "/*", preHandler, handler: handle });
  app.after(() => {
    const accept = (request: FastifyRequest, reply: FastifyReply, done: () => void) => {
      served.state = request.lockwatch;
      if (!request.ws) return done();
      handler({ state: request.lockwatch, answer: (status, _headers, body) => (status === 101 ? done() : void reply.code(status).send(body)) });
    };
    app.route({ method: "GET", url: "/*", preHandler: [preHandler, accept], handler: handle, wsHandler: () => undefined });
  });
  await app.ready();
  return server as unknown as Server;
}

function honoServer(served: Served, options: unknown, handler: (handled: Handled) => void, wrap: Wrap, routeLimit: RouteLimit): Server {
  const app = new Hono();
  app.use(async (context, next) => {
    await next();
    served.state = context.get("lockwatch");
  });
  app.use(forHono.lockwatch(options as forHono.HonoOptions));
  app.use((context, next) => {
    const limit = routeLimit(forHono.limit as never) as MiddlewareHandler | undefined;
    return limit ? limit(context, next) : next();
  });
  app.all("*", (context, next) => {
    const state = context.get("lockwatch");
    return new Promise<Response>((resolve, reject) => {
      const answer: Handled["answer"] = (status, headers, body) => {
        if (status !== 101) return resolve(new Response(body, { status, headers }));
        Promise.resolve(upgradeWebSocket(() => ({}))(context, next)).then((response) => resolve(response as Response), reject);
      };
      handler({ state, answer });
    });
  });
  app.onError((error, context) => {
    served.error = error;
    return context.body(null, 500);
  });
  const make = (_options: unknown, listener: RequestListener) => createServer(wrap(listener));
  return createAdaptorServer({ fetch: app.fetch, createServer: make as never, websocket: { server: new WebSocketServer({ noServer: true }) } }) as Server;
}
