/**
 * Combines the commands of one turn of the event loop into one write, because writes dominate the
 * CPU time of a command in this process. node-redis does this itself.
 */
import { checkArguments, type Command, type RedisReply } from "./connection.js";

interface Part {
  readonly commands: readonly Command[];
  readonly resolve: (replies: RedisReply[]) => void;
  readonly reject: (reason: unknown) => void;
}

export class Batch {
  #parts: Part[] = [];

  /** @param write sends commands and resolves to one reply per command */
  constructor(private readonly write: (commands: readonly Command[]) => Promise<RedisReply[]>) {}

  send(commands: readonly Command[]): Promise<RedisReply[]> {
    return new Promise((resolve, reject) => {
      // An argument that cannot be sent rejects this call alone.
      checkArguments(commands);
      // Immediates run after every readable socket has been read, so requests that arrive together
      // share a write.
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
