/**
 * Where a limit is placed in Express: the templates of the routers and applications that lead to it.
 * The request has only the values of a mount path (`baseUrl`), so the way is looked up in the
 * routers.
 */
import { METHODS } from "node:http";
import type { ExpressRequest } from "./framework.js";

export interface Placement {
  /** Empty for any method. */
  readonly methods: readonly string[];
  readonly path: string;
}

interface Layer {
  readonly handle: unknown;
  readonly name?: string;
  readonly route?: Route;
  readonly method?: string;
  /** Express 5: whether it matches every path. */
  readonly slash?: boolean;
  /** Express 5.3 and later. */
  readonly rawPath?: unknown;
  /** Express 5. */
  readonly matchers?: readonly Matcher[];
  /** Express 4. */
  readonly regexp?: RegExp & { readonly fast_slash?: boolean };
  readonly keys?: readonly { readonly name: string | number }[];
}

type Matcher = (path: string) => { readonly path: string; readonly params: Readonly<Record<string, unknown>> } | false;

interface Route {
  readonly path: unknown;
  readonly stack: readonly Layer[];
  readonly methods: Readonly<Record<string, unknown>>;
}

interface App {
  readonly parent?: App;
  readonly mountpath?: unknown;
}

interface Found {
  route?: { readonly prefix: string | undefined };
  mount?: { readonly prefix: string | undefined };
}

/** Undefined if it is not known. */
export function expressPlacement(request: ExpressRequest, limit: object): Placement | undefined {
  const route = isRoute(request.route) ? request.route : undefined;
  const own = route?.stack.filter((layer) => layer.handle === limit) ?? [];
  const base = request.baseUrl ?? "";
  const methods = route ? methodsOf(route, own) : [];
  if (route && own.length > 0 && base === "") return { methods, path: textOf(route.path) };
  const found: Found = {};
  const apps = appsOf(request);
  if (apps[0]) look(stackOf(apps[0]) ?? [], base, "", { apps, route, limit, found });
  // A limit that another function calls is in no layer. Then the route counts.
  if (found.mount && own.length === 0) return found.mount.prefix === undefined ? undefined : { methods: [], path: `${found.mount.prefix}/**` };
  if (!route || found.route?.prefix === undefined) return undefined;
  const path = textOf(route.path);
  return { methods, path: found.route.prefix === "" ? path : found.route.prefix + (path === "/" ? "" : path) };
}

interface Search {
  /** The outermost application, and those mounted in it that lead to the request's. */
  readonly apps: readonly App[];
  readonly route: Route | undefined;
  readonly limit: object;
  /** The first place of either kind, in the order in which Express matches. */
  readonly found: Found;
}

/** @param rest the part of the request's `baseUrl` that the layers of `stack` match */
function look(stack: readonly Layer[], rest: string, prefix: string | undefined, search: Search): void {
  const { apps, route, limit, found } = search;
  const isEnd = (path: string) => path === "" || path === "/";
  for (const layer of stack) {
    if (layer.route) {
      if (layer.route === route && isEnd(rest)) found.route ??= { prefix };
      continue;
    }
    const inner = stackOf(layer.handle);
    const [, mounted] = inner ? [] : apps;
    if (layer.handle !== limit && !inner && !(mounted && layer.name === "mounted_app")) continue;
    const match = matchOf(layer, rest);
    if (!match) continue;
    const text = prefix === undefined || match.text === undefined ? undefined : prefix + match.text;
    if (layer.handle === limit && isEnd(match.rest)) found.mount ??= { prefix: text };
    if (inner) look(inner, match.rest, text, search);
    else if (mounted && isMountOf(mounted, match.text)) look(stackOf(mounted) ?? [], match.rest, text, { ...search, apps: apps.slice(1) });
  }
}

/**
 * Express hides a mounted application behind a function. Its mount path tells it from others at the
 * same place.
 */
function isMountOf(app: App, text: string | undefined): boolean {
  const plain = (path: string) => path.replace(/:(\w+)(?=\/|$)/g, "{$1}").toLowerCase();
  return text === undefined || text.includes("/RegExp(") || plain(text) === plain(mountText(app.mountpath));
}

/** The template of the part of `path` that a layer matches, and what is behind it. */
function matchOf(layer: Layer, path: string): { text: string | undefined; rest: string } | undefined {
  const { regexp, matchers = [] } = layer;
  if (layer.slash || regexp?.fast_slash) return { text: "", rest: path };
  const whole = path === "" ? "/" : path;
  try {
    const match = regexp?.exec(whole);
    if (match) return { text: regexpText(regexp as RegExp, layer.keys ?? []), rest: whole.slice(match[0].length) };
    for (const matcher of matchers) {
      const result = matcher(whole);
      if (!result) continue;
      const text = layer.rawPath === undefined ? probedText(matchers, result.path) : mountText(layer.rawPath);
      return { text, rest: whole.slice(result.path.length) };
    }
  } catch {
    // A parameter that cannot be decoded. Express does not match it either.
  }
  return undefined;
}

function textOf(path: unknown): string {
  if (Array.isArray(path)) return path.flat(Infinity).map(textOf).join(",");
  return path instanceof RegExp ? `/RegExp(${String(path)})` : String(path);
}

function mountText(path: unknown): string {
  return textOf(path).replace(/\/+$/, "");
}

/** The path that Express 4 has compiled. Of an unusual one the regular expression is the text. */
function regexpText(regexp: RegExp, keys: readonly { readonly name: string | number }[]): string {
  const names = keys.map(({ name }) => String(name));
  const text = regexp.source
    .replace(/^\^/, "")
    .replace(/\\\/\?\(\?=\\\/\|\$\)$/, "")
    .replace(/\(\?:\\\/\(\[\^\\?\/\]\+\?\)\)|\\\/\(\?:\(\[\^\\?\/\]\+\?\)\)/g, () => `/{${names.shift() ?? ""}}`)
    .replace(/\\([/.])/g, "$1");
  return names.length > 0 || /[\\()[\]^$|?+*]/.test(text) ? `/RegExp(${String(regexp)} ${keys.map(({ name }) => name).join(" ")})` : text;
}

const PROBE = "lockwatch~probe";

/**
 * The template in Express 5.0 to 5.2, which keep no text of a path: a segment is a parameter if
 * another value matches as well. Undefined if a parameter is not a whole segment.
 */
function probedText(matchers: readonly Matcher[], matched: string): string | undefined {
  const [matcher, ...others] = matchers;
  if (!matcher || others.length > 0 || matcher.name === "regexpMatcher") return undefined;
  const ignoresCase = matcher(matched.toUpperCase()) !== false && matcher(matched.toLowerCase()) !== false;
  const segments = matched.split("/");
  let parameters = 0;
  const template = segments.map((segment, index) => {
    const probe = matcher(segments.with(index, PROBE).join("/"));
    const name = probe && Object.keys(probe.params).find((key) => probe.params[key] === PROBE);
    if (segment === "" || !name) return ignoresCase ? segment.toLowerCase() : segment;
    parameters++;
    return `{${name}}`;
  });
  const result = matcher(matched);
  return result && Object.keys(result.params).length === parameters ? template.join("/") : undefined;
}

/** The methods under which the limit is in the route, or the route's if the limit is in no layer. */
function methodsOf(route: Route, own: readonly Layer[]): readonly string[] {
  const names = own.length > 0 ? own.map(({ method }) => method) : Object.keys(route.methods).map((name) => (name === "_all" ? undefined : name));
  const methods = names.filter((name) => name !== undefined).map((name) => name.toUpperCase());
  const isAny = methods.length < names.length || METHODS.every((name) => methods.includes(name));
  return isAny ? [] : methods;
}

function appsOf(request: ExpressRequest): App[] {
  const apps: App[] = [];
  for (let app = request.app as App | undefined; app; app = app.parent) apps.unshift(app);
  return apps;
}

/** The layers of a router or an application. */
function stackOf(handler: unknown): readonly Layer[] | undefined {
  if (typeof handler !== "function") return undefined;
  const { stack, _router, set } = handler as { stack?: unknown; _router?: { stack?: unknown }; set?: unknown };
  if (Array.isArray(stack)) return stack as Layer[];
  // In Express 4 `app.router` throws.
  const router = _router ?? (typeof set === "function" ? (handler as { router?: { stack?: unknown } }).router : undefined);
  return Array.isArray(router?.stack) ? (router.stack as Layer[]) : undefined;
}

function isRoute(route: unknown): route is Route {
  return typeof route === "object" && route !== null && Array.isArray((route as { stack?: unknown }).stack);
}
