/**
 * What the rest of the client needs of a Redis library. There is an adapter for ioredis and one for
 * node-redis; an application may bring its own, and a test a scripted one.
 */

/** Keys and values. A string is sent as UTF-8. */
export type Bytes = string | Uint8Array;

/** A user, subject or key of the application. Ids are often numbers. */
export type Name = Bytes | number;

/**
 * Throws a TypeError for null or an object: a mistake of the caller must not become a call that
 * fails open.
 */
export function nameArgument(name: Name): Bytes {
  if (typeof name === "number" && Number.isFinite(name)) return String(name);
  return checkedArgument(name);
}

function checkedArgument(value: unknown): Bytes {
  if (typeof value === "string" || value instanceof Uint8Array) return value;
  throw new TypeError(`an argument of a command is to be a text or bytes, and not ${value === null ? "null" : typeof value}`);
}

/**
 * Throws a TypeError for arguments that no library can send, before they share a write with other
 * calls' commands.
 */
export function checkArguments(commands: readonly Command[]): void {
  for (const { args, key } of commands) {
    for (const value of args) checkedArgument(value);
    if (key !== undefined) checkedArgument(key);
  }
}

/** An argument as both libraries take it. */
export function libraryArgument(value: Bytes): string | Buffer {
  return typeof value === "string" ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}

export interface Command {
  readonly args: readonly Bytes[];
  /**
   * Selects the node of a cluster. The commands of one `send` may have keys of different slots.
   * Without a key the command goes to any primary.
   */
  readonly key?: Bytes | undefined;
}

/**
 * A string, an integer, null or an array; for a record, a map, an object or a flat array, depending
 * on the library.
 */
export type RedisReply = unknown;

export interface Connection {
  /**
   * Opens the connection on the first call and waits for it, at most for the connect timeout.
   * Undefined if it is open, which saves a turn of the event loop.
   */
  ready(): Promise<void> | undefined;
  /**
   * Sends the commands in one write. Resolves to one reply per command, in order; where Redis
   * answered an error, that is a {@link ServerError}. Rejects if replies are missing. Never sends a
   * command again that Redis may have executed.
   */
  send(commands: readonly Command[]): Promise<RedisReply[]>;
  /** Replaces the socket, which does not answer any more. */
  reset(): void;
  /** Looks for the primary anew, because a server answered that it is not. `reset` unless given. */
  renew?(): void;
  close(): Promise<void>;
}

/** An error reply of Redis, with its message unchanged. */
export class ServerError extends Error {
  override readonly name = "ServerError";

  /** @param node the node of a cluster that answered */
  constructor(
    message: string,
    readonly node?: string,
  ) {
    super(message);
  }

  /**
   * The first word of the message, in capitals by Redis's convention: `ERR`, `WRONGTYPE`,
   * `LWEXPIRED`.
   */
  get code(): string {
    return /^[A-Z][A-Z0-9_]*/.exec(this.message)?.[0] ?? "ERR";
  }
}

/**
 * UNBLOCKED ends commands that were running when a primary became a replica. A primary that has lost
 * its replicas answers NOREPLICAS.
 */
const NOT_PRIMARY = new Set(["READONLY", "MASTERDOWN", "LOADING", "UNBLOCKED", "NOREPLICAS"]);

/** Whether another server may be the primary, behind the same name. */
export function isNotPrimary(reply: RedisReply): boolean {
  return reply instanceof ServerError && NOT_PRIMARY.has(reply.code);
}

export class TimeoutError extends Error {
  override readonly name = "TimeoutError";
}
