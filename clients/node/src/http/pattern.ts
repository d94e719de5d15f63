/** Patterns of routes, `[METHOD[,METHOD…] ]/path`. */
import { ConfigurationError } from "../errors.js";

/** A request's path, split and decoded once for all patterns. */
export class PathSegments {
  #exact: readonly string[] | undefined;
  #lenient: readonly string[] | undefined;

  /** @param path still encoded */
  constructor(
    readonly method: string,
    private readonly path: string,
  ) {}

  get exact(): readonly string[] {
    return (this.#exact ??= this.#raw.map(decoded));
  }

  /** Without differences that a router may ignore: case, doubled slashes, a slash at the end. */
  get lenient(): readonly string[] {
    return (this.#lenient ??= lenient(this.exact));
  }

  /** Whether every router reads it as this path. */
  get isUnambiguous(): boolean {
    return this.path.startsWith("/") && this.#raw.every((segment, index) => isUnambiguous(segment, this.exact[index] as string));
  }

  /**
   * The decoded path for bursts and audit events. An encoded slash in a segment is written as
   * `%2F`.
   */
  get text(): string {
    if (this.path.startsWith("/") && !this.path.includes("%")) return this.path;
    return this.exact.length === 0 ? "/" : this.exact.map((segment) => `/${segment.replaceAll("/", "%2F")}`).join("");
  }

  get #raw(): string[] {
    return this.path.split("/").slice(1);
  }
}

/** A segment of a pattern: a text, or the texts around a parameter. */
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
    // The frameworks answer HEAD with the handler for GET.
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

  /** Compares exactly, for exempt patterns: another spelling must not exempt a path. */
  matchesExactly(path: PathSegments): boolean {
    return path.isUnambiguous && this.#matches(path.method, path.exact, this.#exact);
  }

  /**
   * Compares as leniently as any router, for policies: another spelling must not evade a policy.
   */
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

/**
 * The encoded path of a request target, which may have a scheme and host in front, a query or a
 * fragment.
 */
export function pathOf(target: string): string {
  const end = target.search(/[?#]/);
  const whole = end < 0 ? target : target.slice(0, end);
  if (whole.startsWith("/")) return whole;
  const path = whole.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/]*/i, "");
  return path === "" ? "/" : path;
}

/** Decodes one segment, or returns it unchanged if it cannot be decoded. */
function decoded(segment: string): string {
  if (!segment.includes("%")) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/** Whether every router and handler reads the segment as `text`. */
function isUnambiguous(raw: string, text: string): boolean {
  if (text === "." || text === ".." || /[/\\?#;\0]/.test(text)) return false;
  if (!raw.includes("%")) return true;
  const [lower, encoded] = [raw.toLowerCase(), [encodeURI(text), encodeURIComponent(text)]];
  return encoded.some((one) => one.toLowerCase() === lower);
}

/**
 * Undefined for a method that the module does not accept: it takes HTTP tokens of at most 32
 * characters.
 */
export function methodArgument(method: string): string | undefined {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}$/.test(method) ? method : undefined;
}
