/** The rules for the options of the middleware. */
import { CHALLENGE } from "../guard/options.js";
import { checkOptions, type OptionRules, type Rule } from "../known-options.js";
import type { Limits } from "../limits.js";
import { LockWatch, LOCKWATCH_OPTIONS } from "../lockwatch.js";
import { REDIS_SOURCE } from "../redis/open.js";
import { BOOLEAN, COST, DURATION, fn, headerName, integer, IPV4_PREFIX, IPV6_PREFIX, KEY, KEY_FUNCTION, KEY_PREFIX, LIMITS, orFunction, texts } from "../rules.js";
import { CHARGING_RULES } from "./charging.js";
import { ERROR_BODIES } from "./error-bodies.js";
import { checkExempt } from "./exempt.js";
import { FAILURE_RULES } from "./fallback.js";
import { POLICY_OPTIONS, policyOptions, type MiddlewareOptions, type PolicyOptions } from "./options.js";
import { Pattern } from "./pattern.js";
import { HEADERS_RULE } from "./responses.js";
import { TrustedProxies } from "./trusted-proxies.js";

const BURST = integer(1, Number.MAX_SAFE_INTEGER, 50);

const ROUTES: Rule = {
  expected: "patterns and their policies, like { 'POST /login': '5/minute' }",
  accepts: (value) => {
    if (typeof value !== "object" || value === null || Array.isArray(value) || value instanceof Map) return false;
    for (const [text, given] of Object.entries(value)) {
      new Pattern(text);
      checkOptions(policyOptions(given as PolicyOptions | Limits), POLICY_OPTIONS, `routes['${text}']`);
    }
    return true;
  },
};

export const MIDDLEWARE_OPTIONS: OptionRules<MiddlewareOptions<never>> = {
  redis: {
    ...REDIS_SOURCE,
    expected: `${REDIS_SOURCE.expected}, or a LockWatch`,
    accepts: (value) => value instanceof LockWatch || REDIS_SOURCE.accepts(value),
  },
  ...LOCKWATCH_OPTIONS,
  rateLimitRequests: integer(0, Number.MAX_SAFE_INTEGER, 100),
  rateLimitWindowSeconds: DURATION,
  limits: orFunction(LIMITS),
  cost: orFunction(COST),
  key: KEY,
  credentialHeader: headerName("Authorization"),
  addressLimits: LIMITS,
  keyFunc: KEY_FUNCTION,
  planFunc: fn("a function of the request: (request) => '1000/hour'"),
  routes: ROUTES,
  exempt: texts("an array of patterns of paths, addresses and networks, like ['/healthz', '/static/**', '10.0.0.0/8']", checkExempt),
  shadow: BOOLEAN,
  ...FAILURE_RULES,
  ...CHARGING_RULES,
  burstThreshold: { expected: `${BURST.expected}, or null for no detection of bursts`, accepts: (value) => value === null || BURST.accepts(value) },
  burstWindowSeconds: DURATION,
  burstCooldownSeconds: DURATION,
  audit: BOOLEAN,
  onDenied: fn("a function of the request and the result that returns { status, headers, body }"),
  headers: HEADERS_RULE,
  errorBodies: ERROR_BODIES,
  guard: { expected: "the key of a guard, like 'http'", accepts: (value) => (typeof value === "string" || value instanceof Uint8Array) && value.length > 0 },
  challenge: CHALLENGE,
  trustedProxies: texts("an array of addresses, networks and 'unix', like ['127.0.0.1', '10.0.0.0/8']", (proxy) => new TrustedProxies([proxy], "X-Forwarded-For", () => undefined)),
  forwardedHeader: headerName("X-Forwarded-For"),
  ipv4Prefix: IPV4_PREFIX,
  ipv6Prefix: IPV6_PREFIX,
  keyPrefix: KEY_PREFIX,
};
