/**
 * Logs failures that no caller sees, without flooding the log when every request has the same one.
 */
export type Log = (message: string) => void;

export class FailureLog {
  readonly #last = new Map<string, { at: number; suppressed: number }>();

  constructor(
    private readonly write: Log,
    private readonly intervalMs: number,
  ) {}

  /** Writes the message, unless one of the same kind was written less than an interval ago. */
  log(kind: string, message: string): void {
    const now = performance.now();
    const last = this.#last.get(kind);
    if (last && now - last.at < this.intervalMs) {
      last.suppressed++;
      return;
    }
    this.#last.set(kind, { at: now, suppressed: 0 });
    this.write(`lockwatch: ${message}${last?.suppressed ? ` (and ${last.suppressed} times since it was last said)` : ""}`);
  }
}
