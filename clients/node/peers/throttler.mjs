// In place of the storage in memory in the tests of @nestjs/throttler.
import { randomUUID } from 'node:crypto';
import { LockWatch } from 'lockwatch';
import { LockWatchThrottlerStorage } from 'lockwatch/nestjs';

const lw = new LockWatch(`redis://127.0.0.1:${process.env.REDIS_PORT}`, { commandTimeoutMs: 5000, connectTimeoutMs: 5000 });

export class ThrottlerStorageService extends LockWatchThrottlerStorage {
  constructor() {
    super(lw, { name: randomUUID(), keyPrefix: 'peer' });
  }
}
