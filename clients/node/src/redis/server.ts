/** The name of a server in messages: its host and port, and nothing that could hold a password. */

interface Address {
  readonly host?: unknown;
  readonly port?: unknown;
  readonly path?: unknown;
}

export function serverOfUrl(url: string): string {
  const { hostname, port } = new URL(url);
  return serverOfAddress({ host: hostname, port: port || undefined });
}

/** The options of either library, for a single server or for Sentinel. */
export function serverOfOptions(options: Address & { readonly sentinels?: unknown; readonly name?: unknown }): string {
  return options.sentinels ? `${String(options.name)} (Sentinel)` : serverOfAddress(options);
}

export function serverOfAddress({ host, port, path }: Address): string {
  if (typeof path === "string" && path !== "") return path;
  const name = typeof host === "string" && host !== "" ? host : "localhost";
  return `${name.includes(":") && !name.startsWith("[") ? `[${name}]` : name}:${typeof port === "string" || typeof port === "number" ? port : 6379}`;
}

/** @param node one of the nodes that the application named: options, a port or a URL */
export function clusterOf(node: unknown): string {
  return `${nodeName(node)} (cluster)`;
}

function nodeName(node: unknown): string {
  if (typeof node === "number") return serverOfAddress({ port: node });
  if (typeof node === "string") return serverOfUrl(node.includes("://") ? node : `redis://${node}`);
  const { url, socket, ...address } = (node ?? {}) as Address & { url?: string; socket?: Address };
  return url === undefined ? serverOfAddress(socket ?? address) : serverOfUrl(url);
}
