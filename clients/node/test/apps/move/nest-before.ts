/** A shop in NestJS behind @nestjs/throttler, with its storage in Redis. */
import "reflect-metadata";
import { ThrottlerStorageRedisService } from "@nest-lab/throttler-storage-redis";
import { Body, Controller, Get, HttpCode, Module, Post, UnauthorizedException } from "@nestjs/common";
import { APP_GUARD, NestFactory } from "@nestjs/core";
import type { NestExpressApplication } from "@nestjs/platform-express";
import { SkipThrottle, Throttle, ThrottlerGuard, ThrottlerModule } from "@nestjs/throttler";
import { announce } from "../settings.js";

const url = process.env.REDIS_URL ?? "redis://localhost:6379";

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
      storage: new ThrottlerStorageRedisService(url),
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
