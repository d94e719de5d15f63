/**
 * Opens connections for a client of either library or a URL.
 *
 * They are lockwatch's own, because the application's client may repeat commands, queue them without
 * a bound or be busy with a blocking call. They use the same servers, credentials and TLS settings,
 * and they are closed with the application's client.
 */
import type { Cluster, Redis } from "ioredis";
import { ConfigurationError } from "../errors.js";
import type { Rule } from "../known-options.js";
import type { Connection } from "./connection.js";
import { IoredisClusterConnection } from "./ioredis-cluster.js";
import { IoredisConnection, ioredisOptions } from "./ioredis.js";
import { NodeRedisClusterConnection, NodeRedisConnection, nodeRedisOptions, type NodeRedis, type NodeRedisCluster } from "./node-redis.js";
import { NodeRedisSentinelConnection, SentinelFinder, type NodeRedisSentinel } from "./node-redis-sentinel.js";
import { clusterOf, serverOfOptions, serverOfUrl } from "./server.js";
import { UrlConnection } from "./url.js";

/**
 * `Redis` or `Cluster` of ioredis. A structural type, so that a user does not need the types of
 * both libraries.
 */
export interface IoredisClient {
  readonly status: string;
  duplicate(...args: never[]): unknown;
}

/** What `createClient`, `createCluster` or `createSentinel` of node-redis returns. */
export interface NodeRedisClient {
  readonly isOpen: boolean;
  duplicate(...args: never[]): unknown;
}

export type RedisSource = string | URL | IoredisClient | NodeRedisClient | Connection;

/**
 * Redis reads nothing more from a connection while it executes a blocking command of it. So commands
 * that a request waits for do not share a connection with slow ones.
 */
export interface Connections {
  /** For commands that requests wait for. */
  readonly fast: Connection;
  /** For the audit events of the middleware. */
  readonly audit: Connection;
  /** For commands that sign, query Postgres or go through many sessions. */
  readonly slow: Connection;
  /** Opens another one, for a lease that ends with it. It is closed with the others. */
  readonly own: () => Connection;
  /** Those that `own` has opened and nobody has closed. */
  readonly opened: Set<Connection>;
  /** The host and port, for messages. Undefined for a `Connection` of the application. */
  readonly server?: string | undefined;
}

/** Never shown, because a URL may contain a password. */
export const REDIS_SOURCE: Rule = {
  expected: "a client of ioredis or node-redis, or a URL like 'redis://localhost:6379' (redis://, rediss://)",
  accepts: (value) => {
    if (typeof value === "string" || value instanceof URL) return /^rediss?:\/\//.test(String(value)) && URL.canParse(String(value));
    if (isClient(value)) return true;
    throw unusable(value);
  },
  required: true,
  secret: true,
};

/**
 * The first call on each connection opens it. A `Connection` of the application serves as all
 * three.
 */
export function openConnections(source: RedisSource, connectTimeoutMs: number): Connections {
  if (typeof source === "string" || source instanceof URL) {
    return three(() => new UrlConnection(String(source), connectTimeoutMs), serverOfUrl(String(source)));
  }
  if (typeof source !== "object" || (source as unknown) === null) throw unusable(source);
  if ("send" in source && "reset" in source) return three(() => source);
  if ("status" in source && typeof source.duplicate === "function") return fromIoredis(source, connectTimeoutMs);
  if ("isOpen" in source && typeof source.duplicate === "function") return fromNodeRedis(source, connectTimeoutMs);
  throw unusable(source);
}

function isClient(source: unknown): boolean {
  if (typeof source !== "object" || source === null) return false;
  return ("send" in source && "reset" in source) || (("status" in source || "isOpen" in source) && "duplicate" in source && typeof source.duplicate === "function");
}

function unusable(source: unknown): ConfigurationError {
  const works =
    "redis is to be a redis:// or rediss:// URL, a client of ioredis (new Redis(…), new Cluster(…)), " +
    "a client of node-redis (createClient, createCluster, createSentinel), or a LockWatch";
  if (source instanceof Promise) return new ConfigurationError(`redis is a promise: await it first. ${works}`);
  if (typeof source === "function") return new ConfigurationError(`redis is a function or a class, and not an object. ${works}`);
  if (typeof source === "object" && source !== null && "getSentinelNode" in source) {
    return new ConfigurationError(`createSentinel of this version of node-redis makes clients that can't be copied: install redis 6, or use ioredis. ${works}`);
  }
  const isPool = typeof source === "object" && source !== null && "idleClients" in source && "totalClients" in source;
  if (isPool) {
    return new ConfigurationError(`redis is a pool of node-redis: give a createClient(…), since lockwatch opens connections of its own. ${works}`);
  }
  const what = source === null || typeof source !== "object" ? String(source) : className(source);
  return new ConfigurationError(`redis is '${what}', which can't be used. ${works}`);
}

function className(source: object): string {
  return (source as { constructor?: { name: string } }).constructor?.name ?? "object";
}

function three(open: () => Connection, server?: string): Connections {
  const opened = new Set<Connection>();
  const own = () => {
    const connection = open();
    opened.add(connection);
    return connection;
  };
  return { fast: open(), audit: open(), slow: open(), own, opened, server };
}

function fromIoredis(source: IoredisClient, connectTimeoutMs: number): Connections {
  const options = ioredisOptions();
  if ((source as unknown as Cluster).isCluster) {
    const cluster = source as unknown as Cluster;
    const { startupNodes } = source as unknown as { startupNodes: readonly unknown[] };
    const copy = () =>
      cluster.duplicate([], {
        redisOptions: { ...cluster.options.redisOptions, ...options },
        lazyConnect: true,
        enableOfflineQueue: false,
        enableReadyCheck: false,
        enableAutoPipelining: false,
        scaleReads: "master",
        clusterRetryStrategy: options.retryStrategy,
      });
    return closedWith(cluster, three(() => new IoredisClusterConnection(copy(), connectTimeoutMs), clusterOf(startupNodes[0])));
  }
  const redis = source as unknown as Redis;
  return closedWith(redis, three(() => new IoredisConnection(redis.duplicate(options), connectTimeoutMs), serverOfOptions(redis.options)));
}

function fromNodeRedis(source: NodeRedisClient, connectTimeoutMs: number): Connections {
  if ("masters" in source) {
    const cluster = source as unknown as NodeRedisCluster;
    const { defaults, rootNodes } = cluster._options;
    const copy = () => cluster.duplicate({ defaults: { ...defaults, ...nodeRedisOptions(defaults?.socket) } });
    return closedWith(cluster, three(() => new NodeRedisClusterConnection(copy, connectTimeoutMs), clusterOf(rootNodes[0])), "disconnect");
  }
  if ("getSentinelNode" in source) {
    const sentinel = source as unknown as NodeRedisSentinel;
    const finder = SentinelFinder.of(sentinel);
    return closedWith(sentinel, three(() => new NodeRedisSentinelConnection(finder, connectTimeoutMs), finder.server));
  }
  const client = source as unknown as NodeRedis;
  const copy = () => client.duplicate(nodeRedisOptions(client.options.socket));
  return closedWith(client, three(() => new NodeRedisConnection(copy(), connectTimeoutMs), serverOfOptions(client.options.socket ?? {})));
}

interface Emitter {
  on(event: string, listener: () => void): unknown;
}

function closedWith(source: Emitter, connections: Connections, event = "end"): Connections {
  source.on(event, () => void closeAll(connections));
  return connections;
}

export async function closeAll({ fast, audit, slow, opened }: Connections): Promise<void> {
  await Promise.all([...new Set([fast, audit, slow, ...opened])].map((connection) => connection.close()));
}
