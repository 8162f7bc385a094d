/** Values by text, of which the least recently used go when they weigh too much together. */
export class KeptByWeight<Value> {
  readonly #limit: number;
  readonly #values = new Map<string, { value: Value; weight: number }>();
  #weight = 0;

  /** @param limit What all of them may weigh. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The value under a key, which is thereby used. */
  get(key: string): Value | undefined {
    const entry = this.#values.get(key);
    if (entry === undefined) return undefined;
    // A Map keeps the order of insertion: the last used is the last.
    this.#values.delete(key);
    this.#values.set(key, entry);
    return entry.value;
  }

  /** Keeps a value, unless it is too heavy by itself. */
  set(key: string, value: Value, weight: number): void {
    this.#weight -= this.#values.get(key)?.weight ?? 0;
    this.#values.delete(key);
    if (weight > this.#limit) return;
    this.#weight += weight;
    this.#values.set(key, { value, weight });
    for (const [oldest, entry] of this.#values) {
      if (this.#weight <= this.#limit) break;
      this.#values.delete(oldest);
      this.#weight -= entry.weight;
    }
  }
}
