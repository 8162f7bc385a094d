/**
 * What TSSC remembers of each signal, for encoder and decoder alike (§8 of the wire contract).
 *
 * @module
 */
import { Code, CODE_COUNT } from "./codes.ts";

/**
 * Where a point's fields lie in {@linkcode PointTable.words}, counted from the point's handle. All of a point fits
 * in 16 words, a cache line.
 */
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
  /** The code-word model, packed as {@linkcode Model} says. */
  Model: 7,
  /** How often each code was used since the model adapted: a byte a code, four in each of eight words. */
  Counts: 8,
} as const;

const POINT_WORDS = 16;

/** The packed form of a code-word model. */
export const Model = {
  /** Bits 0-7: codes still to be counted; at 0 the model must adapt before it is used again. */
  CountdownMask: 0xff,
  /** Bits 8-25: the favourites, first one lowest, in {@linkcode Model.FavouriteBits} each. */
  FavouriteShift: 8,
  /** One bit more than a code has, for `NO_FAVOURITE`. */
  FavouriteBits: 6,
  FavouriteMask: 0x3f,
  /** Bits 26-27: how many favourites there are; the mode less one. */
  SizeShift: 26,
  SizeMask: 3,
  /** Bits 28-29: how often the model adapted, counted to 2. */
  StageShift: 28,
} as const;

/** In place of a favourite that the mode does not use: equal to no code. */
const NO_FAVOURITE = 32;

/** Codes counted before the first adaptation, the second, and each one after. None is over 255. */
const PERIODS = [6, 21, 101] as const;

/** The pseudo-point before a stream's first one. As a next point it means: not looked up yet. */
export const ORIGIN = 0;

const INITIAL_CAPACITY = 64;
/** Storage for so many times the points that there were is too much to be kept. */
const SPARE = 64;

/**
 * All points of a stream, in a flat array and found by signal index.
 *
 * A point's handle is where its fields start in `words`. It stays valid until `reset`. Storage grows with the
 * number of points, whatever their indexes are, and `words` is replaced when it does: take it again after `add`.
 */
export class PointTable {
  /** 16 words a point, laid out as {@linkcode Field} says. */
  words: Int32Array<ArrayBuffer> = new Int32Array(INITIAL_CAPACITY * POINT_WORDS);
  /** One past the last handle in use. */
  #end = POINT_WORDS;
  /**
   * Handles of low signal indexes, by index. Publishers count indexes from 0, and in their order neither this nor
   * `words` is ever far from where the last point was.
   */
  #near: Int32Array<ArrayBuffer> = new Int32Array(2 * INITIAL_CAPACITY);
  /** Handles of the other signal indexes. */
  #far = new FarIndexes();

  constructor() {
    this.#initialize(ORIGIN, 0);
  }

  /** How many points there are. */
  get size(): number {
    return this.#end / POINT_WORDS - 1;
  }

  /**
   * Forgets all points. The storage stays, unless few of them made use of it: resets one after the other cost no more
   * than the points between them.
   */
  reset(): void {
    if (this.words.length > SPARE * this.#end) {
      this.words = new Int32Array(INITIAL_CAPACITY * POINT_WORDS);
      this.#near = new Int32Array(2 * INITIAL_CAPACITY);
    } else {
      this.#near.fill(0);
    }
    this.#far = new FarIndexes();
    this.#end = POINT_WORDS;
    this.#initialize(ORIGIN, 0);
  }

  /** The handle of the point with this signal index, or {@linkcode ORIGIN} when there is none. */
  find(index: number): number {
    return index >>> 0 < this.#near.length ? this.#near[index]! : this.#far.find(index);
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

  /** Whether a point's model must adapt before it is used for another code. */
  isDue(point: number): boolean {
    return (this.words[point + Field.Model]! & Model.CountdownMask) === 0;
  }

  /** Counts a use of a code in a point's model, which must not be due. */
  count(point: number, code: number): void {
    this.words[point + Field.Model]!--;
    this.words[point + Field.Counts + (code >> 2)]! += 1 << ((code & 3) << 3);
  }

  /** The length in bits of a code's word in a point's model: up to 3 for a favourite, from 5 for any other. */
  wordLength(point: number, code: number): number {
    const model = this.words[point + Field.Model]!;
    const size = (model >>> Model.SizeShift) & Model.SizeMask;
    for (let i = 0; i < size; i++) {
      const favourite = model >>> (Model.FavouriteShift + i * Model.FavouriteBits);
      if ((favourite & Model.FavouriteMask) === code) return i + 1;
    }
    return 5 + size;
  }

  /** Turns to the model that would have taken the fewest bits for the codes counted, and counts afresh. */
  adapt(point: number): void {
    const { words } = this;
    // The three most frequent codes.
    let first = 0;
    let second = 1;
    let third = 2;
    let firstCount = 0;
    let secondCount = 0;
    let thirdCount = 0;
    let total = 0;
    for (let i = 0; i < CODE_COUNT / 4; i++) {
      let counts = words[point + Field.Counts + i]!;
      words[point + Field.Counts + i] = 0;
      for (let code = 4 * i; counts !== 0; code++) {
        const count = counts & 0xff;
        counts >>>= 8;
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
    }

    // What the codes would have cost with 0, 1, 2 and 3 favourites.
    let size = 0;
    let least = 5 * total;
    const one = firstCount + 6 * (total - firstCount);
    if (one < least) {
      least = one;
      size = 1;
    }
    const two = firstCount + 2 * secondCount + 7 * (total - firstCount - secondCount);
    if (two < least) {
      least = two;
      size = 2;
    }
    const three = firstCount + 2 * secondCount + 3 * thirdCount +
      8 * (total - firstCount - secondCount - thirdCount);
    if (three < least) size = 3;

    const stage = words[point + Field.Model]! >>> Model.StageShift;
    words[point + Field.Model] = packModel(Math.min(stage + 1, 2), size, first, second, third);
  }

  #initialize(point: number, nextIndex: number): void {
    const { words } = this;
    for (let i = 0; i < POINT_WORDS; i++) words[point + i] = 0;
    words[point + Field.NextIndex] = nextIndex;
    words[point + Field.Model] = INITIAL_MODEL;
  }

  #insert(index: number, handle: number): void {
    if (index >>> 0 < this.#near.length) this.#near[index] = handle;
    else this.#far.insert(index, handle);
  }

  #grow(): void {
    const words = new Int32Array(2 * this.words.length);
    words.set(this.words);
    this.words = words;
    const near = new Int32Array(2 * this.#near.length);
    near.set(this.#near);
    this.#near = near;
    // Some of the others have become near.
    const far = this.#far;
    this.#far = new FarIndexes();
    far.forEach((index, handle) => this.#insert(index, handle));
  }
}

/** Handles by signal index, by open addressing in a table of at least twice their number. */
class FarIndexes {
  #count = 0;
  /** Pairs of a signal index and a handle; no handle is 0. */
  #slots: Int32Array<ArrayBuffer> = new Int32Array(2 * 16);
  #shift: number = Math.clz32(16) + 1;
  /** Random, so that nobody can choose indexes that collide. */
  readonly #multiplier: number = (Math.random() * 0x1_0000_0000) | 1;

  find(index: number): number {
    return this.#slots[this.#slotOf(index) + 1]!;
  }

  insert(index: number, handle: number): void {
    if (4 * (this.#count + 1) > this.#slots.length) this.#grow();
    const slot = this.#slotOf(index);
    this.#slots[slot] = index;
    this.#slots[slot + 1] = handle;
    this.#count++;
  }

  forEach(visit: (index: number, handle: number) => void): void {
    const slots = this.#slots;
    for (let slot = 0; slot < slots.length; slot += 2) {
      if (slots[slot + 1] !== 0) visit(slots[slot]!, slots[slot + 1]!);
    }
  }

  /** Where an index is, or belongs. */
  #slotOf(index: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = Math.imul(index, this.#multiplier) >>> this.#shift << 1;
    while (slots[slot + 1] !== 0 && slots[slot] !== index) slot = (slot + 2) & mask;
    return slot;
  }

  #grow(): void {
    const slots = this.#slots;
    this.#slots = new Int32Array(2 * slots.length);
    this.#shift--;
    this.#count = 0;
    for (let slot = 0; slot < slots.length; slot += 2) {
      if (slots[slot + 1] !== 0) this.insert(slots[slot]!, slots[slot + 1]!);
    }
  }
}

// A favourite that is used was counted, so that no two of them are the same code.
function packModel(stage: number, size: number, first: number, second: number, third: number): number {
  const favourites = (size > 0 ? first : NO_FAVOURITE) |
    (size > 1 ? second : NO_FAVOURITE) << Model.FavouriteBits |
    (size > 2 ? third : NO_FAVOURITE) << (2 * Model.FavouriteBits);
  return PERIODS[stage as 0 | 1 | 2] | favourites << Model.FavouriteShift | size << Model.SizeShift |
    stage << Model.StageShift;
}

/** What the code-word model of every point starts from. */
const INITIAL_MODEL = packModel(0, 3, Code.Value1, Code.Value2, Code.Value3);
