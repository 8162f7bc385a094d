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
/** Milliseconds from the year 1, where ticks begin, to 1970. */
const UNIX_EPOCH = 62_135_596_800_000;

/** Ticks in two words, low half first, as whole milliseconds since 1970; without the leap-second bits. */
function millisecondsOf(words: Int32Array, i: number): number {
  const ticks = (words[2 * i + 1]! & 0x3fff_ffff) * 0x1_0000_0000 + (words[2 * i]! >>> 0);
  return Math.round(ticks / 10_000) - UNIX_EPOCH;
}

interface Sample {
  readonly at: number;
  readonly counts: Float64Array;
}

/**
 * Counts the measurements of every signal of a system and keeps the latest of each, from its construction on: a few
 * nanoseconds for each measurement, in columns by handle.
 */
export class SignalMeter {
  readonly #system: TappedSystem;
  readonly #clock: Clock;
  readonly #end: () => void;
  readonly #watchers = new Set<SignalWatcher>();
  #counts = new Float64Array(0);
  #valueBits = new Int32Array(0);
  #tickWords = new Int32Array(0);
  #flags = new Uint32Array(0);
  /** By how many each signal is watched. */
  #watched = new Uint8Array(0);
  #reference: Sample;
  #last: Sample;
  #delay: number | null = null;

  /** @param system Where measurements pass. */
  constructor(system: TappedSystem, clock: Clock) {
    this.#system = system;
    this.#clock = clock;
    this.#reference = this.#last = { at: clock.monotonic(), counts: new Float64Array(0) };
    this.#end = system.tap((batch, from) => this.#take(batch, from));
  }

  /** Counts no more. */
  close(): void {
    this.#end();
  }

  #take(batch: MeasurementBatch, from: number): void {
    const { signals, tickWords, valueBits, flags, length } = batch;
    if (from >= length) return;
    if (this.#system.signals.size > this.#counts.length) this.#grow(this.#system.signals.size);
    const counts = this.#counts;
    const size = counts.length;
    for (let i = from; i < length; i++) {
      const signal = signals[i]!;
      if (signal >>> 0 >= size) continue;
      counts[signal]!++;
      this.#valueBits[signal] = valueBits[i]!;
      this.#tickWords[2 * signal] = tickWords[2 * i]!;
      this.#tickWords[2 * signal + 1] = tickWords[2 * i + 1]!;
      this.#flags[signal] = flags[i]!;
    }
    this.#delay = this.#clock.now() - millisecondsOf(tickWords, length - 1);
    if (this.#watchers.size > 0) this.#tell(batch, from);
  }

  #grow(size: number): void {
    const capacity = Math.max(1024, 2 * this.#counts.length, size);
    this.#counts = grown(this.#counts, new Float64Array(capacity));
    this.#valueBits = grown(this.#valueBits, new Int32Array(capacity));
    this.#tickWords = grown(this.#tickWords, new Int32Array(2 * capacity));
    this.#flags = grown(this.#flags, new Uint32Array(capacity));
    this.#watched = grown(this.#watched, new Uint8Array(capacity));
  }

  #tell({ signals, tickWords, values, length }: MeasurementBatch, from: number): void {
    for (let i = from; i < length; i++) {
      const signal = signals[i]!;
      if (!this.#watched[signal]) continue;
      const time = millisecondsOf(tickWords, i);
      for (const watcher of this.#watchers) {
        if (watcher.handles.includes(signal)) watcher.add(signal, time, values[i]!);
      }
    }
  }

  /** Tells somebody of every measurement of some signals. @returns What ends it. */
  watch(watcher: SignalWatcher): () => void {
    if (this.#system.signals.size > this.#counts.length) this.#grow(this.#system.signals.size);
    this.#watchers.add(watcher);
    for (const handle of watcher.handles) this.#watched[handle]!++;
    return () => {
      if (!this.#watchers.delete(watcher)) return;
      for (const handle of watcher.handles) this.#watched[handle]!--;
    };
  }

  /** How old the measurement was that came last, when it came, in milliseconds; `null` before the first. */
  get delay(): number | null {
    return this.#delay;
  }

  /** How many measurements of a signal there were. */
  count(handle: number): number {
    return this.#counts[handle] ?? 0;
  }

  /** The latest measurement of a signal; `undefined` before the first. */
  latest(handle: number): LatestMeasurement | undefined {
    if (this.count(handle) === 0) return undefined;
    floatBits[0] = this.#valueBits[handle]!;
    return {
      value: floatValue[0]!,
      time: millisecondsOf(this.#tickWords, handle),
      flags: this.#flags[handle]!,
    };
  }

  /**
   * How many measurements of a signal there are a second: over the time since an earlier look, at least 1 s ago, and for
   * the first look since counting began.
   */
  rates(): { readonly seconds: number; readonly of: (handle: number) => number } {
    const now = this.#clock.monotonic();
    if (now - this.#last.at >= INTERVAL) {
      this.#reference = this.#last;
      this.#last = { at: now, counts: this.#counts.slice() };
    }
    const { at, counts } = this.#reference;
    const seconds = (now - at) / 1000;
    const of = (handle: number): number =>
      seconds === 0 ? 0 : (this.count(handle) - (counts[handle] ?? 0)) / seconds;
    return { seconds, of };
  }
}

const floatValue = new Float32Array(1);
const floatBits = new Int32Array(floatValue.buffer);

function grown<Column extends { set(from: Column): void }>(from: Column, to: Column): Column {
  to.set(from);
  return to;
}
