/**
 * Whether a connection can be used, for libraries that connect in the background and announce it by events.
 *
 * The first connection is worth waiting for: a process that has just started should not let its first requests through
 * unlimited. After a failure nobody waits: the library tries again by itself, and until it succeeds each call fails at once.
 */
import { TimeoutError } from "./connection.js";

export class Readiness {
  #state: "new" | "opening" | "up" | "down" = "new";
  #failure: Error = new Error("not connected to Redis");
  #waiting: { resolve: () => void; reject: (reason: Error) => void }[] = [];

  up(): void {
    this.#state = "up";
    for (const { resolve } of this.#waiting.splice(0)) resolve();
  }

  down(failure?: Error): void {
    this.#state = "down";
    if (failure) this.#failure = failure;
    for (const { reject } of this.#waiting.splice(0)) reject(this.#failure);
  }

  /** What `Connection.ready` answers. `connect` is called the first time, its success is to be told by `up`. */
  wait(timeoutMs: number, connect: () => Promise<unknown>): Promise<void> | undefined {
    if (this.#state === "up") return undefined;
    if (this.#state === "new") {
      this.#state = "opening";
      connect().catch((error: unknown) => this.down(error as Error));
    }
    if (this.#state === "down") return Promise.reject(new Error(this.#failure.message));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.down(new TimeoutError(`no connection to Redis within ${timeoutMs} ms`));
      }, timeoutMs);
      this.#waiting.push({
        resolve: () => {
          clearTimeout(timer);
          resolve();
        },
        reject: (reason) => {
          clearTimeout(timer);
          reject(reason);
        },
      });
    });
  }
}

/** Longer than any command may take: what was not heard from for so long is not there any more. */
export const SILENCE_MS = 15_000;

/** The pause before the n-th attempt to connect again: soon at first, and never more than a second. */
export function reconnectDelay(attempt: number): number {
  return Math.min(50 * attempt, 1000);
}
