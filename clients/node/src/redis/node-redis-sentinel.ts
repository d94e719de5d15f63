/**
 * node-redis with Sentinel (`createSentinel`).
 *
 * The library's sentinel client repeats commands and keeps them while there is no primary. So it only
 * finds the primary here, and commands go through a connection of our own.
 */
import { type Command, type Connection, type RedisReply } from "./connection.js";
import { NodeRedisConnection, nodeRedisOptions, type NodeRedis } from "./node-redis.js";
import { Readiness, reconnectDelay } from "./readiness.js";
import { serverOfOptions } from "./server.js";

/** A result of `createSentinel`. */
export interface NodeRedisSentinel {
  readonly isOpen: boolean;
  on(event: string, listener: (argument: unknown) => void): unknown;
  connect(): Promise<unknown>;
  destroy(): unknown;
  duplicate(overrides: object): NodeRedisSentinel;
  /** Calls `use` with the client of the primary. */
  _execute<T>(isReadonly: boolean, use: (primary: NodeRedis) => Promise<T>): Promise<T>;
}

const OWN_OPTIONS = {
  /** In milliseconds: sentinels are asked as well, in case their notification is lost. */
  scanInterval: 10_000,
  masterPoolSize: 1,
  replicaPoolSize: 0,
  reserveClient: false,
};

/** How long a connection to the previous primary stays open. */
const CLOSE_AFTER_MS = 1000;

/** Finds the primary, for all connections of a LockWatch. */
export class SentinelFinder {
  #connecting: Promise<void> | undefined;
  #primary: NodeRedis | undefined;
  #closed = false;
  readonly #moved: (() => void)[] = [];

  /** @param server the name of the service, for messages */
  constructor(private readonly sentinel: NodeRedisSentinel, readonly server: string) {
    // Without a listener Node would throw the error. A call fails anyway.
    sentinel.on("error", () => undefined);
    sentinel.on("topology-change", (event) => {
      if ((event as { type?: string }).type === "MASTER_CHANGE") void this.look();
    });
  }

  static of(source: NodeRedisSentinel): SentinelFinder {
    return new SentinelFinder(source.duplicate(OWN_OPTIONS), serverOfOptions({ sentinels: true, name: serviceOf(source) }));
  }

  onMove(listener: () => void): void {
    this.#moved.push(listener);
  }

  /** The options of the primary's client, with the address of the primary. */
  get primary(): NodeRedis | undefined {
    return this.#primary;
  }

  /** Resolves when there is a primary. */
  connect(): Promise<void> {
    this.#connecting ??= this.#connect();
    return this.#connecting;
  }

  async #connect(): Promise<void> {
    try {
      await this.sentinel.connect();
    } catch (error) {
      this.#connecting = undefined;
      const again = () => void (this.#closed || this.connect().catch(() => undefined));
      setTimeout(again, reconnectDelay(Infinity)).unref();
      throw error;
    }
    await this.look();
  }

  /** Asks the library for the primary, and tells the connections if it has moved. */
  async look(): Promise<void> {
    if (!this.sentinel.isOpen) return;
    const primary = await this.sentinel._execute(false, (client) => Promise.resolve(client)).catch(() => undefined);
    if (!primary || this.#closed || addressOf(primary) === addressOf(this.#primary)) return;
    this.#primary = primary;
    for (const listener of this.#moved) listener();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.sentinel.isOpen) void Promise.resolve(this.sentinel.destroy()).catch(() => undefined);
  }
}

/**
 * The name of the service, which is a private option. `duplicate` passes all options to the
 * constructor of the prototype, here one that reads them.
 */
function serviceOf(source: NodeRedisSentinel): string {
  let name = "unknown";
  function Reader(options: { name?: unknown }): void {
    if (typeof options.name === "string") name = options.name;
  }
  const prototype = Object.create(source, { constructor: { value: Reader } }) as object;
  (Object.create(prototype) as NodeRedisSentinel).duplicate({});
  return name;
}

function addressOf(client: NodeRedis | undefined): string {
  const { host, port } = (client?.options.socket ?? {}) as { host?: string; port?: number };
  return `${host} ${port}`;
}

export class NodeRedisSentinelConnection implements Connection {
  readonly #finding = new Readiness();
  #current: NodeRedisConnection | undefined;
  #primary: NodeRedis | undefined;
  #isUsed = false;
  #isClosed = false;

  constructor(
    private readonly finder: SentinelFinder,
    private readonly connectTimeoutMs: number,
  ) {
    finder.onMove(() => void (this.#isUsed && this.#switch()));
  }

  ready(): Promise<void> | undefined {
    if (this.#current) return this.#current.ready();
    this.#isUsed = true;
    const found = this.#finding.wait(this.connectTimeoutMs, async () => {
      await this.finder.connect();
      await this.#switch();
    });
    return (found ?? Promise.resolve()).then(() => this.#current?.ready());
  }

  send(commands: readonly Command[]): Promise<RedisReply[]> {
    return this.#current ? this.#current.send(commands) : Promise.reject(new Error("no Sentinel has named a primary"));
  }

  reset(): void {
    this.#current?.reset();
    void this.finder.look();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.finder.close();
    this.#finding.down(new Error("the client has been closed"));
    await this.#current?.close();
  }

  /** Connects to the primary that the finder has found, and then lets go of the previous one. */
  async #switch(): Promise<void> {
    const { primary } = this.finder;
    if (!primary || primary === this.#primary) return;
    this.#primary = primary;
    const next = new NodeRedisConnection(primary.duplicate(nodeRedisOptions(primary.options.socket)), this.connectTimeoutMs);
    await next.ready()?.catch(() => undefined);
    if (this.#isClosed || this.#primary !== primary) return next.close();
    const previous = this.#current;
    this.#current = next;
    this.#finding.up();
    // Replies that are on their way still arrive.
    if (previous) setTimeout(() => void previous.close(), CLOSE_AFTER_MS).unref();
  }
}
