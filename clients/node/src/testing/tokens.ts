/** The default answers of a stub to the token commands: every token is valid. */
import type { RedisReply } from "../redis/connection.js";

const ACCESS_SECONDS = 900;
const REFRESH_SECONDS = 30 * 86_400;
const SESSION = "00000000000000000000000000000001";

type Payload = Record<string, unknown>;

/** The values of each option: AUDIENCE may be given several times. */
type Options = Partial<Record<string, string[]>>;

/** Issues tokens that look like the module's. Remembers who holds the refresh tokens. */
export class StubTokens {
  #issued = 0;
  readonly #payloads = new Map<string, Payload>();

  /** The reply to a command; undefined if it is none of tokens. */
  answer([name, , ...args]: readonly string[]): RedisReply {
    const [first = ""] = args;
    switch (name) {
      case "LW.ISSUE":
        return this.#issue(first, optionsIn(args.slice(1)));
      case "LW.ROTATE": {
        const held = this.#payloads.get(first);
        const [given] = optionsIn(args.slice(1)).CLAIMS ?? [];
        const kept = held && { sub: held.sub, aud: held.aud, sid: held.sid };
        const claims = given === undefined ? held : { ...(JSON.parse(given) as Payload), ...kept };
        return this.#issue(held ? String(held.sub) : "stub", { CLAIMS: [JSON.stringify(claims ?? {})] });
      }
      case "LW.VERIFY":
        return JSON.stringify(payloadOf(first));
      case "LW.INTROSPECT":
        return JSON.stringify({ active: true, ...payloadOf(first) });
      case "LW.CLAIMS":
      case "LW.REVOKE":
      case "LW.REVOKEALL":
        return 1;
      case "LW.SESSIONS":
        return [];
      case "LW.JWKS":
        return '{"keys":[]}';
      default:
        return undefined;
    }
  }

  #issue(subject: string, options: Options): RedisReply[] {
    this.#issued++;
    const now = Math.floor(Date.now() / 1000);
    const claims = JSON.parse(options.CLAIMS?.[0] ?? "{}") as Payload;
    const sid = typeof claims.sid === "string" ? claims.sid : SESSION;
    const exp = now + ACCESS_SECONDS;
    const { AUDIENCE: audience = [] } = options;
    const aud = (audience.length > 1 ? audience : audience[0]) ?? claims.aud ?? "stub";
    const payload = { ...claims, iss: "stub", sub: subject, aud, iat: now, exp, jti: String(this.#issued).padStart(32, "0"), sid };
    const refresh = `stub-refresh-${this.#issued}`;
    this.#payloads.set(refresh, payload);
    const hasRefresh = options.REFRESHTTL?.[0] !== "0";
    return [tokenOf(payload), hasRefresh ? refresh : null, exp * 1000, hasRefresh ? (now + REFRESH_SECONDS) * 1000 : null, sid];
  }
}

function optionsIn(args: readonly string[]): Options {
  const options: Options = {};
  for (let i = 0; i + 1 < args.length; i += 2) (options[args[i] as string] ??= []).push(args[i + 1] as string);
  return options;
}

function tokenOf(payload: Payload): string {
  const parts = [{ alg: "EdDSA", typ: "JWT", kid: "stub" }, payload].map((part) => Buffer.from(JSON.stringify(part)));
  return [...parts, Buffer.alloc(64)].map((part) => part.toString("base64url")).join(".");
}

/** The payload of a token; that of "stub" for a text that is none. */
function payloadOf(token: string): Payload {
  const now = Math.floor(Date.now() / 1000);
  const known = { sub: "stub", iat: now, exp: now + ACCESS_SECONDS, jti: "stub", sid: SESSION };
  try {
    const found: unknown = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
    return typeof found === "object" ? { ...known, ...found } : known;
  } catch {
    return known;
  }
}
