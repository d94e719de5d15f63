/** Limits on the routes of NestJS by a decorator, and a storage for @nestjs/throttler. */
import { SetMetadata, type CanActivate, type DynamicModule, type ExecutionContext } from "@nestjs/common";
import { APP_GUARD, Reflector } from "@nestjs/core";
import { admitByLimit, type NestRequest } from "./http/nest-reply.js";
import type { Middleware } from "./http/framework.js";
import type { LimitsFunction } from "./http/options.js";
import { checkRouteLimit, routeLimit, type RouteLimitOptions } from "./http/route-limit.js";
import type { Limits } from "./limits.js";
import { LockWatch } from "./lockwatch.js";
import { StoreLimits, type StoreClient } from "./stores/store.js";

export type { NestRequest } from "./http/nest-reply.js";
export type { RouteLimitOptions } from "./http/route-limit.js";
export type { StoreClient } from "./stores/store.js";
export { LockWatchThrottlerStorage, type ThrottlerRecord, type ThrottlerStorageOptions } from "./stores/throttler-storage.js";
export { StoreUnavailableError } from "./stores/unavailable.js";

interface Given {
  readonly limits: Limits | LimitsFunction<NestRequest>;
  readonly options: RouteLimitOptions<NestRequest>;
}

const METADATA = "lockwatch:limit";

/**
 * A limit on a handler, or on each handler of a controller: `@Limit("5/minute", { key: (request) =>
 * request.user?.id })`. That of a handler replaces that of its controller.
 */
export function Limit(limits: Limits | LimitsFunction<NestRequest>, options: RouteLimitOptions<NestRequest> = {}): MethodDecorator & ClassDecorator {
  checkRouteLimit(limits, options);
  return SetMetadata(METADATA, { limits, options } satisfies Given);
}

/** Evaluates the limits of the decorator. Use it behind guards that know the user. */
export class LimitGuard implements CanActivate {
  readonly #limits = new WeakMap<Given, Middleware>();

  constructor(
    private readonly lockwatch: LockWatch,
    private readonly reflector: Reflector = new Reflector(),
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const given = this.reflector.getAllAndOverride<Given | undefined>(METADATA, [context.getHandler(), context.getClass()]);
    if (!given || context.getType() !== "http") return true;
    const http = context.switchToHttp();
    await admitByLimit(this.#limitOf(given), http.getRequest(), http.getResponse());
    return true;
  }

  #limitOf(given: Given): Middleware {
    const known = this.#limits.get(given) ?? routeLimit(this.lockwatch, given.limits, given.options);
    this.#limits.set(given, known);
    return known;
  }
}

/**
 * Provides a `LockWatch`, and guards all handlers: `LockWatchModule.forRoot(lw)` among the imports of a
 * module.
 */
// NestJS knows a module by its class.
// eslint-disable-next-line @typescript-eslint/no-extraneous-class
export class LockWatchModule {
  /** @param client a `LockWatch`, or the argument of its constructor */
  static forRoot(client: StoreClient): DynamicModule {
    const { lockwatch } = new StoreLimits(client, "nestjs", { keyPrefix: "lw" }, "LockWatchModule");
    return {
      module: LockWatchModule,
      global: true,
      providers: [
        { provide: LockWatch, useValue: lockwatch },
        { provide: APP_GUARD, useFactory: (reflector: Reflector) => new LimitGuard(lockwatch, reflector), inject: [Reflector] },
      ],
      exports: [LockWatch],
    };
  }
}
