/** The client's address as the middleware found it, or the peer's without a middleware. */
import { hopAddress } from "./address.js";
import { rawRequest, stateOf, type AnyRequest } from "./framework.js";
import { parsePeer } from "./trusted-proxies.js";

/**
 * The address that a limit counts; undefined for the peer of a Unix socket that is trusted. Throws
 * if there is no middleware and the peer has no address.
 */
export function limitedAddress(request: AnyRequest): string | undefined {
  const state = stateOf(request);
  return state ? state.address : parsePeer(rawRequest(request).socket.remoteAddress, { trustsUnix: false });
}

/** The address that is kept with a session; undefined if it is not known. */
export function sessionAddress(request: AnyRequest): string | undefined {
  const state = stateOf(request);
  return state ? state.address : hopAddress(rawRequest(request).socket.remoteAddress ?? "");
}
