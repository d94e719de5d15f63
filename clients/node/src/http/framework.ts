/**
 * A request and its response in each framework. Express passes Node's own objects on, Fastify and
 * Hono wrap them.
 */
import { IncomingMessage, ServerResponse } from "node:http";
import { CLIENT_CLOSED_REQUEST, Handshake } from "./handshake.js";
import type { Decision, SentReply } from "./reply.js";
import type { LockWatchState } from "./state.js";

/** The members of Express's `Request` that are used here. */
export interface ExpressRequest extends IncomingMessage {
  app?: unknown;
  baseUrl?: string;
  originalUrl?: string;
  route?: unknown;
  body?: unknown;
}

/** The members of Fastify's `FastifyRequest` and `FastifyReply` that are used here. */
export interface FastifyRequestLike {
  readonly raw: IncomingMessage;
  readonly originalUrl?: string;
  readonly is404?: boolean;
  readonly routeOptions?: { readonly url?: string | undefined; readonly method?: string | readonly string[] };
  readonly server?: { readonly prefix?: string; readonly supportedMethods?: readonly string[] };
  body?: unknown;
}
export interface FastifyReplyLike {
  readonly raw: ServerResponse;
  code(status: number): unknown;
  header(name: string, value: string): unknown;
  hasHeader(name: string): boolean;
  getHeader(name: string): number | string | readonly string[] | undefined;
  send(body?: Buffer): unknown;
}

/** The members of Hono's `Context` that are used here, as `@hono/node-server` makes it. */
export interface HonoContextLike {
  readonly env: { readonly incoming: IncomingMessage };
  readonly req: object;
  get(name: string): unknown;
  set(name: string, value: unknown): void;
  readonly originalUrl?: undefined;
  readonly body?: unknown;
}

export type AnyRequest = ExpressRequest | FastifyRequestLike | HonoContextLike;
export type AnyResponse = ServerResponse | FastifyReplyLike;

/** Middleware of Express, and a hook of Fastify. */
export type Middleware<Req = AnyRequest> = (request: Req, response: AnyResponse, next: (error?: Error) => void) => void;

/** @param admits resolves to whether the request goes on; if not, it has sent the response */
export function middleware<Req>(admits: (request: Req, response: AnyResponse) => Promise<boolean>): Middleware<Req> {
  return (request, response, next) => {
    admits(request, response).then((goesOn) => goesOn && next(), next);
  };
}

/*
 * Express gives each request and response another prototype. After that V8 looks for a member that
 * they lack through the whole chain, each time. Their class is found faster.
 */

export function rawRequest(request: AnyRequest): IncomingMessage {
  if (request instanceof IncomingMessage) return request;
  if (isFastifyRequest(request)) return request.raw;
  return isHono(request) ? request.env.incoming : request;
}

export function isFastifyRequest(request: AnyRequest): request is FastifyRequestLike {
  return !(request instanceof IncomingMessage) && "raw" in request;
}

export function isHono(request: AnyRequest): request is HonoContextLike {
  return !(request instanceof IncomingMessage) && "req" in request && "env" in request;
}

export function rawResponse(response: AnyResponse): ServerResponse {
  return isFastifyReply(response) ? response.raw : response;
}

export function isFastifyReply(response: AnyResponse): response is FastifyReplyLike {
  return !(response instanceof ServerResponse) && "raw" in response;
}

/**
 * Calls `call` with the status of a response: when it is closed, or when the handshake of a WebSocket
 * is accepted.
 */
export function whenEnded(response: ServerResponse, call: (status: number) => void): void {
  const handshake = Handshake.of(response);
  if (handshake) handshake.whenEnded(call);
  else if (response.closed) call(statusOf(response));
  else response.once("close", () => call(statusOf(response)));
}

function statusOf(response: ServerResponse): number {
  return response.writableFinished ? response.statusCode : CLIENT_CLOSED_REQUEST;
}

/** The path as the client sent it, without the query. */
export function originalPath(request: AnyRequest): string {
  const target = request.originalUrl ?? rawRequest(request).url ?? "/";
  return target.replace(/[?#].*$/s, "").replace(/^[a-z][a-z0-9+.-]*:\/\/[^/]*/i, "");
}

/** Undefined for a request that the middleware has not seen. */
export function stateOf(request: AnyRequest): LockWatchState | undefined {
  return isHono(request) ? (request.get("lockwatch") as LockWatchState | undefined) : (request as { lockwatch?: LockWatchState }).lockwatch;
}

/** Gives a request something that handlers find there. */
export function attach(request: AnyRequest, name: "lockwatch" | "claims", value: unknown): void {
  if (isHono(request)) request.set(name, value);
  else (request as unknown as Record<string, unknown>)[name] = value;
}

/**
 * Sends the reply of a denied request, or sets the headers of an admitted one. Without `replace`,
 * headers that are set already stay. Returns whether the request goes on to the application.
 */
export function applyDecision(response: AnyResponse, { headers, reply }: Decision, { replace }: { replace: boolean }): boolean {
  for (const name in headers) {
    if (reply || replace || !response.hasHeader(name)) setHeader(response, name, headers[name] as string);
  }
  const handshake = Handshake.of(rawResponse(response));
  if (handshake) Object.assign(handshake.headers, headers);
  if (reply) send(response, reply);
  return !reply;
}

export function send(response: AnyResponse, { status, headers = [], body = "" }: SentReply): void {
  const pairs = Array.isArray(headers) ? (headers as [string, string][]) : Object.entries(headers as Record<string, string>);
  for (const [name, value] of pairs) setHeader(response, name, value);
  if (isFastifyReply(response)) {
    response.code(status);
    // Fastify adds a charset to the type of a string, but not of bytes.
    response.send(body === "" ? undefined : Buffer.from(body));
  } else {
    response.statusCode = status;
    response.end(body);
  }
}

function setHeader(response: AnyResponse, name: string, value: string): void {
  // Fastify appends cookies itself.
  if (isFastifyReply(response)) response.header(name, value);
  else if (name === SET_COOKIE) response.appendHeader(name, value);
  else response.setHeader(name, value);
}

const SET_COOKIE = "Set-Cookie";

/** Adds a cookie to those that the response has. */
export function addCookie(response: AnyResponse, cookie: string): void {
  setHeader(response, SET_COOKIE, cookie);
}
