/**
 * Reads replies in RESP2 and RESP3 from the pieces in which they arrive. A text that comes in many
 * pieces is put together once; only a line, which is short, is looked through again.
 */
import { ServerError, type RedisReply } from "./connection.js";

const CR = 13;
const LF = 10;
const PLUS = 43;
const MINUS = 45;
const ZERO = 48;
const NINE = 57;
const COLON = 58;
/** Numbers of more digits are converted by the runtime. */
const SAFE_DIGITS = 15;
/** No status, error or number is longer. */
const MAX_LINE = 1 << 16;
/** The most that Redis accepts for one string. */
const MAX_BULK = 512 * 1024 * 1024;
/** Redis's own replies have few levels. */
const MAX_DEPTH = 32;
const MAX_MEMBERS = 2 ** 32;
const NOTHING = Buffer.alloc(0);

/** An array that has begun, and how many members it has in the end. */
interface OpenArray {
  readonly values: RedisReply[];
  readonly count: number;
  /** A message that answers no command. */
  readonly isPush: boolean;
}

/** A text that has begun: its type, and its bytes without the line break. */
interface OpenText {
  readonly type: string;
  readonly length: number;
}

/** What has come is not a whole reply. */
const INCOMPLETE = Symbol("incomplete");

export class ReplyReader {
  #data: Buffer = NOTHING;
  #at = 0;
  /** What has come of a text that is not complete. Together the pieces hold the rest of `#data`. */
  #pieces: Buffer[] = [];
  /** The bytes without which reading on is of no use. */
  #missing = 0;
  #text: OpenText | undefined;
  readonly #arrays: OpenArray[] = [];

  /** @param deliver gets each reply; an error reply is a {@link ServerError} */
  constructor(private readonly deliver: (reply: RedisReply) => void) {}

  /** Throws for bytes that are not a reply. Then nothing more can be read. */
  read(chunk: Buffer): void {
    if (this.#missing > chunk.length) {
      this.#pieces.push(chunk);
      this.#missing -= chunk.length;
      return;
    }
    this.#data = this.#pieces.length === 0 ? chunk : Buffer.concat([...this.#pieces, chunk]);
    this.#at = 0;
    this.#missing = 0;
    this.#pieces = [];
    while (this.#at < this.#data.length) {
      const value = this.#text ? this.#bulk(this.#text) : this.#value();
      if (value === INCOMPLETE) break;
      this.#add(value);
    }
    this.#keepRest();
  }

  #keepRest(): void {
    if (this.#at < this.#data.length) {
      const rest = this.#data.subarray(this.#at);
      if (!this.#text && rest.length > MAX_LINE) throw new Error("Redis sent a line that has no end");
      this.#pieces.push(rest);
    }
    this.#data = NOTHING;
  }

  /** Adds a value to the array that is open, and closes arrays that are complete with it. */
  #add(given: RedisReply): void {
    let value = given;
    for (let open = this.#arrays.at(-1); open; open = this.#arrays.at(-1)) {
      open.values.push(value);
      if (open.values.length < open.count) return;
      this.#arrays.pop();
      if (open.isPush) return;
      value = open.values;
    }
    this.deliver(value);
  }

  /** The next value that is not an array with members. */
  #value(): RedisReply {
    const start = this.#at;
    const end = this.#endOfLine(start + 1);
    if (end < 0) return INCOMPLETE;
    const type = this.#data[start] as number;
    this.#at = end + 2;
    if (type === COLON) return this.#integer(start + 1, end);
    return this.#other(String.fromCharCode(type), start + 1, end);
  }

  #other(type: string, start: number, end: number): RedisReply {
    switch (type) {
      case "*":
      case "~":
      case "%":
      case ">":
        return this.#array(type, start, end);
      case "$":
      case "=":
      case "!":
        return this.#startText(type, this.#length(start, end, MAX_BULK));
      case "+":
      case ",":
      case "(":
        return this.#data.toString("utf8", start, end);
      case "-":
        return new ServerError(this.#data.toString("utf8", start, end));
      case "_":
        return null;
      case "#":
        return this.#data.toString("latin1", start, end) === "t" ? 1 : 0;
      default:
        throw new Error(`Redis sent a reply of the unknown type ${JSON.stringify(type)}`);
    }
  }

  #array(type: string, start: number, end: number): RedisReply {
    const count = this.#length(start, end, MAX_MEMBERS) * (type === "%" ? 2 : 1);
    if (count < 0) return null;
    if (count === 0) return [];
    if (this.#arrays.length === MAX_DEPTH) throw new Error("Redis sent a reply of too many levels");
    this.#arrays.push({ values: [], count, isPush: type === ">" });
    return this.#at < this.#data.length ? this.#value() : INCOMPLETE;
  }

  #startText(type: string, length: number): RedisReply {
    if (length < 0) return null;
    this.#text = { type, length };
    return this.#bulk(this.#text);
  }

  #bulk({ type, length }: OpenText): RedisReply {
    const [start, end] = [this.#at, this.#at + length];
    if (this.#data.length < end + 2) {
      this.#missing = end + 2 - this.#data.length;
      return INCOMPLETE;
    }
    if (this.#data[end] !== CR || this.#data[end + 1] !== LF) throw new Error("Redis sent a text that is longer than its length");
    this.#text = undefined;
    this.#at = end + 2;
    if (type === "!") return new ServerError(this.#data.toString("utf8", start, end));
    // A text with a format has it in front: `txt:`.
    return this.#data.toString("utf8", type === "=" ? start + 4 : start, end);
  }

  /** Where the line ends that has `from` in it; -1 if its end has not come. */
  #endOfLine(from: number): number {
    const data = this.#data;
    const last = data.length - 1;
    for (let at = from; at < last; at++) {
      if (data[at] !== CR) continue;
      if (data[at + 1] === LF) return at;
      throw new Error("Redis sent a line with a carriage return in it");
    }
    return -1;
  }

  #length(start: number, end: number, max: number): number {
    const length = this.#integer(start, end);
    if (length < -1 || length > max) throw new Error(`Redis sent a length of ${length}`);
    return length;
  }

  #integer(start: number, end: number): number {
    const data = this.#data;
    const isNegative = data[start] === MINUS;
    const first = isNegative || data[start] === PLUS ? start + 1 : start;
    if (first >= end) throw new Error("Redis sent a number without digits");
    let value = 0;
    for (let at = first; at < end; at++) {
      const digit = data[at] as number;
      if (digit < ZERO || digit > NINE) throw new Error("Redis sent a number that is none");
      value = value * 10 + digit - ZERO;
    }
    if (end - first > SAFE_DIGITS) value = Number(data.toString("latin1", first, end));
    return isNegative ? 0 - value : value;
  }
}
