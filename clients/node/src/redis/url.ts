/** A Redis given by its URL: the first call loads whichever of the two libraries is installed. */
import type { Command, Connection, Patience, Reply } from "./connection.js";
import { IoredisConnection, withoutRepeats } from "./ioredis.js";
import { NodeRedisConnection, withoutQueue, type NodeRedis } from "./node-redis.js";

export class UrlConnection implements Connection {
  #opening: Promise<Connection> | undefined;
  #opened: Connection | undefined;

  constructor(
    private readonly url: string,
    private readonly patience: Patience,
  ) {
    if (!/^rediss?:\/\//.test(url)) throw new TypeError("a Redis URL starts with redis:// or rediss://");
  }

  ready(): Promise<void> | undefined {
    if (this.#opened) return this.#opened.ready();
    this.#opening ??= open(this.url, this.patience);
    return this.#opening.then((connection) => {
      this.#opened = connection;
      return connection.ready();
    });
  }

  send(commands: readonly Command[]): Promise<Reply[]> {
    if (!this.#opened) return Promise.reject(new Error("not connected to Redis"));
    return this.#opened.send(commands);
  }

  reset(): void {
    this.#opened?.reset();
  }

  async close(): Promise<void> {
    const opened = await this.#opening?.catch(() => undefined);
    await opened?.close();
  }
}

async function open(url: string, patience: Patience): Promise<Connection> {
  try {
    const { Redis } = await import("ioredis");
    return new IoredisConnection(new Redis(url, withoutRepeats()), patience);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  try {
    const library = (await import("redis")) as unknown as { createClient(options: object): NodeRedis };
    return new NodeRedisConnection(library.createClient({ url, ...withoutQueue(undefined) }), patience);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  throw new Error("neither ioredis nor redis is installed: npm install ioredis");
}

function isMissing(error: unknown): boolean {
  const code = (error as { code?: string }).code;
  return code === "ERR_MODULE_NOT_FOUND" || code === "MODULE_NOT_FOUND";
}
