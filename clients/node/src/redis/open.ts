/**
 * From what the application has, a client of either library or a URL, to connections of our own.
 *
 * Of its own, since the application's client may repeat commands, queue them without bound or be busy with a blocking
 * call. They have the same servers, credentials and TLS settings, and they end when the application's client is closed.
 */
import type { Cluster, Redis } from "ioredis";
import type { Connection, Patience } from "./connection.js";
import { IoredisClusterConnection } from "./ioredis-cluster.js";
import { IoredisConnection, withoutRepeats } from "./ioredis.js";
import { NodeRedisClusterConnection, NodeRedisConnection, withoutQueue, type NodeRedis, type NodeRedisCluster } from "./node-redis.js";
import { UrlConnection } from "./url.js";

/** `Redis` or `Cluster` of ioredis. Described by its shape, so that neither library's types are needed to compile. */
export interface IoredisClient {
  readonly status: string;
  duplicate(...args: never[]): unknown;
}

/** What `createClient` or `createCluster` of node-redis returns. */
export interface NodeRedisClient {
  readonly isOpen: boolean;
  duplicate(...args: never[]): unknown;
}

export type RedisSource = string | URL | IoredisClient | NodeRedisClient | Connection;

/**
 * Redis reads nothing more from a client while it works for it on another thread, so what takes its time must not stand in front
 * of what a request waits for.
 */
export interface Connections {
  /** For what requests wait for. */
  readonly fast: Connection;
  /** For the audit events of the middleware, for which nobody waits. */
  readonly audit: Connection;
  /** For what waits for a signature, or for Postgres. */
  readonly slow: Connection;
}

/** Each is opened by its first call. A connection that the application brings along is all three. */
export function openConnections(source: RedisSource, patience: Patience): Connections {
  if (typeof source === "string" || source instanceof URL) return three(() => new UrlConnection(String(source), patience));
  if ("send" in source && "reset" in source) return three(() => source);
  if ("status" in source && typeof source.duplicate === "function") return fromIoredis(source, patience);
  if ("isOpen" in source && typeof source.duplicate === "function") return fromNodeRedis(source, patience);
  throw new TypeError("expected a client of ioredis or node-redis (createClient, createCluster), or a redis:// URL");
}

function three(open: () => Connection): Connections {
  return { fast: open(), audit: open(), slow: open() };
}

function fromIoredis(source: IoredisClient, patience: Patience): Connections {
  const options = withoutRepeats();
  if ((source as unknown as Cluster).isCluster) {
    const cluster = source as unknown as Cluster;
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
    return endingWith(cluster, three(() => new IoredisClusterConnection(copy(), patience)));
  }
  const redis = source as unknown as Redis;
  return endingWith(redis, three(() => new IoredisConnection(redis.duplicate(options), patience)));
}

function fromNodeRedis(source: NodeRedisClient, patience: Patience): Connections {
  if ("masters" in source) {
    const cluster = source as unknown as NodeRedisCluster;
    const { defaults } = cluster._options;
    const copy = () => cluster.duplicate({ defaults: { ...defaults, ...withoutQueue(defaults?.socket) } });
    return endingWith(cluster, three(() => new NodeRedisClusterConnection(copy(), patience)), "disconnect");
  }
  const client = source as unknown as NodeRedis;
  const copy = () => client.duplicate(withoutQueue(client.options.socket));
  return endingWith(client, three(() => new NodeRedisConnection(copy(), patience)));
}

interface Emitter {
  on(event: string, listener: () => void): unknown;
}

function endingWith(source: Emitter, connections: Connections, event = "end"): Connections {
  source.on(event, () => void closeAll(connections));
  return connections;
}

export async function closeAll({ fast, audit, slow }: Connections): Promise<void> {
  await Promise.all([...new Set([fast, audit, slow])].map((connection) => connection.close()));
}
