// In place of the memory store in the tests of express-rate-limit.
import { randomUUID } from "node:crypto";
import { LockWatch } from "lockwatch";
import { LockWatchStore } from "lockwatch/express-rate-limit";

const lw = new LockWatch(`redis://127.0.0.1:${process.env.REDIS_PORT}`, { commandTimeoutMs: 5000, connectTimeoutMs: 5000 });

export class MemoryStore extends LockWatchStore {
  constructor() {
    super(lw, { name: randomUUID(), keyPrefix: "peer" });
  }
}
