/**
 * The handshake of a WebSocket. Its response is written to the socket itself by a library, past the
 * framework's response object. So the first write to the socket is looked at: it has the status, and
 * gets the headers of the limits.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Headers } from "../ratelimit.js";

const SWITCHING_PROTOCOLS = 101;
/** The status if the client closed the connection before the response was complete. nginx logs the same. */
export const CLIENT_CLOSED_REQUEST = 499;

type Call = (status: number) => void;

const HANDSHAKE = Symbol("lockwatch.handshake");

interface Response extends ServerResponse {
  [HANDSHAKE]?: Handshake;
}

/** Whether this process has seen one. Until then no response is looked at for its sake. */
let isUsed = false;

export class Handshake {
  /** Of the limits, for the response. */
  readonly headers: Headers = {};
  readonly #calls: Call[] = [];
  #status: number | undefined;
  #hasEnded = false;
  #unwatch: () => void = () => undefined;

  private constructor(private readonly response: ServerResponse) {}

  /** Undefined for a request without an `Upgrade`. */
  static watch(request: IncomingMessage, response: ServerResponse): Handshake | undefined {
    if (request.headers.upgrade === undefined) return undefined;
    isUsed = true;
    const known = Handshake.of(response);
    if (known) return known;
    const handshake = ((response as Response)[HANDSHAKE] = new Handshake(response));
    handshake.#watch(request.socket);
    return handshake;
  }

  static of(response: ServerResponse): Handshake | undefined {
    return isUsed ? (response as Response)[HANDSHAKE] : undefined;
  }

  /**
   * Calls `call` with the status: of an accepted handshake when it is written, and of any other one
   * when the response is closed.
   */
  whenEnded(call: Call): void {
    if (this.#hasEnded) call(this.#status ?? CLIENT_CLOSED_REQUEST);
    else this.#calls.push(call);
  }

  #watch(socket: Duplex): void {
    for (const method of ["write", "end"] as const) {
      const original = socket[method].bind(socket) as (chunk: unknown, ...others: unknown[]) => never;
      socket[method] = (chunk: unknown, ...others: unknown[]) => {
        // The methods of the class again.
        delete (socket as Partial<Duplex>).write;
        delete (socket as Partial<Duplex>).end;
        return original(this.#begun(chunk), ...others);
      };
    }
    const onClose = () => this.#end();
    this.response.once("close", onClose);
    socket.once("close", onClose);
    // A connection that is kept alive has many requests.
    this.#unwatch = () => {
      this.response.removeListener("close", onClose);
      socket.removeListener("close", onClose);
    };
  }

  /** Reads the status line, and returns what is to be written. */
  #begun(chunk: unknown): unknown {
    const text = chunk instanceof Uint8Array ? Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString("latin1") : chunk;
    if (typeof text !== "string") return chunk;
    const [line, status] = /^HTTP\/1\.[01] (\d{3})[^\r\n]*\r\n/.exec(text) ?? [];
    if (line === undefined) return chunk;
    this.#status = Number(status);
    if (this.#status === SWITCHING_PROTOCOLS) this.#end();
    const head = text.slice(0, text.indexOf("\r\n\r\n") + 2).toLowerCase();
    const missing = Object.entries(this.headers).filter(([name]) => !head.includes(`\r\n${name.toLowerCase()}:`));
    if (missing.length === 0) return chunk;
    const whole = line + missing.map(([name, value]) => `${name}: ${value}\r\n`).join("") + text.slice(line.length);
    return chunk instanceof Uint8Array ? Buffer.from(whole, "latin1") : whole;
  }

  #end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#unwatch();
    if (this.response.writableFinished) this.#status = this.response.statusCode;
    for (const call of this.#calls) call(this.#status ?? CLIENT_CLOSED_REQUEST);
  }
}
