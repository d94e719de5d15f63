/**
 * Readers of replies. Each throws a {@link ModuleMissingError} for a reply of another shape: it comes
 * from a proxy, another module, or a version that this client does not know.
 */
import { wrongModule } from "../errors.js";
import type { RedisReply } from "./connection.js";

export function integer(reply: RedisReply, command: string): number {
  // A number that a double does not hold is none of the module's. Both libraries read the largest
  // one that it holds as the next one.
  if (!Number.isInteger(reply) || Math.abs(reply as number) > 2 ** 53) throw wrongModule(command);
  return Math.min(reply as number, Number.MAX_SAFE_INTEGER);
}

/** An array of `count` integers. */
export function integers(reply: RedisReply, count: number, command: string): number[] {
  return array(reply, count, command).map((each) => integer(each, command));
}

/** An array of `count` values. */
export function array(reply: RedisReply, count: number, command: string): unknown[] {
  if (!Array.isArray(reply) || reply.length !== count) throw wrongModule(command);
  return reply;
}

export function text(reply: RedisReply, command: string): string {
  if (typeof reply === "string") return reply;
  if (reply instanceof Uint8Array) return Buffer.from(reply).toString();
  throw wrongModule(command);
}

export function optionalText(reply: RedisReply, command: string): string | null {
  return reply === null || reply === undefined ? null : text(reply, command);
}

export function texts(reply: RedisReply, command: string): string[] {
  if (!Array.isArray(reply)) throw wrongModule(command);
  return reply.map((each) => text(each, command));
}

export function time(reply: RedisReply, command: string): Date {
  return new Date(integer(reply, command));
}

/** A text of JSON that is an object. */
export function jsonObject(reply: RedisReply, command: string): Record<string, unknown> {
  const value = json(text(reply, command), command);
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrongModule(command);
  return value as Record<string, unknown>;
}

export function json(given: string, command: string): unknown {
  try {
    return JSON.parse(given);
  } catch {
    throw wrongModule(command);
  }
}
