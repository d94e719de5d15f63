/**
 * The keys that clients are counted under. Their layout is part of the contract, the same in every language:
 * `prefix:{client}:policy` and `prefix:{client}:burst`, the braces a hash tag that keeps a client's keys in one slot.
 */
import { createHash } from "node:crypto";
import { ConfigurationError } from "../errors.js";
import { nameArgument } from "../redis/connection.js";
import { clientNetwork } from "./address.js";

/** Longer keys of the application's own become digests. */
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

/** A credential is never part of a key, only its digest is. Undefined for an empty one. */
export function credentialClient(header: string, value: string): string | undefined {
  const credential = header === "authorization" ? authorization(value.trim()) : value.trim();
  return credential === "" ? undefined : `cred:${digest(credential)}`;
}

/** For a key of the application's own; undefined for none. */
export function ownClient(given: string | number | null | undefined): string | undefined {
  if (given === null || given === undefined || given === "") return undefined;
  const key = nameArgument(given);
  if (typeof key !== "string") throw new TypeError("a key of the application's own is to be a text or a number");
  return Buffer.byteLength(key) > MAX_KEY_BYTES ? `long:${digest(key)}` : `key:${key}`;
}

/** The scheme in lower case and one space between: one token in two spellings is one client. */
function authorization(value: string): string {
  const match = /^(\S+)\s+(.*)$/s.exec(value);
  return match ? `${(match[1] as string).toLowerCase()} ${match[2] as string}` : value;
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 32);
}
