/**
 * The Redis keys of a client: `prefix:{client}:policy` and `prefix:{client}:burst`. With a service
 * they start with `prefix:service`. The braces are a hash tag, so all keys of a client are in one
 * slot of a cluster. Every language's client uses the same keys.
 */
import { createHash } from "node:crypto";
import { inspect } from "node:util";
import { ConfigurationError } from "../errors.js";
import type { Log } from "../failure-log.js";
import { sayOnce } from "../notices.js";
import type { Bytes } from "../redis/connection.js";
import { clientNetwork, type AddressPrefixes } from "./address.js";
import { shortenedName } from "./shortened.js";

/** Longer keys of the application are replaced by a digest. */
const MAX_KEY_BYTES = 128;

const DEFAULT_PREFIX = "lw";

/** A key function returns this to limit a request by its address. */
export const ADDRESS: unique symbol = Symbol.for("lockwatch.ADDRESS");

/** The white space of HTTP: bytes beyond ASCII are a part of a credential. */
const MARGINS = /^[ \t]+|[ \t]+$/g;
const BEYOND_ASCII = /[\u0080-\uffff]/;

/** The part of a `LockWatch` that decides about keys. */
interface Service {
  readonly service: string | undefined;
  readonly log: Log;
}

export class Keys {
  readonly #prefix: string;

  /** @param prefix `lw` unless given */
  constructor(prefix: string | undefined, { service, log }: Service) {
    if (prefix === undefined && service === undefined) hintAtService(log);
    const first = prefix ?? DEFAULT_PREFIX;
    this.#prefix = service === undefined ? first : `${first}:${service}`;
  }

  limit(client: string, policy: string): string {
    return `${this.#prefix}:{${client}}:${policy}`;
  }

  burst(client: string): string {
    return `${this.#prefix}:{${client}}:burst`;
  }
}

/** The client of a key of `Keys`: neither prefixes nor names of policies have braces. */
export function clientOf(key: string): string {
  return key.slice(key.indexOf("{") + 1, key.lastIndexOf("}"));
}

export function addressClient(address: string | undefined, prefixes?: AddressPrefixes): string {
  return address === undefined ? "unix" : `ip:${clientNetwork(address, prefixes)}`;
}

/** The key holds a digest, never the credential. Undefined for an empty credential. */
export function credentialClient(header: string, value: string): string | undefined {
  const trimmed = value.replace(MARGINS, "");
  const credential = header === "authorization" ? authorization(trimmed) : trimmed;
  return credential === "" ? undefined : `cred:${digest(headerBytes(credential))}`;
}

/** The value of a header as the client sent it. Node decodes each byte to one character. */
export function headerBytes(value: string): Bytes {
  return BEYOND_ASCII.test(value) ? Buffer.from(value, "latin1") : value;
}

/** What a key function returns. Nothing means that the limit does not apply to the request. */
export type ClientKey = string | number | bigint | typeof ADDRESS | null | undefined;

/**
 * Undefined if the address counts: for ADDRESS, and for an empty text, which a client can send in a
 * header.
 */
export function keyClient(given: Exclude<ClientKey, null | undefined>): string | undefined {
  if (given === ADDRESS || given === "") return undefined;
  if (typeof given !== "string" && typeof given !== "bigint" && !Number.isFinite(given)) {
    throw new ConfigurationError(`the key function returned ${inspect(given, { depth: 0, maxStringLength: 64 })}: it is to return a text, a number, ADDRESS, or nothing`);
  }
  const key = String(given);
  return Buffer.byteLength(key) > MAX_KEY_BYTES ? `long:${digest(key)}` : `key:${key}`;
}

/** The text of a key that the application returned, as the user of an audit event. */
export function keyText(given: ClientKey): string | undefined {
  return given === null || given === undefined || given === "" || given === ADDRESS ? undefined : shortenedName(String(given));
}

/**
 * Writes the scheme in lower case and one space, so that spellings of one credential are one
 * client.
 */
function authorization(value: string): string {
  const match = /^([^ \t]+)[ \t]+(.*)$/s.exec(value);
  return match ? `${(match[1] as string).toLowerCase()} ${match[2] as string}` : value;
}

function digest(text: Bytes): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 32);
}

function hintAtService(log: Log): void {
  sayOnce(
    "service",
    log,
    "every service that uses this Redis with the key prefix 'lw' and no service name shares its counters with this one: " +
      "name it with service: 'shop' in the options of LockWatch or the middleware; keyPrefix: 'lw' keeps the counters shared, without this line",
  );
}
