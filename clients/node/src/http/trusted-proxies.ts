/** The client's address: the peer's, or what trusted proxies report in a forwarding header. */
import { BlockList, isIP, isIPv4 } from "node:net";
import { ConfigurationError } from "../errors.js";
import { canonicalAddress, hopAddress } from "./address.js";

export class TrustedProxies {
  readonly #trusted = new BlockList();
  readonly #trustsUnix: boolean;
  readonly #trustsNobody: boolean;
  readonly #header: string;

  constructor(trustedProxies: readonly string[], forwardedHeader: string) {
    this.#header = forwardedHeader.toLowerCase();
    this.#trustsNobody = trustedProxies.length === 0;
    this.#trustsUnix = trustedProxies.includes("unix");
    for (const proxy of trustedProxies) if (proxy !== "unix") this.#trust(proxy);
  }

  /**
   * The canonical address; undefined for the peer of a Unix socket without a usable forwarding
   * header.
   */
  clientAddress(peer: string | undefined, header: (name: string) => string | undefined): string | undefined {
    const address = peer === undefined ? undefined : canonicalAddress(peer);
    if (this.#trustsNobody && address !== undefined) return address;
    if (address === undefined && !this.#trustsUnix) {
      throw new ConfigurationError(
        "the server listens on a Unix socket, where all clients look alike: name the proxy's header in " +
          "forwardedHeader and put 'unix' into trustedProxies",
      );
    }
    if (address !== undefined && !this.#isTrusted(address)) return address;
    return this.#forwarded(header(this.#header)) ?? address;
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
      if (address === undefined || !this.#isTrusted(address)) return address;
    }
    return address;
  }

  #isTrusted(address: string): boolean {
    return this.#trusted.check(address, family(address));
  }

  #trust(proxy: string): void {
    const [network = "", length, ...rest] = proxy.split("/");
    const address = canonicalAddress(network);
    const bits = length === undefined ? undefined : Number(length);
    const widest = address !== undefined && isIPv4(address) ? 32 : 128;
    const valid = address !== undefined && isIP(network) !== 0 && rest.length === 0;
    if (!valid || (bits !== undefined && !(/^\d+$/.test(length as string) && bits <= widest))) {
      throw new ConfigurationError(`trusted proxy '${proxy}' is not an address, a network (10.0.0.0/8) or 'unix'`);
    }
    if (bits === undefined) this.#trusted.addAddress(address, family(address));
    else this.#trusted.addSubnet(address, bits, family(address));
  }
}

function family(address: string): "ipv4" | "ipv6" {
  return isIPv4(address) ? "ipv4" : "ipv6";
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
