/** ioredis with a single server, or one found through Sentinel. */
import type { Duplex, Writable } from "node:stream";
import type { Cluster, Redis, RedisOptions } from "ioredis";
import { Batch, type Call } from "./batch.js";
import { Channel } from "./channel.js";
import { libraryArgument, ServerError, type Command, type Connection, type RedisReply } from "./connection.js";
import { Readiness, reconnectDelay, SILENCE_MS } from "./readiness.js";

/**
 * Options that override the application's. By default ioredis repeats commands after a lost
 * connection and queues others until it has one. In both cases a call that has timed out here would
 * be counted later.
 */
export function ioredisOptions() {
  return {
    lazyConnect: true,
    // A prefix would be put before the keys of Redis's own commands, and not of the module's.
    keyPrefix: "",
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    // Limits the time that an abandoned socket takes to close.
    disconnectTimeout: 100,
    // Limits the silence of a socket that owes a reply.
    socketTimeout: SILENCE_MS,
    retryStrategy: reconnectDelay,
    reconnectOnError: null,
    // Both would need INFO and CLIENT in the ACL. A server that is loading says so in its replies.
    enableReadyCheck: false,
    disableClientInfo: true,
    enableAutoPipelining: false,
    monitor: false,
    // Numbers of replies would be texts.
    stringNumbers: false,
    readOnly: false,
  } satisfies RedisOptions & { disconnectTimeout: number };
}

/**
 * What a single server and a cluster share. The client, made with `ioredisOptions`, is closed with
 * the connection.
 */
export abstract class IoredisBase<Client extends Redis | Cluster> {
  readonly #readiness = new Readiness();
  #isUp = false;

  constructor(
    protected readonly client: Client,
    private readonly connectTimeoutMs: number,
  ) {
    const emitter = client as Redis;
    emitter.on("ready", () =>
      this.opened(() => {
        this.#isUp = true;
        this.#readiness.up();
      }),
    );
    emitter.on("close", () => {
      this.#isUp = false;
      this.closed();
      this.#readiness.down();
    });
    emitter.on("error", (error: Error) => {
      if (!this.#isUp) this.#readiness.down(reasonOf(error));
    });
  }

  /** Is called when ioredis has a connection. Calls `up` when it can be used. */
  protected opened(up: () => void): void {
    up();
  }

  /** Is called when ioredis has lost its connection. */
  protected closed(): void {
    // Nothing to do.
  }

  ready(): Promise<void> | undefined {
    return this.#readiness.wait(this.connectTimeoutMs, () => this.client.connect());
  }

  close(): Promise<void> {
    this.client.disconnect();
    this.#readiness.down(new Error("the client has been closed"));
    return Promise.resolve();
  }
}

export class IoredisConnection extends IoredisBase<Redis> implements Connection {
  readonly #batch = new Batch((calls) => (this.#channel ? this.#channel.send(calls) : void sendByLibrary(this.client, calls)));
  #channel: Channel | undefined;

  send(commands: readonly Command[]): Promise<RedisReply[]> {
    return this.#batch.send(commands);
  }

  reset(): void {
    if (this.client.status !== "end") this.client.disconnect(true);
  }

  protected override opened(up: () => void): void {
    takeOver(this.client, (channel) => {
      this.#channel = channel;
      up();
    });
  }

  protected override closed(): void {
    this.#channel = undefined;
  }
}

/**
 * Takes the socket over from ioredis, as soon as ioredis waits for no reply on it: before version 6
 * it calls a connection ready whose password has not been answered.
 *
 * @param done gets nothing in place of a channel if this ioredis does not show its socket
 */
function takeOver(client: Redis, done: (channel?: Channel) => void): void {
  const { stream, commandQueue } = client as { stream?: Duplex; commandQueue?: { readonly length: number } };
  if (!stream || typeof commandQueue?.length !== "number") {
    done();
    return;
  }
  let isTaken = false;
  const take = () => {
    if (isTaken || commandQueue.length > 0 || !stream.writable) return;
    isTaken = true;
    stream.off("data", takeLater);
    // The reader of ioredis. Its listeners for one event end a timer of the handshake.
    for (const listener of stream.rawListeners("data")) {
      if (!("listener" in listener)) stream.off("data", listener as () => void);
    }
    done(new Channel(stream));
  };
  // After a wrong password ioredis closes the connection in a microtask.
  const takeLater = () => setImmediate(take);
  stream.on("data", takeLater);
  take();
}

async function sendByLibrary(client: Redis, calls: readonly Call[]): Promise<void> {
  try {
    const replies = await sendTogether(client, calls.flatMap(({ commands }) => commands));
    let from = 0;
    for (const { commands, resolve } of calls) resolve(replies.slice(from, (from += commands.length)));
  } catch (error) {
    for (const { reject } of calls) reject(error);
  }
}

/** A cluster client reports only in a member why it found no node. */
function reasonOf(error: Error & { lastNodeError?: Error }): Error {
  const { lastNodeError } = error;
  if (!lastNodeError) return error;
  if (lastNodeError.name === "ReplyError") return new ServerError(lastNodeError.message);
  return new Error(`${error.message} ${lastNodeError.message}`);
}

/**
 * Sends the commands in one write to a server or to a node of a cluster. Not as a pipeline of the
 * library, whose objects outlive their request and cost more time in the garbage collector than all
 * the rest of a call.
 *
 * @param node the node's name
 */
export async function sendTogether(client: Redis, commands: readonly Command[], node?: string): Promise<RedisReply[]> {
  const sent = write(client, commands);
  try {
    return await Promise.all(sent);
  } catch {
    const settled = await Promise.allSettled(sent);
    return settled.map((one) => (one.status === "fulfilled" ? one.value : answered(one.reason as Error, node)));
  }
}

function write(client: Redis, commands: readonly Command[]): Promise<RedisReply>[] {
  // Undefined while there is no connection. Then each command fails at once.
  const { stream } = client as unknown as { stream?: Writable };
  stream?.cork();
  try {
    return commands.map(({ args }) => {
      const [name, ...rest] = args.every((arg) => typeof arg === "string") ? args : args.map(libraryArgument);
      return client.call(name as string, rest);
    });
  } finally {
    stream?.uncork();
  }
}

/** An error reply. Throws any other error. */
function answered(error: Error, node: string | undefined): ServerError {
  if (error.name === "ReplyError") return new ServerError(error.message, node);
  throw node === undefined ? error : new Error(`${error.message} (node ${node})`);
}
