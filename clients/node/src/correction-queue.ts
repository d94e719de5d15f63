/**
 * The queue of corrections of what requests cost, which is known only after their responses. See
 * `http/charging.ts`.
 */
import type { LockWatchError } from "./errors.js";
import type { FailureLog } from "./failure-log.js";
import type { Link } from "./redis/link.js";
import { SendQueue } from "./send-queue.js";

const MAX_SIZE = 10_000;

export class CorrectionQueue extends SendQueue {
  constructor(
    link: Link,
    fallback: Link,
    private readonly failures: FailureLog,
  ) {
    super(link, fallback, MAX_SIZE);
  }

  protected override lost(kind: string, error: LockWatchError | string): void {
    this.failures.log(
      `corrections ${kind}`,
      `what requests cost is not corrected after their responses (skipSuccessful, skipFailed, countWhen): ${this.failures.named(error)}`,
    );
  }

  protected override refused(error: Error): void {
    this.lost("argument", error.message);
  }

  protected override sent(): void {
    // Nobody counts what was corrected.
  }
}
