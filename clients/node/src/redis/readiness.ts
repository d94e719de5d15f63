/**
 * Whether a connection can be used, for libraries that connect in the background and report it by
 * events.
 *
 * Calls wait for the first connection, so that a process that has just started does not let its
 * first requests through unlimited. After a failure no call waits: the library reconnects by itself,
 * and until it succeeds each call fails at once.
 */
import { ServerError, TimeoutError } from "./connection.js";

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

  /**
   * Implements `Connection.ready`. The first call runs `connect`, whose success is reported by
   * `up`.
   */
  wait(timeoutMs: number, connect: () => Promise<unknown>): Promise<void> | undefined {
    if (this.#state === "up") return undefined;
    if (this.#state === "new") {
      this.#state = "opening";
      // An event has reported a failure before this, and in more detail.
      connect().catch((error: unknown) => this.down(this.#state === "down" ? undefined : (error as Error)));
    }
    if (this.#state === "down") {
      const { message } = this.#failure;
      return Promise.reject(this.#failure instanceof ServerError ? new ServerError(message) : new Error(message));
    }
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.down(new TimeoutError(`no connection within ${timeoutMs} ms`));
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

/** A connection that was silent for this long is dead: no command may take as long. */
export const SILENCE_MS = 15_000;

/** The pause in milliseconds before the n-th attempt to reconnect: from 50 ms up to a second. */
export function reconnectDelay(attempt: number): number {
  return Math.min(50 * attempt, 1000);
}
