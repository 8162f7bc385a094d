/**
 * What TSSC remembers of a stream's timestamps (§8 of the wire contract), as pairs of 32-bit words: arithmetic on
 * BigInts allocates.
 *
 * @module
 */
import { Code } from "./codes.ts";

const DELTAS = 4;

/** Two previous timestamps and the four smallest steps seen. All arithmetic wraps, all comparisons are signed. */
export class TimeHistory {
  /** Low word of the last timestamp. */
  low = 0;
  /** High word of the last timestamp. */
  high = 0;
  /** Low word of the timestamp before, in a stream where a change of time counts as a step. */
  previousLow = 0;
  /** High word of the same. */
  previousHigh = 0;
  /** Steps in ascending order, low word first. */
  readonly #deltas = new Int32Array(2 * DELTAS);
  // The distance that #measure found.
  #distanceLow = 0;
  #distanceHigh = 0;

  constructor() {
    this.reset();
  }

  /** Back to a stream's beginning. */
  reset(): void {
    this.low =
      this.high =
      this.previousLow =
      this.previousHigh =
        0;
    for (let i = 0; i < DELTAS; i++) {
      this.#deltas[2 * i] = -1;
      this.#deltas[2 * i + 1] = 0x7fff_ffff;
    }
  }

  /** The code that stands for a timestamp other than the last: `TimeXor7Bit` when no shorter one does. */
  codeOf(low: number, high: number): number {
    if (low === this.previousLow && high === this.previousHigh) return Code.Timestamp2;
    const forward = this.#measure(low, high);
    for (let i = 0; i < DELTAS; i++) {
      if (this.#deltas[2 * i] === this.#distanceLow && this.#deltas[2 * i + 1] === this.#distanceHigh) {
        return (forward ? Code.TimeDelta1Forward : Code.TimeDelta1Reverse) + i;
      }
    }
    return Code.TimeXor7Bit;
  }

  /** Moves to the timestamp that a code from `TimeDelta1Forward` to `Timestamp2` stands for. */
  follow(code: number): void {
    if (code === Code.Timestamp2) {
      this.record(this.previousLow, this.previousHigh);
      return;
    }
    const forward = code < Code.TimeDelta1Reverse;
    const i = code - (forward ? Code.TimeDelta1Forward : Code.TimeDelta1Reverse);
    const deltaLow = this.#deltas[2 * i]!;
    const deltaHigh = this.#deltas[2 * i + 1]!;
    if (forward) {
      const low = (this.low + deltaLow) | 0;
      const carry = low >>> 0 < deltaLow >>> 0 ? 1 : 0;
      this.record(low, (this.high + deltaHigh + carry) | 0);
    } else {
      const borrow = this.low >>> 0 < deltaLow >>> 0 ? 1 : 0;
      this.record((this.low - deltaLow) | 0, (this.high - deltaHigh - borrow) | 0);
    }
  }

  /** Makes `low`, `high` the last timestamp, and its step from the one before known if that is small enough. */
  record(low: number, high: number): void {
    this.#measure(low, high);
    this.#learn();
    this.previousLow = this.low;
    this.previousHigh = this.high;
    this.low = low;
    this.high = high;
  }

  /** Sets the distance from the last timestamp, in the direction of the result: whether it lies later. */
  #measure(low: number, high: number): boolean {
    const forward = less(this.low, this.high, low, high);
    const fromLow = forward ? this.low : low;
    const fromHigh = forward ? this.high : high;
    const toLow = forward ? low : this.low;
    const toHigh = forward ? high : this.high;
    this.#distanceLow = (toLow - fromLow) | 0;
    this.#distanceHigh = (toHigh - fromHigh - (toLow >>> 0 < fromLow >>> 0 ? 1 : 0)) | 0;
    return forward;
  }

  #learn(): void {
    const deltas = this.#deltas;
    let low = this.#distanceLow;
    let high = this.#distanceHigh;
    if (high < 0) {
      // The distance overflowed: its absolute value, where the smallest number stays what it is.
      high = (~high + (low === 0 ? 1 : 0)) | 0;
      low = -low | 0;
    }
    const last = 2 * (DELTAS - 1);
    if (!less(low, high, deltas[last]!, deltas[last + 1]!)) return;
    let at = 0;
    for (; at < last; at += 2) {
      const deltaLow = deltas[at]!;
      const deltaHigh = deltas[at + 1]!;
      if (low === deltaLow && high === deltaHigh) return;
      if (less(low, high, deltaLow, deltaHigh)) break;
    }
    deltas.copyWithin(at + 2, at, last);
    deltas[at] = low;
    deltas[at + 1] = high;
  }
}

/** Whether one 64-bit number is less than another, both signed. */
function less(low: number, high: number, otherLow: number, otherHigh: number): boolean {
  return high < otherHigh || (high === otherHigh && low >>> 0 < otherLow >>> 0);
}
