/**
 * TSSC once more, as §8 of the wire contract puts it: with objects, BigInts and no thought of speed. The real
 * encoder must write the same bytes.
 */

/** A measurement in the terms of the wire. */
export interface RawMeasurement {
  /** Signal index, int32. */
  readonly index: number;
  readonly ticks: bigint;
  /** State flags, uint32. */
  readonly flags: number;
  /** Bits of the float32 value, uint32. */
  readonly bits: number;
}

interface Point {
  nextId: number;
  flags: [number, number];
  values: [number, number, number];
  counts: number[];
  total: number;
  adapted: number;
  favourites: number[];
}

const MAX = 2n ** 63n - 1n;
const int64 = (value: bigint): bigint => BigInt.asIntN(64, value);

function newPoint(nextId: number): Point {
  return {
    nextId: nextId >>> 0,
    flags: [0, 0],
    values: [0, 0, 0],
    counts: Array(32).fill(0),
    total: 0,
    adapted: 0,
    favourites: [20, 21, 22],
  };
}

/** Writes blocks; `reset` is a new instance. */
export class ReferenceEncoder {
  readonly #points = new Map<number, Point>();
  #last = newPoint(0);
  #time1 = 0n;
  #time2 = 0n;
  #deltas = [MAX, MAX, MAX, MAX];
  #bytes: number[] = [];
  #home = -1;
  #bitCount = 0;

  /** Writes one measurement. */
  put({ index, ticks, flags, bits }: RawMeasurement): void {
    const id = index >>> 0;
    const last = this.#last;
    if (last.nextId !== id) {
      const sizes = [4, 8, 12, 16, 20, 24, 32];
      const change = (id ^ last.nextId) >>> 0;
      const size = sizes.findIndex((size) => change < 2 ** size);
      this.#code(1 + size);
      this.#operand(change, sizes[size]!);
      last.nextId = id;
    }
    let point = this.#points.get(id);
    if (point === undefined) this.#points.set(id, point = newPoint(id + 1));
    if (ticks !== this.#time1) this.#time(ticks);
    if (flags !== point.flags[0]) {
      this.#code(flags === point.flags[1] ? 18 : 19);
      if (flags !== point.flags[1]) this.#varint(BigInt(flags), 5);
      point.flags = [flags, point.flags[0]];
    }
    this.#value(point, bits);
    this.#last = point;
  }

  /** Closes the block and gives its bytes. */
  finish(): Uint8Array {
    if (this.#bitCount > 0) this.#code(0);
    const block = Uint8Array.from(this.#bytes);
    this.#bytes = [];
    this.#bitCount = 0;
    return block;
  }

  #time(ticks: bigint): void {
    const forward = ticks > this.#time1;
    const step = this.#deltas.findIndex((delta) =>
      ticks === int64(forward ? this.#time1 + delta : this.#time1 - delta)
    );
    if (ticks === this.#time2) this.#code(16);
    else if (step >= 0) this.#code((forward ? 8 : 12) + step);
    else {
      this.#code(17);
      this.#varint(BigInt.asUintN(64, ticks ^ this.#time1), 9);
    }
    let distance = int64(this.#time1 - ticks);
    if (distance < 0n) distance = int64(-distance);
    if (distance < this.#deltas[3]! && !this.#deltas.slice(0, 3).includes(distance)) {
      this.#deltas = [...this.#deltas.slice(0, 3), distance].sort((a, b) => a < b ? -1 : a > b ? 1 : 0);
    }
    this.#time2 = this.#time1;
    this.#time1 = ticks;
  }

  #value(point: Point, bits: number): void {
    const [value1, value2, value3] = point.values;
    if (bits === value1) return this.#code(20);
    point.values = [bits, value1, bits === value2 ? value3 : value2];
    if (bits === value2) return this.#code(21);
    if (bits === value3) return this.#code(22);
    if (bits === 0) return this.#code(23);
    const change = (bits ^ value1) >>> 0;
    const halves = Math.ceil((32 - Math.clz32(change)) / 4);
    this.#code(23 + halves);
    this.#operand(change, 4 * halves);
  }

  #code(code: number): void {
    const point = this.#last;
    const rank = point.favourites.indexOf(code);
    const word = rank >= 0
      ? "0".repeat(rank) + "1"
      : "0".repeat(point.favourites.length) + code.toString(2).padStart(5, "0");
    this.#bits(word);
    point.counts[code]!++;
    if (++point.total > [5, 20, 100][point.adapted]!) this.#adapt(point);
  }

  #adapt(point: Point): void {
    const ranks = [0, 1, 2].map((code) => ({ code, count: 0 }));
    point.counts.forEach((count, code) => {
      const rank = ranks.findIndex((other) => count > other.count);
      if (rank < 0) return;
      ranks.splice(rank, 0, { code, count });
      ranks.pop();
    });
    const costs = [0, 1, 2, 3].map((size) =>
      point.counts.reduce((cost, count, code) => {
        const rank = ranks.slice(0, size).findIndex((other) => other.code === code);
        return cost + count * (rank < 0 ? 5 + size : rank + 1);
      }, 0)
    );
    const size = costs.indexOf(Math.min(...costs));
    point.favourites = ranks.slice(0, size).map(({ code }) => code);
    point.counts.fill(0);
    point.total = 0;
    point.adapted = Math.min(point.adapted + 1, 2);
  }

  #operand(value: number, size: number): void {
    if (size % 8 === 4) {
      this.#bits((value & 15).toString(2).padStart(4, "0"));
      value >>>= 4;
    }
    for (let bytes = size >> 3; bytes > 0; bytes--) {
      this.#bytes.push(value & 0xff);
      value >>>= 8;
    }
  }

  #varint(value: bigint, most: number): void {
    let count = 1;
    for (; count < most && value > 0x7fn; count++) {
      this.#bytes.push(Number(value & 0x7fn) | 0x80);
      value >>= 7n;
    }
    this.#bytes.push(Number(value));
  }

  #bits(word: string): void {
    for (const bit of word) {
      if (this.#bitCount === 0) this.#home = this.#bytes.push(0) - 1;
      if (bit === "1") this.#bytes[this.#home]! |= 0x80 >> this.#bitCount;
      this.#bitCount = (this.#bitCount + 1) % 8;
    }
  }
}
