/** Where a request comes from: the peer, or what proxies that are trusted say before whom they stand. */
import { BlockList, isIP, isIPv4 } from "node:net";
import { ConfigurationError } from "../errors.js";
import { canonicalAddress, hopAddress } from "./address.js";

/** Longer than any chain of proxies makes it. */
const MAX_HEADER = 4096;

export class Origins {
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

  /** The canonical address; undefined for the other end of a Unix socket whose forwarding header does not tell. */
  address(peer: string | undefined, header: (name: string) => string | undefined): string | undefined {
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

  /** From the right, the first hop that is not a trusted proxy: what is left of it anybody can have written. */
  #forwarded(value: string | undefined): string | undefined {
    if (value === undefined || value.length > MAX_HEADER) return undefined;
    const hops = this.#header === "forwarded" ? standardHops(value) : value.split(",");
    let address: string | undefined;
    for (const hop of hops.reverse()) {
      address = hopAddress(hop.trim());
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

/** The `for=` of each element of a `Forwarded` header (RFC 7239); an empty text where there is none. In one pass. */
function standardHops(value: string): string[] {
  return split(value, ",").map((element) => {
    for (const pair of split(element, ";")) {
      const equals = pair.indexOf("=");
      if (pair.slice(0, Math.max(equals, 0)).trim().toLowerCase() !== "for") continue;
      const node = pair.slice(equals + 1).trim();
      return node.startsWith('"') && node.endsWith('"') ? node.slice(1, -1).replace(/\\(.)/g, "$1") : node;
    }
    return "";
  });
}

/** At a separator outside of quotes. */
function split(text: string, separator: string): string[] {
  const parts: string[] = [];
  let start = 0;
  let isQuoted = false;
  for (let i = 0; i < text.length; i++) {
    if (isQuoted && text[i] === "\\") i++;
    else if (text[i] === '"') isQuoted = !isQuoted;
    else if (!isQuoted && text[i] === separator) {
      parts.push(text.slice(start, i));
      start = i + 1;
    }
  }
  parts.push(text.slice(start));
  return parts;
}
