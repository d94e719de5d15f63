/** What the middleware needs for its decisions on requests, independent of the framework. */
import { windowMs, type Duration } from "../duration.js";
import { ConfigurationError } from "../errors.js";
import { parseLimits, type ParsedLimits } from "../limits.js";
import type { LockWatch } from "../lockwatch.js";
import { ask } from "../redis/away.js";
import { prefixesOf, type AddressPrefixes } from "./address.js";
import type { Counted } from "./counted.js";
import { exemptClients } from "./exempt.js";
import { Keys } from "./keys.js";
import type { Networks } from "./networks.js";
import type { LimitsFunction, MiddlewareOptions } from "./options.js";
import { PathSegments } from "./pattern.js";
import { Policies, type Policy } from "./policies.js";
import { RequestCheck } from "./request-check.js";
import { Responses } from "./responses.js";
import { returnedLimits } from "./returned.js";
import { SiteGuard } from "./site-guard.js";
import { LockWatchState, type Home } from "./state.js";
import { TrustedProxies } from "./trusted-proxies.js";

/** What the limiter reads of a request. */
export interface HttpRequest {
  readonly method: string;
  /** From the root of the server and still encoded: what the router matches. */
  readonly path: string;
  /** The peer's address; undefined for a Unix socket. */
  readonly peer: string | undefined;
  /** @param name in lower case */
  header(name: string): string | undefined;
}

interface BurstSettings {
  readonly threshold: number;
  readonly windowMs: number;
  readonly cooldown: Duration | undefined;
}

export class RateLimiter<Req> {
  readonly keys: Keys;
  readonly addressLimits: ParsedLimits | undefined;
  readonly credentialHeader: string;
  readonly burst: BurstSettings | undefined;
  readonly site: SiteGuard<Req> | undefined;
  readonly prefixes: AddressPrefixes;
  readonly responses: Responses<Req>;
  /** For limits on routes, which get the same requests. */
  readonly home: Home;
  readonly #exemptClients: Networks;
  readonly #policies: Policies;
  readonly #proxies: TrustedProxies;
  readonly #planFunc: LimitsFunction<Req> | undefined;
  readonly #planOption: string;

  constructor(
    readonly lockwatch: LockWatch,
    readonly options: MiddlewareOptions<Req>,
  ) {
    const { burstThreshold = 50, burstWindowSeconds = 10 } = options;
    this.keys = new Keys(options.keyPrefix, lockwatch);
    this.addressLimits = options.addressLimits === undefined ? undefined : parseLimits(options.addressLimits);
    this.credentialHeader = (options.credentialHeader ?? "Authorization").toLowerCase();
    this.burst = burstThreshold === null ? undefined : burstSettings(burstThreshold, burstWindowSeconds, options.burstCooldownSeconds);
    this.prefixes = prefixesOf(options);
    this.responses = new Responses(options);
    this.home = { prefixes: this.prefixes, responses: this.responses as unknown as Responses<never> };
    this.site = SiteGuard.of(options, lockwatch, this.responses);
    this.#exemptClients = exemptClients(options.exempt ?? []);
    this.#policies = new Policies(options);
    if (typeof options.limits === "function" && options.planFunc !== undefined) {
      throw new ConfigurationError("limits is a function, and planFunc is given too: they mean the same, so give one");
    }
    this.#planFunc = typeof options.limits === "function" ? options.limits : options.planFunc;
    this.#planOption = typeof options.limits === "function" ? "limits" : "planFunc";
    this.#proxies = new TrustedProxies(options.trustedProxies ?? [], options.forwardedHeader ?? "X-Forwarded-For", lockwatch.log);
  }

  /** The limits of the default policy. */
  get defaultLimits(): ParsedLimits {
    return this.#policies.defaultLimits;
  }

  /** Whether anything is done with the status of a response. */
  get looksAtResponses(): boolean {
    return this.options.audit !== false || this.site !== undefined;
  }

  /**
   * Undefined if the path or the client is exempt.
   *
   * @param outer the state of a middleware that the request has passed; the two share it
   */
  check(http: HttpRequest, counted: Counted, outer?: LockWatchState): RequestCheck<Req> | undefined {
    const path = new PathSegments(http.method, http.path);
    const policy = this.#policies.of(path);
    if (!policy) return undefined;
    const address = this.#proxies.clientAddress(http.peer, (name) => http.header(name));
    if (this.#exemptClients.has(address)) {
      counted.exempt();
      return undefined;
    }
    const state = outer ?? new LockWatchState(policy.name, address, this.home);
    return new RequestCheck({ limiter: this, http, path: path.text, policy, counted, state, address });
  }

  /** Undefined if a function has to be asked. */
  fixedLimits(policy: Policy): ParsedLimits | undefined {
    return policy.ownLimits ?? (this.#planFunc ? undefined : this.defaultLimits);
  }

  async limitsFor(policy: Policy, request: Req): Promise<ParsedLimits> {
    const fixed = this.fixedLimits(policy);
    if (fixed) return fixed;
    const planFunc = this.#planFunc;
    const plan = planFunc && returnedLimits(this.#planOption, await ask(this.#planOption, () => planFunc(request)));
    return plan ?? this.defaultLimits;
  }
}

function burstSettings(threshold: number, window: Duration, cooldown: Duration | undefined): BurstSettings {
  return { threshold, windowMs: windowMs(window), cooldown: cooldown === undefined ? undefined : `${windowMs(cooldown)}ms` };
}
