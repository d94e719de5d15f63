/**
 * The hash slot of a key in a Redis Cluster: CRC16 (XMODEM) of the key or, if not empty, of its
 * first `{…}`.
 */
import type { Bytes } from "./connection.js";

const SLOTS = 16384;
const POLYNOMIAL = 0x1021;

const TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ POLYNOMIAL : crc << 1;
  return crc & 0xffff;
});

export function hashSlot(key: Bytes): number {
  let crc = 0;
  for (const byte of hashTag(Buffer.from(key))) crc = ((crc << 8) ^ (TABLE[(crc >> 8) ^ byte] as number)) & 0xffff;
  return crc % SLOTS;
}

function hashTag(key: Buffer): Buffer {
  const open = key.indexOf("{");
  if (open < 0) return key;
  const close = key.indexOf("}", open + 1);
  return close <= open + 1 ? key : key.subarray(open + 1, close);
}
