/**
 * Puts together what is sent in one turn of the event loop. Requests that arrive together then share a write, which is what a
 * command costs this process most. node-redis does the same by itself.
 */
import { checkArguments, type Command, type Reply } from "./connection.js";

interface Part {
  readonly commands: readonly Command[];
  readonly resolve: (replies: Reply[]) => void;
  readonly reject: (reason: unknown) => void;
}

export class Batch {
  #parts: Part[] = [];

  /** @param write sends commands, and resolves to an answer each */
  constructor(private readonly write: (commands: readonly Command[]) => Promise<Reply[]>) {}

  send(commands: readonly Command[]): Promise<Reply[]> {
    return new Promise((resolve, reject) => {
      // What is thrown here rejects this call alone.
      checkArguments(commands);
      // Immediates run when all sockets that had something to read have been read.
      if (this.#parts.push({ commands, resolve, reject }) === 1) setImmediate(() => void this.#flush());
    });
  }

  async #flush(): Promise<void> {
    const parts = this.#parts;
    this.#parts = [];
    try {
      const replies = await this.write(parts.flatMap(({ commands }) => commands));
      let from = 0;
      for (const { commands, resolve } of parts) resolve(replies.slice(from, (from += commands.length)));
    } catch (error) {
      for (const { reject } of parts) reject(error);
    }
  }
}
