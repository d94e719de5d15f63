/** The same small API in Fastify. */
import fastify from "fastify";
import { lockwatch } from "lockwatch/fastify";
import { announce, redisOf, settings } from "./settings.js";

const { options } = settings();
const app = fastify();
await app.register(lockwatch, { ...options, redis: redisOf() });
app.all("/*", (request) => {
  const user = request.headers["x-user"];
  if (request.lockwatch) request.lockwatch.user = typeof user === "string" ? user : undefined;
  return { failure: request.lockwatch?.failure ?? null, remaining: request.lockwatch?.limit?.remaining ?? null };
});
await app.listen({ port: 0, host: "127.0.0.1" });
announce(app.server);
