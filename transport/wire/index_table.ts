/**
 * A whole number, from 0 to 2^31 - 2, for each of some signal indexes. There is room for as many as there may be from the start:
 * a Map copies all that it has whenever it grows, which takes 40 ms at half a million.
 */
export class IndexTable {
  /** Open addressing in at least twice as many places: an index, and its number and one; 0 where there is none. */
  readonly #places: Int32Array;
  readonly #shift: number;
  /** Random, so that nobody can choose indexes that collide. */
  readonly #multiplier: number = (Math.random() * 0x1_0000_0000) | 1;

  /** @param most How many indexes there may be. */
  constructor(most: number) {
    const bits = 32 - Math.clz32(2 * Math.max(1, most) - 1);
    this.#places = new Int32Array(2 * 2 ** bits);
    this.#shift = 32 - bits;
  }

  /** The number of an index, -1 where it has none. */
  get(index: number): number {
    return this.#places[this.#find(index) + 1]! - 1;
  }

  /** Gives an index its number. */
  set(index: number, number: number): void {
    const at = this.#find(index);
    this.#places[at] = index;
    this.#places[at + 1] = number + 1;
  }

  /** Where an index is, or belongs. */
  #find(index: number): number {
    const places = this.#places;
    const mask = places.length - 1;
    const wanted = index | 0;
    const hash = Math.imul(wanted, this.#multiplier);
    let at = 2 * (Math.imul(hash ^ (hash >>> 15), this.#multiplier) >>> this.#shift);
    while (places[at + 1] !== 0 && places[at] !== wanted) at = (at + 2) & mask;
    return at;
  }
}
