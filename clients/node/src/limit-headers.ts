/** The headers that describe a limit, in the forms that the option `headers` chooses. */
import { durationArgument, secondsRoundedUp } from "./duration.js";
import { bindingLimit, type Limit } from "./limits.js";
import type { Headers, RateLimitResult } from "./ratelimit.js";

/**
 * `legacy` is `X-RateLimit-*`; `draft-7` and `draft-11` are `RateLimit` and `RateLimit-Policy` as these
 * versions of the IETF's draft have them; `none` is none.
 */
export type HeaderKind = "legacy" | "draft-7" | "draft-11" | "none";

export const HEADER_KINDS: readonly HeaderKind[] = ["legacy", "draft-7", "draft-11", "none"];
export const DEFAULT_HEADERS: readonly HeaderKind[] = ["legacy", "draft-11"];

type Result = Pick<RateLimitResult, "limits" | "limit" | "remaining" | "resetAfterMs">;

/** @param name of the policy, in the IETF's fields */
export function limitHeaders(result: Result, name: string, kinds: readonly HeaderKind[]): Headers {
  const reset = secondsRoundedUp(result.resetAfterMs);
  const headers: Headers = {};
  for (const kind of kinds) {
    if (kind === "legacy") addLegacy(headers, result, reset);
    else if (kind === "draft-7") addDraft7(headers, result, reset);
    else if (kind === "draft-11") addDraft11(headers, result, reset, name);
  }
  return headers;
}

/** The name of the limit that binds, as in `RateLimit`. */
export function bindingName({ limits, limit }: Result, name: string): string {
  const binding = limits.length > 1 && bindingLimit(limits, limit);
  return binding ? nameIn(limits, binding, name) : name;
}

function addLegacy(headers: Headers, { limit, remaining }: Result, reset: number): void {
  headers["X-RateLimit-Limit"] = String(limit);
  headers["X-RateLimit-Remaining"] = String(remaining);
  headers["X-RateLimit-Reset"] = String(reset);
}

function addDraft7(headers: Headers, { limits, limit, remaining }: Result, reset: number): void {
  // The windows of a policy of the server are not known.
  headers["RateLimit-Policy"] = limits.length === 0 ? String(limit) : limits.map((one) => `${one.limit}${window(one)}`).join(", ");
  headers.RateLimit = `limit=${limit}, remaining=${remaining}, reset=${reset}`;
}

function addDraft11(headers: Headers, result: Result, reset: number, name: string): void {
  const { limits, limit, remaining } = result;
  headers["RateLimit-Policy"] = limits.length === 0 ? `"${name}";q=${limit}` : policyText(limits, name);
  headers.RateLimit = `"${bindingName(result, name)}";r=${remaining};t=${reset}`;
}

/** The last text that was made for each list of limits, which most requests share. */
const TEXTS = new WeakMap<readonly Limit[], { readonly name: string; readonly text: string }>();

function policyText(limits: readonly Limit[], name: string): string {
  const known = TEXTS.get(limits);
  if (known?.name === name) return known.text;
  const text = limits.map((one) => `"${nameIn(limits, one, name)}";q=${one.limit}${window(one)}`).join(", ");
  TEXTS.set(limits, { name, text });
  return text;
}

function nameIn(limits: readonly Limit[], { windowMs }: Limit, name: string): string {
  if (limits.length === 1) return name;
  const length = durationArgument(windowMs);
  return `${name}-${length.endsWith("ms") ? length : `${length}s`}`;
}

/** `w` is in whole seconds, so other windows have none. */
function window({ windowMs }: Limit): string {
  return windowMs % 1000 === 0 ? `;w=${windowMs / 1000}` : "";
}
