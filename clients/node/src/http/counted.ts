/** The limits that counted a request, so that two of them never count it under one key. */
import type { IncomingMessage } from "node:http";
import { ConfigurationError } from "../errors.js";

interface Count {
  readonly owner: object;
  outcome?: Promise<unknown>;
}

const records = new WeakMap<IncomingMessage, Counted>();

export class Counted {
  readonly #counts = new Map<string, Count>();

  static of(request: IncomingMessage): Counted {
    const known = records.get(request);
    if (known) return known;
    const counted = new Counted();
    records.set(request, counted);
    return counted;
  }

  /** Whether a limit has counted the request. */
  has(owner: object): boolean {
    return [...this.#counts.values()].some((count) => count.owner === owner);
  }

  /** Records the keys of a middleware, of which none may be that of another middleware. */
  addAll(keys: readonly string[], owner: object): void {
    for (const key of keys) {
      if (this.#counts.has(key)) {
        throw new ConfigurationError(
          `two middlewares would count one request under the same key of the policy '${key.slice(key.lastIndexOf("}:") + 2)}': ` +
            "give the inner one a service or keyPrefix of its own",
        );
      }
      this.#counts.set(key, { owner });
    }
  }

  /**
   * The key of a limit and its name in headers: the first that no other limit has counted. A derived
   * name gets a number; a given name is the application's to change.
   */
  freeName(keyOf: (name: string) => string, name: string, owner: object, isGiven: boolean): { key: string; header: string } {
    for (let number = 1; ; number++) {
      const key = keyOf(number === 1 ? name : `${name}:${number}`);
      const other = this.#counts.get(key);
      if (!other || other.owner === owner) return { key, header: number === 1 ? name : `${name}-${number}` };
      if (isGiven) {
        throw new ConfigurationError(
          `two limits on one request are called '${name}', and would share a counter: give one another name, ` +
            `limit(…, { name: "${name}-2" }), or leave the name out`,
        );
      }
    }
  }

  /**
   * Calls `count` unless the limit has counted the request under the key. Resolves to the outcome,
   * and to whether it is that of an earlier call.
   */
  async once<T>(key: string, owner: object, count: () => Promise<T>): Promise<{ outcome: T; isEarlier: boolean }> {
    const earlier = this.#counts.get(key);
    if (earlier) return { outcome: (await earlier.outcome) as T, isEarlier: true };
    const outcome = count();
    this.#counts.set(key, { owner, outcome });
    return { outcome: await outcome, isEarlier: false };
  }
}
