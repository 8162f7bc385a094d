/**
 * Datagrams that come twice.
 *
 * @module
 */

/** How many datagrams are remembered. */
const CAPACITY = 4096;

/** Knows a datagram again that came a short while ago, whether a network doubled it or somebody replays it. */
export class RecentDatagrams {
  readonly #known = new Set<number>();
  readonly #order = new Float64Array(CAPACITY);
  #next = 0;
  /** Nobody else can tell which datagrams share a hash. */
  readonly #seed = crypto.getRandomValues(new Int32Array(2));

  /** Whether this datagram came among the last 4,096 that were asked about; from now on it did. */
  isRepeated(datagram: Uint8Array): boolean {
    const hash = this.#hash(datagram);
    if (this.#known.has(hash)) return true;
    if (this.#known.size === CAPACITY) this.#known.delete(this.#order[this.#next]!);
    this.#known.add(hash);
    this.#order[this.#next] = hash;
    this.#next = (this.#next + 1) % CAPACITY;
    return false;
  }

  /** Forgets all of them. */
  clear(): void {
    this.#known.clear();
    this.#next = 0;
  }

  /** 53 bits, a word at a time. */
  #hash(datagram: Uint8Array): number {
    const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.length);
    let a = this.#seed[0]! ^ datagram.length;
    let b = this.#seed[1]!;
    const whole = datagram.length & ~3;
    for (let i = 0; i < whole; i += 4) {
      const word = view.getInt32(i);
      a = Math.imul(a ^ word, 0x9e37_79b1);
      a ^= a >>> 15;
      b = Math.imul(b + word, 0x85eb_ca77);
      b ^= b >>> 13;
    }
    for (let i = whole; i < datagram.length; i++) {
      a = Math.imul(a ^ datagram[i]!, 0x9e37_79b1);
      b = Math.imul(b + datagram[i]!, 0x85eb_ca77);
    }
    a ^= a >>> 16;
    b ^= b >>> 16;
    return (a >>> 0) * 0x20_0000 + (b >>> 11);
  }
}
