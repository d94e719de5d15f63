/** A small application behind a limiter with a store of lockwatch, which answers 503 if Redis is away. */
import "reflect-metadata";
import rateLimitPlugin from "@fastify/rate-limit";
import { serve } from "@hono/node-server";
import { Controller, Get, Module } from "@nestjs/common";
import { APP_GUARD, NestFactory } from "@nestjs/core";
import type { NestExpressApplication } from "@nestjs/platform-express";
import { ThrottlerGuard, ThrottlerModule } from "@nestjs/throttler";
import express from "express";
import { rateLimit } from "express-rate-limit";
import fastify from "fastify";
import { Hono } from "hono";
import { rateLimiter } from "hono-rate-limiter";
import type { Server } from "node:http";
import { LockWatch, type LockWatchOptions } from "lockwatch";
import * as forExpress from "lockwatch/express-rate-limit";
import { lockwatchStore } from "lockwatch/fastify-rate-limit";
import * as forHono from "lockwatch/hono-rate-limiter";
import { LockWatchThrottlerStorage } from "lockwatch/nestjs";
import { RateLimiterLockWatch } from "lockwatch/rate-limiter-flexible";
import { announce } from "./settings.js";

const MANY = 1_000_000;
const MINUTE_MS = 60_000;

const lw = new LockWatch(process.env.REDIS_URL ?? "", JSON.parse(process.env.TIMEOUTS ?? "{}") as LockWatchOptions);

function listen(app: express.Express): void {
  // Express logs errors unless it is told that this is a test.
  app.set("env", "test");
  app.get("/", (_request, response) => void response.json("ok"));
  const server = app.listen(0, "127.0.0.1", () => announce(server));
}

@Controller()
class Shop {
  @Get()
  get() {
    return "ok";
  }
}

@Module({
  imports: [
    ThrottlerModule.forRoot({
      throttlers: [{ ttl: MINUTE_MS, limit: MANY }],
      storage: new LockWatchThrottlerStorage(lw, { onRedisFailure: "deny" }),
    }),
  ],
  controllers: [Shop],
  providers: [{ provide: APP_GUARD, useClass: ThrottlerGuard }],
})
class AppModule {}

const APPS: Record<string, () => Promise<void> | void> = {
  "express-rate-limit": () => {
    const app = express();
    app.use(rateLimit({ windowMs: MINUTE_MS, limit: MANY, store: new forExpress.LockWatchStore(lw) }));
    listen(app);
  },
  "fastify-rate-limit": async () => {
    const app = fastify();
    await app.register(rateLimitPlugin, { timeWindow: MINUTE_MS, max: MANY, store: lockwatchStore(lw) });
    app.get("/", () => "ok");
    await app.listen({ port: 0, host: "127.0.0.1" });
    announce(app.server);
  },
  "hono-rate-limiter": () => {
    const app = new Hono();
    app.use(rateLimiter({ windowMs: MINUTE_MS, limit: MANY, keyGenerator: () => "client", store: new forHono.LockWatchStore(lw, { onRedisFailure: "deny" }) }));
    app.get("/", (context) => context.json("ok"));
    const server = serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }, () => announce(server as Server));
  },
  "nestjs-throttler": async () => {
    const app = await NestFactory.create<NestExpressApplication>(AppModule);
    app.useLogger(false);
    await app.listen(0, "127.0.0.1");
    announce(app.getHttpServer());
  },
  "rate-limiter-flexible": () => {
    const limiter = new RateLimiterLockWatch({ storeClient: lw, points: MANY, duration: 60 });
    const app = express();
    app.use((request, _response, next) => {
      limiter.consume(request.ip ?? "").then(() => next(), next);
    });
    listen(app);
  },
};

await APPS[process.env.LIMITER ?? ""]?.();
