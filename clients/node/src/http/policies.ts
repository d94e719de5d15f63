/** The policy of a request: that of its path, the default one, or none if the path is exempt. */
import { ConfigurationError } from "../errors.js";
import { addressLimits, parseLimits, type Limits, type ParsedLimits } from "../limits.js";
import { Charging } from "./charging.js";
import { exemptPatterns } from "./exempt.js";
import { OnFailure } from "./fallback.js";
import { policyOptions, type Cost, type KeyFunction, type LimitOptions, type PolicyOptions } from "./options.js";
import { type PathSegments, Pattern } from "./pattern.js";
import { policyName } from "./policy-name.js";

/** Whose request it is. */
interface PolicyKey {
  readonly byCredential: boolean;
  readonly keyFunc: KeyFunction<never> | undefined;
}

export interface Policy extends PolicyKey {
  readonly name: string;
  /** The pattern; null for the default policy. */
  readonly route: string | null;
  /** Undefined if the default limits or those of `planFunc` apply. */
  readonly ownLimits: ParsedLimits | undefined;
  readonly cost: Cost<never>;
  readonly onFailure: OnFailure;
  readonly shadow: boolean;
  readonly charging: Charging;
}

const DEFAULT = "default";
const RESERVED = [DEFAULT, "burst"];

export class Policies {
  readonly defaultLimits: ParsedLimits;
  readonly #default: Policy;
  readonly #routes: readonly (readonly [Pattern, Policy])[];
  readonly #exempt: readonly Pattern[];

  constructor(options: LimitOptions<never>) {
    const { rateLimitRequests = 100, rateLimitWindowSeconds = 60 } = options;
    this.defaultLimits = parseLimits((typeof options.limits === "function" ? undefined : options.limits) ?? [[rateLimitRequests, rateLimitWindowSeconds]]);
    this.#default = {
      name: DEFAULT,
      route: null,
      ownLimits: undefined,
      cost: options.cost ?? 1,
      onFailure: OnFailure.of(options, "", this.defaultLimits),
      shadow: options.shadow ?? false,
      charging: Charging.of(options, ""),
      ...policyKey(options, ""),
    };
    // Throws for a policy of the server.
    if (this.#default.byCredential && options.addressLimits === undefined) addressLimits(this.defaultLimits);
    this.#routes = Object.entries(options.routes ?? {}).map(([text, policy]) => this.#route(new Pattern(text), policy));
    this.#exempt = exemptPatterns(options.exempt ?? []);
    const names = this.#routes.map(([, { name }]) => name).filter((name) => name !== DEFAULT);
    const twice = names.find((name, index) => names.indexOf(name) !== index);
    if (twice !== undefined) throw new ConfigurationError(`two policies are named '${twice}', and would share their limits: give one a name`);
  }

  /** Undefined if the path is exempt. */
  of(segments: PathSegments): Policy | undefined {
    if (this.#routes.length === 0 && this.#exempt.length === 0) return this.#default;
    if (this.#exempt.some((pattern) => pattern.matchesExactly(segments))) return undefined;
    return this.#routes.find(([pattern]) => pattern.matches(segments))?.[1] ?? this.#default;
  }

  #route(pattern: Pattern, given: PolicyOptions<never> | Limits): readonly [Pattern, Policy] {
    const options = policyOptions(given);
    if (options.limits === undefined && options.name !== undefined) {
      throw new ConfigurationError(`policy '${options.name}' has a name and no limits: it would spend from the default policy`);
    }
    const hasKey = options.key !== undefined || options.keyFunc !== undefined;
    if (options.limits === undefined && hasKey) {
      throw new ConfigurationError(`policy '${pattern.text}' has key or keyFunc and no limits: give it limits of its own`);
    }
    const ownLimits = options.limits === undefined ? undefined : parseLimits(options.limits);
    const of = ` of policy '${pattern.text}'`;
    const policy: Policy = {
      name: options.limits === undefined ? DEFAULT : notReserved(options.name ?? policyName(pattern.text)),
      route: pattern.text,
      ownLimits,
      cost: options.cost ?? this.#default.cost,
      onFailure: OnFailure.of(options, of, ownLimits ?? this.defaultLimits, this.#default.onFailure, ownLimits === undefined),
      shadow: options.shadow ?? this.#default.shadow,
      charging: Charging.of(options, of, this.#default.charging),
      ...(hasKey ? policyKey(options, of) : ownKey(this.#default)),
    };
    if (policy.ownLimits && policy.byCredential) addressLimits(policy.ownLimits);
    return [pattern, policy];
  }
}

/** @param of says in messages whose options they are */
function policyKey({ key = "address", keyFunc }: Pick<PolicyOptions<never>, "key" | "keyFunc">, of: string): PolicyKey {
  if (key === "credential" && keyFunc) throw new ConfigurationError(`key${of} is 'credential' and there is a keyFunc: give one of both`);
  return { byCredential: key === "credential", keyFunc };
}

function ownKey({ byCredential, keyFunc }: PolicyKey): PolicyKey {
  return { byCredential, keyFunc };
}

function notReserved(name: string): string {
  if (RESERVED.includes(name)) throw new ConfigurationError(`policy name '${name}' is taken: give the policy another name`);
  return name;
}
