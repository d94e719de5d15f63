/** Addresses and networks that the application lists: trusted proxies, and clients that are exempt. */
import { BlockList, isIP, isIPv4 } from "node:net";
import { ConfigurationError } from "../errors.js";
import { canonicalAddress } from "./address.js";

/** The bits in front of an IPv4 address that is embedded in IPv6. */
const EMBEDDING_LENGTH = 96;
/** The peer of a Unix socket, which has no address. */
const UNIX = "unix";

export class Networks {
  readonly hasUnix: boolean;
  /** One for each family: a list compares IPv4 addresses with networks of IPv6 as well. */
  readonly #lists = { ipv4: new BlockList(), ipv6: new BlockList() };
  readonly #hasAddresses: boolean;

  /** @param what names a member in errors */
  constructor(
    texts: readonly string[],
    private readonly what: string,
  ) {
    this.hasUnix = texts.includes(UNIX);
    this.#hasAddresses = texts.some((text) => text !== UNIX);
    for (const text of texts) if (text !== UNIX) this.#add(text);
  }

  /** @param address a canonical one; undefined for the peer of a Unix socket */
  has(address: string | undefined): boolean {
    if (address === undefined) return this.hasUnix;
    return this.#hasAddresses && this.#lists[family(address)].check(address, family(address));
  }

  #add(text: string): void {
    const [network = "", length, ...rest] = text.split("/");
    const written = length === undefined ? undefined : Number(length);
    // An IPv4 address that is embedded in IPv6 is compared as IPv4.
    const isEmbedded = network.includes(":") && isIPv4(canonicalAddress(network) ?? "") && (written ?? 128) >= EMBEDDING_LENGTH;
    const address = isEmbedded || isIPv4(network) ? canonicalAddress(network) : network;
    const bits = written !== undefined && isEmbedded ? written - EMBEDDING_LENGTH : written;
    const widest = isEmbedded || isIPv4(network) ? 32 : 128;
    const valid = address !== undefined && isIP(network) !== 0 && rest.length === 0;
    if (!valid || (bits !== undefined && !(/^\d+$/.test(length as string) && bits <= widest))) {
      throw new ConfigurationError(`${this.what} '${text}' is not an address, a network (10.0.0.0/8) or 'unix'`);
    }
    if (bits === undefined) this.#lists[family(address)].addAddress(address, family(address));
    else this.#lists[family(address)].addSubnet(address, bits, family(address));
  }
}

function family(address: string): "ipv4" | "ipv6" {
  return isIPv4(address) ? "ipv4" : "ipv6";
}
