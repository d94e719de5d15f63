/** Serves an application on a free port of this process. */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import type { Express } from "express";
import type { FastifyInstance } from "fastify";

export interface Api {
  readonly port: number;
  readonly close: () => Promise<void>;
}

export async function served(app: Express): Promise<Api> {
  const server = app.listen(0, "127.0.0.1");
  await once(server, "listening");
  const close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { port: (server.address() as AddressInfo).port, close };
}

/** @param app made with `forceCloseConnections`, so that closing does not wait for clients */
export async function servedByFastify(app: FastifyInstance): Promise<Api> {
  await app.listen({ port: 0, host: "127.0.0.1" });
  return { port: (app.server.address() as AddressInfo).port, close: () => app.close() };
}
