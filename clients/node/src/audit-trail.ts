/**
 * Audit events on their way to Redis. Nobody waits for them: what has gathered while a request was handled goes out together.
 * How many may be under way is bounded, so that a Redis that hangs does not fill this process's memory.
 */
import { LockWatchError } from "./errors.js";
import type { FailureLog } from "./failure-log.js";
import { checkArguments, type Command } from "./redis/connection.js";
import type { Answer, Link } from "./redis/link.js";

const MAX_BATCH = 128;
const TIMEOUT_MS = 10_000;
/** How long the end of a program waits for its last events. */
const FAREWELL_MS = 2000;

export class AuditTrail {
  #waiting: Command[] = [];
  #underWay = 0;
  #scheduled = false;
  #whenEmpty: (() => void)[] = [];

  constructor(
    private readonly link: Link,
    /** Where the events go while that one connects again. */
    private readonly otherwise: Link,
    private readonly queueSize: number,
    private readonly failures: FailureLog,
  ) {}

  /** `make` may fail: a user that can't be one loses this event, and no other. */
  record(make: () => Command): void {
    if (this.#waiting.length + this.#underWay >= this.queueSize) {
      this.failures.tell("audit queue", `an audit event was dropped: ${this.queueSize} wait for Redis already`);
      return;
    }
    let command: Command;
    try {
      command = make();
      checkArguments([command]);
    } catch (error) {
      this.failures.tell("audit argument", `an audit event was lost: ${(error as Error).message}`);
      return;
    }
    this.#waiting.push(command);
    this.#schedule();
  }

  /** Resolves when no event is under way any more, or when it has taken too long. */
  drained(): Promise<void> {
    if (this.#isEmpty) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, FAREWELL_MS);
      this.#whenEmpty.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  get #isEmpty(): boolean {
    return this.#waiting.length === 0 && this.#underWay === 0;
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
    this.#underWay += batch.length;
    this.link
      .isOpen()
      .then((isOpen) => (isOpen ? this.link : this.otherwise).sendAside(batch, TIMEOUT_MS))
      .then((answers) => answers.forEach((answer) => this.#check(answer)))
      .catch((error: unknown) => this.#check(error))
      .finally(() => {
        this.#underWay -= batch.length;
        if (this.#isEmpty) for (const resolve of this.#whenEmpty.splice(0)) resolve();
      });
  }

  #check(answer: Answer): void {
    if (!(answer instanceof LockWatchError)) return;
    this.failures.tell(`audit ${answer.code}`, `an audit event was lost: ${answer.message}`);
  }
}
