/** Handshakes of WebSockets that a server of Node passes on by its event `upgrade`. */
import { ServerResponse, type IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { ConfigurationError } from "../errors.js";
import { checkClient, type LockWatch, type LockWatchOptions } from "../lockwatch.js";
import { fn, required } from "../rules.js";
import { checkOption } from "../known-options.js";
import { admit, createRateLimiter } from "./middleware.js";
import type { MiddlewareOptions } from "./options.js";
import { pathOf } from "./pattern.js";

/** Those of the middleware. The options of the client belong to the `LockWatch`. */
export type UpgradeOptions = Omit<MiddlewareOptions<IncomingMessage>, "redis" | keyof LockWatchOptions>;

/** Accepts or refuses the handshake, for example by `handleUpgrade` of `ws`. */
export type UpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

const HANDLER = required(fn("a function: (request, socket, head) => wss.handleUpgrade(request, socket, head, …)"));

/**
 * A listener for `server.on("upgrade", …)`. A handshake is a request like any other; one that is denied
 * is answered, for example with 429, and `handler` gets all others.
 */
export function limitUpgrades(lockwatch: LockWatch, options: UpgradeOptions, handler: UpgradeHandler): UpgradeHandler {
  checkClient(lockwatch, "limitUpgrades(lw, { limits: '10/minute' }, handler)");
  checkOption("handler of limitUpgrades", handler, HANDLER);
  if ("redis" in options) throw new ConfigurationError("redis is given to limitUpgrades, which uses the LockWatch: leave it out");
  const limiter = createRateLimiter<IncomingMessage>({ ...options, redis: lockwatch });
  return (request, socket, head) => {
    // Without a listener an error would end the process. `handler` has its own.
    const onError = () => socket.destroy();
    socket.on("error", onError);
    const response = responseOn(request, socket);
    const goOn = () => {
      if (socket.destroyed) return;
      response.detachSocket(request.socket);
      socket.removeListener("error", onError);
      handler(request, socket, head);
    };
    const fail = (error: unknown) => {
      lockwatch.failures.log("upgrade", `handshakes are answered 500: ${String(error)}`);
      response.statusCode = 500;
      response.end();
    };
    admit(limiter, request, response, pathOf(request.url ?? "/")).then(
      // What the handler throws is an uncaught exception, as in any other listener.
      (goesOn) => goesOn && process.nextTick(goOn),
      fail,
    );
  };
}

/** A response that closes the connection. */
function responseOn(request: IncomingMessage, socket: Duplex): ServerResponse {
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(request.socket);
  // The server keeps sockets half-open, and has no timeout for one that it has passed on.
  return response.once("finish", () => socket.end(() => socket.destroy()));
}
