/**
 * The same shop in Fastify.
 *
 *   REDIS_URL=redis://localhost:6379 PORT=3000 node fastify-app.mjs
 */
import { createHash, timingSafeEqual } from "node:crypto";
import fastify from "fastify";
import { LockWatch } from "lockwatch";
import { jwks, jwtRequired, limit, lockwatch, tokenRoutes } from "lockwatch/fastify";

const lw = new LockWatch(process.env.REDIS_URL ?? "redis://localhost:6379");
const app = fastify();

await app.register(lockwatch, {
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
});

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

await app.register(tokenRoutes, { prefix: "/auth", lockwatch: lw, store: "auth", authenticate });
app.get("/.well-known/jwks.json", jwks(lw));

const reader = jwtRequired(lw, { store: "auth", scopes: ["orders:read"] });
const writer = jwtRequired(lw, { store: "auth", scopes: ["orders:write"] });
// The user is known only after the token has been verified.
const perUser = limit(lw, "10/minute", { key: (request) => request.claims?.sub });

app.get("/health", () => ({ status: "ok" }));
app.get("/items", () => ["lamp", "chair"]);
app.get("/export/items", () => Array.from({ length: 2000 }, (_, index) => (index % 2 ? "chair" : "lamp")));
app.get("/orders", { onRequest: reader }, (request) => ({ "orders of": request.claims?.sub }));
app.post("/orders", { onRequest: writer, preHandler: perUser }, (request, reply) => {
  return reply.code(201).send({ "ordered by": request.claims?.sub });
});

// What waits to be recorded goes out first.
app.addHook("onClose", () => lw.close());
process.once("SIGTERM", () => void app.close());

await app.listen({ port: Number(process.env.PORT ?? 3000) });
console.log(`listening on ${JSON.stringify(app.server.address())}`);
