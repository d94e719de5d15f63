/** The client's address: the peer's, or what trusted proxies report in a forwarding header. */
import { ConfigurationError } from "../errors.js";
import type { Log } from "../failure-log.js";
import { isSaid, sayOnce } from "../notices.js";
import { hopAddress } from "./address.js";
import { Networks } from "./networks.js";

/** Headers in which proxies name the client. */
const FORWARDING = ["X-Forwarded-For", "Forwarded", "X-Real-IP"];
/** Elements of a header that are searched for the peer before a warning. */
const MAX_SEARCHED = 20;

type Header = (name: string) => string | undefined;

export class TrustedProxies {
  readonly #trusted: Networks;
  readonly #header: string;
  /** Names in lower case, and as they are written. */
  readonly #forwarding: ReadonlyMap<string, string>;

  constructor(
    trustedProxies: readonly string[],
    private readonly forwardedHeader: string,
    private readonly log: Log,
  ) {
    this.#header = forwardedHeader.toLowerCase();
    this.#forwarding = new Map([forwardedHeader, ...FORWARDING].map((name) => [name.toLowerCase(), name]));
    this.#trusted = new Networks(trustedProxies, "trusted proxy");
  }

  /**
   * The canonical address; undefined for the peer of a Unix socket without a usable forwarding
   * header.
   */
  clientAddress(peer: string | undefined, header: Header): string | undefined {
    const address = parsePeer(peer, { trustsUnix: this.#trusted.hasUnix });
    if (address !== undefined && !this.#trusted.has(address)) {
      if (!isSaid("untrusted")) this.#warnOfUntrusted(address, header);
      return address;
    }
    const value = header(this.#header);
    if (value === undefined && !isSaid("no header")) this.#warnOfNoHeader(address, header);
    return this.#forwarded(value) ?? address;
  }

  #warnOfUntrusted(address: string, header: Header): void {
    for (const [lowerCase, name] of this.#forwarding) {
      const value = header(lowerCase);
      // A server that has put the client of this header in place of the peer needs no trust.
      if (value === undefined || names(value, address)) continue;
      sayOnce(
        "untrusted",
        this.log,
        `${name} of the peer ${address} is not read, because trustedProxies does not have this address: ` +
          "if it is a proxy of yours, all clients behind it share one counter until you put it there",
      );
    }
  }

  #warnOfNoHeader(address: string | undefined, header: Header): void {
    const other = [...this.#forwarding].find(([lowerCase]) => header(lowerCase) !== undefined)?.[1];
    sayOnce(
      "no header",
      this.log,
      `the trusted proxy ${address ?? "unix"} sends no ${this.forwardedHeader}${other === undefined ? "" : `, but ${other}`}: all ` +
        "clients behind it share one counter until it does, or until forwardedHeader names what it sends",
    );
  }

  /**
   * The rightmost hop that is not a trusted proxy, or the leftmost if all are; undefined if a hop on
   * the way there is not an address. Hops left of the result are not read, because clients can write
   * anything there.
   */
  #forwarded(value: string | undefined): string | undefined {
    if (value === undefined) return undefined;
    const isStandard = this.#header === "forwarded";
    let address: string | undefined;
    for (const element of partsFromRight(value, ",")) {
      address = hopAddress(isStandard ? forwardedFor(element) : element.trim());
      if (address === undefined || !this.#trusted.has(address)) return address;
    }
    return address;
  }
}

/** The canonical addresses of peers. Most requests come from few proxies, or on kept connections. */
const PEERS = new Map<string, string>();
const MAX_PEERS = 1000;

function remembered(peer: string): string | undefined {
  const address = hopAddress(peer);
  if (PEERS.size >= MAX_PEERS) PEERS.clear();
  if (address !== undefined) PEERS.set(peer, address);
  return address;
}

/** The address of the peer; undefined for the peer of a Unix socket. */
export function parsePeer(peer: string | undefined, { trustsUnix }: { trustsUnix: boolean }): string | undefined {
  if (peer === undefined || peer === "") {
    if (trustsUnix) return undefined;
    throw new ConfigurationError(
      "the server listens on a Unix socket, where all clients look alike: name the proxy's header in " +
        "forwardedHeader and put 'unix' into trustedProxies",
    );
  }
  const address = PEERS.get(peer) ?? remembered(peer);
  if (address !== undefined) return address;
  throw new ConfigurationError(
    `the server calls the peer of a request '${peer.slice(0, 64)}', which is not an address: let the server name ` +
      "the peer's address, and set trustedProxies and forwardedHeader for the proxy in front of it",
  );
}

/** Whether a forwarding header has this address, in one of its last elements. */
function names(value: string, address: string): boolean {
  let searched = 0;
  for (const element of partsFromRight(value, ",")) {
    if (hopAddress(element.trim()) === address || hopAddress(forwardedFor(element)) === address) return true;
    if (++searched === MAX_SEARCHED) return false;
  }
  return false;
}

/**
 * The parts between separators outside of quoted strings, the last part first. It is lazy and takes
 * linear time, because clients decide how long a header is.
 */
function* partsFromRight(text: string, separator: string): Generator<string> {
  let end = text.length;
  for (let i = end - 1; i >= 0; i--) {
    if (text[i] === '"') i = openingQuote(text, i);
    else if (text[i] === separator) {
      yield text.slice(i + 1, end);
      end = i;
    }
  }
  yield text.slice(0, end);
}

/**
 * Where the quoted string starts that ends at `closing`; -1 if nowhere. A backslash escapes a
 * quote.
 */
function openingQuote(text: string, closing: number): number {
  let quote = closing;
  let backslashes: number;
  do {
    quote = text.lastIndexOf('"', quote - 1);
    for (backslashes = 0; text[quote - 1 - backslashes] === "\\"; ) backslashes++;
  } while (backslashes % 2 === 1);
  return quote;
}

/**
 * The first `for` of an element of a `Forwarded` header (RFC 7239); an empty text if it has none.
 */
function forwardedFor(element: string): string {
  for (const pair of [...partsFromRight(element, ";")].reverse()) {
    const equals = pair.indexOf("=");
    if (pair.slice(0, Math.max(equals, 0)).trim().toLowerCase() !== "for") continue;
    const node = pair.slice(equals + 1).trim();
    return node.startsWith('"') && node.endsWith('"') ? node.slice(1, -1).replace(/\\(.)/g, "$1") : node;
  }
  return "";
}
