/**
 * The Redis key of a request's token store. An application with several stores, one per tenant for
 * example, gives a function.
 */
import type { Bytes } from "../redis/connection.js";

export type Store<Req> = Bytes | ((request: Req) => Bytes);

export function storeOf<Req>(store: Store<Req>, request: Req): Bytes {
  return typeof store === "function" ? store(request) : store;
}
