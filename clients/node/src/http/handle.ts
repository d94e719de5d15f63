/** What the Express middleware and the Fastify hook share: from Node's own request and response to a visit and its end. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { checkOptions, type Names } from "../known-options.js";
import { LockWatch, LOCKWATCH_OPTIONS, type LockWatchOptions } from "../lockwatch.js";
import { addHeaders, send, setHeaders, type AnyResponse } from "./exchange.js";
import { Guard, type Visit } from "./guard.js";
import type { MiddlewareOptions } from "./options.js";

/** What a server logs for a client that did not wait for its response. No response carries it. */
const CLIENT_CLOSED_REQUEST = 499;

export function guardOf<Req>(options: MiddlewareOptions<Req>): Guard<Req> {
  checkOptions(options, MIDDLEWARE_OPTIONS, "the middleware");
  const { redis } = options;
  return new Guard(redis instanceof LockWatch ? redis : new LockWatch(redis, ofLockWatch(options)), options);
}

const MIDDLEWARE_OPTIONS: Names<MiddlewareOptions<never>> = {
  ...LOCKWATCH_OPTIONS,
  redis: true,
  rateLimitRequests: true,
  rateLimitWindowSeconds: true,
  limits: true,
  cost: true,
  key: true,
  credentialHeader: true,
  addressLimits: true,
  keyFunc: true,
  planFunc: true,
  routes: true,
  exempt: true,
  shadow: true,
  onRedisFailure: true,
  burstThreshold: true,
  burstWindowSeconds: true,
  burstCooldownSeconds: true,
  audit: true,
  onDenied: true,
  trustedProxies: true,
  forwardedHeader: true,
  keyPrefix: true,
};

function ofLockWatch(options: LockWatchOptions): LockWatchOptions {
  return Object.fromEntries(Object.entries(options).filter(([name]) => Object.hasOwn(LOCKWATCH_OPTIONS, name)));
}

/** Undefined for what is exempt. */
export function visit<Req>(guard: Guard<Req>, raw: IncomingMessage, response: ServerResponse, path: string): Visit<Req> | undefined {
  const visit = guard.visit({
    method: raw.method ?? "GET",
    path,
    peer: raw.socket.remoteAddress,
    header: (name) => headerText(raw, name),
  });
  if (!visit) return undefined;
  response.once("close", () => {
    const status = response.writableFinished ? response.statusCode : CLIENT_CLOSED_REQUEST;
    visit.end(status);
  });
  return visit;
}

/** Asks Redis, and answers the request if it is not to go on. True if it is. */
export async function admitted<Req>(visit: Visit<Req>, request: Req, response: AnyResponse): Promise<boolean> {
  const { headers, reply } = await visit.decide(request);
  if (reply) {
    setHeaders(response, headers);
    send(response, reply);
  } else {
    addHeaders(response, headers);
  }
  return !reply;
}

/** A client that closed its connection before its turn came: there is nobody to answer, and no address to limit. */
export function isGone(raw: IncomingMessage): boolean {
  return raw.socket.destroyed && raw.socket.remoteAddress === undefined;
}

function headerText(raw: IncomingMessage, name: string): string | undefined {
  const value = raw.headers[name];
  return Array.isArray(value) ? value.join(", ") : value;
}
