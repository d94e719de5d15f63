/** The queue of the middleware's audit events. */
import type { Counters } from "./counters.js";
import type { LockWatchError } from "./errors.js";
import type { FailureLog } from "./failure-log.js";
import type { Link } from "./redis/link.js";
import { SendQueue } from "./send-queue.js";

export class AuditQueue extends SendQueue {
  constructor(
    link: Link,
    fallback: Link,
    maxSize: number,
    private readonly failures: FailureLog,
    private readonly counters: Counters,
  ) {
    super(link, fallback, maxSize);
  }

  /** Drops an event while the breaker is open. */
  bypass(): void {
    this.lost("BYPASSED", "Redis has timed out several times in a row and is bypassed", 1);
  }

  protected override lost(kind: string, error: LockWatchError | string, count: number): void {
    this.failures.eventsLost(kind, error, count);
    this.counters.auditDropped(count, kind.toLowerCase());
  }

  protected override refused(error: Error): void {
    this.failures.log("audit argument", `an audit event was lost: ${error.message}`);
    this.counters.auditDropped(1, "argument");
  }

  protected override sent(): void {
    this.failures.eventsRecorded();
  }
}
