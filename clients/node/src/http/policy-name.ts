/** The names of policies that are derived from the patterns of routes. */
import { createHash } from "node:crypto";

const REST = "**";
const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"];
const MAX_NAME = 64;
/** Two hyphens and eight digits of the digest follow. */
const MAX_READABLE = MAX_NAME - 10;

/**
 * The name of a policy that is given none: `post-login` for `POST /login`. Distinct patterns have
 * distinct names. The plain form of `plainName` is readable as it is; any other pattern is identified
 * by a digest behind the readable part.
 */
export function policyName(pattern: string): string {
  const slash = pattern.indexOf("/");
  const method = (slash < 0 ? pattern : pattern.slice(0, slash)).trim().toUpperCase();
  const path = slash < 0 ? "" : pattern.slice(slash + 1);
  const segments = path.split("/").map((segment) => segment.replace(/^:([A-Za-z0-9_]+)$/, "{$1}"));
  const plain = plainName(method, segments);
  if (plain !== undefined) return plain;
  const text = `${method} /${segments.join("/")}`.trimStart();
  const readable = text.toLowerCase().replace(/[^a-z0-9_.]+/g, "-").replace(/^-|-$/g, "").slice(0, MAX_READABLE);
  return `${readable || "root"}--${createHash("sha256").update(text).digest("hex").slice(0, 8)}`;
}

/**
 * The parts of a pattern, joined by hyphens; undefined if they could be those of another pattern.
 * `{id}` is written `.id`, `*` is `.`, and a final `**` is `..`. No part contains a hyphen or is
 * empty.
 */
function plainName(method: string, segments: readonly string[]): string | undefined {
  if (method !== "" && !METHODS.includes(method)) return undefined;
  if (segments.length === 1 && segments[0] === "") return method === "" ? "root" : method.toLowerCase();
  const parts = segments.map((segment, index) => plainPart(segment, index === segments.length - 1));
  if (parts.includes(undefined)) return undefined;
  if (method === "" && (METHODS.includes((parts[0] as string).toUpperCase()) || parts.join("-") === "root")) return undefined;
  const name = [...(method === "" ? [] : [method.toLowerCase()]), ...parts].join("-");
  return name.length > MAX_NAME ? undefined : name;
}

function plainPart(segment: string, isLast: boolean): string | undefined {
  if (segment === "*") return ".";
  if (segment === REST && isLast) return "..";
  const parameter = /^\{([a-z0-9_]+)\}$/.exec(segment);
  if (parameter) return `.${parameter[1] as string}`;
  return /^[a-z0-9_][a-z0-9_.]*$/.test(segment) ? segment : undefined;
}
