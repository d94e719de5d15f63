/** Origins as people write them, and as browsers send them (RFC 6454). */
import { isIPv4, isIPv6 } from "node:net";
import { inspect } from "node:util";
import { ConfigurationError } from "../errors.js";

const DEFAULT_PORTS: Readonly<Record<string, number>> = { http: 80, https: 443 };
const MAX_PORT = 65_535;
const PARTS = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)(.*)$/s;
const AUTHORITY = /^(?:\[([0-9a-f:]+)\]|([a-z0-9_-]+(?:\.[a-z0-9_-]+)*))(?::(\d{1,5}))?$/;
const EXAMPLE = "like 'https://app.example.com'";

/**
 * Returns the origin in the form of the header `Origin`: lower case, without a default port. Throws a
 * ConfigurationError for what no page sends.
 */
export function parseOrigin(text: unknown): string {
  if (typeof text !== "string") throw new ConfigurationError(`origins has ${inspect(text)}: write texts, ${EXAMPLE}`);
  const written = text.trim().toLowerCase();
  if (written.includes("*")) throw refused(text, "which would let many sites use the cookie", `each page's origin, ${EXAMPLE}`);
  if (written === "null") throw refused(text, "which sandboxed pages of every site send", `the page's origin, ${EXAMPLE}`);
  const [, scheme, host, rest] = PARTS.exec(written) ?? [];
  if (scheme === undefined && AUTHORITY.test(written)) throw refused(text, "which has no scheme", `'https://${written}'`);
  const authority = scheme === undefined ? undefined : authorityOf(scheme, host ?? "");
  if (authority === undefined) throw refused(text, "which is not an origin", `a scheme, a host and the port, if any, ${EXAMPLE}`);
  const origin = `${scheme}://${authority}`;
  if (rest !== "" && rest !== "/") throw refused(text, "which has more than a scheme, a host and a port", `'${origin}'`);
  return origin;
}

function refused(text: string, why: string, instead: string): ConfigurationError {
  return new ConfigurationError(`origins has '${text}', ${why}: write ${instead}`);
}

function authorityOf(scheme: string, text: string): string | undefined {
  const [, ipv6, name, digits] = AUTHORITY.exec(text) ?? [];
  const host = ipv6 === undefined ? hostOf(name) : ipv6Of(ipv6);
  const port = digits === undefined ? undefined : Number(digits);
  if (host === undefined || port === undefined || port === DEFAULT_PORTS[scheme]) return host;
  return port >= 1 && port <= MAX_PORT ? `${host}:${port}` : undefined;
}

/** A host that ends in a number is an IPv4 address for browsers. */
function hostOf(name: string | undefined): string | undefined {
  return name === undefined || (/(?:^|\.)\d+$/.test(name) && !isIPv4(name)) ? undefined : name;
}

function ipv6Of(text: string): string | undefined {
  return isIPv6(text) ? new URL(`http://[${text}]`).hostname : undefined;
}
