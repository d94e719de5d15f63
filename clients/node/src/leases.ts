/** A lease that is held: `lw.withLease(…)`, `await using lease = await lw.lease(…)`. */
import { windowMs, type Duration } from "./duration.js";
import { LeaseDeniedError, LockWatchError } from "./errors.js";
import type { FailureLog } from "./failure-log.js";
import { acquireCommand, newLeaseId, parseAcquired, parseRenewed, releaseCommand, renewCommand, type LeaseOptions, type LeaseResult } from "./lease.js";
import type { Bytes } from "./redis/connection.js";
import type { Link } from "./redis/link.js";

/** What the client gives to a lease. */
export interface LeaseHome {
  readonly link: Link;
  readonly failures: FailureLog;
  /** Closes the connection of the lease, if it has one of its own. */
  close(): Promise<void>;
}

export class Lease {
  #until = 0;
  #isOver = false;
  #released: Promise<void> | undefined;

  private constructor(
    private readonly home: LeaseHome,
    readonly key: Bytes,
    private readonly ttl: Duration,
    /** What LW.ACQUIRE answered. */
    readonly result: LeaseResult,
  ) {}

  static async acquire(home: LeaseHome, key: Bytes, limit: number, ttl: Duration, options: LeaseOptions): Promise<Lease> {
    const id = newLeaseId();
    const askedAt = performance.now();
    try {
      const result = parseAcquired(await home.link.call(acquireCommand(key, limit, ttl, id, options)), id);
      if (!result.acquired) throw new LeaseDeniedError(String(key), result.retryAfterMs);
      const lease = new Lease(home, key, ttl, result);
      lease.#begins(ttl, askedAt);
      return lease;
    } catch (error) {
      await home.close();
      throw error;
    }
  }

  /** Its id, which is new for each lease. */
  get id(): Bytes {
    return this.result.id ?? "";
  }

  /**
   * A number that grows with each new lease of the key. What the application writes to may refuse a
   * smaller one than it has seen.
   */
  get fence(): number {
    return this.result.fence;
  }

  /**
   * Whether the lease has ended, so that others may hold its units: by the answer to the last
   * `renew`, and by this machine's clock.
   */
  get lost(): boolean {
    return this.#isOver || performance.now() >= this.#until;
  }

  /**
   * Has the lease last at least `ttl` from now on, its own unless given. Resolves to false if it
   * has ended; `lost` is true then.
   */
  async renew(ttl: Duration = this.ttl): Promise<boolean> {
    const askedAt = performance.now();
    const isHeld = parseRenewed(await this.home.link.call(renewCommand(this.key, this.id, ttl)));
    if (isHeld) this.#begins(ttl, askedAt);
    else this.#isOver = true;
    return isHeld;
  }

  /** Ends the lease. A failure is logged, and the lease then ends after its time. */
  release(): Promise<void> {
    return (this.#released ??= this.#release());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  async #release(): Promise<void> {
    this.#isOver = true;
    const { failures, link } = this.home;
    try {
      await link.call(releaseCommand(this.key, this.id));
    } catch (error) {
      if (!(error instanceof LockWatchError)) throw error;
      failures.log(`lease ${error.code}`, `a lease is not released and lasts until its ttl has passed: ${failures.named(error)}`);
    } finally {
      await this.home.close();
    }
  }

  /**
   * @param askedAt from before the command was sent, so that the lease never ends earlier than
   * assumed
   */
  #begins(ttl: Duration, askedAt: number): void {
    this.#until = Math.max(this.#until, askedAt + windowMs(ttl));
  }
}
