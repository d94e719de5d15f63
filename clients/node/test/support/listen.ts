/** Serves an application on a free port of this process. */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import type { Express } from "express";

export async function served(app: Express): Promise<{ port: number; close: () => Promise<void> }> {
  const server = app.listen(0, "127.0.0.1");
  await once(server, "listening");
  const close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { port: (server.address() as AddressInfo).port, close };
}
