interface Entry<Value> {
  readonly value: Value;
  readonly text: string;
  readonly weight: number;
}

/**
 * Values by key, of which the least recently used go when they weigh too much together. A key may stand for a text: then of
 * several texts with the same key the last has its value kept.
 */
export class KeptByWeight<Value> {
  readonly #limit: number;
  readonly #values = new Map<string, Entry<Value>>();
  #weight = 0;

  /** @param limit What all of them may weigh. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The value under a key, which is thereby used. @param text What the key stands for. */
  get(key: string, text: string = ""): Value | undefined {
    const entry = this.#values.get(key);
    if (entry?.text !== text) return undefined;
    // A Map keeps the order of insertion: the last used is the last.
    this.#values.delete(key);
    this.#values.set(key, entry);
    return entry.value;
  }

  /** Keeps a value, unless it is too heavy by itself. @param text What the key stands for. */
  set(key: string, value: Value, weight: number, text: string = ""): void {
    this.#weight -= this.#values.get(key)?.weight ?? 0;
    this.#values.delete(key);
    if (weight > this.#limit) return;
    this.#weight += weight;
    this.#values.set(key, { value, text, weight });
    for (const [oldest, entry] of this.#values) {
      if (this.#weight <= this.#limit) break;
      this.#values.delete(oldest);
      this.#weight -= entry.weight;
    }
  }
}
