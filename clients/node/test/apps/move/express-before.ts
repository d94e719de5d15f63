/** A shop behind express-rate-limit, with its store in Redis. */
import express from "express";
import { ipKeyGenerator, rateLimit } from "express-rate-limit";
import { Redis } from "ioredis";
import { RedisStore, type RedisReply } from "rate-limit-redis";
import { announce } from "../settings.js";

const redis = new Redis(process.env.REDIS_URL ?? "redis://localhost:6379");
const store = (name: string) => new RedisStore({ prefix: `rl:${name}:`, sendCommand: (command, ...args) => redis.call(command, ...args) as Promise<RedisReply> });

const everything = rateLimit({
  windowMs: 60_000,
  limit: 100,
  standardHeaders: "draft-8",
  legacyHeaders: false,
  store: store("all"),
  skip: (request) => request.path === "/health",
});

const logins = rateLimit({
  windowMs: 60_000,
  limit: 5,
  skipSuccessfulRequests: true,
  store: store("login"),
  message: { error: "too many attempts" },
});

const orders = rateLimit({
  windowMs: 3_600_000,
  limit: 20,
  store: store("orders"),
  keyGenerator: (request) => request.get("x-account") ?? ipKeyGenerator(request.ip ?? ""),
  handler: (_request, response) => {
    response.status(429).json({ error: "too many orders" });
  },
});

const app = express();
app.use(everything);

app.get("/health", (_request, response) => {
  response.json("ok");
});

app.get("/items", (_request, response) => {
  response.json(["lamp", "chair"]);
});

app.post("/login", logins, express.json(), (request, response) => {
  const { password } = (request.body ?? {}) as { password?: string };
  if (password === "wonderland") response.json("welcome");
  else response.status(401).json({ error: "wrong password" });
});

app.post("/orders", orders, (_request, response) => {
  response.status(201).json("ordered");
});

const server = app.listen(0, "127.0.0.1", () => announce(server));
