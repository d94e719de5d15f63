/**
 * A circuit breaker. After several timeouts in a row it opens for a pause, so that a hung Redis does
 * not cost every request a timeout. Then one call, the probe, tests Redis, and calls that arrive
 * meanwhile wait for its result.
 */
export class Breaker {
  #timeouts = 0;
  #openUntil = 0;
  #probe: { readonly ended: Promise<void>; readonly end: () => void } | undefined;

  constructor(
    private readonly maxTimeouts: number,
    private readonly pauseMs: number,
  ) {}

  /** Whether calls go out. The usual path needs no clock. */
  get isClosed(): boolean {
    return this.#timeouts < this.maxTimeouts;
  }

  /**
   * Whether a call may go out at `now`, in milliseconds. After "go" the caller reports the result
   * with `answered` or `timedOut`. A promise resolves when the caller should ask again.
   */
  admission(now: number): "go" | "bypass" | Promise<void> {
    if (this.#timeouts < this.maxTimeouts) return "go";
    if (now < this.#openUntil) return "bypass";
    if (this.#probe) return this.#probe.ended;
    let end = (): void => undefined;
    const ended = new Promise<void>((resolve) => (end = resolve));
    this.#probe = { ended, end };
    return "go";
  }

  /** Whether calls are bypassed. The asker is never the probe. */
  isOpen(now: number): boolean {
    return this.#timeouts >= this.maxTimeouts && now < this.#openUntil;
  }

  /** Any answer closes the breaker: an error or a refused connection takes no time either. */
  answered(): void {
    this.#timeouts = 0;
    this.#endProbe();
  }

  /** Returns whether this timeout opened the breaker. */
  timedOut(now: number): boolean {
    this.#timeouts++;
    const opens = this.#timeouts >= this.maxTimeouts && now >= this.#openUntil;
    if (opens) this.#openUntil = now + this.pauseMs;
    this.#endProbe();
    return opens;
  }

  #endProbe(): void {
    this.#probe?.end();
    this.#probe = undefined;
  }
}
