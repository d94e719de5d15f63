/** A server that takes the place of Redis and answers what a case of `calls` says. */
import { once } from "node:events";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import type { WireExchange, WireReply } from "./conformance.js";

/** What the libraries send to open a connection. */
const HANDSHAKE = new Set(["HELLO", "AUTH", "CLIENT", "SELECT", "INFO", "PING", "COMMAND"]);

export interface Sent {
  readonly words: string[];
  /** The number of the connection. */
  readonly connection: number;
}

export class ScriptedServer {
  /** The commands, without those that open a connection. */
  readonly sent: Sent[] = [];
  /** How often something has come that was not only the opening of a connection. */
  reads = 0;
  /** The version of RESP that the last connection asked for. */
  protocol = 2;
  readonly #replies: WireReply[];
  readonly #sockets: Socket[] = [];

  private constructor(
    private readonly server: Server,
    exchanges: readonly WireExchange[],
  ) {
    this.#replies = exchanges.map(({ reply }) => reply);
    server.on("connection", (socket) => this.#serve(socket));
  }

  static async start(exchanges: readonly WireExchange[]): Promise<ScriptedServer> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    return new ScriptedServer(server, exchanges);
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.server.close();
    await once(this.server, "close");
  }

  #serve(socket: Socket): void {
    const connection = this.#sockets.push(socket);
    let pending: Buffer = Buffer.alloc(0);
    let protocol = 2;
    socket.on("error", () => undefined);
    socket.on("data", (chunk) => {
      const { commands, rest } = parse(Buffer.concat([pending, chunk]));
      pending = rest;
      if (commands.some(([name = ""]) => !HANDSHAKE.has(name.toUpperCase()))) this.reads++;
      for (const words of commands) {
        const name = (words[0] as string).toUpperCase();
        if (name === "HELLO") this.protocol = protocol = Number(words[1] ?? protocol);
        const reply = HANDSHAKE.has(name) ? greeting(name, protocol) : this.#reply(words, connection);
        if (isFailure(reply)) return reply.failure === "closed" ? socket.destroy() : undefined;
        socket.write(encoded(reply, protocol));
      }
      return undefined;
    });
  }

  #reply(words: string[], connection: number): WireReply {
    this.sent.push({ words, connection });
    return this.#replies.shift() ?? null;
  }
}

function isFailure(reply: WireReply): reply is { failure: "timeout" | "closed" } {
  return typeof reply === "object" && reply !== null && "failure" in reply;
}

function greeting(name: string, protocol: number): WireReply {
  return name === "HELLO" ? { map: [["server", "redis"], ["version", "7.4.0"], ["proto", protocol], ["role", "master"], ["modules", []]] } : "OK";
}

/** The whole commands at the beginning, and the rest. */
function parse(data: Buffer): { commands: string[][]; rest: Buffer } {
  const commands: string[][] = [];
  let rest = data;
  for (;;) {
    const command = parseCommand(rest);
    if (!command) return { commands, rest };
    commands.push(command.words);
    rest = rest.subarray(command.length);
  }
}

function parseCommand(data: Buffer): { words: string[]; length: number } | undefined {
  let at = 0;
  const line = () => {
    const end = data.indexOf("\r\n", at);
    if (end < 0) return undefined;
    const text = data.toString("latin1", at + 1, end);
    at = end + 2;
    return Number(text);
  };
  const count = line();
  const words: string[] = [];
  while (count !== undefined && words.length < count) {
    const size = line();
    if (size === undefined || data.length < at + size + 2) return undefined;
    words.push(data.toString("utf8", at, at + size));
    at += size + 2;
  }
  return count === undefined ? undefined : { words, length: at };
}

function encoded(reply: WireReply, protocol: number): string {
  if (reply === null) return protocol === 3 ? "_\r\n" : "$-1\r\n";
  if (typeof reply === "number") return `:${reply}\r\n`;
  if (typeof reply === "string") return `$${Buffer.byteLength(reply)}\r\n${reply}\r\n`;
  if (Array.isArray(reply)) return `*${reply.length}\r\n${reply.map((each) => encoded(each, protocol)).join("")}`;
  if ("error" in reply) return `-${reply.error}\r\n`;
  if (!("map" in reply)) throw new Error(`${JSON.stringify(reply)} is no reply`);
  const pairs = reply.map.flatMap(([name, value]) => [encoded(name, protocol), encoded(value, protocol)]);
  return `${protocol === 3 ? `%${reply.map.length}` : `*${pairs.length}`}\r\n${pairs.join("")}`;
}
