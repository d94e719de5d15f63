/** Limits on the routes of NestJS, on both of its platforms. */
import "reflect-metadata";
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { Controller, Get, Module, Param, Post, type INestApplication } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { ExpressAdapter } from "@nestjs/platform-express";
import { FastifyAdapter } from "@nestjs/platform-fastify";
import { ConfigurationError, LockWatch } from "lockwatch";
import { Limit, LockWatchModule } from "lockwatch/nestjs";
import { ask } from "./support/http.js";
import { World } from "./support/world.js";

@Controller("orders")
@Limit("2/minute")
class Orders {
  @Post(":id")
  order(@Param("id") id: string) {
    return id;
  }

  @Get()
  @Limit("1/minute", { key: (request) => String(request.headers["x-account"]), onDenied: () => ({ status: 420, body: { slow: "down" } }) })
  list() {
    return [];
  }
}

@Controller()
class Others {
  @Get("free")
  free() {
    return "free";
  }

  @Get("shadow")
  @Limit("0/minute", { shadow: true, name: "shadow" })
  shadow() {
    return "shadow";
  }

  @Get("no-json")
  @Limit("0/minute", { onDenied: () => ({ status: 420, headers: { "Content-Type": "application/json" }, body: "slow down" }) })
  noJson() {
    return "no JSON";
  }

  @Get("closed")
  @Limit("5/minute", { onRedisFailure: "deny" })
  closed() {
    return "closed";
  }
}

const PLATFORMS = { express: () => new ExpressAdapter(), fastify: () => new FastifyAdapter() };

for (const [platform, adapter] of Object.entries(PLATFORMS)) {
  describe(`NestJS on ${platform}`, () => {
    let world: World;
    let app: INestApplication;
    let port: number;

    const start = async (lw: LockWatch) => {
      @Module({ imports: [LockWatchModule.forRoot(lw)], controllers: [Orders, Others] })
      class AppModule {}
      const started = await NestFactory.create(AppModule, adapter());
      started.useLogger(false);
      await started.listen(0, "127.0.0.1");
      return { app: started, port: Number(new URL(await started.getUrl()).port) };
    };

    before(async () => {
      world = await World.start();
      ({ app, port } = await start(world.lockwatch));
    });

    after(async () => {
      await app.close();
      await world.stop();
    });

    const order = (id: number) => ask(port, `/orders/${id}`, { method: "POST", headers: { "content-length": 0 } });

    it("limits a handler by its controller's limit, under the template of the route", async () => {
      assert.equal((await order(1)).header("RateLimit-Policy"), '"post-orders-.id";q=2;w=60');
      assert.equal((await order(2)).status, 201);
      const denied = await order(3);
      const wait = Number(denied.header("Retry-After"));
      assert.deepEqual([denied.status, denied.body], [429, `{"error":"rate_limit_exceeded","retry_after":${wait}}`]);
      assert.match(denied.header("Content-Type") ?? "", /^application\/json/);
      assert.equal(denied.header("X-RateLimit-Remaining"), "0");
    });

    it("prefers the handler's own limit, by its key, and with its response", async () => {
      const list = (account: string) => ask(port, "/orders", { headers: { "x-account": account } });
      assert.equal((await list("a")).status, 200);
      const denied = await list("a");
      assert.deepEqual([denied.status, denied.body], [420, '{"slow":"down"}']);
      assert.equal((await list("b")).status, 200);
    });

    it("sends a body that is no JSON as a message, whatever its type says", async () => {
      const denied = await ask(port, "/no-json");
      assert.deepEqual([denied.status, denied.body], [420, '{"statusCode":420,"message":"slow down"}']);
    });

    it("limits nothing else, and denies nothing in shadow mode", async () => {
      assert.equal((await ask(port, "/free")).header("X-RateLimit-Limit"), undefined);
      const shadow = await ask(port, "/shadow");
      assert.deepEqual([shadow.status, shadow.header("X-RateLimit-Limit")], [200, "0"]);
    });

    it("lets requests through if Redis is away, or answers 503", async () => {
      const gone = new LockWatch("redis://127.0.0.1:1", { log: () => undefined });
      const other = await start(gone);
      assert.equal((await ask(other.port, "/shadow")).status, 200);
      const closed = await ask(other.port, "/closed");
      assert.deepEqual([closed.status, closed.body, closed.header("Retry-After")], [503, '{"error":"service_unavailable","retry_after":1}', "1"]);
      await other.app.close();
      await gone.close();
    });
  });
}

describe("the decorator", () => {
  it("refuses what is no limit", () => {
    assert.throws(() => Limit("5/minut"), ConfigurationError);
    assert.throws(() => Limit("5/minute", { nam: "a" } as never), ConfigurationError);
  });
});
