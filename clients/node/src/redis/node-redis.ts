/** node-redis (the package `redis`), a single server or a cluster. */
import { ServerError, type Bytes, type Command, type Connection, type Patience, type Reply } from "./connection.js";
import { Readiness, reconnectDelay } from "./readiness.js";

/** What is used of the library's clients. Its own types would take the compiler longer than all the rest. */
interface Both {
  readonly isOpen: boolean;
  on(event: "error", listener: (error: Error) => void): unknown;
  on(event: string, listener: () => void): unknown;
  connect(): Promise<unknown>;
  destroy(): void;
}

/** Of `createClient`. */
export interface NodeRedis extends Both {
  readonly isReady: boolean;
  readonly options: { readonly socket?: object };
  duplicate(overrides: object): NodeRedis;
  sendCommand(args: readonly (string | Buffer)[]): Promise<unknown>;
}

/** Of `createCluster`. `_options` are private there, and there is no other way to add to the nodes' defaults. */
export interface NodeRedisCluster extends Both {
  readonly _options: { readonly defaults?: { readonly socket?: object } };
  duplicate(overrides: object): NodeRedisCluster;
  sendCommand(firstKey: string | Buffer | undefined, isReadonly: boolean, args: readonly (string | Buffer)[]): Promise<unknown>;
}

/** node-redis never repeats a command that was sent, but keeps those that were not until there is a connection. */
export function withoutQueue(socket: object | undefined) {
  return {
    disableOfflineQueue: true,
    disableClientInfo: true,
    maintNotifications: "disabled" as const,
    // Timed by the link, which needs one timer a round trip instead of one a command.
    commandOptions: { timeout: 0 },
    socket: {
      ...socket,
      socketTimeout: 0,
      reconnectStrategy: reconnectDelay,
    },
  };
}

export class NodeRedisConnection implements Connection {
  readonly #client: NodeRedis;
  readonly #patience: Patience;
  readonly #readiness = new Readiness();

  /** Takes a client that was made `withoutQueue`, and that is this connection's to close. */
  constructor(client: NodeRedis, patience: Patience) {
    this.#client = client;
    this.#patience = patience;
    client.on("ready", () => this.#readiness.up());
    client.on("error", (error: Error) => {
      if (!client.isReady) this.#readiness.down(error);
    });
  }

  ready(): Promise<void> | undefined {
    return this.#readiness.wait(this.#patience.connectTimeoutMs, () => this.#client.connect());
  }

  send(commands: readonly Command[]): Promise<Reply[]> {
    // All are handed over in the same turn, so the library writes them together.
    return Promise.all(commands.map(({ args }) => this.#client.sendCommand(args.map(argument)).catch(serverErrors)));
  }

  reset(): void {
    if (!this.#client.isOpen) return;
    this.#client.destroy();
    this.#readiness.down();
    this.#client.connect().catch((error: unknown) => this.#readiness.down(error as Error));
  }

  close(): Promise<void> {
    if (this.#client.isOpen) this.#client.destroy();
    this.#readiness.down(new Error("the client has been closed"));
    return Promise.resolve();
  }
}

export class NodeRedisClusterConnection implements Connection {
  readonly #cluster: NodeRedisCluster;
  readonly #patience: Patience;
  readonly #readiness = new Readiness();
  #closed = false;

  constructor(cluster: NodeRedisCluster, patience: Patience) {
    this.#cluster = cluster;
    this.#patience = patience;
    // Emitted for each node; a call to a node that is away fails by itself.
    cluster.on("error", () => undefined);
  }

  ready(): Promise<void> | undefined {
    return this.#readiness.wait(this.#patience.connectTimeoutMs, () => this.#connect());
  }

  send(commands: readonly Command[]): Promise<Reply[]> {
    return Promise.all(
      commands.map(({ args, key }) => {
        const route = key === undefined ? undefined : argument(key);
        return this.#cluster.sendCommand(route, false, args.map(argument)).catch(serverErrors);
      }),
    );
  }

  reset(): void {
    // A node that hangs is the cluster client's to replace: the others keep their connections.
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#readiness.down(new Error("the client has been closed"));
    if (this.#cluster.isOpen) this.#cluster.destroy();
    return Promise.resolve();
  }

  async #connect(): Promise<void> {
    try {
      await this.#cluster.connect();
      this.#readiness.up();
    } catch (error) {
      // Unlike a single client, a cluster client that did not find its nodes does not try again by itself.
      const again = () => void (this.#closed || this.#connect().catch(() => undefined));
      setTimeout(again, reconnectDelay(Infinity)).unref();
      this.#readiness.down(error as Error);
      throw error;
    }
  }
}

function argument(value: Bytes): string | Buffer {
  return typeof value === "string" ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}

/**
 * An error that Redis answered, by the name of its class: the class itself can't be imported, since the copy of the library
 * that the application uses need not be the one that this package would find.
 */
function serverErrors(error: unknown): ServerError {
  for (let of: unknown = error; of instanceof Object; of = Object.getPrototypeOf(of)) {
    if (of.constructor.name === "ErrorReply") return new ServerError((error as Error).message);
  }
  throw error;
}
