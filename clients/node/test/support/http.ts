/** Sends paths and headers unchanged, and returns every header of the response. */
import { Agent, request, type IncomingMessage, type RequestOptions } from "node:http";

export interface Answer {
  readonly status: number;
  readonly body: string;
  /** The header's value. Throws if it is there more than once. */
  header(name: string): string | undefined;
  headers(name: string): string[];
}

export interface Ask extends RequestOptions {
  readonly body?: string | undefined;
}

export function ask(port: number, path: string, { body, ...options }: Ask = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: "127.0.0.1", port, path, ...options }, (response) => {
      collect(response).then(resolve, reject);
    });
    outgoing.once("error", reject);
    outgoing.end(body);
  });
}

/** Sends the handshake of a WebSocket. An accepted one is closed at once, and its body is empty. */
export function handshake(port: number, path: string, options: RequestOptions = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: "127.0.0.1", port, path, ...options });
    outgoing.once("response", (response) => void collect(response).then(resolve, reject));
    outgoing.once("upgrade", (response, socket) => {
      socket.destroy();
      resolve(answerOf(response, ""));
    });
    outgoing.once("error", reject);
    outgoing.end();
  });
}

async function collect(response: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return answerOf(response, Buffer.concat(chunks).toString());
}

function answerOf(response: IncomingMessage, body: string): Answer {
  const all = (name: string) => response.headersDistinct[name.toLowerCase()] ?? [];
  return {
    status: response.statusCode ?? 0,
    body,
    headers: all,
    header: (name) => {
      const values = all(name);
      if (values.length > 1) throw new Error(`${name} is there ${values.length} times`);
      return values[0];
    },
  };
}

/** Sends `total` requests over `connections` kept connections and counts the statuses. */
export async function load(port: number, path: string, total: number, connections: number, options: Ask = {}): Promise<Map<number, number>> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const statuses = new Map<number, number>();
  let left = total;
  const worker = async () => {
    while (left-- > 0) {
      const { status } = await ask(port, path, { ...options, agent });
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: connections }, worker));
  agent.destroy();
  return statuses;
}
