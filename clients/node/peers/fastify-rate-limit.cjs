// In place of the plugin in its own tests: a store of lockwatch wherever they want one in Redis.
const { once } = require("node:events");
const fp = require("fastify-plugin");
const { LockWatch } = require("lockwatch");
const { lockwatchStore } = require("lockwatch/fastify-rate-limit");
const { default: plugin } = require("./plugin");

/** The connections of lockwatch end with the client's, which is a moment after `quit` has been answered. */
function endAtOnce(redis) {
  const quit = redis.quit.bind(redis);
  redis.quit = async () => {
    const answer = await quit();
    if (redis.status !== "end") await once(redis, "end");
    return answer;
  };
}

function withStore(fastify, { redis, nameSpace, ...settings }) {
  if (!redis) return plugin(fastify, settings);
  endAtOnce(redis);
  const lw = new LockWatch(redis, { commandTimeoutMs: 5000, connectTimeoutMs: 5000 });
  fastify.addHook("onClose", () => lw.close());
  return plugin(fastify, { ...settings, store: lockwatchStore(lw, { keyPrefix: "peer", name: nameSpace ?? "fastify-rate-limit" }) });
}

module.exports = fp(withStore, { fastify: "5.x", name: "@fastify/rate-limit" });
