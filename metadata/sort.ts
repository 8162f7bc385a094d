/**
 * Sorting in steps, so that others have their turn while much is sorted.
 *
 * @module
 */
import type { Steps } from "./steps.ts";

/** Below zero, zero or above as what is at the first position comes before, with or after that at the second. */
export type Order = (left: number, right: number) => number;

/** So many comparisons by few terms are a step: less than a millisecond. */
const STEP = 1_024;
/** So many are sorted by few terms at a time; what was sorted is merged. */
const RUN = 4_096;
/** Up to so many terms are few. By more, fewer are sorted at a time and merged in a step, but no less than these. */
const FEW_TERMS = 4;
const LEAST = 64;
/** After so many from one run in a row, the next are looked for in strides. */
const IN_A_ROW = 8;

/**
 * Sorts in steps: runs, which are then merged.
 *
 * @param positions Is left in another order.
 * @param terms How many comparisons the order may take for two positions: the more, the fewer are sorted in a step.
 */
export function* sortSteps(positions: number[], order: Order, terms: number = 1): Steps<number[]> {
  const { length } = positions;
  const share = Math.max(1, terms / FEW_TERMS);
  const run = Math.max(LEAST, Math.floor(RUN / share));
  const step = Math.max(LEAST, Math.floor(STEP / share));
  if (length <= run) return positions.sort(order);
  let from: number[] = [];
  for (let start = 0; start < length; start += run) {
    for (const position of positions.slice(start, start + run).sort(order)) from.push(position);
    yield;
  }
  let to = positions;
  for (let width = run; width < length; width *= 2) {
    for (let start = 0; start < length; start += 2 * width) {
      const merge = new Merge(from, to, start, Math.min(start + width, length), order);
      const end = Math.min(start + 2 * width, length);
      for (let at = start; at < end; at += step) {
        merge.fill(at, Math.min(at + step, end), end);
        yield;
      }
    }
    [from, to] = [to, from];
  }
  return from;
}

/** Two neighbouring runs, each in order, on their way to one. */
class Merge {
  readonly #from: readonly number[];
  readonly #to: number[];
  readonly #middle: number;
  readonly #order: Order;
  #left: number;
  #right: number;

  /**
   * @param start Where the first run begins.
   * @param middle Where the second one does.
   */
  constructor(from: readonly number[], to: number[], start: number, middle: number, order: Order) {
    this.#from = from;
    this.#to = to;
    this.#middle = middle;
    this.#order = order;
    this.#left = start;
    this.#right = middle;
  }

  /** Fills the next places, of which the last run ends at `end`. */
  fill(start: number, stop: number, end: number): void {
    const from = this.#from;
    const to = this.#to;
    const middle = this.#middle;
    const order = this.#order;
    let left = this.#left;
    let right = this.#right;
    /** How often in a row the left one came before; below zero, the right one. */
    let wins = 0;
    for (let at = start; at < stop;) {
      const takesLeft = right === end || (left < middle && order(from[left]!, from[right]!) <= 0);
      to[at++] = takesLeft ? from[left++]! : from[right++]!;
      wins = takesLeft ? Math.max(wins, 0) + 1 : Math.min(wins, 0) - 1;
      if (Math.abs(wins) < IN_A_ROW || left === middle || right === end) continue;
      // Many more may follow at once, as texts with numbers in them are in order for long stretches.
      wins = 0;
      if (takesLeft) {
        const last = Math.min(middle, left + stop - at);
        const reach = reachOf(left, last, (i) => order(from[i]!, from[right]!) <= 0);
        while (left < reach) to[at++] = from[left++]!;
      } else {
        const last = Math.min(end, right + stop - at);
        const reach = reachOf(right, last, (i) => order(from[left]!, from[i]!) > 0);
        while (right < reach) to[at++] = from[right++]!;
      }
    }
    this.#left = left;
    this.#right = right;
  }
}

/** Where, from `start` to `end`, what holds first does not hold any more: looked for in ever longer strides. */
function reachOf(start: number, end: number, holds: (index: number) => boolean): number {
  let low = start;
  let stride = 1;
  while (low + stride <= end && holds(low + stride - 1)) {
    low += stride;
    stride *= 2;
  }
  let high = Math.min(low + stride - 1, end);
  while (low < high) {
    const between = (low + high) >> 1;
    if (holds(between)) low = between + 1;
    else high = between;
  }
  return low;
}
