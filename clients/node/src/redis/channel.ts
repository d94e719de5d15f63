/**
 * A socket that ioredis has opened, on which it sends and reads nothing more. ioredis makes an
 * object, a promise and a write of each command, which would cost a request more than all the rest
 * of its limit.
 */
import type { Duplex } from "node:stream";
import type { Call } from "./batch.js";
import type { RedisReply } from "./connection.js";
import { packed } from "./packed.js";
import { SILENCE_MS } from "./readiness.js";
import { ReplyReader } from "./reply-reader.js";

export class Channel {
  readonly #reader = new ReplyReader((reply) => this.#answered(reply));
  /** The calls that wait for replies, in the order of their commands: a linked list. */
  #first: Call | undefined;
  #last: Call | undefined;
  readonly #silence: NodeJS.Timeout;

  /** @param stream owes no reply. It is destroyed if it is silent for `silenceMs` while it does */
  constructor(
    private readonly stream: Duplex,
    silenceMs = SILENCE_MS,
  ) {
    this.#silence = setTimeout(() => this.#expire(), silenceMs).unref();
    stream.on("data", (chunk: Buffer) => this.#read(chunk));
    stream.once("close", () => this.#fail(new Error("the connection was closed before the reply")));
  }

  /** Sends the commands of calls in one write. */
  send(calls: readonly Call[]): void {
    if (!this.stream.writable) {
      for (const { reject } of calls) reject(new Error("the connection is closed"));
      return;
    }
    if (!this.#first) this.#silence.refresh();
    for (const call of calls) this.#expect(call);
    this.stream.write(packed(calls));
  }

  #expect(call: Call): void {
    if (call.commands.length === 0) {
      call.resolve([]);
      return;
    }
    if (this.#last) this.#last.next = call;
    else this.#first = call;
    this.#last = call;
  }

  #read(chunk: Buffer): void {
    try {
      this.#reader.read(chunk);
    } catch (error) {
      // Whatever follows cannot be assigned to a command.
      this.stream.destroy(error as Error);
      return;
    }
    if (this.#first) this.#silence.refresh();
  }

  #answered(reply: RedisReply): void {
    const call = this.#first;
    if (!call) throw new Error("Redis sent a reply to no command");
    if (call.replies.push(reply) < call.commands.length) return;
    this.#first = call.next;
    if (!call.next) this.#last = undefined;
    // A call that the garbage collector has moved to its old generation would keep all later ones.
    call.next = undefined;
    call.resolve(call.replies);
  }

  #expire(): void {
    if (this.#first) this.stream.destroy(new Error("Redis was silent for too long"));
  }

  #fail(reason: Error): void {
    clearTimeout(this.#silence);
    for (let call = this.#first; call; call = call.next) call.reject(reason);
    this.#first = this.#last = undefined;
  }
}
