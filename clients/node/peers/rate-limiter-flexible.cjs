// In place of RateLimiterRedis in the tests of rate-limiter-flexible.
const { once } = require("node:events");
const { Redis } = require("ioredis");
const { LockWatch } = require("lockwatch");
const { RateLimiterLockWatch } = require("lockwatch/rate-limiter-flexible");

const MORE_THAN_ANYBODY_USES = 2 ** 52;

// The tests read counters by GET. Those of lockwatch are no texts.
Redis.prototype.get = async function (key) {
  const [, , remaining] = await this.call("LW.PEEK", key, MORE_THAN_ANYBODY_USES, "3650d", "COST", 0);
  return String(MORE_THAN_ANYBODY_USES - remaining);
};

// The tests wait for it, though it returns nothing.
const { disconnect } = Redis.prototype;
Redis.prototype.disconnect = async function () {
  if (this.status === "end") return;
  const ended = once(this, "end");
  disconnect.call(this);
  await ended;
};

module.exports = class extends RateLimiterLockWatch {
  constructor({ storeClient, ...options }) {
    const lw = storeClient instanceof Redis ? new LockWatch(storeClient, { commandTimeoutMs: 5000, connectTimeoutMs: 5000, log: () => undefined }) : storeClient;
    super({ storeClient: lw, ...options });
  }
};
