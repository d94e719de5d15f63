/** The reader of replies: whole, cut anywhere, and hostile. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ServerError } from "../dist/redis/connection.js";
import { ReplyReader } from "../dist/redis/reply-reader.js";

/** A generator of the same numbers from 0 to 1 for the same seed (mulberry32). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Sample {
  readonly wire: string;
  readonly value: unknown;
}

const TEXTS = ["", "OK", "grüße, 世界 🙂", "a\r\nb", "$5\r\n", "x".repeat(300)];
const NUMBERS = ["0", "-1", "+7", "123456789012345", "9007199254740991", "-9223372036854775808"];
const LINES = ["", "OK", "ERR unknown command", "ÄÖ"];

function sample(next: () => number, depth = 0): Sample {
  const of = <T>(values: readonly T[]) => values[Math.floor(next() * values.length)] as T;
  const text = of(TEXTS);
  const bulk = `${Buffer.byteLength(text)}\r\n${text}\r\n`;
  const number = of(NUMBERS);
  const line = of(LINES);
  const leaves: Sample[] = [
    { wire: `:${number}\r\n`, value: Number(number) },
    { wire: `$${bulk}`, value: text },
    { wire: `=${Buffer.byteLength(text) + 4}\r\ntxt:${text}\r\n`, value: text },
    { wire: `!${bulk}`, value: new ServerError(text) },
    { wire: `+${line}\r\n`, value: line },
    { wire: `-${line}\r\n`, value: new ServerError(line) },
    ...[",1.5", ",inf", "(123456789012345678901234567890"].map((wire) => ({ wire: `${wire}\r\n`, value: wire.slice(1) })),
    ...["$-1", "*-1", "_"].map((wire) => ({ wire: `${wire}\r\n`, value: null })),
    { wire: "#t\r\n", value: 1 },
    { wire: "#f\r\n", value: 0 },
  ];
  if (depth === 4 || next() < 0.6) return of(leaves);
  const type = of(["*", "~", "%"]);
  const pairs = Math.floor(next() * 5);
  const members = Array.from({ length: type === "%" ? 2 * pairs : pairs }, () => sample(next, depth + 1));
  return { wire: `${type}${pairs}\r\n${members.map(({ wire }) => wire).join("")}`, value: members.map(({ value }) => value) };
}

/** What a reader delivers of pieces. */
function read(pieces: readonly Buffer[]): unknown[] {
  const found: unknown[] = [];
  const reader = new ReplyReader((reply) => found.push(reply));
  for (const piece of pieces) reader.read(piece);
  return found;
}

/** Cuts bytes at random places: often everywhere, sometimes seldom. */
function cut(data: Buffer, next: () => number): Buffer[] {
  const most = 1 + Math.floor(next() ** 3 * data.length);
  const pieces: Buffer[] = [];
  for (let at = 0; at < data.length; ) {
    const end = at + 1 + Math.floor(next() * most);
    pieces.push(Buffer.from(data.subarray(at, end)));
    at = end;
  }
  return pieces;
}

describe("the reader of replies", () => {
  it("reads the same of replies that are cut anywhere", () => {
    for (let seed = 1; seed <= 2000; seed++) {
      const next = random(seed);
      const samples = Array.from({ length: 1 + Math.floor(next() * 8) }, () => sample(next));
      const data = Buffer.from(samples.map(({ wire }) => wire).join(""));
      const expected = samples.map(({ value }) => value);
      assert.deepEqual(read([data]), expected, `whole, seed ${seed}`);
      assert.deepEqual(read(cut(data, next)), expected, `cut, seed ${seed}`);
    }
  });

  it("delivers each reply as soon as its last byte has come", () => {
    const found: unknown[] = [];
    const reader = new ReplyReader((reply) => found.push(reply));
    for (const byte of Buffer.from("*2\r\n:1\r\n$2\r\nab\r")) reader.read(Buffer.of(byte));
    assert.deepEqual(found, []);
    reader.read(Buffer.from("\n:5\r\n*1\r\n"));
    assert.deepEqual(found, [[1, "ab"], 5]);
  });

  it("leaves messages out that answer no command", () => {
    const message = ">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n*1\r\n:1\r\n";
    assert.deepEqual(read([Buffer.from(`:1\r\n${message}*1\r\n:2\r\n`)]), [1, [2]]);
  });

  it("reads a long text in many pieces in linear time", () => {
    const text = "x".repeat(32 * 1024 * 1024);
    const data = Buffer.from(`*2\r\n$${text.length}\r\n${text}\r\n:1\r\n`);
    const pieces = Array.from({ length: Math.ceil(data.length / 1024) }, (_, index) => data.subarray(1024 * index, 1024 * (index + 1)));
    const began = performance.now();
    const [reply] = read(pieces) as [[string, number]];
    // A copy of everything for each of the 32768 pieces would take minutes.
    assert.ok(performance.now() - began < 10_000);
    assert.equal(reply[0].length, text.length);
    assert.equal(reply[1], 1);
  });
});

describe("the reader refuses", () => {
  const hostile: Record<string, string> = {
    "an unknown type": "?1\r\n",
    "the status line of HTTP": "HTTP/1.1 400 Bad Request\r\n",
    "a number without digits": ":\r\n",
    "a sign alone": ":-\r\n",
    "a number with letters": ":12a\r\n",
    "a fraction as a number": ":1.5\r\n",
    "a negative length of a text": "$-2\r\n",
    "a length of a text beyond all bounds": "$536870913\r\n",
    "a negative count of members": "*-2\r\n",
    "a count of members beyond all bounds": "*99999999999\r\n",
    "a text that is longer than its length": "$2\r\nabc\r\n",
    "a text whose length has no number": "$?\r\n",
    "a carriage return alone": "+a\rb\r\n",
    "too many levels": "*1\r\n".repeat(40),
    "a line without an end": `+${"x".repeat(70_000)}`,
  };

  for (const [name, wire] of Object.entries(hostile)) {
    it(name, () => {
      assert.throws(() => read([Buffer.from(wire)]), /^Error: Redis sent/);
      assert.throws(() => read([...Buffer.from(wire)].map((byte) => Buffer.of(byte))), /^Error: Redis sent/, "in single bytes");
    });
  }

  it("nothing else than by an error, whatever the bytes are", () => {
    for (let seed = 1; seed <= 5000; seed++) {
      const next = random(seed);
      const data = Buffer.from(Array.from({ length: 4 }, () => sample(next).wire).join(""));
      for (let changes = 1 + Math.floor(next() * 4); changes > 0; changes--) {
        data[Math.floor(next() * data.length)] = next() < 0.5 ? Math.floor(next() * 256) : "*$:-\r\n09".charCodeAt(Math.floor(next() * 8));
      }
      try {
        read(cut(data, next));
      } catch (error) {
        assert.match(String(error), /^Error: Redis sent/, `seed ${seed}`);
      }
    }
  });
});
