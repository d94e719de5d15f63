/**
 * A queue of commands that no request waits for: those of one turn of the event loop are sent
 * together. It is bounded, so that a hung Redis does not fill this process's memory.
 */
import { LockWatchError } from "./errors.js";
import { checkArguments, type Command } from "./redis/connection.js";
import type { Link } from "./redis/link.js";

const MAX_BATCH = 128;
const TIMEOUT_MS = 10_000;
/** How long `close` waits for the last commands. */
const DRAIN_MS = 2000;

export abstract class SendQueue {
  #waiting: Command[] = [];
  #inFlight = 0;
  #scheduled = false;
  #whenEmpty: (() => void)[] = [];

  constructor(
    private readonly link: Link,
    /** Carries the commands while `link` reconnects. */
    private readonly fallback: Link,
    private readonly maxSize: number,
  ) {}

  /** @param kind of the reason; `queue` if too many wait */
  protected abstract lost(kind: string, error: LockWatchError | string, count: number): void;

  protected abstract refused(error: Error): void;

  /** The commands of a batch were all executed. */
  protected abstract sent(): void;

  /** If `make` throws, because something in it is no valid argument, this command alone is lost. */
  record(make: () => Command): void {
    if (this.#waiting.length + this.#inFlight >= this.maxSize) {
      this.lost("queue", `${this.maxSize} wait for Redis already`, 1);
      return;
    }
    let command: Command;
    try {
      command = make();
      checkArguments([command]);
    } catch (error) {
      this.refused(error as Error);
      return;
    }
    this.#waiting.push(command);
    this.#schedule();
  }

  /** Resolves when every command has been sent and answered, after two seconds at the latest. */
  drained(): Promise<void> {
    if (this.#isEmpty) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, DRAIN_MS);
      this.#whenEmpty.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  get #isEmpty(): boolean {
    return this.#waiting.length === 0 && this.#inFlight === 0;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      while (this.#waiting.length > 0) this.#send(this.#waiting.splice(0, MAX_BATCH));
    });
  }

  #send(batch: Command[]): void {
    this.#inFlight += batch.length;
    this.link
      .isOpen()
      .then((isOpen) => (isOpen ? this.link : this.fallback).sendWithoutBreaker(batch, TIMEOUT_MS))
      .then((replies) => {
        const errors = replies.filter((reply) => reply instanceof LockWatchError);
        for (const error of errors) this.lost(error.code, error, 1);
        if (errors.length === 0) this.sent();
      })
      .catch((error: unknown) => {
        if (error instanceof LockWatchError) this.lost(error.code, error, batch.length);
      })
      .finally(() => {
        this.#inFlight -= batch.length;
        if (this.#isEmpty) for (const resolve of this.#whenEmpty.splice(0)) resolve();
      });
  }
}
