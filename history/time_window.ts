import { MeasurementBatch } from "../transport/wire/batch.ts";
import { timeOf } from "../transport/wire/ticks.ts";
import { placeOf, sortByTime } from "./time_order.ts";

/** With so many measurements a window is long enough. */
const ENOUGH = 32_768;
/** With more than so many it is cut to half of them. */
const MOST = 131_072;
/** What is less than this is not kept for the next window. */
const REST = 4096;

/**
 * Puts what is wanted of many blocks in order of time with little memory. It is a window onto their time that is no
 * longer than memory lasts, and moves on: all blocks are offered to it in their order, each time that it has moved. It
 * holds some 130,000 measurements and a block, however many blocks there are, whichever way they overlap.
 */
export class TimeWindow {
  /** What lies in the window; in order of time once it is taken. */
  readonly #held = new MeasurementBatch();
  /** How many of these have been taken. */
  #taken = 0;
  readonly #from: bigint;
  readonly #end: bigint;
  #start: bigint;
  #stop: bigint;
  /** The time of the latest that it holds. */
  #latest: bigint;
  /** What of a block lay behind the window, so that the block need not be read again when that has moved on. */
  readonly #rest = new MeasurementBatch();
  #restOf: bigint | undefined;

  /**
   * One onto all from `start` to `end`.
   *
   * @param start The first time that is wanted, in ticks.
   * @param end The last, likewise.
   */
  constructor(start: bigint, end: bigint) {
    this.#from = this.#start = this.#latest = start;
    this.#stop = this.#end = end;
  }

  /** Opens it anew, for other blocks. */
  open(): void {
    this.#start = this.#latest = this.#from;
    this.#stop = this.#end;
    this.#restOf = undefined;
  }

  /** How many measurements it holds. */
  get length(): number {
    return this.#held.length - this.#taken;
  }

  /**
   * Whether what it holds is to be taken before more is added. So it is when there is very much of a single time, of
   * which the order is that of the blocks.
   */
  get isFull(): boolean {
    return this.#start === this.#stop && this.length >= ENOUGH;
  }

  /** Whether something from `first` to `last` lies in the window; ends of which nothing is known are anywhere. */
  overlaps(first: bigint | undefined, last: bigint | undefined): boolean {
    return (first === undefined || first <= this.#stop) && (last === undefined || last >= this.#start);
  }

  /** Adds what of a block lies in the window. @param batch All that is wanted of it, in order of time. */
  add(block: bigint, batch: MeasurementBatch): void {
    this.addLast(batch);
    const to = placeOf(batch, this.#stop + 1n);
    if (batch.length - to < REST) return;
    this.#rest.clear();
    this.#rest.append(batch, to);
    this.#restOf = block;
  }

  /** Adds a block of which the rest was kept. @returns Whether it was. */
  addRest(block: bigint): boolean {
    if (this.#restOf !== block) return false;
    this.addLast(this.#rest);
    return true;
  }

  /** Adds what of a batch in order of time lies in the window: of what is in no block, and comes behind all blocks. */
  addLast(batch: MeasurementBatch): void {
    const from = placeOf(batch, this.#start);
    const to = placeOf(batch, this.#stop + 1n);
    if (from >= to) return;
    this.#held.append(batch, from, to);
    const latest = timeOf(batch.ticks[to - 1]!);
    if (latest > this.#latest) this.#latest = latest;
    if (this.#held.length > MOST) this.#cut();
    else if (this.#held.length >= ENOUGH) this.#stop = this.#latest;
  }

  /** Makes the window so short that it holds half as much. */
  #cut(): void {
    const held = this.#held;
    sortByTime(held);
    const time = timeOf(held.ticks[MOST / 2]!);
    // At its start it is as short as can be: all is of a single time.
    this.#stop = this.#latest = time > this.#start ? time - 1n : time;
    held.length = placeOf(held, this.#stop + 1n);
    this.#restOf = undefined;
  }

  /** The next measurements, at most so many, in a batch of just their size; `undefined` without any. */
  take(most: number): MeasurementBatch | undefined {
    const held = this.#held;
    if (this.#taken === 0) sortByTime(held);
    const size = Math.min(most, held.length - this.#taken);
    if (size === 0) {
      held.clear();
      this.#taken = 0;
      return undefined;
    }
    const piece = new MeasurementBatch(size);
    piece.append(held, this.#taken, this.#taken += size);
    return piece;
  }

  /** Moves on, when all blocks were offered and everything was taken. @returns Whether there was somewhere to go. */
  next(): boolean {
    if (this.#stop >= this.#end) return false;
    this.#start = this.#latest = this.#stop + 1n;
    this.#stop = this.#end;
    return true;
  }
}
