/**
 * One request and its response in either framework, for middleware that works in both: Express hands Node's own objects on,
 * Fastify wraps them.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Headers } from "../ratelimit.js";
import type { LockWatchState } from "./state.js";
import type { Reply } from "./verdict.js";

/** Express's `Request`, as far as it is used here. */
export interface ExpressRequest extends IncomingMessage {
  baseUrl?: string;
  route?: { path?: unknown };
  body?: unknown;
}

/** Fastify's `FastifyRequest` and `FastifyReply`, as far as they are used here. */
export interface FastifyRequestLike {
  readonly raw: IncomingMessage;
  readonly routeOptions?: { readonly url?: string | undefined };
  body?: unknown;
}
export interface FastifyReplyLike {
  readonly raw: ServerResponse;
  code(status: number): unknown;
  header(name: string, value: string): unknown;
  hasHeader(name: string): boolean;
  send(body?: Buffer): unknown;
}

export type AnyRequest = ExpressRequest | FastifyRequestLike;
export type AnyResponse = ServerResponse | FastifyReplyLike;

/** In front of a handler of Express, or a hook of Fastify. */
export type Middleware = (request: AnyRequest, response: AnyResponse, next: (error?: Error) => void) => void;

export function rawRequest(request: AnyRequest): IncomingMessage {
  return "raw" in request ? request.raw : request;
}

/** What the middleware found out about this request, if it has seen it. */
export function stateOf(request: AnyRequest): LockWatchState | undefined {
  return (request as { lockwatch?: LockWatchState }).lockwatch;
}

/** The pattern under which the application registered the route that is being handled. */
export function routePattern(request: AnyRequest): string | undefined {
  if ("raw" in request) return request.routeOptions?.url;
  const path = request.route?.path;
  return typeof path === "string" ? (request.baseUrl ?? "") + path : undefined;
}

export function setHeaders(response: AnyResponse, headers: Headers): void {
  for (const [name, value] of Object.entries(headers)) setHeader(response, name, value);
}

/** Sets those that are not there yet. */
export function addHeaders(response: AnyResponse, headers: Headers): void {
  for (const [name, value] of Object.entries(headers)) if (!response.hasHeader(name)) setHeader(response, name, value);
}

export function send(response: AnyResponse, { status, headers = [], body = "" }: Reply): void {
  const pairs = Array.isArray(headers) ? (headers as [string, string][]) : Object.entries(headers as Headers);
  for (const [name, value] of pairs) setHeader(response, name, value);
  if ("raw" in response) {
    response.code(status);
    // As bytes, since Fastify adds a charset to the type of a text.
    response.send(body === "" ? undefined : Buffer.from(body));
  } else {
    response.statusCode = status;
    response.end(body);
  }
}

function setHeader(response: AnyResponse, name: string, value: string): void {
  if ("raw" in response) response.header(name, value);
  else response.setHeader(name, value);
}
