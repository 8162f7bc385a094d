/**
 * Measurements in order of time, without a BigInt for each.
 *
 * Times are compared by their 32-bit halves, without the two leap-second bits.
 *
 * @module
 */
import type { MeasurementBatch } from "../transport/wire/batch.ts";
import { timeOf } from "../transport/wire/ticks.ts";
import type { HistoryRange } from "./source.ts";

/** The high half without the leap-second bits. */
const HIGH_MASK = 0x3fff_ffff;
const TWO_TO_32 = 0x1_0000_0000;
const TICKS_PER_SECOND = 10_000_000;
/** By how many bits at a time times are sorted. */
const DIGIT_BITS = 12;
const DIGITS = 2 ** DIGIT_BITS;

/**
 * The second that a time lies in, counted from the year 1. As doubles do not hold ticks exactly, its limits are off by
 * some 10 µs, always in the same way: it never falls while time rises.
 */
export function secondOf(ticks: bigint): number {
  const time = timeOf(ticks);
  return second(Number(time >> 32n), Number(time & 0xffff_ffffn));
}

/** {@linkcode secondOf} measurement `i`. */
export function secondAt({ tickWords }: MeasurementBatch, i: number): number {
  return second(tickWords[2 * i + 1]! & HIGH_MASK, tickWords[2 * i]! >>> 0);
}

function second(high: number, low: number): number {
  return Math.floor((high * TWO_TO_32 + low) / TICKS_PER_SECOND);
}

/**
 * Negative, zero or positive as the time of measurement `a` is before, at or after that of `b`.
 *
 * @param words The `tickWords` of the batch of `a`.
 * @param others Those of the batch of `b`; default the same.
 */
export function compareTimes(words: Int32Array, a: number, b: number, others: Int32Array = words): number {
  return (words[2 * a + 1]! & HIGH_MASK) - (others[2 * b + 1]! & HIGH_MASK) ||
    (words[2 * a]! >>> 0) - (others[2 * b]! >>> 0);
}

/** The earliest and the latest time of the measurements from `from` on; `undefined` without any. */
export function timesOf(
  { ticks, tickWords, length }: MeasurementBatch,
  from: number,
): HistoryRange | undefined {
  if (from >= length) return undefined;
  let first = from;
  let last = from;
  for (let i = from + 1; i < length; i++) {
    if (compareTimes(tickWords, i, first) < 0) first = i;
    else if (compareTimes(tickWords, i, last) > 0) last = i;
  }
  return { first: timeOf(ticks[first]!), last: timeOf(ticks[last]!) };
}

/** The times of both, if any, and what is between them. */
export function widened(
  range: HistoryRange | undefined,
  other: HistoryRange | undefined,
): HistoryRange | undefined {
  if (range === undefined || other === undefined) return range ?? other;
  return {
    first: other.first < range.first ? other.first : range.first,
    last: other.last > range.last ? other.last : range.last,
  };
}

/** The place of the first measurement at a time or later, of a batch in order of time; its length without any. */
export function placeOf({ ticks, length }: MeasurementBatch, time: bigint): number {
  let from = 0;
  for (let to = length; from < to;) {
    const middle = (from + to) >> 1;
    if (timeOf(ticks[middle]!) < time) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** Sorts a batch by time; of equal times, as they were. Whatever their order is, it takes as long as there are many. */
export function sortByTime(batch: MeasurementBatch): void {
  const { length, tickWords } = batch;
  let i = 1;
  while (i < length && compareTimes(tickWords, i - 1, i) <= 0) i++;
  if (i >= length) return;
  const order = orderOf(tickWords, length);
  const { signals, tickWords: words, valueBits, flags } = batch.clone();
  for (let j = 0; j < length; j++) {
    const from = order[j]!;
    batch.signals[j] = signals[from]!;
    tickWords[2 * j] = words[2 * from]!;
    tickWords[2 * j + 1] = words[2 * from + 1]!;
    batch.valueBits[j] = valueBits[from]!;
    batch.flags[j] = flags[from]!;
  }
}

/** Places in order of time, by a radix sort: some bits at a time, the lowest first, without those that are the same. */
function orderOf(words: Int32Array, length: number): Uint32Array {
  let order = new Uint32Array(length);
  let other = new Uint32Array(length);
  for (let j = 0; j < length; j++) order[j] = j;
  /** Where the next one with each value of these bits goes. */
  const places = new Uint32Array(DIGITS);
  for (const word of [0, 1]) {
    let differing = 0;
    for (let j = 0; j < length; j++) differing |= words[2 * j + word]! ^ words[word]!;
    if (word === 1) differing &= HIGH_MASK;
    for (let shift = 0; shift < 32 && differing >>> shift > 0; shift += DIGIT_BITS) {
      places.fill(0);
      const mask = (differing >>> shift) & (DIGITS - 1);
      for (let j = 0; j < length; j++) places[(words[2 * j + word]! >>> shift) & mask]!++;
      let place = 0;
      for (let digit = 0; digit < DIGITS; digit++) {
        const count = places[digit]!;
        places[digit] = place;
        place += count;
      }
      for (let j = 0; j < length; j++) {
        const from = order[j]!;
        other[places[(words[2 * from + word]! >>> shift) & mask]!++] = from;
      }
      [order, other] = [other, order];
    }
  }
  return order;
}

/**
 * Keeps those measurements from `from` on that are wanted, under their new handles, and drops the others.
 *
 * @param wanted The new handle for each signal; -1, or no entry, for signals that are not wanted.
 */
export function keepWanted(
  batch: MeasurementBatch,
  from: number,
  wanted: Int32Array,
  start: bigint,
  stop: bigint,
): void {
  const { signals, tickWords, valueBits, flags, length } = batch;
  let kept = from;
  forWanted(batch, from, length, wanted, start, stop, (i) => {
    signals[kept] = wanted[signals[i]!]!;
    tickWords[2 * kept] = tickWords[2 * i]!;
    tickWords[2 * kept + 1] = tickWords[2 * i + 1]!;
    valueBits[kept] = valueBits[i]!;
    flags[kept] = flags[i]!;
    kept++;
  });
  batch.length = kept;
}

/** Calls back for each measurement `from` to `to` (exclusive) that is wanted, in the order in which they are. */
export function forWanted(
  { signals, tickWords }: MeasurementBatch,
  from: number,
  to: number,
  wanted: Int32Array,
  start: bigint,
  stop: bigint,
  found: (i: number) => void,
): void {
  const startHigh = Number(start >> 32n);
  const startLow = Number(start & 0xffff_ffffn);
  const stopHigh = Number(stop >> 32n);
  const stopLow = Number(stop & 0xffff_ffffn);
  for (let i = from; i < to; i++) {
    if ((wanted[signals[i]!] ?? -1) < 0) continue;
    const high = tickWords[2 * i + 1]! & HIGH_MASK;
    const low = tickWords[2 * i]! >>> 0;
    if (high < startHigh || (high === startHigh && low < startLow)) continue;
    if (high > stopHigh || (high === stopHigh && low > stopLow)) continue;
    found(i);
  }
}
