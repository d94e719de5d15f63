/**
 * The queue of what guards are told after requests: outcomes of logins, and statuses of responses.
 * No request waits for it, and a request that is cancelled takes nothing back.
 */
import { NoRuleError, type LockWatchError } from "./errors.js";
import type { FailureLog } from "./failure-log.js";
import type { Link } from "./redis/link.js";
import { SendQueue } from "./send-queue.js";

const MAX_SIZE = 10_000;

export class OutcomeQueue extends SendQueue {
  constructor(
    link: Link,
    fallback: Link,
    private readonly failures: FailureLog,
  ) {
    super(link, fallback, MAX_SIZE);
  }

  protected override lost(kind: string, error: LockWatchError | string): void {
    if (error instanceof NoRuleError) this.failures.misconfigured("a guard counts nothing, because the server has no rules for it", error);
    this.failures.log(`outcomes ${kind}`, `outcomes of logins, or statuses of responses, are lost to guards: ${this.failures.named(error)}`);
  }

  protected override refused(error: Error): void {
    this.lost("argument", error.message);
  }

  protected override sent(): void {
    // Nobody counts what was sent.
  }
}
