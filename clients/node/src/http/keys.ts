/**
 * The Redis keys of a client: `prefix:{client}:policy` and `prefix:{client}:burst`. The braces are a
 * hash tag, so all keys of a client are in one slot of a cluster. Every language's client uses the
 * same keys.
 */
import { createHash } from "node:crypto";
import { ConfigurationError } from "../errors.js";
import { nameArgument } from "../redis/connection.js";
import { clientNetwork } from "./address.js";

/** Longer keys of the application are replaced by a digest. */
const MAX_KEY_BYTES = 128;

export class Keys {
  constructor(private readonly prefix: string) {
    if (/[{}]/.test(prefix)) throw new ConfigurationError(`key prefix '${prefix}' has braces, which mark the part that decides the hash slot`);
  }

  limit(client: string, policy: string): string {
    return `${this.prefix}:{${client}}:${policy}`;
  }

  burst(client: string): string {
    return `${this.prefix}:{${client}}:burst`;
  }
}

export function addressClient(address: string | undefined): string {
  return address === undefined ? "unix" : `ip:${clientNetwork(address)}`;
}

/** The key holds a digest, never the credential. Undefined for an empty credential. */
export function credentialClient(header: string, value: string): string | undefined {
  const credential = header === "authorization" ? authorization(value.trim()) : value.trim();
  return credential === "" ? undefined : `cred:${digest(credential)}`;
}

/**
 * A key of the application. Nothing and an empty text mean that the application has none for this
 * request.
 */
export type ClientKey = string | number | null | undefined;

export function keyClient(given: ClientKey): string | undefined {
  if (given === null || given === undefined || given === "") return undefined;
  const key = nameArgument(given);
  if (typeof key !== "string") throw new TypeError("a key of the application's own is to be a text or a number");
  return Buffer.byteLength(key) > MAX_KEY_BYTES ? `long:${digest(key)}` : `key:${key}`;
}

/**
 * Writes the scheme in lower case and one space, so that spellings of one credential are one
 * client.
 */
function authorization(value: string): string {
  const match = /^(\S+)\s+(.*)$/s.exec(value);
  return match ? `${(match[1] as string).toLowerCase()} ${match[2] as string}` : value;
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 32);
}
