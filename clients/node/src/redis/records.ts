/**
 * Replies that are records. They come as maps over RESP3 and as flat arrays over RESP2, and each library turns a map into
 * something else: a Map, an object, or pairs again.
 */
import { wrongModule } from "../errors.js";
import { replyText, type Reply } from "./connection.js";

export class Fields {
  readonly #values: Map<string, unknown>;

  constructor(reply: Reply, private readonly command: string) {
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

  #missing(): never {
    throw wrongModule(this.command);
  }
}

export function records(reply: Reply, command: string): Fields[] {
  if (!Array.isArray(reply)) throw wrongModule(command);
  return reply.map((record) => new Fields(record, command));
}

function entries(reply: Reply): [unknown, unknown][] {
  if (reply instanceof Map) return [...reply];
  if (!Array.isArray(reply)) return Object.entries(reply as object);
  const pairs: [unknown, unknown][] = [];
  for (let i = 0; i + 1 < reply.length; i += 2) pairs.push([reply[i], reply[i + 1]]);
  return pairs;
}
