/** Parses IP addresses strictly and formats them canonically (RFC 5952). */
import { isIPv4, isIPv6 } from "node:net";

/** An IPv6 address with a zone, brackets and a port is shorter. */
const MAX_LENGTH = 100;
const MAX_PORT = 65535;
/** The first six groups of an IPv6 address that embeds an IPv4 address: IPv4-mapped, NAT64 (RFC 6052). */
const EMBEDDING = ["0,0,0,0,0,65535", [0x64, 0xff9b, 0, 0, 0, 0].join(",")];

/**
 * The canonical text without a zone. An IPv6 address that embeds an IPv4 address (IPv4-mapped, or by
 * NAT64) is returned as IPv4. Undefined if the text is not an address.
 */
export function canonicalAddress(text: string): string | undefined {
  if (isIPv4(text)) return text;
  const zone = text.indexOf("%");
  const address = zone < 0 ? text : text.slice(0, zone);
  if (!isIPv6(address)) return undefined;
  const groups = parseIPv6(address);
  return embeddedIPv4(groups) ?? formatIPv6(groups);
}

/** How many bits of an address are one client. */
export interface AddressPrefixes {
  readonly ipv4: number;
  readonly ipv6: number;
}

export function prefixesOf({ ipv4Prefix = 32, ipv6Prefix = 64 }: { ipv4Prefix?: number | undefined; ipv6Prefix?: number | undefined }): AddressPrefixes {
  return { ipv4: ipv4Prefix, ipv6: ipv6Prefix };
}

const DEFAULT_PREFIXES = prefixesOf({});
const IPV4_BITS = 32;
const GROUP_BITS = 16;

/** The network that counts as one client: `203.0.113.9`, `203.0.113.0/24`, `2001:db8::/64`. */
export function clientNetwork(address: string, { ipv4, ipv6 }: AddressPrefixes = DEFAULT_PREFIXES): string {
  if (!address.includes(":")) return ipv4 === IPV4_BITS ? address : `${ipv4Network(address, ipv4)}/${ipv4}`;
  const groups = parseIPv6(address).map((group, index) => masked(group, GROUP_BITS, ipv6 - index * GROUP_BITS));
  return `${formatIPv6(groups)}/${ipv6}`;
}

function ipv4Network(address: string, prefix: number): string {
  return address
    .split(".")
    .map((byte, index) => masked(Number(byte), 8, prefix - index * 8))
    .join(".");
}

/** Keeps the first `kept` of the `bits` of a number. */
function masked(number: number, bits: number, kept: number): number {
  if (kept >= bits) return number;
  return kept <= 0 ? 0 : number & (-1 << (bits - kept));
}

/**
 * The address of a hop in a forwarding header, or of a peer, without its port and brackets;
 * undefined if it is not an address.
 */
export function hopAddress(hop: string): string | undefined {
  if (hop.length > MAX_LENGTH) return undefined;
  const match = /^\[([^\]]*:[^\]]*)\](?::(\d{1,5}))?$/.exec(hop) ?? /^([\d.]+):(\d{1,5})$/.exec(hop);
  if (Number(match?.[2] ?? 0) > MAX_PORT) return undefined;
  return canonicalAddress(match?.[1] ?? hop);
}

/** @param text a valid address */
function parseIPv6(text: string): number[] {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  if (dotted) {
    const [a, b, c, d] = dotted.slice(2).map(Number) as [number, number, number, number];
    return parseIPv6(`${dotted[1]}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`);
  }
  const [head, tail] = text.split("::").map(parseGroups) as [number[], number[]?];
  return tail ? [...head, ...new Array<number>(8 - head.length - tail.length).fill(0), ...tail] : head;
}

function parseGroups(text: string): number[] {
  return text === "" ? [] : text.split(":").map((group) => parseInt(group, 16));
}

function embeddedIPv4(groups: readonly number[]): string | undefined {
  if (!EMBEDDING.includes(groups.slice(0, 6).join(","))) return undefined;
  const [high, low] = groups.slice(6) as [number, number];
  return `${high >> 8}.${high & 0xff}.${low >> 8}.${low & 0xff}`;
}

function formatIPv6(groups: readonly number[]): string {
  const { start, length } = longestZeros(groups);
  const hex = groups.map((group) => group.toString(16));
  if (length < 2) return hex.join(":");
  return `${hex.slice(0, start).join(":")}::${hex.slice(start + length).join(":")}`;
}

/** The first of the longest runs of zero groups, which `::` replaces if it has two or more. */
function longestZeros(groups: readonly number[]): { start: number; length: number } {
  let longest = { start: 0, length: 0 };
  let start = 0;
  for (const [index, group] of groups.entries()) {
    if (group !== 0) start = index + 1;
    else if (index + 1 - start > longest.length) longest = { start, length: index + 1 - start };
  }
  return longest;
}
