/**
 * The text `[METHOD[,METHOD] ]/path` of the present route, which the name of its limit is derived
 * from. It never has the value of a parameter.
 */
import { METHODS } from "node:http";
import { ConfigurationError } from "../errors.js";
import { expressPlacement, type Placement } from "./express-route.js";
import { isFastifyRequest, isHono, type AnyRequest, type FastifyRequestLike } from "./framework.js";

/** @param limit the middleware that asks, which is looked for in the routers of Express */
export function routeText(request: AnyRequest, limit: object): string {
  const text = routeTextIfKnown(request, limit);
  if (text !== undefined) return text;
  throw new ConfigurationError("a limit that is not on a route with a path of its own needs a name: limit(lw, '5/minute', { name: 'search' })");
}

/** Undefined for a limit that another function calls, where no route is known. */
export function routeTextIfKnown(request: AnyRequest, limit: object): string | undefined {
  const place = placeOf(request, limit);
  return place && methodsText(place.methods) + place.path;
}

function placeOf(request: AnyRequest, limit: object): Placement | undefined {
  if (isFastifyRequest(request)) return fastifyPlace(request);
  return isHono(request) ? honoPlaces.get(request) : expressPlacement(request, limit);
}

/** Where a context of Hono is at present. */
export const honoPlaces = new WeakMap<object, Placement>();

/**
 * In alphabetical order, without the HEAD that comes with GET; empty for any method. A route has one
 * counter, whatever the method of the request.
 */
function methodsText(methods: readonly string[]): string {
  const upper = new Set(methods.map((method) => method.toUpperCase()));
  if (upper.has("GET")) upper.delete("HEAD");
  return upper.size === 0 ? "" : `${[...upper].sort().join(",")} `;
}

function fastifyPlace(request: FastifyRequestLike): { methods: readonly string[]; path: string } | undefined {
  const { prefix = "", supportedMethods = METHODS } = request.server ?? {};
  // The handler of paths without a route.
  if (request.is404) return { methods: [], path: `${prefix}/**` };
  const { url, method = [] } = request.routeOptions ?? {};
  if (url === undefined) return undefined;
  const methods = typeof method === "string" ? [method] : method;
  const isAny = supportedMethods.every((name) => methods.includes(name));
  // A route `/` below a prefix answers with and without the slash, and has one counter.
  const path = prefix !== "" && url === `${prefix}/` ? prefix : url;
  return { methods: isAny ? [] : methods, path: path === "*" ? "/**" : path.replace(/\/\*$/, "/**") };
}
