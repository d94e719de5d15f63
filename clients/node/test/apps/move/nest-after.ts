/** A shop in NestJS behind @nestjs/throttler, with its storage in Redis. */
import "reflect-metadata";
import { Body, Controller, Get, HttpCode, Module, Post, UnauthorizedException } from "@nestjs/common";
import { APP_GUARD, NestFactory } from "@nestjs/core";
import type { NestExpressApplication } from "@nestjs/platform-express";
import { SkipThrottle, Throttle, ThrottlerGuard, ThrottlerModule } from "@nestjs/throttler";
import { LockWatch } from "lockwatch";
import { LockWatchThrottlerStorage } from "lockwatch/nestjs";
import { announce } from "../settings.js";

const lw = new LockWatch(process.env.REDIS_URL ?? "redis://localhost:6379", { commandTimeoutMs: 10_000, connectTimeoutMs: 10_000 });

@Controller()
class Shop {
  @SkipThrottle()
  @Get("health")
  health() {
    return "ok";
  }

  @Get("items")
  items() {
    return ["lamp", "chair"];
  }

  @Throttle({ default: { ttl: 60_000, limit: 5 } })
  @HttpCode(200)
  @Post("login")
  login(@Body() body: { password?: string } | undefined) {
    if (body?.password !== "wonderland") throw new UnauthorizedException("wrong password");
    return "welcome";
  }

  @Throttle({ default: { ttl: 3_600_000, limit: 20 } })
  @Post("orders")
  order() {
    return "ordered";
  }
}

@Module({
  imports: [
    ThrottlerModule.forRoot({
      throttlers: [{ ttl: 60_000, limit: 100 }],
      storage: new LockWatchThrottlerStorage(lw),
    }),
  ],
  controllers: [Shop],
  providers: [{ provide: APP_GUARD, useClass: ThrottlerGuard }],
})
class AppModule {}

const app = await NestFactory.create<NestExpressApplication>(AppModule);
app.enableShutdownHooks();
await app.listen(0, "127.0.0.1");
announce(app.getHttpServer());
