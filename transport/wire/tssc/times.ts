/**
 * What TSSC remembers of a stream's timestamps (§8 of the wire contract), as pairs of 32-bit words: arithmetic on
 * BigInts allocates.
 *
 * @module
 */
import { Code } from "./codes.ts";

/** How many steps are remembered, two words each. */
const STEPS = 4;

/** The last two timestamps and the four smallest steps seen. All arithmetic wraps, all comparisons are signed. */
export class TimeHistory {
  /** Low word of the last timestamp. */
  low = 0;
  /** High word of the last timestamp. */
  high = 0;
  // The different timestamp before.
  #previousLow = 0;
  #previousHigh = 0;
  /** The steps in ascending order, low word first. */
  readonly #steps = new Int32Array(2 * STEPS);
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
      this.#previousLow =
      this.#previousHigh =
        0;
    for (let i = 0; i < STEPS; i++) {
      this.#steps[2 * i] = -1;
      this.#steps[2 * i + 1] = 0x7fff_ffff;
    }
  }

  /**
   * Moves on to a timestamp other than the last.
   *
   * @returns The code that stands for it: `TimeXor7Bit` when no shorter one does.
   */
  advance(low: number, high: number): number {
    const code = this.#codeOf(low, high);
    if (code === Code.TimeXor7Bit) this.#learn();
    this.#shift(low, high);
    return code;
  }

  /** Moves on to the timestamp that a code from `TimeDelta1Forward` to `Timestamp2` stands for. */
  follow(code: number): void {
    const { low, high } = this;
    if (code === Code.Timestamp2) {
      this.#shift(this.#previousLow, this.#previousHigh);
    } else if (code < Code.TimeDelta1Reverse) {
      const i = 2 * (code - Code.TimeDelta1Forward);
      const sum = (low + this.#steps[i]!) | 0;
      const carry = sum >>> 0 < low >>> 0 ? 1 : 0;
      this.#shift(sum, (high + this.#steps[i + 1]! + carry) | 0);
    } else {
      const i = 2 * (code - Code.TimeDelta1Reverse);
      const difference = (low - this.#steps[i]!) | 0;
      const borrow = difference >>> 0 > low >>> 0 ? 1 : 0;
      this.#shift(difference, (high - this.#steps[i + 1]! - borrow) | 0);
    }
  }

  /** Moves on to a timestamp that `TimeXor7Bit` stands for. */
  moveTo(low: number, high: number): void {
    this.#measure(low, high);
    this.#learn();
    this.#shift(low, high);
  }

  #codeOf(low: number, high: number): number {
    const forward = this.#measure(low, high);
    if (low === this.#previousLow && high === this.#previousHigh) return Code.Timestamp2;
    for (let i = 0; i < STEPS; i++) {
      if (this.#steps[2 * i] === this.#distanceLow && this.#steps[2 * i + 1] === this.#distanceHigh) {
        return (forward ? Code.TimeDelta1Forward : Code.TimeDelta1Reverse) + i;
      }
    }
    return Code.TimeXor7Bit;
  }

  #shift(low: number, high: number): void {
    this.#previousLow = this.low;
    this.#previousHigh = this.high;
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

  /**
   * Makes the distance a step, unless it is one already or larger than all of them. Of use after `TimeXor7Bit` only:
   * the distance of a `TimeDelta` is a step, and that of `Timestamp2` was learnt or refused on the way here.
   */
  #learn(): void {
    const steps = this.#steps;
    let low = this.#distanceLow;
    let high = this.#distanceHigh;
    if (high < 0) {
      // It overflowed: its absolute value, where the smallest number stays what it is.
      high = (~high + (low === 0 ? 1 : 0)) | 0;
      low = -low | 0;
    }
    const last = 2 * (STEPS - 1);
    if (!less(low, high, steps[last]!, steps[last + 1]!)) return;
    let at = 0;
    while (at < last && less(steps[at]!, steps[at + 1]!, low, high)) at += 2;
    if (steps[at] === low && steps[at + 1] === high) return;
    steps.copyWithin(at + 2, at, last);
    steps[at] = low;
    steps[at + 1] = high;
  }
}

/** Whether one 64-bit number is less than another, both signed. */
function less(low: number, high: number, otherLow: number, otherHigh: number): boolean {
  return high < otherHigh || (high === otherHigh && low >>> 0 < otherLow >>> 0);
}
