import type { Clock } from "../transport/clock.ts";
import type { MeasurementBatch } from "../transport/wire/batch.ts";
import type { TappedSystem } from "./system.ts";

/** The latest measurement of a signal. */
export interface LatestMeasurement {
  /** The value; may be NaN. */
  readonly value: number;
  /** Its own time, in milliseconds since 1970. */
  readonly time: number;
  /** State flags; 0 is good. */
  readonly flags: number;
}

/** Somebody who watches a few signals; told of every measurement of them. */
export interface SignalWatcher {
  /** Handles of the signals. */
  readonly handles: readonly number[];
  /** @param time Milliseconds since 1970. */
  add(handle: number, time: number, value: number): void;
}

/** Milliseconds between two samples of the counts at least; a shorter time makes noisy rates. */
const INTERVAL = 1_000;
/** Milliseconds for which is measured after somebody looked. */
const ATTENTION = 60_000;
/** Of each so many batches the delay of one is taken, and of that after each question: it needs a look at the clock. */
const DELAY_EACH = 16;
/** Milliseconds from the year 1, where ticks begin, to 1970. */
const UNIX_EPOCH = 62_135_596_800_000;

/** Ticks in two words, low half first, as whole milliseconds since 1970; without the leap-second bits. */
export function millisecondsOf(words: Int32Array, i: number): number {
  const ticks = (words[2 * i + 1]! & 0x3fff_ffff) * 0x1_0000_0000 + (words[2 * i]! >>> 0);
  return Math.round(ticks / 10_000) - UNIX_EPOCH;
}

interface Sample {
  readonly at: number;
  readonly records: Int32Array;
}

/**
 * Counts the measurements of every signal of a system and keeps the latest of each, while somebody looks: that takes some
 * nanoseconds for each measurement, and is nothing to spend when nobody does.
 */
export class SignalMeter {
  readonly #system: TappedSystem;
  readonly #clock: Clock;
  readonly #end: () => void;
  /** For each signal four words, so that they are near each other: count, bits of the value, ticks. */
  #records = new Int32Array(0);
  #flags = new Uint32Array(0);
  /** Who watches each signal, and for each signal whether somebody does. */
  readonly #watchers = new Map<number, Set<SignalWatcher>>();
  #watched = new Uint8Array(0);
  #reference: Sample;
  #last: Sample;
  #batches = 0;
  #isDelayWanted = false;
  #delay: number | null = null;
  /** When measuring began, by the clock's `monotonic()`, and until when it goes on. */
  #since = 0;
  #until = -Infinity;
  #isMeasuring = false;

  /** @param system Where measurements pass. */
  constructor(system: TappedSystem, clock: Clock) {
    this.#system = system;
    this.#clock = clock;
    this.#reference = this.#last = { at: clock.monotonic(), records: new Int32Array(0) };
    this.#end = system.tap((batch, from) => this.#take(batch, from));
  }

  /** Measures no more. */
  close(): void {
    this.#end();
  }

  #take(batch: MeasurementBatch, from: number): void {
    const { signals, tickWords, valueBits, flags, length } = batch;
    if (from >= length) return;
    if (this.#batches++ % DELAY_EACH === 0) this.#isDelayWanted = true;
    if (this.#isDelayWanted) {
      this.#isDelayWanted = false;
      this.#delay = this.#clock.now() - millisecondsOf(tickWords, length - 1);
    }
    if (this.#watchers.size > 0) this.#tell(batch, from);
    if (!this.#isMeasuring) return;
    if (this.#clock.monotonic() > this.#until) {
      this.#isMeasuring = false;
      return;
    }
    this.#reserve();
    const records = this.#records;
    const latestFlags = this.#flags;
    const size = latestFlags.length;
    for (let i = from; i < length; i++) {
      const signal = signals[i]!;
      if (signal >>> 0 >= size) continue;
      const record = signal << 2;
      // It begins again from 0 after 4,294,967,296, which no difference of two counts notices.
      records[record] = (records[record]! + 1) | 0;
      records[record + 1] = valueBits[i]!;
      records[record + 2] = tickWords[2 * i]!;
      records[record + 3] = tickWords[2 * i + 1]!;
      latestFlags[signal] = flags[i]!;
    }
  }

  /**
   * Somebody looks: measures from now on, until a minute after the last look.
   *
   * @returns Resolves when there has been a second to measure.
   */
  async look(): Promise<void> {
    const now = this.#clock.monotonic();
    if (now > this.#until) {
      this.#since = now;
      this.#reference = this.#last = { at: now, records: this.#records.slice() };
    }
    this.#until = now + ATTENTION;
    this.#isMeasuring = true;
    const left = this.#since + INTERVAL - now;
    if (left > 0) await new Promise<void>((resolve) => this.#clock.schedule(left, resolve));
  }

  /** Makes room for all signals that there are. */
  #reserve(): void {
    const { size } = this.#system.signals;
    if (size <= this.#flags.length) return;
    const capacity = Math.max(1024, 2 * this.#flags.length, size);
    this.#records = grown(this.#records, new Int32Array(4 * capacity));
    this.#flags = grown(this.#flags, new Uint32Array(capacity));
    this.#watched = grown(this.#watched, new Uint8Array(capacity));
  }

  #tell({ signals, tickWords, values, length }: MeasurementBatch, from: number): void {
    const watched = this.#watched;
    for (let i = from; i < length; i++) {
      const signal = signals[i]!;
      if (!watched[signal]) continue;
      const time = millisecondsOf(tickWords, i);
      for (const watcher of this.#watchers.get(signal)!) watcher.add(signal, time, values[i]!);
    }
  }

  /** Tells somebody of every measurement of some signals. @returns What ends it. */
  watch(watcher: SignalWatcher): () => void {
    this.#reserve();
    for (const handle of watcher.handles) {
      const watchers = this.#watchers.get(handle);
      if (watchers === undefined) this.#watchers.set(handle, new Set([watcher]));
      else watchers.add(watcher);
      this.#watched[handle] = 1;
    }
    return () => {
      for (const handle of watcher.handles) {
        const watchers = this.#watchers.get(handle);
        if (watchers === undefined || !watchers.delete(watcher) || watchers.size > 0) continue;
        this.#watchers.delete(handle);
        this.#watched[handle] = 0;
      }
    };
  }

  /** How old a measurement of late was when it came, in milliseconds; `null` before the first. */
  get delay(): number | null {
    this.#isDelayWanted = true;
    return this.#delay;
  }

  /** The latest measurement of a signal that was seen; `undefined` before the first. */
  latest(handle: number): LatestMeasurement | undefined {
    const record = 4 * handle;
    const time = millisecondsOf(this.#records, record / 2 + 1);
    // A count may have come round to 0; a measurement of the year 1 there is not.
    if (this.#records[record] === undefined || time === -UNIX_EPOCH) return undefined;
    floatBits[0] = this.#records[record + 1]!;
    return { value: floatValue[0]!, time, flags: this.#flags[handle]! };
  }

  /**
   * How many measurements of a signal there are a second: over the time since an earlier look, at least 1 s ago, and at
   * first since measuring began.
   */
  rates(): { readonly seconds: number; readonly of: (handle: number) => number } {
    const now = this.#clock.monotonic();
    if (now - this.#last.at >= INTERVAL) {
      this.#reference = this.#last;
      this.#last = { at: now, records: this.#records.slice() };
    }
    const { at, records: before } = this.#reference;
    const records = this.#records;
    const seconds = (now - at) / 1000;
    const of = (handle: number): number => {
      const count = ((records[4 * handle] ?? 0) - (before[4 * handle] ?? 0)) >>> 0;
      return seconds === 0 ? 0 : count / seconds;
    };
    return { seconds, of };
  }
}

const floatValue = new Float32Array(1);
const floatBits = new Int32Array(floatValue.buffer);

function grown<Column extends { set(from: Column): void }>(from: Column, to: Column): Column {
  to.set(from);
  return to;
}
