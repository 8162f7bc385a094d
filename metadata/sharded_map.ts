/** So many entries are in one Map: to make room for more of them takes less than a millisecond. */
const FEW = 8_192;
/** So many Maps hold nearly half a million entries before any of them has more than that. */
const SHARDS = 64;

/**
 * A Map of hundreds of thousands of entries that grows without a pause. A Map alone copies all that it has whenever it
 * doubles, which takes 10 ms at 130,000 entries.
 */
export class ShardedMap<Key, Value> {
  readonly #first = new Map<Key, Value>();
  /** Where all goes when the first is full. */
  #shards: readonly Map<Key, Value>[] | undefined;

  /** How many entries there are. */
  get size(): number {
    let { size } = this.#first;
    if (this.#shards !== undefined) { for (const shard of this.#shards) size += shard.size; }
    return size;
  }

  /** The value of a key. */
  get(key: Key): Value | undefined {
    const value = this.#first.get(key);
    return value === undefined && this.#shards !== undefined ? this.#shards[shardOf(key)]!.get(key) : value;
  }

  /** Whether a key has a value. */
  has(key: Key): boolean {
    return this.#first.has(key) || (this.#shards !== undefined && this.#shards[shardOf(key)]!.has(key));
  }

  /** The keys, in no particular order. */
  *keys(): Generator<Key, void> {
    yield* this.#first.keys();
    if (this.#shards !== undefined) { for (const shard of this.#shards) yield* shard.keys(); }
  }

  /** Gives a key its value. */
  set(key: Key, value: Value): void {
    const first = this.#first;
    if (first.size < FEW || first.has(key)) {
      first.set(key, value);
    } else {
      this.#shards ??= Array.from({ length: SHARDS }, () => new Map());
      this.#shards[shardOf(key)]!.set(key, value);
    }
  }
}

/** Random, so that nobody can choose keys that all go to one place. */
const SEED = Math.random() * 0x1_0000_0000 | 0;

/** Where a key belongs: by FNV-1a of its text, unless it is a small number. */
function shardOf(key: unknown): number {
  let hash = SEED;
  if (typeof key === "number" && (key | 0) === key) {
    hash = Math.imul(hash ^ key, 0x01000193);
  } else {
    const text = String(key);
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  // From the first to the last, Maps get more and more, up to twice as much: so they do not all grow at the same time.
  return Math.floor(SHARDS * Math.log2(1 + (hash >>> 0) / 0x1_0000_0000));
}
