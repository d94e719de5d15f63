/** The response to a request of Hono. Middleware there returns a response, and sets headers on that of others. */
import { ServerResponse, type IncomingMessage } from "node:http";
import type { Context } from "hono";
import { ConfigurationError } from "../errors.js";
import type { FastifyReplyLike } from "./framework.js";

/** What `@hono/node-server` gives each request. */
interface Bindings {
  readonly incoming?: IncomingMessage;
  /** Undefined for the handshake of a WebSocket. */
  readonly outgoing?: ServerResponse;
}

const replies = new WeakMap<Context, HonoReply>();

/** Statuses whose responses have no body. */
const WITHOUT_BODY: readonly number[] = [204, 205, 304];

export class HonoReply implements FastifyReplyLike {
  readonly raw: ServerResponse;
  /** The response in place of the application's, if one was sent. */
  response: Response | undefined;
  #headers = new Headers();
  #status = 200;
  #whenSent: () => void = () => undefined;

  private constructor(
    private readonly context: Context,
    incoming: IncomingMessage,
    outgoing: ServerResponse | undefined,
  ) {
    this.raw = outgoing ?? new ServerResponse(incoming);
  }

  /** Throws unless the application is served by `@hono/node-server`. */
  static of(context: Context): HonoReply {
    const known = replies.get(context);
    if (known) return known;
    const { incoming, outgoing } = (context.env ?? {}) as Bindings;
    if (!incoming) throw new ConfigurationError("lockwatch/hono needs the address of the peer: serve the application with @hono/node-server");
    const reply = new HonoReply(context, incoming, outgoing);
    replies.set(context, reply);
    return reply;
  }

  code(status: number): void {
    this.#status = status;
  }

  header(name: string, value: string): void {
    if (name.toLowerCase() === "set-cookie") this.#headers.append(name, value);
    else this.#headers.set(name, value);
  }

  hasHeader(name: string): boolean {
    return this.#headers.has(name);
  }

  /** Of the response that was sent. */
  getHeader(name: string): string | undefined {
    return (this.response ?? this.context.res).headers.get(name) ?? undefined;
  }

  send(body?: Buffer): void {
    const status = this.#status;
    this.response = new Response(WITHOUT_BODY.includes(status) ? null : body, { status, headers: this.#takeHeaders() });
    this.#whenSent();
  }

  /** Calls `call` when a response is sent in place of the application's. */
  whenSent(call: () => void): void {
    this.#whenSent = call;
  }

  /** Sets the headers on the application's response, unless it has them. */
  setHeaders(): void {
    const { context } = this;
    const missing = this.#takeHeaders().filter(([name]) => name === "set-cookie" || !context.res.headers.has(name));
    try {
      addAll(context.res.headers, missing);
    } catch {
      // That of a response of `fetch` cannot be changed.
      context.res = new Response(context.res.body, context.res);
      addAll(context.res.headers, missing);
    }
  }

  #takeHeaders(): [string, string][] {
    const headers = [...this.#headers];
    this.#headers = new Headers();
    return headers;
  }
}

function addAll(headers: Headers, pairs: readonly (readonly [string, string])[]): void {
  for (const [name, value] of pairs) headers.append(name, value);
}
