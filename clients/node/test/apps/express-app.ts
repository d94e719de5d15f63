/**
 * A small API in Express behind lockwatch, in its own process. Its settings are environment
 * variables.
 */
import express from "express";
import { lockwatch } from "lockwatch/express";
import { announce, redisOf, settings } from "./settings.js";

const { options } = settings();
const limiter = lockwatch({ ...options, redis: redisOf() });
const app = express();
app.disable("x-powered-by");
app.use(limiter);
app.use((request, response) => {
  if (request.lockwatch) request.lockwatch.user = request.get("x-user");
  response.json({ failure: request.lockwatch?.failure ?? null, remaining: request.lockwatch?.limit?.remaining ?? null });
});
const server = app.listen(0, "127.0.0.1", () => announce(server));
