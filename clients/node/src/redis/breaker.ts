/**
 * When to stop asking a Redis that does not answer. A hung server would cost every request a timeout; after a few of them in a
 * row it is left alone for a moment. Then one call finds out whether it is back, and those that come meanwhile wait for that.
 */
export class Breaker {
  #timeouts = 0;
  #openUntil = 0;
  #probe: { readonly ended: Promise<void>; readonly end: () => void } | undefined;

  constructor(
    private readonly tolerance: number,
    private readonly pauseMs: number,
  ) {}

  /**
   * Whether a call may go out at `now`. The end of one that may is to be told with `answered` or `timedOut`. A promise resolves
   * when it makes sense to ask again.
   */
  admission(now: number): "go" | "bypass" | Promise<void> {
    if (this.#timeouts < this.tolerance) return "go";
    if (now < this.#openUntil) return "bypass";
    if (this.#probe) return this.#probe.ended;
    let end = (): void => undefined;
    const ended = new Promise<void>((resolve) => (end = resolve));
    this.#probe = { ended, end };
    return "go";
  }

  /** There was an answer, if only an error or that nothing listens: that takes no time. */
  answered(): void {
    this.#timeouts = 0;
    this.#endProbe();
  }

  /** True if Redis is to be left alone from now on. */
  timedOut(now: number): boolean {
    this.#timeouts++;
    const opens = this.#timeouts >= this.tolerance && now >= this.#openUntil;
    if (opens) this.#openUntil = now + this.pauseMs;
    this.#endProbe();
    return opens;
  }

  #endProbe(): void {
    this.#probe?.end();
    this.#probe = undefined;
  }
}
