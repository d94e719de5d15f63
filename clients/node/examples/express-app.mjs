/**
 * A shop's API in Express with lockwatch in front: limits, a stricter one for signing in, tokens, and an audit log.
 *
 *   REDIS_URL=redis://localhost:6379 PORT=3000 node express-app.mjs
 *
 *   curl -i localhost:3000/items
 *   curl -i localhost:3000/auth/login -H 'Content-Type: application/json' -d '{"user":"alice","password":"wonderland"}'
 *   curl -i localhost:3000/orders -H "Authorization: Bearer $ACCESS_TOKEN"
 */
import { createHash, timingSafeEqual } from "node:crypto";
import express from "express";
import { Redis } from "ioredis";
import { LockWatch } from "lockwatch";
import { jwks, jwtRequired, limit, lockwatch, tokenRouter } from "lockwatch/express";

const redis = new Redis(process.env.REDIS_URL ?? "redis://localhost:6379", { lazyConnect: true });
const lw = new LockWatch(redis);
const app = express();

app.use(
  lockwatch({
    redis: lw,
    limits: "100/minute; 2000/hour",
    burstThreshold: 50,
    burstWindowSeconds: 10,
    routes: {
      // Guessing passwords must be slow, and stay slow if Redis is away.
      "POST /auth/login": { limits: "5/minute; 20/hour", onRedisFailure: "deny" },
      // An export takes as much of the limit as twenty other requests.
      "/export/**": { cost: 20 },
    },
    exempt: ["/health"],
  }),
);

// Yours would be in a database, as hashes made for passwords.
const PASSWORDS = { alice: "wonderland", bob: "builder" };

function authenticate({ user, password }) {
  const known = Object.hasOwn(PASSWORDS, String(user)) ? PASSWORDS[String(user)] : undefined;
  return equal(known ?? "", String(password)) && known !== undefined
    ? { subject: String(user), claims: { scope: "orders:read orders:write" } }
    : null;
}

function equal(a, b) {
  const [x, y] = [a, b].map((text) => createHash("sha256").update(text).digest());
  return timingSafeEqual(x, y);
}

app.use("/auth", tokenRouter(lw, { store: "auth", authenticate }));
app.get("/.well-known/jwks.json", jwks(lw));

const reader = jwtRequired(lw, { store: "auth", scopes: ["orders:read"] });
const writer = jwtRequired(lw, { store: "auth", scopes: ["orders:write"] });
// The user is known only after the token has been verified.
const perUser = limit(lw, "10/minute", { key: (request) => request.claims?.sub });

app.get("/health", (_request, response) => {
  response.json({ status: "ok" });
});

app.get("/items", (_request, response) => {
  response.json(["lamp", "chair"]);
});

app.get("/export/items", (_request, response) => {
  response.json(Array.from({ length: 2000 }, (_, index) => (index % 2 ? "chair" : "lamp")));
});

app.get("/orders", reader, (request, response) => {
  response.json({ "orders of": request.claims?.sub });
});

app.post("/orders", writer, perUser, (request, response) => {
  response.status(201).json({ "ordered by": request.claims?.sub });
});

const server = app.listen(Number(process.env.PORT ?? 3000), () => {
  console.log(`listening on ${JSON.stringify(server.address())}`);
});

process.once("SIGTERM", () => {
  server.close(() => {
    // What waits to be recorded goes out first.
    void lw.close().then(() => redis.disconnect());
  });
  server.closeIdleConnections();
});
