/**
 * Measurements in order of time, without a BigInt for each.
 *
 * Times are compared by their 32-bit halves, without the two leap-second bits.
 *
 * @module
 */
import type { MeasurementBatch } from "../transport/wire/batch.ts";
import { timeOf } from "../transport/wire/ticks.ts";

/** The high half without the leap-second bits. */
const HIGH_MASK = 0x3fff_ffff;
const TWO_TO_32 = 0x1_0000_0000;
const TICKS_PER_SECOND = 10_000_000;

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

/** Negative, zero or positive as the time of measurement `a` is before, at or after that of `b`. */
function compare(words: Int32Array, a: number, b: number): number {
  return (words[2 * a + 1]! & HIGH_MASK) - (words[2 * b + 1]! & HIGH_MASK) ||
    (words[2 * a]! >>> 0) - (words[2 * b]! >>> 0);
}

/** Sorts a batch by time; of equal times, as they were. */
export function sortByTime(batch: MeasurementBatch): void {
  const { length, tickWords } = batch;
  let i = 1;
  while (i < length && compare(tickWords, i - 1, i) <= 0) i++;
  if (i >= length) return;
  const order = new Uint32Array(length);
  for (let j = 0; j < length; j++) order[j] = j;
  order.sort((a, b) => compare(tickWords, a, b) || a - b);
  const { signals, ticks, valueBits, flags } = batch.clone();
  for (let j = 0; j < length; j++) {
    const from = order[j]!;
    batch.signals[j] = signals[from]!;
    batch.ticks[j] = ticks[from]!;
    batch.valueBits[j] = valueBits[from]!;
    batch.flags[j] = flags[from]!;
  }
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
  const startHigh = Number(start >> 32n);
  const startLow = Number(start & 0xffff_ffffn);
  const stopHigh = Number(stop >> 32n);
  const stopLow = Number(stop & 0xffff_ffffn);
  let kept = from;
  for (let i = from; i < length; i++) {
    const handle = wanted[signals[i]!] ?? -1;
    if (handle < 0) continue;
    const high = tickWords[2 * i + 1]! & HIGH_MASK;
    const low = tickWords[2 * i]! >>> 0;
    if (high < startHigh || (high === startHigh && low < startLow)) continue;
    if (high > stopHigh || (high === stopHigh && low > stopLow)) continue;
    signals[kept] = handle;
    tickWords[2 * kept] = tickWords[2 * i]!;
    tickWords[2 * kept + 1] = tickWords[2 * i + 1]!;
    valueBits[kept] = valueBits[i]!;
    flags[kept] = flags[i]!;
    kept++;
  }
  batch.length = kept;
}
