/**
 * A connection to a `redis://` URL. The first call loads the installed library, ioredis before
 * node-redis.
 */
import { createRequire } from "node:module";
import { ConfigurationError } from "../errors.js";
import type { Command, Connection, RedisReply } from "./connection.js";
import { IoredisConnection, ioredisOptions } from "./ioredis.js";
import { NodeRedisConnection, nodeRedisOptions, type NodeRedis } from "./node-redis.js";

/** Not `import()`, which Jest refuses in CommonJS. Both libraries are CommonJS. */
const load = createRequire(__filename);

export class UrlConnection implements Connection {
  #opened: Connection | undefined;

  constructor(
    private readonly url: string,
    private readonly connectTimeoutMs: number,
  ) {
    if (!/^rediss?:\/\//.test(url)) throw new ConfigurationError("redis is not a URL that starts with redis:// or rediss://");
  }

  ready(): Promise<void> | undefined {
    try {
      this.#opened ??= open(this.url, this.connectTimeoutMs);
    } catch (error) {
      return Promise.reject(new Error((error as Error).message));
    }
    return this.#opened.ready();
  }

  send(commands: readonly Command[]): Promise<RedisReply[]> {
    if (!this.#opened) return Promise.reject(new Error("not connected to Redis"));
    return this.#opened.send(commands);
  }

  reset(): void {
    this.#opened?.reset();
  }

  async close(): Promise<void> {
    await this.#opened?.close();
  }
}

function open(url: string, connectTimeoutMs: number): Connection {
  try {
    const { Redis } = load("ioredis") as typeof import("ioredis");
    return new IoredisConnection(new Redis(url, ioredisOptions()), connectTimeoutMs);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  try {
    const library = load("redis") as { createClient(options: object): NodeRedis };
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
