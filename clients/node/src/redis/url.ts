/**
 * A connection to a `redis://` URL. The first call loads the installed library, ioredis before
 * node-redis.
 */
import { ConfigurationError } from "../errors.js";
import type { Command, Connection, RedisReply } from "./connection.js";
import { IoredisConnection, ioredisOptions } from "./ioredis.js";
import { NodeRedisConnection, nodeRedisOptions, type NodeRedis } from "./node-redis.js";

export class UrlConnection implements Connection {
  #opening: Promise<Connection> | undefined;
  #opened: Connection | undefined;

  constructor(
    private readonly url: string,
    private readonly connectTimeoutMs: number,
  ) {
    if (!/^rediss?:\/\//.test(url)) throw new ConfigurationError("redis is not a URL that starts with redis:// or rediss://");
  }

  ready(): Promise<void> | undefined {
    if (this.#opened) return this.#opened.ready();
    this.#opening ??= open(this.url, this.connectTimeoutMs);
    return this.#opening.then((connection) => {
      this.#opened = connection;
      return connection.ready();
    });
  }

  send(commands: readonly Command[]): Promise<RedisReply[]> {
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

async function open(url: string, connectTimeoutMs: number): Promise<Connection> {
  try {
    const { Redis } = await import("ioredis");
    return new IoredisConnection(new Redis(url, ioredisOptions()), connectTimeoutMs);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  try {
    const library = (await import("redis")) as unknown as { createClient(options: object): NodeRedis };
    return new NodeRedisConnection(library.createClient({ url, ...nodeRedisOptions(undefined) }), connectTimeoutMs);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  throw new Error("neither ioredis nor redis is installed: npm install ioredis");
}

function isMissing(error: unknown): boolean {
  const code = (error as { code?: string }).code;
  return code === "ERR_MODULE_NOT_FOUND" || code === "MODULE_NOT_FOUND";
}
