/**
 * Measurements sorted into frames: all those of one instant together.
 *
 * @module
 */
import { ShardedMap } from "../metadata/sharded_map.ts";
import { finish, type Steps } from "../metadata/steps.ts";
import type { Clock } from "../transport/clock.ts";
import { SttpError } from "../transport/errors.ts";
import { inRange } from "../transport/option_checks.ts";
import { MeasurementBatch } from "../transport/wire/batch.ts";
import { ticksNow } from "../transport/wire/ticks.ts";
import type { BatchIterator } from "./delivery.ts";
import { GivingWay } from "./giving_way.ts";

/** How measurements are sorted into frames. */
export interface FrameOptions {
  /** Frames a second, which divide each second evenly from its start; at most 1,000. Default 30. */
  framesPerSecond?: number;
  /** Seconds that a frame waits for its measurements before it is handed over. Default 5. */
  lagTime?: number;
  /** Seconds that a timestamp may be ahead of the local clock; what is further ahead is discarded. Default 5. */
  leadTime?: number;
  /**
   * What a frame's age is measured by: `true`, the local clock; `false`, the latest timestamp received, so that
   * frames follow their data when it is delayed, replayed, or stamped by another clock. Default true.
   */
  useLocalClockAsRealTime?: boolean;
  /**
   * Measurements that frames hold at most until they are handed over, over all of them, at 24 bytes each and, where they
   * come in disorder, some 40 more; a frame counts for 64 at least. It stops measurements at ever other times, which
   * would fill every frame that lag and lead time allow. Where there are more the oldest frame is handed over early,
   * which `stats()` counts. From 64 to 2^30; default 16,777,216, room for 100,000 signals 30 times a second during the
   * default lag time.
   */
  maxMeasurements?: number;
}

/** Measurements whose timestamps round to the same instant. */
export interface Frame {
  /** The instant, in ticks. */
  readonly ticks: bigint;
  /**
   * Its measurements, one a signal: where several round to the same frame, the last to arrive. They keep their own
   * timestamps.
   */
  readonly measurements: MeasurementBatch;
}

/** What a {@linkcode FrameSorter} counts. */
export interface FrameStats {
  /** Frames handed over. */
  readonly frames: number;
  /** Of these, frames handed over before their time, as there was no room for more measurements. */
  readonly early: number;
  /** Measurements that came when their frame had been handed over, and were discarded. */
  readonly late: number;
  /** Measurements too far ahead of the local clock, discarded. */
  readonly future: number;
  /** Measurements replaced by a later one of the same signal in the same frame. */
  readonly replaced: number;
}

/** Iterates frames; see `Subscriber.frames`. */
export interface FrameIterator extends AsyncIterableIterator<Frame> {
  /** What was counted so far. */
  stats(): FrameStats;
}

const ticksPerSecond = 10_000_000;
/** 2^32 modulo the ticks of a second: takes the remainder of a time without 64-bit arithmetic. */
const wordRemainder = 4_294_967_296 % ticksPerSecond;
/** The time is the low 62 bits; the other two are about leap seconds. */
const highTimeBits = 0x3fff_ffff;
/** Measurements that a new frame has room for. */
const smallestFrame = 64;
/** So many measurements are a step: some 3 ms where each opens a frame, mostly a hundredth of that. */
const STEP = 256;
/** After so many frames that were there already it is asked whether everything else waits. */
const FRAMES = 32;
/** So many milliseconds of sorting, and of frames that are taken at once, keep everything else waiting. */
const SLICE = 4;
/** Signals of a page: what grows is how many pages there are, and no page is copied. */
const PAGE = 1024;
const PAGE_BITS = 10;

/** A frame that is being filled. */
class OpenFrame implements Frame {
  key = 0;
  ticks = 0n;
  readonly measurements = new MeasurementBatch(smallestFrame);
  /** Where a signal's measurement is. Made when measurements of a signal come in disorder, which is rare. */
  #positions: ShardedMap<number, number> | undefined;

  open(key: number, ticks: bigint): void {
    this.key = key;
    this.ticks = ticks;
  }

  /** Forgets what is in it, but not its room. */
  clear(): void {
    this.measurements.clear();
    this.#positions = undefined;
  }

  /** Whether a signal's measurement can be found. */
  get isIndexed(): boolean {
    return this.#positions !== undefined;
  }

  /** Makes that so. */
  *index(): Steps<void> {
    const { signals, length } = this.measurements;
    const positions = new ShardedMap<number, number>();
    for (let i = 0; i < length; i++) {
      positions.set(signals[i]!, i);
      if (i % STEP === STEP - 1) yield;
    }
    this.#positions = positions;
  }

  find(signal: number): number | undefined {
    return this.#positions?.get(signal);
  }

  /** Copies a measurement to a position, or to the end. @returns The position. */
  put(batch: MeasurementBatch, i: number, at?: number): number {
    const { measurements } = this;
    const signal = batch.signals[i]!;
    if (at === undefined) {
      at = measurements.length;
      measurements.reserve(at + 1);
      measurements.length = at + 1;
      measurements.signals[at] = signal;
      this.#positions?.set(signal, at);
    }
    measurements.tickWords[2 * at] = batch.tickWords[2 * i]!;
    measurements.tickWords[2 * at + 1] = batch.tickWords[2 * i + 1]!;
    measurements.valueBits[at] = batch.valueBits[i]!;
    measurements.flags[at] = batch.flags[i]!;
    return at;
  }
}

/** Sorts measurements into frames. Knows no clock: the time is given to it. */
export class FrameSorter {
  readonly #framesPerSecond: number;
  readonly #lagTicks: bigint;
  readonly #leadTicks: bigint;
  readonly #useLocalClock: boolean;
  /** No more frames are open than lag and lead time can need, and they hold no more measurements than this. */
  readonly #maxOpen: number;
  readonly #maxMeasurements: number;
  readonly #open = new Map<number, OpenFrame>();
  /** What the measurements in open frames count for. */
  #held = 0;
  /** Whether the oldest frame has to go before there is room for more. */
  #lacksRoom = false;
  readonly #spare: OpenFrame[] = [];
  /** How many measurements all frames have room for, the spare ones, too. */
  #room = 0;
  #lent: OpenFrame | undefined;
  /** The frame handed over last; measurements for it or before it are late. */
  #lastKey = -1;
  /** The latest frame that there are measurements for. */
  #latestKey = -1;
  /** The latest frame of each signal, by handle in pages, and where its measurement is in there. */
  readonly #signalKeys: (Float64Array | undefined)[] = [];
  readonly #signalPositions: (Int32Array | undefined)[] = [];
  #frames = 0;
  #early = 0;
  #late = 0;
  #future = 0;
  #replaced = 0;

  /**
   * @throws {TypeError} When an option does not exist or is of a wrong type.
   * @throws {RangeError} When a number is out of its range.
   */
  constructor(options: FrameOptions = {}) {
    const {
      framesPerSecond = 30,
      lagTime = 5,
      leadTime = 5,
      useLocalClockAsRealTime = true,
      maxMeasurements = 2 ** 24,
      ...rest
    } = options;
    for (const name of Object.keys(rest)) throw new TypeError(`frames have no option "${name}"`);
    if (typeof useLocalClockAsRealTime !== "boolean") {
      throw new TypeError("useLocalClockAsRealTime must be a boolean");
    }
    if (!Number.isInteger(framesPerSecond) || framesPerSecond < 1 || framesPerSecond > 1000) {
      throw new RangeError(`framesPerSecond must be a whole number from 1 to 1000, not ${framesPerSecond}`);
    }
    for (const [name, value] of Object.entries({ lagTime, leadTime })) {
      if (!(value >= 0 && value <= 3600)) {
        throw new RangeError(`${name} must be a number of seconds from 0 to 3600, not ${value}`);
      }
    }
    this.#maxMeasurements = inRange(maxMeasurements, "maxMeasurements", smallestFrame, 2 ** 30, true);
    this.#framesPerSecond = framesPerSecond;
    this.#lagTicks = BigInt(Math.round(lagTime * ticksPerSecond));
    this.#leadTicks = BigInt(Math.round(leadTime * ticksPerSecond));
    this.#useLocalClock = useLocalClockAsRealTime;
    this.#maxOpen = Math.ceil((lagTime + leadTime + 1) * framesPerSecond);
  }

  /**
   * Sorts the measurements of a batch from `from` on.
   *
   * @param now The local time in ticks.
   * @returns Where it stopped: before the end of the batch when a frame has to be taken first.
   */
  add(batch: MeasurementBatch, from: number, now: bigint): number {
    return finish(this.addSteps(batch, from, now));
  }

  /** {@linkcode FrameSorter.add} in steps. */
  *addSteps(batch: MeasurementBatch, from: number, now: bigint): Steps<number> {
    const { signals, tickWords, length } = batch;
    const last = this.#keyOf(now + this.#leadTicks);
    let frame: OpenFrame | undefined;
    // Mostly, many measurements have the same time: key 0 is that of time 0.
    let low = 0;
    let high = 0;
    let key = 0;
    for (let i = from; i < length; i++) {
      if ((i - from) % STEP === STEP - 1) yield;
      if (tickWords[2 * i] !== low || tickWords[2 * i + 1] !== high) {
        low = tickWords[2 * i]!;
        high = tickWords[2 * i + 1]!;
        key = this.#keyOfWords(low >>> 0, high & highTimeBits);
      }
      if (key <= this.#lastKey) {
        this.#late++;
        continue;
      }
      if (key > last) {
        this.#future++;
        continue;
      }
      if (frame?.key !== key) {
        frame = this.#open.get(key) ?? this.#openFrame(key);
        if (frame === undefined) return i;
      }
      const signal = signals[i]!;
      const keys = this.#signalKeys[signal >>> PAGE_BITS] ?? this.#addPage(signal >>> PAGE_BITS);
      const isBehind = key < keys[signal & (PAGE - 1)]!;
      if (isBehind && !frame.isIndexed) yield* frame.index();
      if (!this.#sort(batch, i, signal, frame, keys)) return i;
    }
    return length;
  }

  /** @returns Whether there was room. */
  #sort(batch: MeasurementBatch, i: number, signal: number, frame: OpenFrame, keys: Float64Array): boolean {
    const positions = this.#signalPositions[signal >>> PAGE_BITS]!;
    const place = signal & (PAGE - 1);
    const latest = keys[place]!;
    const isLatest = frame.key > latest;
    const at = isLatest ? undefined : frame.key === latest ? positions[place]! : frame.find(signal);
    if (at !== undefined) {
      this.#replaced++;
      frame.put(batch, i, at);
      return true;
    }
    if (frame.measurements.length >= smallestFrame && !this.#hold(1)) return false;
    const room = frame.measurements.capacity;
    const position = frame.put(batch, i);
    this.#room += frame.measurements.capacity - room;
    if (isLatest) {
      keys[place] = frame.key;
      positions[place] = position;
    }
    return true;
  }

  /** Takes so many more measurements into account. @returns Whether there is room for them. */
  #hold(count: number): boolean {
    this.#lacksRoom = this.#held + count > this.#maxMeasurements;
    if (!this.#lacksRoom) this.#held += count;
    return !this.#lacksRoom;
  }

  #addPage(page: number): Float64Array {
    // Without a gap, which would make it a slower kind of array.
    while (this.#signalKeys.length <= page) {
      this.#signalKeys.push(undefined);
      this.#signalPositions.push(undefined);
    }
    this.#signalPositions[page] = new Int32Array(PAGE);
    return this.#signalKeys[page] = new Float64Array(PAGE).fill(-1);
  }

  #openFrame(key: number): OpenFrame | undefined {
    if (this.#open.size >= this.#maxOpen) {
      this.#lacksRoom = true;
      return undefined;
    }
    if (!this.#hold(smallestFrame)) return undefined;
    let frame = this.#spare.pop();
    if (frame === undefined) {
      frame = new OpenFrame();
      this.#room += frame.measurements.capacity;
    }
    frame.open(key, this.#ticksOf(key));
    this.#open.set(key, frame);
    this.#latestKey = Math.max(this.#latestKey, key);
    return frame;
  }

  /**
   * The oldest frame if it is due, or if there is no room for more. It is lent until the next call.
   *
   * @param now The local time in ticks.
   * @param flush Whether all frames are due.
   */
  take(now: bigint, flush: boolean): Frame | undefined {
    if (this.#lent !== undefined) this.#putBack(this.#lent);
    this.#lent = undefined;
    const frame = this.#oldest();
    if (frame === undefined) return undefined;
    const time = this.#useLocalClock ? now : this.#ticksOf(this.#latestKey);
    if (!flush && frame.ticks + this.#lagTicks > time) {
      if (!this.#lacksRoom) return undefined;
      this.#early++;
    }
    this.#lacksRoom = false;
    this.#open.delete(frame.key);
    this.#held -= Math.max(smallestFrame, frame.measurements.length);
    this.#lastKey = frame.key;
    this.#lent = frame;
    this.#frames++;
    return frame;
  }

  /** Keeps a frame to be used again, unless small frames would come to have the room of the largest there ever were. */
  #putBack(frame: OpenFrame): void {
    frame.clear();
    if (this.#room <= this.#maxMeasurements) this.#spare.push(frame);
    else this.#room -= frame.measurements.capacity;
  }

  /** How many milliseconds of the local clock until a frame is due; `undefined` when time alone makes none due. */
  dueIn(now: bigint): number | undefined {
    const frame = this.#oldest();
    if (frame === undefined || !this.#useLocalClock) return undefined;
    return Math.max(0, Math.ceil(Number(frame.ticks + this.#lagTicks - now) / 10_000));
  }

  /** What was counted so far. */
  stats(): FrameStats {
    return {
      frames: this.#frames,
      early: this.#early,
      late: this.#late,
      future: this.#future,
      replaced: this.#replaced,
    };
  }

  #oldest(): OpenFrame | undefined {
    let oldest: OpenFrame | undefined;
    for (const frame of this.#open.values()) {
      if (oldest === undefined || frame.key < oldest.key) oldest = frame;
    }
    return oldest;
  }

  #keyOf(ticks: bigint): number {
    const second = ticks / BigInt(ticksPerSecond);
    const subsecond = Number(ticks % BigInt(ticksPerSecond));
    return Number(second) * this.#framesPerSecond +
      Math.round(subsecond * this.#framesPerSecond / ticksPerSecond);
  }

  /** The same of a time in halves, without 64-bit arithmetic. */
  #keyOfWords(low: number, high: number): number {
    const framesPerSecond = this.#framesPerSecond;
    // Less than 2^53, and so exact; the quotient is off by less than it differs from a whole number, if it is not one.
    const sum = high * wordRemainder + low;
    const subsecond = sum - Math.floor(sum / ticksPerSecond) * ticksPerSecond;
    // This sum is not exact, but it is off by far less than half a second.
    const second = Math.round((high * 4_294_967_296 + low - subsecond) / ticksPerSecond);
    return second * framesPerSecond + Math.round(subsecond * framesPerSecond / ticksPerSecond);
  }

  #ticksOf(key: number): bigint {
    const second = Math.floor(key / this.#framesPerSecond);
    const subsecond = Math.round((key % this.#framesPerSecond) * ticksPerSecond / this.#framesPerSecond);
    return BigInt(second) * BigInt(ticksPerSecond) + BigInt(subsecond);
  }
}

/** Takes batches, gives frames: as the consumer asks for them, so that what it is too slow for waits where it is. */
export class SortedFrames implements FrameIterator {
  readonly #batches: BatchIterator;
  readonly #sorter: FrameSorter;
  readonly #clock: Clock;
  readonly #givingWay = new GivingWay(SLICE);
  #batch: MeasurementBatch | undefined;
  #position = 0;
  /** Whether all is sorted that has arrived. */
  #isComplete = false;
  #isSorting = false;
  /** Whether the consumer has ended it. */
  #isOver = false;
  /** Frames taken since it was last asked whether everything else waits. */
  #taken = 0;

  /** @param batches Where measurements come from; this iterator is its only user. */
  constructor(batches: BatchIterator, sorter: FrameSorter, clock: Clock) {
    this.#batches = batches;
    this.#sorter = sorter;
    this.#clock = clock;
  }

  /** Itself: there is one pass over the frames. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The next frame; waits until it is due. @throws {SttpError} `InvalidState` while another call waits. */
  async next(): Promise<IteratorResult<Frame, undefined>> {
    for (;;) {
      // Everything that has arrived comes first: it is not late only because the consumer was.
      await this.#sort();
      if (this.#isOver) return { done: true, value: undefined };
      const now = ticksNow(this.#clock);
      const frame = this.#sorter.take(now, this.#isComplete && this.#batches.done);
      if (frame !== undefined) {
        this.#taken++;
        return { done: false, value: frame };
      }
      if (!this.#isComplete) continue;
      if (this.#batches.done) return await this.return();
      const dueIn = this.#sorter.dueIn(now);
      const cancel = dueIn === undefined
        ? undefined
        : this.#clock.schedule(dueIn, () => this.#batches.wake());
      try {
        await this.#batches.wait();
      } finally {
        cancel?.();
      }
    }
  }

  /** Sorts what has arrived, as far as there is room. */
  async #sort(): Promise<void> {
    if (this.#isSorting) throw new SttpError("InvalidState", "next() was called while another next() sorts");
    try {
      const sorting = this.#givingWay.carryOut(this.#sortWaiting());
      if (sorting === undefined) return;
      this.#isSorting = true;
      await sorting;
      this.#isSorting = false;
    } catch (error) {
      // The iteration was aborted.
      this.#givingWay.close();
      throw error;
    }
  }

  *#sortWaiting(): Steps<void> {
    this.#isComplete = false;
    // Who takes frames that are there already lets nobody else in.
    if (this.#taken >= FRAMES) {
      this.#taken = 0;
      yield;
    }
    // There may be a batch that was given back before the one that was filled; what comes meanwhile is for the next time.
    for (let polls = 0; this.#batch !== undefined || polls < 2;) {
      if (this.#batch === undefined) {
        polls++;
        this.#batch = this.#batches.poll();
        if (this.#batch === undefined) break;
      }
      const now = ticksNow(this.#clock);
      this.#position = yield* this.#sorter.addSteps(this.#batch, this.#position, now);
      if (this.#position < this.#batch.length) return;
      this.#batch = undefined;
      this.#position = 0;
    }
    this.#isComplete = true;
  }

  /** What was counted so far. */
  stats(): FrameStats {
    return this.#sorter.stats();
  }

  /** Ends the iteration; frames that are not due yet are discarded. */
  async return(): Promise<IteratorResult<Frame, undefined>> {
    this.#isOver = true;
    this.#batch = undefined;
    this.#givingWay.close();
    await this.#batches.return();
    return { done: true, value: undefined };
  }
}
