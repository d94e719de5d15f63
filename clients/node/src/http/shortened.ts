/** Bounds for texts that a request brings along, which other calls in its batch would wait for. */
import { createHash } from "node:crypto";
import type { Bytes } from "../redis/connection.js";

/** More than the server keeps of any text. */
const MAX_BYTES = 4096;
/** No unit of UTF-16 has more bytes in UTF-8. */
const MAX_UNIT = 3;
/** No character has more bytes in UTF-8. */
const MAX_CHARACTER = 4;

/** A text without what the server would cut off anyway. */
export function shortened(text: string): string {
  return isShort(text) ? text : cut(Buffer.from(text), MAX_BYTES).toString();
}

/** The same for bytes. A character in UTF-8 stays whole or is left out. */
export function shortenedBytes(text: Bytes): Bytes {
  return typeof text === "string" ? shortened(text) : cut(Buffer.from(text), MAX_BYTES);
}

/** The beginning of a name, and a digest that tells it from others with the same beginning. */
export function shortenedName(text: string): string {
  if (isShort(text)) return text;
  const digest = createHash("sha256").update(text).digest("hex").slice(0, 32);
  return cut(Buffer.from(text), MAX_BYTES - digest.length).toString() + digest;
}

function isShort(text: string): boolean {
  return text.length * MAX_UNIT <= MAX_BYTES || Buffer.byteLength(text) <= MAX_BYTES;
}

function cut(text: Buffer, size: number): Buffer {
  if (text.length <= size) return text;
  let end = size;
  while (end > size - MAX_CHARACTER && ((text[end] as number) & 0xc0) === 0x80) end--;
  return text.subarray(0, end);
}
