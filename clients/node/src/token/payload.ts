/** What a new access token says, read without verifying it: it has just come from Redis. */

type Payload = Readonly<Record<string, unknown>>;

/** The claims of a JWT; none if the text is not a JWT. */
export function payloadOf(token: string): Payload {
  try {
    const payload: unknown = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
    return payload instanceof Object ? (payload as Payload) : {};
  } catch {
    return {};
  }
}

/** Whole seconds from the token's `iat`. Both times are those of the Redis server's clock. */
export function lifetime({ iat }: Payload, expiresAt: Date): number {
  const start = typeof iat === "number" ? iat * 1000 : Date.now();
  return Math.max(0, Math.floor((expiresAt.getTime() - start) / 1000));
}
