/** node-redis (the package `redis`), a single server or a cluster. */
import { classNames } from "./away.js";
import { libraryArgument, ServerError, type Command, type Connection, type RedisReply } from "./connection.js";
import { Readiness, reconnectDelay } from "./readiness.js";

/**
 * The members of the library's clients that are used here. Its own types take the compiler longer
 * than this whole package.
 */
interface NodeRedisBase {
  readonly isOpen: boolean;
  on(event: "error", listener: (error: Error) => void): unknown;
  on(event: string, listener: () => void): unknown;
  connect(): Promise<unknown>;
  destroy(): void;
}

/** A result of `createClient`. */
export interface NodeRedis extends NodeRedisBase {
  readonly isReady: boolean;
  readonly options: { readonly socket?: { readonly host?: string; readonly port?: number; readonly path?: string } };
  duplicate(overrides: object): NodeRedis;
  sendCommand(args: readonly (string | Buffer)[]): Promise<unknown>;
}

/**
 * A result of `createCluster`. Its private `_options` are the only way to extend the nodes'
 * defaults.
 */
export interface NodeRedisCluster extends NodeRedisBase {
  readonly _options: { readonly rootNodes: readonly object[]; readonly defaults?: { readonly socket?: object } };
  duplicate(overrides: object): NodeRedisCluster;
  sendCommand(firstKey: string | Buffer | undefined, isReadonly: boolean, args: readonly (string | Buffer)[]): Promise<unknown>;
}

/**
 * Options that override the application's. node-redis never repeats a command that was sent, but by
 * default it queues commands while there is no connection.
 */
export function nodeRedisOptions(socket: object | undefined) {
  return {
    disableOfflineQueue: true,
    disableClientInfo: true,
    maintNotifications: "disabled" as const,
    // The link sets one timer per round trip. The library would set one per command.
    commandOptions: { timeout: 0 },
    socket: {
      ...socket,
      socketTimeout: 0,
      reconnectStrategy: reconnectDelay,
    },
  };
}

export class NodeRedisConnection implements Connection {
  readonly #readiness = new Readiness();

  /** The client, made with `nodeRedisOptions`, is closed with the connection. */
  constructor(
    private readonly client: NodeRedis,
    private readonly connectTimeoutMs: number,
  ) {
    client.on("ready", () => this.#readiness.up());
    client.on("error", (error: Error) => {
      if (!client.isReady) this.#readiness.down(error);
    });
  }

  ready(): Promise<void> | undefined {
    return this.#readiness.wait(this.connectTimeoutMs, () => this.client.connect());
  }

  send(commands: readonly Command[]): Promise<RedisReply[]> {
    // The library writes all commands together that it gets in one turn of the event loop.
    return Promise.all(commands.map(({ args }) => this.client.sendCommand(args.map(libraryArgument)).catch(serverError)));
  }

  reset(): void {
    if (!this.client.isOpen) return;
    this.client.destroy();
    this.#readiness.down();
    this.client.connect().catch((error: unknown) => this.#readiness.down(error as Error));
  }

  close(): Promise<void> {
    if (this.client.isOpen) this.client.destroy();
    this.#readiness.down(new Error("the client has been closed"));
    return Promise.resolve();
  }
}

export class NodeRedisClusterConnection implements Connection {
  #readiness = new Readiness();
  #closed = false;
  #cluster: NodeRedisCluster;
  /** Why the last node did not tell the slots. */
  #reason: Error | undefined;

  constructor(
    private readonly make: () => NodeRedisCluster,
    private readonly connectTimeoutMs: number,
  ) {
    this.#cluster = this.#make();
  }

  #make(): NodeRedisCluster {
    const cluster = this.make();
    // Without a listener Node would throw the error. A call to a node that is away fails anyway.
    cluster.on("error", (error: Error) => (this.#reason = error));
    return cluster;
  }

  ready(): Promise<void> | undefined {
    return this.#readiness.wait(this.connectTimeoutMs, () => this.#connect());
  }

  send(commands: readonly Command[]): Promise<RedisReply[]> {
    return Promise.all(
      commands.map(({ args, key }) => {
        const route = key === undefined ? undefined : libraryArgument(key);
        return this.#cluster.sendCommand(route, false, args.map(libraryArgument)).catch((error: unknown) => {
          // A node that redirects to its own address has lost the address to another server.
          if (classNames(error).includes("MaxCommandRedirectionsError")) this.renew();
          return serverError(error);
        });
      }),
    );
  }

  reset(): void {
    // The cluster client replaces the connection to a hung node. The connections to the other nodes
    // stay.
  }

  renew(): void {
    // The library has no public way to read the slots again.
    const { isOpen } = this.#cluster;
    if (this.#closed || !isOpen) return;
    this.#cluster.destroy();
    this.#cluster = this.#make();
    this.#readiness = new Readiness();
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#readiness.down(new Error("the client has been closed"));
    if (this.#cluster.isOpen) this.#cluster.destroy();
    return Promise.resolve();
  }

  async #connect(): Promise<void> {
    this.#reason = undefined;
    try {
      await this.#cluster.connect();
      this.#readiness.up();
    } catch (error) {
      // Unlike a single client, a cluster client that did not find its nodes does not try again by
      // itself.
      const again = () => void (this.#closed || this.#connect().catch(() => undefined));
      setTimeout(again, reconnectDelay(Infinity)).unref();
      const reason = (this.#reason as Error | undefined) ?? (error as Error);
      this.#readiness.down(classNames(reason).includes("ErrorReply") ? new ServerError(reason.message) : reason);
      throw error;
    }
  }
}

/** Returns an error reply of Redis and throws any other error. */
function serverError(error: unknown): ServerError {
  if (classNames(error).includes("ErrorReply")) return new ServerError((error as Error).message);
  throw error;
}
