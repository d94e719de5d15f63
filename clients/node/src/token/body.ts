/** Reads the members of a request's body, whether or not the application has parsed it. */
import { rawRequest, type AnyRequest } from "../http/framework.js";

export type Body = Readonly<Record<string, unknown>>;

/** Enough for credentials and tokens. */
const MAX_BYTES = 16 * 1024;

/** Accepts forms and JSON. Any other body, or one that is too long, has no members. */
export async function bodyOf(request: AnyRequest): Promise<Body> {
  if (request.body !== undefined) return members(request.body);
  const raw = rawRequest(request);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of raw) {
    size += (chunk as Buffer).length;
    if (size <= MAX_BYTES) chunks.push(chunk as Buffer);
  }
  if (size > MAX_BYTES) return {};
  const text = Buffer.concat(chunks).toString();
  const type = (raw.headers["content-type"] ?? "").toLowerCase();
  if (type.startsWith("application/x-www-form-urlencoded")) return Object.fromEntries(new URLSearchParams(text));
  return members(parsed(text));
}

function members(body: unknown): Body {
  return body instanceof Object && !Array.isArray(body) ? (body as Body) : {};
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
