/**
 * What TSSC remembers of each signal, for encoder and decoder alike (§8 of the wire contract).
 *
 * @module
 */
import { Code, CODE_COUNT } from "./codes.ts";

/** Where a point's fields lie in {@linkcode PointTable.words}, counted from the point's handle. */
export const Field = {
  /** The signal index that came after this point last time. */
  NextIndex: 0,
  /** The handle of the point with that index; 0 while nobody looked it up. */
  NextPoint: 1,
  Flags1: 2,
  Flags2: 3,
  Value1: 4,
  Value2: 5,
  Value3: 6,
  /** The code-word model, packed: see {@linkcode Model}. */
  Model: 7,
} as const;

/** Words a point; with handles as multiples of it, `handle << 2` finds the point's 32 code entries. */
const POINT_WORDS = 8;

/** How the fields of a model share its word. */
export const Model = {
  /** Bits 0-7: codes still to be counted until the model adapts. */
  CountdownMask: 0xff,
  /** Bits 8-22: three favourite codes, five bits each, the first one lowest. */
  FavouriteShift: 8,
  FavouriteBits: 5,
  /** Bits 23-24: how many favourites have a short code word; the mode less one. */
  CountShift: 23,
  CountMask: 3,
  /** Bits 25-26: how often the model adapted, counted to 2. */
  StageShift: 25,
} as const;

/** Codes counted before the first adaptation, the second, and each one after. */
const PERIODS = [6, 21, 101] as const;

/** Bits of a code entry that count; above them stands the length of the code's word. */
export const ENTRY_LENGTH_SHIFT = 8;
const ENTRY_COUNT_MASK = 0xff;

/** The pseudo-point before the first one. */
export const ORIGIN = 0;

const INITIAL_CAPACITY = 64;

/**
 * All points of a stream, in flat arrays and found by signal index.
 *
 * A handle is the position of the point's fields in `words`, stays valid until `reset`, and is never 0 for a real
 * point. Storage grows with the number of points, whatever their indexes are. `words` and `codes` are replaced
 * when it grows: take them again after `resolve`.
 */
export class PointTable {
  /** Eight words a point, laid out as {@linkcode Field} says. */
  words: Int32Array<ArrayBuffer>;
  /** 32 entries a point: how often each code was used, and above that the length of its word in bits. */
  codes: Uint16Array<ArrayBuffer>;
  /** The same memory as `codes`, two entries at a time. */
  #codePairs: Int32Array<ArrayBuffer>;
  /** One past the last handle in use. */
  #end = POINT_WORDS;
  // Open addressing. The multiplier is random, so that nobody can choose indexes that collide.
  readonly #multiplier = (Math.random() * 0x1_0000_0000) | 1;
  #keys: Int32Array<ArrayBuffer>;
  #handles: Int32Array<ArrayBuffer>;
  #shift: number;

  constructor() {
    this.words = new Int32Array(INITIAL_CAPACITY * POINT_WORDS);
    this.codes = new Uint16Array(INITIAL_CAPACITY * CODE_COUNT);
    this.#codePairs = new Int32Array(this.codes.buffer);
    this.#keys = new Int32Array(2 * INITIAL_CAPACITY);
    this.#handles = new Int32Array(2 * INITIAL_CAPACITY);
    this.#shift = Math.clz32(2 * INITIAL_CAPACITY) + 1;
    this.#initialize(ORIGIN, 0);
  }

  /** How many points there are. */
  get size(): number {
    return this.#end / POINT_WORDS - 1;
  }

  /** Forgets all points; the storage stays. */
  reset(): void {
    this.#handles.fill(0);
    this.#end = POINT_WORDS;
    this.#initialize(ORIGIN, 0);
  }

  /** The handle of the point with this signal index, or 0 when there is none. */
  find(index: number): number {
    const mask = this.#keys.length - 1;
    for (let at = Math.imul(index, this.#multiplier) >>> this.#shift;; at = (at + 1) & mask) {
      const handle = this.#handles[at]!;
      if (handle === 0 || this.#keys[at] === index) return handle;
    }
  }

  /** Makes the point for a signal index that has none, and returns its handle. */
  add(index: number): number {
    const handle = this.#end;
    if (handle === this.words.length) this.#grow();
    this.#end = handle + POINT_WORDS;
    this.#initialize(handle, (index + 1) | 0);
    this.#insert(index, handle);
    return handle;
  }

  /**
   * Turns to the model that would have written the codes counted since last time in the fewest bits, and counts
   * afresh. To be called when the countdown in the model's word has reached 0.
   */
  adapt(point: number): void {
    const { codes } = this;
    const base = point << 2;
    // The three most frequent codes.
    let first = 0;
    let second = 1;
    let third = 2;
    let firstCount = 0;
    let secondCount = 0;
    let thirdCount = 0;
    let total = 0;
    for (let code = 0; code < CODE_COUNT; code++) {
      const count = codes[base + code]! & ENTRY_COUNT_MASK;
      total += count;
      if (count > firstCount) {
        third = second;
        thirdCount = secondCount;
        second = first;
        secondCount = firstCount;
        first = code;
        firstCount = count;
      } else if (count > secondCount) {
        third = second;
        thirdCount = secondCount;
        second = code;
        secondCount = count;
      } else if (count > thirdCount) {
        third = code;
        thirdCount = count;
      }
    }
    // What the codes would have cost with 0, 1, 2 and 3 favourites.
    let favourites = 0;
    let least = 5 * total;
    const one = firstCount + 6 * (total - firstCount);
    if (one < least) {
      least = one;
      favourites = 1;
    }
    const two = firstCount + 2 * secondCount + 7 * (total - firstCount - secondCount);
    if (two < least) {
      least = two;
      favourites = 2;
    }
    const three = firstCount + 2 * secondCount + 3 * thirdCount +
      8 * (total - firstCount - secondCount - thirdCount);
    if (three < least) favourites = 3;

    const stage = this.words[point + Field.Model]! >>> Model.StageShift;
    this.#setModel(point, favourites, first, second, third, Math.min(stage + 1, 2));
  }

  #setModel(
    point: number,
    favourites: number,
    first: number,
    second: number,
    third: number,
    stage: number,
  ): void {
    this.words[point + Field.Model] = PERIODS[stage as 0 | 1 | 2] |
      first << Model.FavouriteShift |
      second << (Model.FavouriteShift + Model.FavouriteBits) |
      third << (Model.FavouriteShift + 2 * Model.FavouriteBits) |
      favourites << Model.CountShift |
      stage << Model.StageShift;
    const base = point << 2;
    const plain = (5 + favourites) << ENTRY_LENGTH_SHIFT;
    this.#codePairs.fill(plain | plain << 16, base >> 1, (base + CODE_COUNT) >> 1);
    // From the last to the first: where two favourites are the same code, the shorter word holds.
    if (favourites > 2) this.codes[base + third] = 3 << ENTRY_LENGTH_SHIFT;
    if (favourites > 1) this.codes[base + second] = 2 << ENTRY_LENGTH_SHIFT;
    if (favourites > 0) this.codes[base + first] = 1 << ENTRY_LENGTH_SHIFT;
  }

  #initialize(point: number, nextIndex: number): void {
    this.words.fill(0, point, point + POINT_WORDS);
    this.words[point + Field.NextIndex] = nextIndex;
    this.#setModel(point, 3, Code.Value1, Code.Value2, Code.Value3, 0);
  }

  #insert(index: number, handle: number): void {
    const mask = this.#keys.length - 1;
    let at = Math.imul(index, this.#multiplier) >>> this.#shift;
    while (this.#handles[at] !== 0) at = (at + 1) & mask;
    this.#keys[at] = index;
    this.#handles[at] = handle;
  }

  #grow(): void {
    const words = new Int32Array(2 * this.words.length);
    words.set(this.words);
    this.words = words;
    const codes = new Uint16Array(2 * this.codes.length);
    codes.set(this.codes);
    this.codes = codes;
    this.#codePairs = new Int32Array(codes.buffer);
    const keys = this.#keys;
    const handles = this.#handles;
    this.#keys = new Int32Array(2 * keys.length);
    this.#handles = new Int32Array(2 * handles.length);
    this.#shift--;
    for (let at = 0; at < handles.length; at++) {
      if (handles[at] !== 0) this.#insert(keys[at]!, handles[at]!);
    }
  }
}
