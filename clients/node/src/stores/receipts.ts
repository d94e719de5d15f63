/**
 * When units were recorded, so that they can be given back later by their key alone. Bounded: what
 * is forgotten stays counted.
 */
const MAX_KEYS = 10_000;
const MAX_PER_KEY = 8;

export interface Receipt {
  /** Unix milliseconds of the server. */
  readonly at: number;
  readonly units: number;
}

export class Receipts {
  /** The key that was used last is the last one. */
  readonly #byKey = new Map<string, Receipt[]>();

  add(key: string, at: number, units: number): void {
    const known = this.#byKey.get(key) ?? [];
    this.#byKey.delete(key);
    this.#byKey.set(key, [...known.slice(1 - MAX_PER_KEY), { at, units }]);
    if (this.#byKey.size <= MAX_KEYS) return;
    const [oldest] = this.#byKey.keys();
    this.#byKey.delete(oldest as string);
  }

  /** Takes the units that were recorded last. */
  take(key: string): Receipt | undefined {
    const known = this.#byKey.get(key);
    const receipt = known?.pop();
    if (known?.length === 0) this.#byKey.delete(key);
    return receipt;
  }

  forget(key: string): void {
    this.#byKey.delete(key);
  }
}
