/**
 * The queue of the middleware's audit events. No request waits for them: the events of one turn of
 * the event loop are sent together. The queue is bounded, so that a hung Redis does not fill this
 * process's memory.
 */
import { LockWatchError } from "./errors.js";
import type { FailureLog } from "./failure-log.js";
import { checkArguments, type Command } from "./redis/connection.js";
import type { Link } from "./redis/link.js";

const MAX_BATCH = 128;
const TIMEOUT_MS = 10_000;
/** How long `close` waits for the last events. */
const DRAIN_MS = 2000;

export class AuditQueue {
  #waiting: Command[] = [];
  #inFlight = 0;
  #scheduled = false;
  #whenEmpty: (() => void)[] = [];

  constructor(
    private readonly link: Link,
    /** Carries the events while `link` reconnects. */
    private readonly fallback: Link,
    private readonly maxSize: number,
    private readonly failures: FailureLog,
  ) {}

  /** If `make` throws, because the user is no valid argument, this event alone is lost. */
  record(make: () => Command): void {
    if (this.#waiting.length + this.#inFlight >= this.maxSize) {
      this.failures.eventsLost("queue", `${this.maxSize} wait for Redis already`, 1);
      return;
    }
    let command: Command;
    try {
      command = make();
      checkArguments([command]);
    } catch (error) {
      this.failures.log("audit argument", `an audit event was lost: ${(error as Error).message}`);
      return;
    }
    this.#waiting.push(command);
    this.#schedule();
  }

  /** Drops an event while the breaker is open. */
  bypass(): void {
    this.failures.eventsLost("BYPASSED", "Redis has timed out several times in a row and is bypassed", 1);
  }

  /** Resolves when every event has been sent and answered, after two seconds at the latest. */
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
        for (const error of errors) this.failures.eventsLost(error.code, error, 1);
        if (errors.length === 0) this.failures.eventsRecorded();
      })
      .catch((error: unknown) => {
        if (error instanceof LockWatchError) this.failures.eventsLost(error.code, error, batch.length);
      })
      .finally(() => {
        this.#inFlight -= batch.length;
        if (this.#isEmpty) for (const resolve of this.#whenEmpty.splice(0)) resolve();
      });
  }
}
