/**
 * Combines the commands of one turn of the event loop into one write, because writes dominate the
 * CPU time of a command in this process. node-redis does this itself.
 */
import type { Command, RedisReply } from "./connection.js";

/** Commands that were sent together, by one caller. */
export interface Call {
  readonly commands: readonly Command[];
  /** The replies that have come. */
  readonly replies: RedisReply[];
  readonly resolve: (replies: RedisReply[]) => void;
  readonly reject: (reason: unknown) => void;
  /** The call whose commands follow on the same connection. */
  next: Call | undefined;
}

export class Batch {
  #calls: Call[] = [];

  /** @param write sends the commands of calls, and resolves or rejects each call */
  constructor(private readonly write: (calls: readonly Call[]) => void) {}

  send(commands: readonly Command[]): Promise<RedisReply[]> {
    return new Promise((resolve, reject) => {
      // Immediates run after every readable socket has been read, so requests that arrive together
      // share a write.
      if (this.#calls.push({ commands, replies: [], resolve, reject, next: undefined }) === 1) setImmediate(this.#flush);
    });
  }

  readonly #flush = (): void => {
    const calls = this.#calls;
    this.#calls = [];
    this.write(calls);
  };
}
