/** ioredis, a single server or one found through Sentinel. */
import type { Redis, RedisOptions } from "ioredis";
import { Batch } from "./batch.js";
import { ServerError, type Bytes, type Command, type Connection, type Patience, type Reply } from "./connection.js";
import { Readiness, reconnectDelay, SILENCE_MS } from "./readiness.js";

/**
 * What a connection of ours must have, whatever the application's own has. ioredis repeats commands after a lost
 * connection and keeps others until there is one; either way a call that was given up would be counted later.
 */
export function withoutRepeats() {
  return {
    lazyConnect: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    // How long a socket that is given up may take to close, and how long one may be silent that owes an answer.
    disconnectTimeout: 100,
    socketTimeout: SILENCE_MS,
    retryStrategy: reconnectDelay,
    reconnectOnError: null,
    // Both would need INFO and CLIENT from the ACL; a server that still loads says so in its replies.
    enableReadyCheck: false,
    disableClientInfo: true,
    enableAutoPipelining: false,
    monitor: false,
    readOnly: false,
  } satisfies RedisOptions & { disconnectTimeout: number };
}

export class IoredisConnection implements Connection {
  readonly #client: Redis;
  readonly #patience: Patience;
  readonly #readiness = new Readiness();
  readonly #batch = new Batch((commands) => pipeline(this.#client, commands));

  /** Takes a client that was made `withoutRepeats`, and that is this connection's to close. */
  constructor(client: Redis, patience: Patience) {
    this.#client = client;
    this.#patience = patience;
    client.on("ready", () => this.#readiness.up());
    client.on("close", () => this.#readiness.down());
    client.on("error", (error: Error) => {
      if (client.status !== "ready") this.#readiness.down(error);
    });
  }

  ready(): Promise<void> | undefined {
    return this.#readiness.wait(this.#patience.connectTimeoutMs, () => this.#client.connect());
  }

  send(commands: readonly Command[]): Promise<Reply[]> {
    return this.#batch.send(commands);
  }

  reset(): void {
    if (this.#client.status !== "end") this.#client.disconnect(true);
  }

  close(): Promise<void> {
    this.#client.disconnect();
    this.#readiness.down(new Error("the client has been closed"));
    return Promise.resolve();
  }
}

/** One write, an answer each. Also how a node of a cluster is spoken to. */
export async function pipeline(client: Redis, commands: readonly Command[]): Promise<Reply[]> {
  const batch = client.pipeline();
  for (const { args } of commands) {
    const [name, ...rest] = args.map(ioredisArgument);
    batch.call(name as string, ...rest);
  }
  const answers = (await batch.exec()) ?? [];
  return answers.map(([error, reply]) => {
    if (!error) return reply;
    if (error.name === "ReplyError") return new ServerError(error.message);
    throw error;
  });
}

function ioredisArgument(value: Bytes): string | Buffer {
  return typeof value === "string" ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}
