/** Tells of failures without flooding the log when every request meets the same one. */
export type Log = (message: string) => void;

export class FailureLog {
  readonly #last = new Map<string, { at: number; suppressed: number }>();

  constructor(
    private readonly log: Log,
    private readonly intervalMs: number,
  ) {}

  /** Writes the message, unless one of its kind was written less than an interval ago. */
  tell(kind: string, message: string): void {
    const now = performance.now();
    const last = this.#last.get(kind);
    if (last && now - last.at < this.intervalMs) {
      last.suppressed++;
      return;
    }
    this.#last.set(kind, { at: now, suppressed: 0 });
    this.log(`lockwatch: ${message}${last?.suppressed ? ` (and ${last.suppressed} times since it was last said)` : ""}`);
  }
}
