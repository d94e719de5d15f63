/** A proxy between a client and Redis that records the traffic. */
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

export class Proxy {
  /** The chunks that clients wrote. */
  readonly chunks: string[] = [];
  /**
   * When a client sends this text, its connection is closed after Redis has replied, and the reply
   * is dropped.
   */
  cut: string | undefined;
  readonly #sockets = new Set<Socket>();

  /** @param target the port that new connections lead to */
  private constructor(private readonly server: Server, public target: number) {}

  static async start(target: number): Promise<Proxy> {
    const server = createServer();
    const proxy = new Proxy(server, target);
    server.on("connection", (client: Socket) => proxy.#join(client, connect(proxy.target, "127.0.0.1")));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return proxy;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.server.close();
    await once(this.server, "close");
  }

  #join(client: Socket, redis: Socket): void {
    let isCut = false;
    for (const [socket, other] of [[client, redis], [redis, client]] as const) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on("error", () => other.destroy());
      socket.on("close", () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
    client.on("data", (chunk: Buffer) => {
      const text = chunk.toString("latin1");
      this.chunks.push(text);
      if (this.cut !== undefined && text.includes(this.cut)) {
        isCut = true;
        this.cut = undefined;
      }
      redis.write(chunk);
    });
    redis.on("data", (chunk: Buffer) => {
      if (isCut) client.destroy();
      else client.write(chunk);
    });
  }
}
