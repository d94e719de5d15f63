/**
 * What the rest of the client needs from Redis: a way to send commands, and nothing about which library does it.
 *
 * There is one adapter for ioredis and one for node-redis. A program may bring its own, and a test a scripted one.
 */

/** Keys and values are bytes to Redis; a string is sent as UTF-8. */
export type Bytes = string | Uint8Array;

/** What an application may call somebody by: ids are often numbers. */
export type Name = Bytes | number;

/** A name as an argument of a command. What is none is the caller's mistake, and must not become a call that fails open. */
export function nameArgument(name: Name): Bytes {
  if (typeof name === "number" && Number.isFinite(name)) return String(name);
  return checkedArgument(name);
}

function checkedArgument(value: unknown): Bytes {
  if (typeof value === "string" || value instanceof Uint8Array) return value;
  throw new TypeError(`an argument of a command is to be a text or bytes, and not ${value === null ? "null" : typeof value}`);
}

/** Throws a TypeError for what no library could send: before it shares a write with the commands of others. */
export function checkArguments(commands: readonly Command[]): void {
  for (const { args, key } of commands) {
    for (const value of args) checkedArgument(value);
    if (key !== undefined) checkedArgument(key);
  }
}

export interface Command {
  readonly args: readonly Bytes[];
  /** Decides the node in a cluster. What goes out together shares a hash slot. Absent: any primary will do. */
  readonly key?: Bytes | undefined;
}

/** A string, an integer, null, an array, and for a record a map, an object or a flat array, as the library decodes them. */
export type Reply = unknown;

export function replyText(reply: Reply): string {
  // What the commands answer here is never an object.
  return `${reply as string | number}`;
}

export interface Connection {
  /**
   * Opens the connection if nobody has, and waits for it, no longer than the connect timeout. Undefined if it is open, so that
   * the usual case costs no turn of the event loop.
   */
  ready(): Promise<void> | undefined;
  /**
   * Sends the commands in one write and resolves to an answer each: a reply, or a {@link ServerError} that Redis gave
   * to that one. Rejects where there was no answer. Never sends a command a second time that Redis may have executed.
   */
  send(commands: readonly Command[]): Promise<Reply[]>;
  /** Gives up the present socket, which does not answer, and opens another. */
  reset(): void;
  close(): Promise<void>;
}

/** An error that Redis answered, its message as it came. */
export class ServerError extends Error {
  override readonly name = "ServerError";

  /** The first word, in capitals by Redis's convention: `ERR`, `WRONGTYPE`, `LWEXPIRED`. */
  get code(): string {
    return /^[A-Z][A-Z0-9_]*/.exec(this.message)?.[0] ?? "ERR";
  }
}

/** Nothing came within the time that was given. */
export class TimeoutError extends Error {
  override readonly name = "TimeoutError";
}

/** How long the adapters wait for a connection, and no longer. */
export interface Patience {
  readonly connectTimeoutMs: number;
}
