/** Patterns of routes, `[METHOD[,METHOD…] ]/path`, and the names of the policies that are given to them. */
import { ConfigurationError } from "../errors.js";

/** What patterns are compared with, split once for all of them. */
export class PathSegments {
  readonly exact: readonly string[];
  /** Without what a router may overlook: case, doubled slashes, a slash at the end. */
  readonly lenient: readonly string[];
  /** Whether nobody could read it as another path than this. */
  readonly isCertain: boolean;

  /** @param path still encoded */
  constructor(
    readonly method: string,
    path: string,
  ) {
    const raw = path.split("/").slice(1);
    this.exact = raw.map(decoded);
    this.lenient = lenient(this.exact);
    this.isCertain = path.startsWith("/") && raw.every((segment, index) => isCertain(segment, this.exact[index] as string));
  }

  /** For people, with the slashes of segments told from those between them. */
  get text(): string {
    return this.exact.length === 0 ? "/" : this.exact.map((segment) => `/${segment.replaceAll("/", "%2F")}`).join("");
  }
}

/** A segment of a pattern: a text, or with a parameter what stands before and behind it. */
type Segment = string | { readonly before: string; readonly behind: string };

const REST = "**";
const PARAMETER = /\*|\{[^{}]*\}|^:.+/g;

export class Pattern {
  readonly #methods: ReadonlySet<string> | undefined;
  readonly #hasRest: boolean;
  readonly #exact: readonly Segment[];
  readonly #lenient: readonly Segment[];

  constructor(readonly text: string) {
    const match = /^(?:([A-Za-z]+(?:,[A-Za-z]+)*)\s+)?\/(\S*)$/.exec(text);
    if (!match) throw new ConfigurationError(`pattern '${text}' is not like '/path' or 'GET,POST /path/{id}/**'`);
    const methods = match[1]?.toUpperCase().split(",");
    // Where a framework has a handler for GET, it lets it answer HEAD.
    this.#methods = methods && new Set(methods.includes("GET") ? [...methods, "HEAD"] : methods);
    const segments = (match[2] as string).split("/");
    this.#hasRest = segments.at(-1) === REST;
    if (this.#hasRest) segments.pop();
    if (segments.some((segment) => segment.includes(REST))) {
      throw new ConfigurationError(`pattern '${text}' has '**' elsewhere than at its end, as '/**'`);
    }
    this.#exact = segments.map((segment) => parseSegment(segment, text));
    this.#lenient = lenient(segments).map((segment) => parseSegment(segment, text));
  }

  /** To the letter: what is exempt should not become more by a clever spelling. */
  matchesExactly(path: PathSegments): boolean {
    return path.isCertain && this.#matches(path.method, path.exact, this.#exact);
  }

  /** As a router may see it: what is limited should not become less by a clever spelling. */
  matches(path: PathSegments): boolean {
    return this.#matches(path.method, path.lenient, this.#lenient);
  }

  #matches(method: string, path: readonly string[], pattern: readonly Segment[]): boolean {
    if (this.#methods && !this.#methods.has(method)) return false;
    if (this.#hasRest ? path.length < pattern.length : path.length !== pattern.length) return false;
    return pattern.every((segment, index) => fits(path[index] as string, segment));
  }
}

function parseSegment(text: string, pattern: string): Segment {
  const parts = text.split(PARAMETER) as [string, ...string[]];
  const [before, behind, more] = parts;
  if (more !== undefined) throw new ConfigurationError(`pattern '${pattern}' has a segment with more than one parameter`);
  return behind === undefined ? before : { before, behind };
}

function fits(text: string, segment: Segment): boolean {
  if (typeof segment === "string") return text === segment;
  const { before, behind } = segment;
  return text.length > before.length + behind.length && text.startsWith(before) && text.endsWith(behind);
}

function lenient(segments: readonly string[]): string[] {
  return segments.filter((segment) => segment !== "").map((segment) => segment.toLowerCase());
}

/** In lower case, each run of other characters as one hyphen: `POST /login` is `post-login`. */
export function policyName(pattern: string): string {
  const name = pattern.toLowerCase().replace(/[^a-z0-9_.]+/g, "-").replace(/^-|-$/g, "");
  return name === "" ? "root" : name;
}

/** The path of a request line, still encoded, as a router finds it that sees through a scheme and a host in front of it. */
export function pathOf(target: string): string {
  const end = target.search(/[?#]/);
  const whole = end < 0 ? target : target.slice(0, end);
  if (whole.startsWith("/")) return whole;
  const path = whole.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/]*/i, "");
  return path === "" ? "/" : path;
}

/** Of one segment. Routers split first, so a slash that is encoded belongs to its segment. */
function decoded(segment: string): string {
  if (!segment.includes("%")) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/** Whether every router and every handler behind it reads the segment as `text`. */
function isCertain(raw: string, text: string): boolean {
  if (text === "." || text === ".." || /[/\\?#;\0]/.test(text)) return false;
  if (!raw.includes("%")) return true;
  const [lower, encoded] = [raw.toLowerCase(), [encodeURI(text), encodeURIComponent(text)]];
  return encoded.some((one) => one.toLowerCase() === lower);
}

/** A method that the module accepts: an HTTP token of at most 32 characters. */
export function methodArgument(method: string): string | undefined {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}$/.test(method) ? method : undefined;
}
