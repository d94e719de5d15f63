/**
 * Replies that are records: maps over RESP3, flat arrays over RESP2. The libraries decode a map to a
 * Map, an object or a flat array.
 */
import { wrongModule } from "../errors.js";
import type { RedisReply } from "./connection.js";
import { integer, json, optionalText, text } from "./replies.js";

export class Fields {
  readonly #values: Map<string, unknown>;

  constructor(reply: RedisReply, private readonly command: string) {
    this.#values = new Map(entries(reply, command).map(([name, value]) => [String(name), value]));
  }

  text(name: string): string {
    return text(this.#values.get(name), this.command);
  }

  /** Null if it is missing. */
  optionalText(name: string): string | null {
    return optionalText(this.#values.get(name), this.command);
  }

  /** One of some texts. */
  word<Word extends string>(name: string, words: readonly Word[]): Word {
    const given = this.text(name);
    const word = words.find((each) => each === given);
    if (word === undefined) throw wrongModule(this.command);
    return word;
  }

  number(name: string): number {
    return integer(this.#values.get(name), this.command);
  }

  /** Null if it is missing. */
  optionalNumber(name: string): number | null {
    const value = this.#values.get(name);
    return value === null || value === undefined ? null : integer(value, this.command);
  }

  /** A text that is a decimal number. Null if it is missing. */
  optionalDecimal(name: string): number | null {
    const given = this.optionalText(name);
    if (given === null) return null;
    if (!/^\d+(\.\d+)?$/.test(given)) throw wrongModule(this.command);
    return Number(given);
  }

  time(name: string): Date {
    return new Date(this.number(name));
  }

  flag(name: string): boolean {
    return this.number(name) === 1;
  }

  /** Null for a missing or empty text. */
  json(name: string): unknown {
    const given = this.optionalText(name);
    return given === null || given === "" ? null : json(given, this.command);
  }

  /** The records of a field; none if it is missing. */
  records(name: string): Fields[] {
    return records(this.#values.get(name) ?? [], this.command);
  }

  /** The fields without those that are named. */
  others(known: readonly string[]): Record<string, unknown> {
    return Object.fromEntries([...this.#values].filter(([name]) => !known.includes(name)));
  }
}

export function records(reply: RedisReply, command: string): Fields[] {
  if (!Array.isArray(reply)) throw wrongModule(command);
  return reply.map((record) => new Fields(record, command));
}

function entries(reply: RedisReply, command: string): [unknown, unknown][] {
  if (reply instanceof Map) return [...reply];
  if (typeof reply !== "object" || reply === null) throw wrongModule(command);
  if (!Array.isArray(reply)) return Object.entries(reply);
  if (reply.length % 2 !== 0) throw wrongModule(command);
  return Array.from({ length: reply.length / 2 }, (_, index) => [reply[2 * index], reply[2 * index + 1]]);
}
