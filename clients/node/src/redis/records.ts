/**
 * Replies that are records: maps over RESP3, flat arrays over RESP2. The libraries decode a map to a
 * Map, an object or a flat array.
 */
import { wrongModule } from "../errors.js";
import { replyText, type RedisReply } from "./connection.js";

export class Fields {
  readonly #values: Map<string, unknown>;

  constructor(reply: RedisReply, private readonly command: string) {
    this.#values = new Map(entries(reply).map(([name, value]) => [String(name), value]));
  }

  text(name: string): string {
    return this.optionalText(name) ?? this.#missing();
  }

  optionalText(name: string): string | null {
    const value = this.#values.get(name);
    return value === null || value === undefined ? null : replyText(value);
  }

  number(name: string): number {
    return this.optionalNumber(name) ?? this.#missing();
  }

  optionalNumber(name: string): number | null {
    const text = this.optionalText(name);
    return text === null ? null : Number(text);
  }

  time(name: string): Date {
    return new Date(this.number(name));
  }

  flag(name: string): boolean {
    return this.number(name) === 1;
  }

  /** Null for a missing or empty text. */
  json(name: string): unknown {
    const text = this.optionalText(name);
    return text === null || text === "" ? null : (JSON.parse(text) as unknown);
  }

  /** The records of a field; none if it is missing. */
  records(name: string): Fields[] {
    return records(this.#values.get(name) ?? [], this.command);
  }

  /** The fields without those that are named. */
  others(known: readonly string[]): Record<string, unknown> {
    return Object.fromEntries([...this.#values].filter(([name]) => !known.includes(name)));
  }

  #missing(): never {
    throw wrongModule(this.command);
  }
}

export function records(reply: RedisReply, command: string): Fields[] {
  if (!Array.isArray(reply)) throw wrongModule(command);
  return reply.map((record) => new Fields(record, command));
}

function entries(reply: RedisReply): [unknown, unknown][] {
  if (reply instanceof Map) return [...reply];
  if (!Array.isArray(reply)) return Object.entries(reply as object);
  const pairs: [unknown, unknown][] = [];
  for (let i = 0; i + 1 < reply.length; i += 2) pairs.push([reply[i], reply[i + 1]]);
  return pairs;
}
