/** The limits that counted a request, so that two of them never count it under one key. */
import type { IncomingMessage } from "node:http";
import { ConfigurationError } from "../errors.js";

/** A member of the request itself: a WeakMap would cost every request more. */
const COUNTED = Symbol("lockwatch.counted");

interface Request extends IncomingMessage {
  [COUNTED]?: Counted;
}

export class Counted {
  /** The outcome of the limit at each key; undefined for a key of a middleware. */
  readonly #outcomes = new Map<string, Promise<unknown> | undefined>();
  /** The first policy that a middleware evaluated for the request, and all further ones. */
  #first: { readonly owner: object; readonly policy: string } | undefined;
  #further: Map<object, Set<string>> | undefined;
  /** The limits of a name, in the order in which the request reached them. */
  #named: Map<string, object[]> | undefined;

  #isExempt = false;

  static of(request: IncomingMessage): Counted {
    return ((request as Request)[COUNTED] ??= new Counted());
  }

  /** The client is exempt, so that no limit of a route applies either. */
  exempt(): void {
    this.#isExempt = true;
  }

  get isExempt(): boolean {
    return this.#isExempt;
  }

  /** Whether a middleware has evaluated a policy for the request. */
  get isEntered(): boolean {
    return this.#first !== undefined;
  }

  /** Whether a middleware evaluates this policy for the request for the first time. */
  enters(owner: object, policy: string): boolean {
    if (!this.#first) {
      this.#first = { owner, policy };
      return true;
    }
    if (this.#first.owner === owner && this.#first.policy === policy) return false;
    this.#further ??= new Map();
    const policies = this.#further.get(owner) ?? new Set();
    this.#further.set(owner, policies);
    return policies.size !== policies.add(policy).size;
  }

  /** Records a key of a middleware, which may not be that of another middleware. */
  add(key: string): void {
    if (this.claim(key)) return;
    throw new ConfigurationError(
      `two middlewares would count one request under the same key of the policy '${key.slice(key.lastIndexOf("}:") + 2)}': ` +
        "give the inner one a service or keyPrefix of its own",
    );
  }

  /** Returns false if the request was counted under the key already. */
  claim(key: string): boolean {
    if (this.#outcomes.has(key)) return false;
    this.#outcomes.set(key, undefined);
    return true;
  }

  /**
   * The name in the key of a limit and in headers. The second limit of a derived name gets the number
   * 2, whatever the clients of the two are and whether the first applied; a given name is the
   * application's to change.
   * @param keyOf makes a key of a name, without a client
   */
  nameOf(keyOf: (name: string) => string, name: string, owner: object, isGiven: boolean): { name: string; header: string } {
    const id = keyOf(name);
    this.#named ??= new Map();
    const owners = this.#named.get(id) ?? [];
    this.#named.set(id, owners);
    const at = owners.includes(owner) ? owners.indexOf(owner) : owners.push(owner) - 1;
    if (at === 0) return { name, header: name };
    if (isGiven) {
      throw new ConfigurationError(
        `two limits on one request are called '${name}', and could share a counter: give one another name, ` +
          `limit(…, { name: "${name}-2" }), or leave the name out`,
      );
    }
    return { name: `${name}:${at + 1}`, header: `${name}-${at + 1}` };
  }

  /**
   * Calls `count` unless the request was counted under the key. Resolves to the outcome, and to
   * whether it is that of an earlier call.
   */
  async once<T>(key: string, count: () => Promise<T>): Promise<{ outcome: T; isEarlier: boolean }> {
    const earlier = this.#outcomes.get(key);
    if (earlier) return { outcome: (await earlier) as T, isEarlier: true };
    const outcome = count();
    this.#outcomes.set(key, outcome);
    return { outcome: await outcome, isEarlier: false };
  }
}
