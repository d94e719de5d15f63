/**
 * The deadlines of calls that all have the same time. They share one timer, because a timer for each
 * call would cost more than the call's arguments.
 */
import { TimeoutError } from "./connection.js";

interface Entry {
  readonly at: number;
  reject: ((reason: unknown) => void) | undefined;
}

export class Deadlines {
  /** In the order of their deadlines. */
  #entries: Entry[] = [];
  #pending = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly timeoutMs: number) {}

  /** Rejects with a TimeoutError if `work` takes longer. */
  within<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const entry: Entry = { at: performance.now() + this.timeoutMs, reject };
      this.#add(entry);
      work.then(
        (value) => {
          this.#settle(entry);
          resolve(value);
        },
        (reason: unknown) => this.#fail(entry, reason),
      );
    });
  }

  #add(entry: Entry): void {
    this.#entries.push(entry);
    if (this.#pending++ > 0) return;
    // A timer without calls must not keep the process alive.
    if (this.#timer) this.#timer.ref();
    else this.#arm(entry, this.timeoutMs);
  }

  #settle(entry: Entry): void {
    if (!entry.reject) return;
    entry.reject = undefined;
    if (--this.#pending > 0) return;
    this.#entries = [];
    this.#timer?.unref();
  }

  #arm({ at }: Entry, ms: number): void {
    this.#timer = setTimeout(() => this.#expire(at), ms);
  }

  /** @param at the deadline that the timer was for. Timers may be a little early */
  #expire(at: number): void {
    this.#timer = undefined;
    const now = Math.max(at, performance.now());
    const first = this.#entries.findIndex((entry) => entry.reject && entry.at > now);
    const over = this.#entries.splice(0, first < 0 ? this.#entries.length : first);
    for (const entry of over) if (entry.reject) this.#timeOut(entry);
    const [next] = this.#entries;
    if (next) this.#arm(next, Math.max(1, next.at - now));
  }

  #timeOut(entry: Entry): void {
    // If this process was busy for longer than the timeout, the reply may lie unread in the socket.
    // The event loop reads sockets before it runs immediates.
    setImmediate(() => this.#fail(entry, new TimeoutError(`no answer within ${this.timeoutMs} ms`)));
  }

  #fail(entry: Entry, reason: unknown): void {
    const { reject } = entry;
    this.#settle(entry);
    reject?.(reason);
  }
}
