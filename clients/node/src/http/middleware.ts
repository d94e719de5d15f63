/**
 * What the middleware of Express and Hono and the Fastify plugin share: they let the rate limiter decide on a
 * request of the framework.
 */
import type { IncomingMessage } from "node:http";
import { ConfigurationError } from "../errors.js";
import { checkOptions, refuseBoth } from "../known-options.js";
import { LockWatch, LOCKWATCH_OPTIONS, type LockWatchOptions } from "../lockwatch.js";
import { Counted } from "./counted.js";
import { applyDecision, attach, rawRequest, rawResponse, stateOf, whenEnded, type AnyRequest, type AnyResponse } from "./framework.js";
import { Handshake } from "./handshake.js";
import { MIDDLEWARE_OPTIONS } from "./option-rules.js";
import type { MiddlewareOptions } from "./options.js";
import { RateLimiter } from "./rate-limiter.js";

export function createRateLimiter<Req>(options: MiddlewareOptions<Req>): RateLimiter<Req> {
  checkOptions(options, MIDDLEWARE_OPTIONS, "the middleware");
  // A function may return nothing, and then these two apply.
  if (typeof options.limits !== "function") {
    refuseBoth(options, "limits", "rateLimitRequests", "write limits: '100/minute' alone");
    refuseBoth(options, "limits", "rateLimitWindowSeconds", "write limits: '100/minute' alone");
  }
  const { redis } = options;
  const ofClient = Object.keys(LOCKWATCH_OPTIONS).find((name) => options[name as keyof LockWatchOptions] !== undefined);
  if (redis instanceof LockWatch && ofClient !== undefined) {
    throw new ConfigurationError(`${ofClient} and a LockWatch are both given: write new LockWatch(redis, { ${ofClient}: … })`);
  }
  return new RateLimiter(redis instanceof LockWatch ? redis : new LockWatch(redis, lockwatchOptions(options)), options);
}

function lockwatchOptions(options: LockWatchOptions): LockWatchOptions {
  return Object.fromEntries(Object.entries(options).filter(([name]) => Object.hasOwn(LOCKWATCH_OPTIONS, name)));
}

/**
 * Sends the response if the request is denied. Resolves to whether it goes on to the application.
 * The audit event follows when the response is closed.
 */
export async function admit<Req extends AnyRequest>(limiter: RateLimiter<Req>, request: Req, response: AnyResponse, path: string): Promise<boolean> {
  const raw = rawRequest(request);
  const counted = Counted.of(raw);
  // The state of a middleware in front of this one, which records the request.
  const outer = counted.isEntered ? stateOf(request) : undefined;
  const http = {
    method: raw.method ?? "GET",
    path,
    peer: raw.socket.remoteAddress,
    header: (name: string) => headerText(raw, name),
  };
  const check = limiter.check(http, counted, outer);
  // A middleware that a request reaches twice counts once under each policy.
  if (!check || !counted.enters(limiter, check.policyName)) return true;
  if (!outer) attach(request, "lockwatch", check.state);
  const out = rawResponse(response);
  Handshake.watch(raw, out);
  if (limiter.looksAtResponses) {
    whenEnded(out, (status) => {
      check.report(status);
      if (!outer) check.end(status);
    });
  }
  return applyDecision(response, await check.decide(request, response), { replace: false });
}

/**
 * Whether the client closed the connection before its request was handled. It gets no response, and
 * it has no address to limit.
 */
export function isGone(raw: IncomingMessage): boolean {
  return raw.socket.destroyed && raw.socket.remoteAddress === undefined;
}

function headerText(raw: IncomingMessage, name: string): string | undefined {
  const value = raw.headers[name];
  return Array.isArray(value) ? value.join(", ") : value;
}
