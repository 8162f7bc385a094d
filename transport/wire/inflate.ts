/**
 * Deflate data (RFC 1951), decompressed a piece at a time: a byte of it may come to a thousand, or cost as much.
 *
 * @module
 */
import { SttpError } from "../errors.ts";

/** How far back a match may reach. */
const WINDOW = 32_768;
/** So much output makes a piece, with the rest of a match at most. */
const PIECE = 65_536;
const LONGEST_MATCH = 258;
const FULL = WINDOW + PIECE;
/** No more blocks are begun for one piece: to build the codes of one takes as long as to decompress many bytes. */
const BLOCKS = 64;

const LONGEST_CODE = 15;
/** Codes of so many bits are looked up; there are few that are longer, and larger tables take longer to build. */
const ROOT = 10;
const ROOT_MASK = (1 << ROOT) - 1;

const END_OF_BLOCK = 256;
/** By symbol, from 257 on: how many bits behind it belong to the length of a match. */
const LENGTH_BITS = Uint8Array.from({ length: 31 }, (_, i) => i < 8 || i >= 28 ? 0 : (i >> 2) - 1);
/** The length without them; 0 where there is none. */
const LENGTHS = bases(3, LENGTH_BITS, 28);
LENGTHS[28] = LONGEST_MATCH;
/** The same for distances. */
const DISTANCE_BITS = Uint8Array.from({ length: 32 }, (_, i) => i < 2 || i >= 30 ? 0 : (i >> 1) - 1);
const DISTANCES = bases(1, DISTANCE_BITS, 30);
/** The order in which the lengths of the codes for lengths come. */
const LENGTH_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

function bases(first: number, bits: Uint8Array, count: number): Uint16Array {
  const bases = new Uint16Array(bits.length);
  let base = first;
  for (let i = 0; i < count; i++) {
    bases[i] = base;
    base += 1 << bits[i]!;
  }
  return bases;
}

/** Numbers of `ROOT` bits with their bits the other way round: codes come with their first bit lowest. */
const REVERSED = new Uint16Array(1 << ROOT);
for (let i = 1; i < REVERSED.length; i++) REVERSED[i] = REVERSED[i >> 1]! >> 1 | (i & 1) << ROOT - 1;

/** A Huffman code. Symbols are given out as `symbol << 4 | bits of its code`. */
class Code {
  /** By the next `ROOT` bits: the symbol; 0 where its code is longer, or there is none. */
  readonly table = new Uint16Array(1 << ROOT);
  /** How many codes there are of each length. */
  readonly #counts = new Uint16Array(LONGEST_CODE + 1);
  /** Symbols in the order of their codes. */
  readonly #symbols = new Uint16Array(288);

  /**
   * Becomes the code in which each symbol has so many bits, 0 for those that do not occur.
   *
   * @returns Whether there is one, and only one: it has room for all of them and for no more.
   */
  build(lengths: Uint8Array): boolean {
    const { table } = this;
    const counts = this.#counts.fill(0);
    const symbols = this.#symbols;
    for (const length of lengths) counts[length]!++;
    const used = lengths.length - counts[0]!;
    counts[0] = 0;
    const places = new Uint16Array(LONGEST_CODE + 2);
    let free = 1;
    for (let length = 1; length <= LONGEST_CODE; length++) {
      free = 2 * free - counts[length]!;
      if (free < 0) return false;
      places[length + 1] = places[length]! + counts[length]!;
    }
    // Where there is one symbol at most, its code does not matter.
    if (free > 0 && used > counts[1]!) return false;
    for (let symbol = 0; symbol < lengths.length; symbol++) {
      const length = lengths[symbol]!;
      if (length > 0) symbols[places[length]!++] = symbol;
    }
    table.fill(0);
    let code = 0;
    let place = 0;
    for (let length = 1; length <= ROOT; length++, code <<= 1) {
      const last = code + counts[length]!;
      for (; code < last; code++) {
        const entry = symbols[place++]! << 4 | length;
        const from = REVERSED[code]! >> ROOT - length;
        for (let i = from; i < table.length; i += 1 << length) table[i] = entry;
      }
    }
    return true;
  }

  /** The symbol whose code the next bits begin with, however long it is; 0 when it is none's. */
  find(bits: number): number {
    const counts = this.#counts;
    let code = 0;
    let first = 0;
    let place = 0;
    for (let length = 1; length <= LONGEST_CODE; length++) {
      code |= bits & 1;
      bits >>= 1;
      const count = counts[length]!;
      if (code < first + count) return this.#symbols[place + code - first]! << 4 | length;
      place += count;
      first = first + count << 1;
      code <<= 1;
    }
    return 0;
  }
}

let fixed: readonly [Code, Code] | undefined;

/** The codes that are the same everywhere. */
function fixedCodes(): readonly [Code, Code] {
  if (fixed === undefined) {
    fixed = [new Code(), new Code()];
    fixed[0].build(
      Uint8Array.from({ length: 288 }, (_, i) => i < 144 ? 8 : i < END_OF_BLOCK ? 9 : i < 280 ? 7 : 8),
    );
    fixed[1].build(new Uint8Array(32).fill(5));
  }
  return fixed;
}

/**
 * Decompresses what is from `start` to `end`. Behind that there are 8 bytes at least, as the trailer of gzip is.
 *
 * @returns Pieces of about 64 KiB; shorter ones, down to none, where little comes out for a while, so that each takes a
 * fraction of a millisecond, or a few where the data is made for that.
 * @throws {SttpError} `MalformedFrame` when the data is damaged, or does not end where it should.
 */
export function* inflate(
  bytes: Uint8Array,
  start: number,
  end: number,
): Generator<Uint8Array<ArrayBuffer>, void, undefined> {
  const inflation = new Inflation(bytes, start, end);
  while (!inflation.isOver) yield inflation.next();
}

class Inflation {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  /** Where the next bits are taken from, and those that were taken and not used: `#count` of them, lowest first. */
  #at: number;
  #bits = 0;
  #count = 0;
  /** The output: up to a window of what came before, then the piece. */
  readonly #out = new Uint8Array(FULL + LONGEST_MATCH);
  #oldest = WINDOW;
  #filled = WINDOW;
  readonly #own: readonly [Code, Code] = [new Code(), new Code()];
  /** The block's codes, of lengths with literals and of distances, while it has any. */
  #codes: readonly [Code, Code] | undefined;
  /** How many bytes of the block are still to be copied as they are. */
  #stored = 0;
  #isLast = false;

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  /** Whether all is decompressed. */
  get isOver(): boolean {
    return this.#isLast && this.#codes === undefined && this.#stored === 0;
  }

  /** The next piece. */
  next(): Uint8Array<ArrayBuffer> {
    const out = this.#out;
    // What is before the window is not needed any more.
    const passed = this.#filled - WINDOW;
    if (passed > 0) out.copyWithin(0, passed, this.#filled);
    this.#oldest = Math.max(0, this.#oldest - passed);
    this.#filled = WINDOW;
    for (let blocks = 0; !this.isOver && this.#filled < FULL;) {
      if (this.#stored > 0) this.#copyStored();
      else if (this.#codes !== undefined) this.#decode(this.#codes);
      else if (blocks++ === BLOCKS) break;
      else this.#begin();
    }
    const used = this.#at - (this.#count >> 3);
    if (used > this.#end || (this.isOver && used < this.#end)) throw this.#damaged();
    return out.slice(WINDOW, this.#filled);
  }

  #damaged(at: number = this.#at): SttpError {
    return new SttpError(
      "MalformedFrame",
      `gzip data is damaged or cut short near byte ${Math.min(at, this.#end)}`,
    );
  }

  /** Takes bits, 16 at most. */
  #take(count: number): number {
    if (this.#count < count) this.#fill();
    const bits = this.#bits & (1 << count) - 1;
    this.#bits >>>= count;
    this.#count -= count;
    return bits;
  }

  /** Gets two bytes more, some of them perhaps of the trailer. */
  #fill(): void {
    if (this.#at > this.#end + 1) throw this.#damaged();
    this.#bits |= (this.#bytes[this.#at]! | this.#bytes[this.#at + 1]! << 8) << this.#count;
    this.#at += 2;
    this.#count += 16;
  }

  /** Reads what is in front of a block. */
  #begin(): void {
    this.#isLast = this.#take(1) === 1;
    const kind = this.#take(2);
    if (kind === 0) this.#beginStored();
    else if (kind === 1) this.#codes = fixedCodes();
    else if (kind === 2) this.#codes = this.#readCodes();
    else throw this.#damaged();
  }

  #beginStored(): void {
    this.#at -= this.#count >> 3;
    this.#bits = this.#count = 0;
    this.#stored = this.#take(16);
    if (this.#take(16) !== (~this.#stored & 0xffff) || this.#stored > this.#end - this.#at) {
      throw this.#damaged();
    }
  }

  #copyStored(): void {
    const count = Math.min(this.#stored, FULL - this.#filled);
    this.#out.set(this.#bytes.subarray(this.#at, this.#at + count), this.#filled);
    this.#at += count;
    this.#filled += count;
    this.#stored -= count;
  }

  /** The codes of a block of its own; how long they are is itself in a code. */
  #readCodes(): readonly [Code, Code] {
    const [literals, distances] = this.#own;
    const literalCount = this.#take(5) + 257;
    const distanceCount = this.#take(5) + 1;
    if (literalCount > 286 || distanceCount > 30) throw this.#damaged();
    const orderCount = this.#take(4) + 4;
    const orderLengths = new Uint8Array(19);
    for (let i = 0; i < orderCount; i++) orderLengths[LENGTH_ORDER[i]!] = this.#take(3);
    if (!literals.build(orderLengths)) throw this.#damaged();
    const { table } = literals;
    const lengths = new Uint8Array(literalCount + distanceCount);
    for (let i = 0; i < lengths.length;) {
      if (this.#count < LONGEST_CODE) this.#fill();
      const entry = table[this.#bits & ROOT_MASK]!;
      if (entry === 0) throw this.#damaged();
      this.#take(entry & 15);
      const symbol = entry >> 4;
      if (symbol < 16) {
        lengths[i++] = symbol;
        continue;
      }
      if (symbol === 16 && i === 0) throw this.#damaged();
      const length = symbol === 16 ? lengths[i - 1]! : 0;
      const last = i +
        (symbol === 16 ? 3 + this.#take(2) : symbol === 17 ? 3 + this.#take(3) : 11 + this.#take(7));
      if (last > lengths.length) throw this.#damaged();
      lengths.fill(length, i, last);
      i = last;
    }
    if (lengths[END_OF_BLOCK] === 0) throw this.#damaged();
    const isCode = literals.build(lengths.subarray(0, literalCount)) &&
      distances.build(lengths.subarray(literalCount));
    if (!isCode) throw this.#damaged();
    return this.#own;
  }

  /** Decompresses until the block ends or the piece is full. */
  #decode([literals, distances]: readonly [Code, Code]): void {
    const bytes = this.#bytes;
    const out = this.#out;
    const oldest = this.#oldest;
    const literalTable = literals.table;
    const distanceTable = distances.table;
    // Bits are got where they may run short; where they do, only the last of them are behind the end.
    const lastRead = this.#end + 1;
    let at = this.#at;
    let bits = this.#bits;
    let count = this.#count;
    let filled = this.#filled;
    while (filled < FULL) {
      if (count < LONGEST_CODE) {
        if (at > lastRead) throw this.#damaged(at);
        bits |= (bytes[at]! | bytes[at + 1]! << 8) << count;
        at += 2;
        count += 16;
      }
      let entry = literalTable[bits & ROOT_MASK]!;
      if (entry === 0 && (entry = literals.find(bits)) === 0) throw this.#damaged(at);
      bits >>>= entry & 15;
      count -= entry & 15;
      let symbol = entry >> 4;
      if (symbol < END_OF_BLOCK) {
        out[filled++] = symbol;
        continue;
      }
      if (symbol === END_OF_BLOCK) {
        this.#codes = undefined;
        break;
      }
      symbol -= END_OF_BLOCK + 1;
      let length = LENGTHS[symbol]!;
      if (length === 0) throw this.#damaged(at);
      if (count < LONGEST_CODE) {
        if (at > lastRead) throw this.#damaged(at);
        bits |= (bytes[at]! | bytes[at + 1]! << 8) << count;
        at += 2;
        count += 16;
      }
      let more = LENGTH_BITS[symbol]!;
      length += bits & (1 << more) - 1;
      bits >>>= more;
      count -= more;
      if (count < LONGEST_CODE) {
        if (at > lastRead) throw this.#damaged(at);
        bits |= (bytes[at]! | bytes[at + 1]! << 8) << count;
        at += 2;
        count += 16;
      }
      entry = distanceTable[bits & ROOT_MASK]!;
      if (entry === 0 && (entry = distances.find(bits)) === 0) throw this.#damaged(at);
      bits >>>= entry & 15;
      count -= entry & 15;
      symbol = entry >> 4;
      if (count < LONGEST_CODE) {
        if (at > lastRead) throw this.#damaged(at);
        bits |= (bytes[at]! | bytes[at + 1]! << 8) << count;
        at += 2;
        count += 16;
      }
      more = DISTANCE_BITS[symbol]!;
      const distance = DISTANCES[symbol]! + (bits & (1 << more) - 1);
      bits >>>= more;
      count -= more;
      if (DISTANCES[symbol] === 0 || distance > filled - oldest) throw this.#damaged(at);
      const last = filled + length;
      for (let from = filled - distance; filled < last;) out[filled++] = out[from++]!;
    }
    this.#at = at;
    this.#bits = bits;
    this.#count = count;
    this.#filled = filled;
  }
}
