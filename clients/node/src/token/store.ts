/** Which token store a request belongs to: one for all, or, where an application shards them, its tenant's. */
import type { Bytes } from "../redis/connection.js";

export type Store<Req> = Bytes | ((request: Req) => Bytes);

export function storeOf<Req>(store: Store<Req>, request: Req): Bytes {
  return typeof store === "function" ? store(request) : store;
}
