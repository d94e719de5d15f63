/** The same small API in Hono. */
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { lockwatch } from "lockwatch/hono";
import type { Server } from "node:http";
import { announce, redisOf, settings } from "./settings.js";

const { options } = settings();
const app = new Hono();
app.use(lockwatch({ ...options, redis: redisOf() }));
app.all("*", (context) => {
  const state = context.get("lockwatch");
  if (state) state.user = context.req.header("x-user");
  return context.json({ failure: state?.failure ?? null, remaining: state?.limit?.remaining ?? null });
});
const server = serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }, () => announce(server as Server));
