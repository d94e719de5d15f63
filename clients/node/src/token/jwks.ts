/**
 * Serves the public keys, usually at `/.well-known/jwks.json`, to services that verify access
 * tokens themselves.
 */
import { createHash } from "node:crypto";
import { rawRequest, send, type AnyRequest, type AnyResponse } from "../http/framework.js";
import { SERVICE_UNAVAILABLE, type Reply } from "../http/reply.js";
import { checkOptions, type OptionRules } from "../known-options.js";
import { checkClient, type LockWatch } from "../lockwatch.js";
import { integer } from "../rules.js";
import { logTokenFailure } from "./bearer.js";

export interface JwksOptions {
  /**
   * How long the keys may be cached; 300 unless given. A new key should be in the set for this long
   * before it signs.
   */
  maxAgeSeconds?: number | undefined;
}

export const JWKS_OPTIONS: OptionRules<JwksOptions> = { maxAgeSeconds: integer(0, 2 ** 31 - 1, 300) };

export type Handler = (request: AnyRequest, response: AnyResponse) => Promise<void>;

export function jwks(lockwatch: LockWatch, options: JwksOptions = {}): Handler {
  checkClient(lockwatch, "jwks(lw)");
  checkOptions(options, JWKS_OPTIONS, "jwks");
  const cacheControl = `public, max-age=${options.maxAgeSeconds ?? 300}`;

  async function reply(request: AnyRequest): Promise<Reply> {
    let body: string;
    try {
      body = JSON.stringify(await lockwatch.jwks());
    } catch (error) {
      if (!logTokenFailure(error, lockwatch, "the key set is")) throw error;
      return SERVICE_UNAVAILABLE;
    }
    const etag = `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`;
    const headers = { "Cache-Control": cacheControl, ETag: etag };
    if (rawRequest(request).headers["if-none-match"] === etag) return { status: 304, headers };
    return { status: 200, headers: { ...headers, "Content-Type": "application/jwk-set+json" }, body };
  }

  return async (request, response) => {
    send(response, await reply(request));
  };
}
