/**
 * What is shown of a signal before the present: from a history, or from what passed while somebody looked.
 *
 * @module
 */
import type { Clock } from "../transport/clock.ts";
import { ticksNow, TicksPerSecond, toUnixMilliseconds } from "../transport/wire/ticks.ts";
import { millisecondsOf, type SignalMeter } from "./signal_meter.ts";
import type { AdminHistory } from "./system.ts";

/** A point: which of the signals asked for, milliseconds since 1970, and the value; `null` for NaN and infinities. */
export type Point = readonly [signal: number, time: number, value: number | null];

/** Milliseconds between two points of a signal at least: more than 50 a second are no use to the eye. */
const SPACING = 19;
/** Milliseconds that a signal's time may go back; beyond that it has begun again, as a replay does. */
const RESTART = 60_000;
/** The older it is, the less of it can be told apart: so many parts of the time up to now. */
const PARTS = 400;

/** Signals that are remembered at a time, and points of each: 12 bytes for a point make 6 MB at most. */
const MOST_SIGNALS = 64;
const MOST_POINTS = 8_192;
/** Points that a signal has room for at first. */
const FIRST_POINTS = 256;
/** Milliseconds for which a signal is remembered after the last reader left. */
const ATTENTION = 60_000;
/** Measurements of a signal after which it is looked whether that is over. */
const LOOK_EACH = 64;
/** Milliseconds that a history has to answer in; who reads does not wait longer for the present. */
const PATIENCE = 3_000;

/** Whether a signal goes on with a point of this time, neither late nor too near to its last one. */
export function follows(time: number, last: number): boolean {
  return time - last >= SPACING || time < last - RESTART;
}

/** Makes a few points of many: of each short time the least and the greatest, which are what a plot shows of it. */
class Thinner {
  readonly #signal: number;
  readonly #end: number;
  readonly #points: Point[];
  #from = -Infinity;
  #least: Point | undefined;
  #greatest: Point | undefined;

  /** @param end The latest time there will be. */
  constructor(signal: number, end: number, points: Point[]) {
    this.#signal = signal;
    this.#end = end;
    this.#points = points;
  }

  /** Takes points in order; what is no number is left out. */
  add(time: number, value: number): void {
    if (!Number.isFinite(value)) return;
    if (time - this.#from >= Math.max(SPACING, (this.#end - time) / PARTS)) {
      this.flush();
      this.#from = time;
    }
    const point: Point = [this.#signal, time, value];
    if (this.#least === undefined || value < this.#least[2]!) this.#least = point;
    if (this.#greatest === undefined || value > this.#greatest[2]!) this.#greatest = point;
  }

  /** No more come. */
  flush(): void {
    const [least, greatest] = [this.#least, this.#greatest];
    this.#least = this.#greatest = undefined;
    if (least === undefined || greatest === undefined) return;
    const [first, second] = least[1] <= greatest[1] ? [least, greatest] : [greatest, least];
    this.#points.push(first);
    if (second[1] > first[1]) this.#points.push(second);
  }
}

/** The latest points of a signal. */
class Ring {
  #times = new Float64Array(FIRST_POINTS);
  #values = new Float32Array(FIRST_POINTS);
  #count = 0;
  /** The time of the latest. */
  last = -Infinity;

  add(time: number, value: number): void {
    if (!follows(time, this.last)) return;
    if (time < this.last) this.#count = 0;
    this.last = time;
    if (this.#count === this.#times.length && this.#count < MOST_POINTS) this.#grow();
    const place = this.#count++ % this.#times.length;
    this.#times[place] = time;
    this.#values[place] = value;
  }

  #grow(): void {
    const [times, values] = [new Float64Array(2 * this.#count), new Float32Array(2 * this.#count)];
    times.set(this.#times);
    values.set(this.#values);
    this.#times = times;
    this.#values = values;
  }

  /** Shows the points from a time on. */
  read(start: number, take: (time: number, value: number) => void): void {
    const size = this.#times.length;
    for (let i = Math.max(0, this.#count - size); i < this.#count; i++) {
      const time = this.#times[i % size]!;
      if (time >= start) take(time, this.#values[i % size]!);
    }
  }
}

/** A signal that is remembered: by whom it is looked at, and until when it stays when that is nobody. */
interface Remembered {
  readonly ring: Ring;
  readonly end: () => void;
  readers: number;
  until: number;
}

/** Remembers the latest points of signals that somebody looks at, and for a minute after, so that a page can come again. */
export class TrendMemory {
  readonly #meter: SignalMeter;
  readonly #clock: Clock;
  readonly #signals = new Map<number, Remembered>();

  constructor(meter: SignalMeter, clock: Clock) {
    this.#meter = meter;
    this.#clock = clock;
  }

  /** How many signals are remembered. */
  get size(): number {
    return this.#signals.size;
  }

  /** Somebody looks at signals from now on. @returns What ends that. */
  attend(handles: readonly number[]): () => void {
    this.#forgetOld();
    const attended = handles.flatMap((handle) => this.#signal(handle) ?? []);
    for (const signal of attended) signal.readers++;
    return () => {
      for (const signal of attended.splice(0)) {
        signal.readers--;
        signal.until = this.#clock.monotonic() + ATTENTION;
      }
    };
  }

  #signal(handle: number): Remembered | undefined {
    const known = this.#signals.get(handle);
    if (known !== undefined) return known;
    if (this.#signals.size >= MOST_SIGNALS && !this.#makeRoom()) return undefined;
    const ring = new Ring();
    let count = 0;
    const add = (_: number, time: number, value: number): void => {
      ring.add(time, value);
      // Not at each: a look at the clock takes longer than all the rest.
      if (++count % LOOK_EACH === 0) this.#forgetIfOld(handle, signal, this.#clock.monotonic());
    };
    const end = this.#meter.watch({ handles: [handle], add });
    const signal: Remembered = { ring, end, readers: 0, until: Infinity };
    this.#signals.set(handle, signal);
    return signal;
  }

  #forgetOld(): void {
    const now = this.#clock.monotonic();
    for (const [handle, signal] of this.#signals) this.#forgetIfOld(handle, signal, now);
  }

  #forgetIfOld(handle: number, { readers, until }: Remembered, now: number): void {
    if (readers === 0 && until < now) this.#forget(handle);
  }

  /** Forgets the signal that nobody has looked at for longest. @returns Whether there was one. */
  #makeRoom(): boolean {
    let [oldest, earliest] = [-1, Infinity];
    for (const [handle, { readers, until }] of this.#signals) {
      if (readers === 0 && until < earliest) [oldest, earliest] = [handle, until];
    }
    if (oldest < 0) return false;
    this.#forget(oldest);
    return true;
  }

  #forget(handle: number): void {
    this.#signals.get(handle)?.end();
    this.#signals.delete(handle);
  }

  /** The last seconds of signals, those of each in order of time. */
  read(handles: readonly number[], seconds: number): Point[] {
    this.#forgetOld();
    const rings = handles.map((handle) => this.#signals.get(handle)?.ring);
    const end = Math.max(...rings.map((ring) => ring?.last ?? -Infinity));
    const points: Point[] = [];
    rings.forEach((ring, signal) => {
      const thinner = new Thinner(signal, end, points);
      ring?.read(end - 1000 * seconds, (time, value) => thinner.add(time, value));
      thinner.flush();
    });
    return points;
  }

  /** Remembers nothing any more. */
  close(): void {
    for (const handle of [...this.#signals.keys()]) this.#forget(handle);
  }
}

/** Reads the last seconds of signals from a history, for one reader after the other. */
export class TrendHistory {
  readonly #history: AdminHistory;
  readonly #clock: Clock;
  #busy: Promise<unknown> = Promise.resolve();

  constructor(history: AdminHistory, clock: Clock) {
    this.#history = history;
    this.#clock = clock;
  }

  /**
   * The last seconds of signals, those of each in order of time; where that takes too long, a shorter time.
   *
   * @param signal Ends the reading early.
   * @returns `undefined` when the history can't be read, or not in time.
   */
  async read(
    handles: readonly number[],
    seconds: number,
    signal: AbortSignal,
  ): Promise<Point[] | undefined> {
    const late = Promise.withResolvers<undefined>();
    const stop = new AbortController();
    const end = (): void => {
      stop.abort();
      late.resolve(undefined);
    };
    const cancelTimer = this.#clock.schedule(PATIENCE, end);
    signal.addEventListener("abort", end, { once: true });
    const reading = this.#busy.then(() => this.#read(handles, seconds, stop.signal));
    this.#busy = reading;
    try {
      return await Promise.race([reading, late.promise]);
    } finally {
      cancelTimer();
      signal.removeEventListener("abort", end);
    }
  }

  /** Never rejects. */
  async #read(
    handles: readonly number[],
    seconds: number,
    ended: AbortSignal,
  ): Promise<Point[] | undefined> {
    if (ended.aborted) return undefined;
    try {
      return await this.#attempt(handles, seconds, ended) ??
        await this.#attempt(handles, seconds / 15, ended);
    } catch {
      // A history that fails says so itself, by what it tells of itself.
      return undefined;
    }
  }

  async #attempt(
    handles: readonly number[],
    seconds: number,
    ended: AbortSignal,
  ): Promise<Point[] | undefined> {
    const history = this.#history;
    const range = history.source.range();
    if (range === undefined) return [];
    const now = ticksNow(this.#clock);
    // Times may be of long ago, as those of a recording are; one that is ahead is no reason to show nothing else.
    const latest = range.last < now ? range.last : now;
    const start = latest - BigInt(Math.round(seconds)) * TicksPerSecond;
    const end = toUnixMilliseconds(latest);
    const points: Point[] = [];
    const thinners = handles.map((_, signal) => new Thinner(signal, end, points));
    const places = new Map(handles.map((handle, signal) => [handle, signal]));
    const until = this.#clock.monotonic() + PATIENCE / 2;
    const batches = history.source.read({
      signals: history.signals,
      handles: Int32Array.from(handles),
      start,
      stop: range.last,
      parameters: "",
      signal: ended,
    });
    for await (const { signals, tickWords, values, length } of batches) {
      if (ended.aborted || this.#clock.monotonic() > until) return undefined;
      for (let i = 0; i < length; i++) {
        const signal = places.get(signals[i]!);
        if (signal !== undefined) thinners[signal]!.add(millisecondsOf(tickWords, i), values[i]!);
      }
    }
    for (const thinner of thinners) thinner.flush();
    return points;
  }
}
