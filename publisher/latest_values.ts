import { MeasurementBatch } from "../transport/wire/batch.ts";
import { StateFlags } from "../transport/wire/state_flags.ts";
import type { Throttle } from "./delivery.ts";
import type { SignalSet } from "./signal_set.ts";

const TICKS_PER_SECOND = 10_000_000;
const QUIET_NAN_BITS = 0x7fc00000;

/** A moment between two publications, as a place among what is new. */
export interface Mark {
  /** What is new from here on was stored later. */
  place: number;
}

/** Ticks as a double, exact to 13 microseconds, without the leap-second bits. */
function approximateTicks(words: Int32Array, i: number): number {
  return (words[2 * i + 1]! & 0x3fffffff) * 0x1_0000_0000 + (words[2 * i]! >>> 0);
}

/**
 * The latest measurement of every signal of a throttled subscription (§4), in columns by signal index.
 *
 * A signal is sent when it was published since the last time. With the time check on, a value that is stale or from
 * the future is sent as NaN with BadTime, and so is one, once, that was good when sent and has become stale since.
 *
 * What is new stands in a list, so that a beat costs as much as there is to send, and not as much as there are signals.
 */
export class LatestValues {
  readonly #throttle: Throttle;
  readonly #withoutNaN: boolean;
  readonly #tickWords: Int32Array;
  readonly #valueBits: Int32Array;
  readonly #flags: Uint32Array;
  readonly #output = new MeasurementBatch(1);
  /** Signals with new values, in the order of that. One that is in it more than once counts where it is last. */
  #news: Int32Array;
  #newsLength = 0;
  /** What of them was taken already. */
  #taken = 0;
  /** Where each signal is among them; -1: it is not. */
  readonly #places: Int32Array;
  /** In order. */
  readonly #marks = new Set<Mark>();
  /** Where the last of the marks is. */
  #lastMark = 0;
  /** Time check only: whether each signal's value was sent as good. */
  readonly #isGood: Uint8Array;
  /** Between these, in approximate ticks, are the times of all that was sent as good. */
  #earliest = Infinity;
  #latest = -Infinity;
  /** The latest reasonable timestamp, as approximate ticks. */
  #latestStored = 0;

  /**
   * @param size How many signals there are.
   * @param throttle For the time check.
   * @param withoutNaN Whether NaN is not sent, not even for a stale value.
   */
  constructor(size: number, throttle: Throttle, withoutNaN: boolean) {
    this.#throttle = throttle;
    this.#withoutNaN = withoutNaN;
    this.#tickWords = new Int32Array(2 * size);
    this.#valueBits = new Int32Array(size);
    this.#flags = new Uint32Array(size);
    this.#news = new Int32Array(size);
    this.#places = new Int32Array(size).fill(-1);
    this.#isGood = new Uint8Array(throttle.checkTime ? size : 0);
  }

  /**
   * Takes in what was published; of several measurements of a signal the last stays.
   *
   * @param batch Measurements with wire signal indexes.
   * @param now The local clock in ticks.
   */
  store(batch: MeasurementBatch, now: number): void {
    const { signals, tickWords, valueBits, flags, length } = batch;
    const { checkTime, useLocalClock } = this.#throttle;
    for (let i = 0; i < length; i++) {
      const index = signals[i]!;
      this.#tickWords[2 * index] = tickWords[2 * i]!;
      this.#tickWords[2 * index + 1] = tickWords[2 * i + 1]!;
      this.#valueBits[index] = valueBits[i]!;
      this.#flags[index] = flags[i]!;
      const place = this.#places[index]!;
      if (place < 0 || place < this.#lastMark) this.#append(index);
    }
    if (!checkTime || useLocalClock) return;
    for (let i = 0; i < length; i++) {
      const ticks = approximateTicks(tickWords, i);
      if (ticks > this.#latestStored && this.#isReasonable(ticks, now)) this.#latestStored = ticks;
    }
  }

  #append(index: number): void {
    if (this.#newsLength === this.#news.length) this.#makeRoom();
    this.#places[index] = this.#newsLength;
    this.#news[this.#newsLength++] = index;
  }

  /** Forgets what is in the list once more: half of it at least, when it is at its longest. */
  #makeRoom(): void {
    const before = this.#news;
    const size = this.#places.length;
    if (before.length < 2 * size) this.#news = new Int32Array(2 * size);
    const marks = [...this.#marks];
    let marked = 0;
    let length = 0;
    for (let place = 0; place < this.#newsLength; place++) {
      while (marked < marks.length && marks[marked]!.place === place) marks[marked++]!.place = length;
      const index = before[place]!;
      if (this.#places[index] !== place) continue;
      this.#places[index] = length;
      this.#news[length++] = index;
    }
    while (marked < marks.length) marks[marked++]!.place = length;
    this.#newsLength = length;
    this.#lastMark = marks.at(-1)?.place ?? 0;
  }

  #isReasonable(ticks: number, realTime: number): boolean {
    const { lagTime, leadTime } = this.#throttle;
    const ahead = ticks - realTime;
    return ahead <= leadTime * TICKS_PER_SECOND && ahead >= -lagTime * TICKS_PER_SECOND;
  }

  /** Keeps what is stored later apart from what is new by now; `undefined` when nothing is. Good until all is taken. */
  mark(): Mark | undefined {
    if (this.#newsLength === 0) return undefined;
    const mark = { place: this.#newsLength };
    this.#marks.add(mark);
    this.#lastMark = mark.place;
    return mark;
  }

  /** A mark is no longer needed. */
  unmark(mark: Mark): void {
    this.#marks.delete(mark);
  }

  /**
   * What is to be sent now.
   *
   * @param now The local clock in ticks.
   * @param until Only what was stored before this, and not taken yet; the rest is to be taken next.
   * @returns Measurements with wire signal indexes; good until the next call.
   */
  take(now: number, until?: Mark): MeasurementBatch {
    const realTime = this.#realTime(now);
    const end = until?.place ?? this.#newsLength;
    const output = this.#begin(end - this.#taken);
    for (let place = this.#taken; place < end; place++) {
      const index = this.#news[place]!;
      if (this.#places[index] !== place) continue;
      this.#places[index] = -1;
      const isBad = this.#write(index, realTime);
      if (this.#throttle.checkTime) this.#sent(index, isBad);
    }
    this.#taken = end;
    if (until !== undefined) return output;
    this.#newsLength = this.#taken = this.#lastMark = 0;
    this.#marks.clear();
    const { lagTime, leadTime } = this.#throttle;
    const isSomeBad = this.#earliest - realTime < -lagTime * TICKS_PER_SECOND ||
      this.#latest - realTime > leadTime * TICKS_PER_SECOND;
    if (isSomeBad) this.#takeStale(realTime);
    return output;
  }

  /**
   * What is new, for somebody who won't be there when it is taken.
   *
   * @param now The local clock in ticks.
   * @param since Only what was stored after this.
   * @param set Without the signals that are not in it.
   * @returns As from {@linkcode LatestValues.take}.
   */
  pending(now: number, since: Mark | undefined, { handles }: SignalSet): MeasurementBatch {
    const realTime = this.#realTime(now);
    const start = since?.place ?? 0;
    const output = this.#begin(this.#newsLength - start);
    for (let place = start; place < this.#newsLength; place++) {
      const index = this.#news[place]!;
      if (this.#places[index] === place && handles[index]! >= 0) this.#write(index, realTime);
    }
    return output;
  }

  #realTime(now: number): number {
    const isNow = this.#throttle.useLocalClock || !this.#isReasonable(this.#latestStored, now);
    return isNow ? now : this.#latestStored;
  }

  #begin(capacity: number): MeasurementBatch {
    this.#output.length = 0;
    this.#output.reserve(capacity);
    return this.#output;
  }

  /** Adds a signal to what is sent. @returns Whether its time is bad. */
  #write(index: number, realTime: number): boolean {
    const isBad = this.#throttle.checkTime &&
      !this.#isReasonable(approximateTicks(this.#tickWords, index), realTime);
    if (isBad && this.#withoutNaN) return isBad;
    const output = this.#output;
    const n = output.length++;
    output.signals[n] = index;
    output.tickWords[2 * n] = this.#tickWords[2 * index]!;
    output.tickWords[2 * n + 1] = this.#tickWords[2 * index + 1]!;
    output.valueBits[n] = isBad ? QUIET_NAN_BITS : this.#valueBits[index]!;
    output.flags[n] = isBad ? this.#flags[index]! | StateFlags.BadTime : this.#flags[index]!;
    return isBad;
  }

  #sent(index: number, isBad: boolean): void {
    this.#isGood[index] = isBad ? 0 : 1;
    if (isBad) return;
    const ticks = approximateTicks(this.#tickWords, index);
    this.#earliest = Math.min(this.#earliest, ticks);
    this.#latest = Math.max(this.#latest, ticks);
  }

  /** Adds what was good when it was sent and is not any more. */
  #takeStale(realTime: number): void {
    const isGood = this.#isGood;
    this.#earliest = Infinity;
    this.#latest = -Infinity;
    this.#output.reserve(isGood.length);
    for (let index = 0; index < isGood.length; index++) {
      if (isGood[index] === 0) continue;
      const ticks = approximateTicks(this.#tickWords, index);
      if (this.#isReasonable(ticks, realTime)) this.#sent(index, false);
      else this.#sent(index, this.#write(index, realTime));
    }
  }
}
