/** The options of a guard, and the rules for them. */
import type { GuardResult } from "../guard.js";
import type { Awaitable } from "../http/options.js";
import type { PlainFailureMode } from "../http/fallback.js";
import type { DeniedReply } from "../http/reply.js";
import type { OptionRules, Rule } from "../known-options.js";
import type { Bytes, Name } from "../redis/connection.js";
import { BOOLEAN, FAILURE_MODE, fn, oneOf, required } from "../rules.js";
import { DeviceCookie, type DeviceCookieOptions } from "./device.js";

/** The Redis key of a guard, or a function of the request that returns it. */
export type GuardKey<Req> = Bytes | ((request: Req) => Awaitable<Bytes>);

/**
 * Whether the challenge was passed, for example by a CAPTCHA in the request. Or the response, like
 * what `onDenied` returns.
 */
export type ChallengeFunction<Req> = (request: Req, result: GuardResult) => Awaitable<boolean | DeniedReply | string | null | undefined>;

/** What happens to a challenged call: it is denied, or goes on, or a function of the application decides. */
export type Challenge<Req> = "deny" | "allow" | ChallengeFunction<Req>;

export interface GuardOptions<Req> {
  challenge: Challenge<Req>;
  /** What happens to a login if Redis fails: `deny` answers 503, `allow` lets it through. */
  onRedisFailure?: PlainFailureMode | undefined;
  /**
   * A secret of at least 16 bytes. With it, the same wrong password again counts once. Without it,
   * nothing that is derived from passwords is sent.
   */
  passwordDigestKey?: Bytes | undefined;
  /** `false` sends user names as they are, and not in NFKC, trimmed and case-folded. */
  normalize?: boolean | undefined;
  /** The options of the cookie by which the guard knows a browser again; `false` sets none. */
  deviceCookie?: DeviceCookieOptions | false | undefined;
}

/** Who wants to log in. */
export interface Credentials {
  user?: Name | null | undefined;
  /** Only a short digest of it is sent, and only with `passwordDigestKey`. It is not kept. */
  password?: string | undefined;
}

/** Whom an event is about, besides the address and the device of the request. */
export interface Subject {
  user?: Name | null | undefined;
  /** A subject of rules with the scope `key`. */
  key?: Bytes | undefined;
}

const MIN_SECRET = 16;

const CHALLENGE_WORD = oneOf("deny", "allow");
const CHALLENGE_FUNCTION = fn("");

export const CHALLENGE: Rule = {
  expected: "'deny', 'allow', or a function of the request and the result that returns whether the challenge was passed",
  accepts: (value) => CHALLENGE_WORD.accepts(value) || CHALLENGE_FUNCTION.accepts(value),
};

export const GUARD_KEY: Rule = {
  expected: "the key of a guard, like 'login', or a function of the request that returns it",
  accepts: (value) => (typeof value === "string" || value instanceof Uint8Array ? value.length > 0 : CHALLENGE_FUNCTION.accepts(value)),
  required: true,
};

export const GUARD_OPTIONS: OptionRules<GuardOptions<never>> = {
  challenge: required(CHALLENGE),
  onRedisFailure: FAILURE_MODE,
  passwordDigestKey: {
    expected: `a secret text or bytes, at least ${MIN_SECRET} of them`,
    accepts: (value) => (typeof value === "string" || value instanceof Uint8Array) && value.length >= MIN_SECRET,
    secret: true,
  },
  normalize: BOOLEAN,
  deviceCookie: {
    expected: "{ domain: 'example.com' }, or false for no cookie",
    accepts: (value) => value === false || Boolean(new DeviceCookie(value as DeviceCookieOptions)),
  },
};
