/** How a password is known to a guard. */
import { createHmac } from "node:crypto";
import type { Bytes } from "../redis/connection.js";

/** 64 bits in hexadecimal digits. A guard only compares it with the last ones of one user. */
const LENGTH = 16;

export function passwordDigest(secret: Bytes, password: string): string {
  return createHmac("sha256", secret).update(password).digest("hex").slice(0, LENGTH);
}
