import type { Clock } from "../transport/clock.ts";
import type { SignalTable } from "../transport/signal_table.ts";
import type { MeasurementBatch } from "../transport/wire/batch.ts";
import { MaxTicks, ticksNow, timeOf } from "../transport/wire/ticks.ts";

/** A time for each of some signals, by ID. */
export type SignalTimes = Pick<
  ReadonlyMap<string, bigint>,
  "size" | "get" | "values" | typeof Symbol.iterator
>;

/** What was missed while there was no live data: by signal, as they do not all stop and begin at one time. */
export interface Gap {
  /** What was subscribed to. */
  readonly filter: string;
  /** The last time received of each signal before it, in ticks. */
  readonly last: SignalTimes;
  /** The first time received of each signal after it. */
  readonly first: SignalTimes;
  /** The latest time received when it was over; `undefined` while it goes on. */
  readonly stop: bigint | undefined;
  /** Where its recovery broke off: everything before this time has been handed over. */
  readonly from?: bigint | undefined;
  /** The time after which something is missing of signals that `last` does not have; default the latest that it has. */
  readonly others?: bigint | undefined;
}

/** From when on there is something to ask for: the earliest of what was last received, or where it broke off. */
export function startOf({ last, from }: Gap): bigint {
  if (from !== undefined) return from;
  let start: bigint | undefined;
  for (const time of last.values()) start = start === undefined || time < start ? time : start;
  return start ?? 0n;
}

/** A signal that was silent for so many milliseconds, when others were not, missed nothing before they did. */
const silence = 60_000;

/** A time for each handle, as ticks and as their 32-bit halves: without a BigInt for each measurement. */
class Times {
  /** 0 where there is none. */
  ticks: BigInt64Array<ArrayBuffer> = new BigInt64Array(0);
  /** The low halves, each with the high one behind it. */
  words: Int32Array<ArrayBuffer> = new Int32Array(0);

  /** Room for so many. */
  constructor(size: number) {
    this.grow(size);
  }

  /** Makes room for so many. */
  grow(size: number): void {
    this.ticks = grown(this.ticks, size);
    this.words = new Int32Array(this.ticks.buffer);
  }
}

/** Times as they were at some moment: in columns, as a map of hundreds of thousands takes long to make, and much memory. */
class NotedTimes implements SignalTimes {
  /** In rising order. */
  readonly #handles: Int32Array;
  readonly #ticks: BigInt64Array;
  readonly #signals: SignalTable;

  /**
   * @param ticks By handle; those of 0 are not in there.
   * @param isWanted Whether a signal that has a time is in there.
   */
  constructor(ticks: BigInt64Array, signals: SignalTable, isWanted: (handle: number) => boolean) {
    this.#signals = signals;
    const length = Math.min(ticks.length, signals.size);
    const isNoted = (handle: number): boolean => ticks[handle]! > 0n && isWanted(handle);
    let size = 0;
    for (let handle = 0; handle < length; handle++) if (isNoted(handle)) size++;
    this.#handles = new Int32Array(size);
    this.#ticks = new BigInt64Array(size);
    let i = 0;
    for (let handle = 0; i < size; handle++) {
      if (!isNoted(handle)) continue;
      this.#handles[i] = handle;
      this.#ticks[i++] = ticks[handle]!;
    }
  }

  get size(): number {
    return this.#handles.length;
  }

  get(id: string): bigint | undefined {
    const handle = this.#signals.handleOf(id) ?? -1;
    const i = this.#from(handle);
    return this.#handles[i] === handle ? this.#ticks[i] : undefined;
  }

  values(): MapIterator<bigint> {
    return this.#ticks.values();
  }

  *[Symbol.iterator](): MapIterator<[string, bigint]> {
    for (let i = 0; i < this.size; i++) yield [this.#signals.idOf(this.#handles[i]!), this.#ticks[i]!];
  }

  /** Tells those of handle `from` and above. */
  tell(from: number, tell: (handle: number, time: bigint) => void): void {
    for (let i = this.#from(from); i < this.size; i++) tell(this.#handles[i]!, this.#ticks[i]!);
  }

  /** The place of the first whose handle is not below this one. */
  #from(handle: number): number {
    let from = 0;
    for (let to = this.size; from < to;) {
      const middle = (from + to) >> 1;
      if (this.#handles[middle]! < handle) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}

/** Tells the times of those signals of a table whose handle is `from` or above. */
function tellTimes(
  times: SignalTimes,
  signals: SignalTable,
  from: number,
  tell: (handle: number, time: bigint) => void,
): void {
  if (times instanceof NotedTimes) return times.tell(from, tell);
  for (let handle = from; handle < signals.size; handle++) {
    const time = times.get(signals.idOf(handle));
    if (time !== undefined) tell(handle, time);
  }
}

/** The high half of a time, without the leap-second bits. It counts in 7 minutes. */
const highMask = 0x3fff_ffff;
/** High halves from here on are of times that can't be asked for, as they are after the year 9999. */
const endOfTime = Number(MaxTicks >> 32n);
/** A day, in high halves. */
const day = 202;

/**
 * Follows the times of live data, to know afterwards what is missing. It expects those of a signal to rise. A time that
 * is more than a day ahead of all others and of the local clock is a mistake, of which nothing follows: else all that the
 * signal misses from then on would seem to have come.
 */
export class GapTracker {
  readonly #signals: SignalTable;
  readonly #clock: Clock;
  readonly #last = new Times(1024);
  /** By handle: when something came, in milliseconds. */
  #heard = new Float64Array(1024);
  #lastHeard = 0;
  /** The high half of the latest time of all. */
  #newest = 0;
  /** Since the gap was opened. */
  #first: Times | undefined;
  #open: Gap | undefined;
  readonly #latest = new Times(1);
  /** When something else was subscribed to last, in milliseconds. */
  #turnedAt = -Infinity;

  /** @param signals What handles mean. */
  constructor(signals: SignalTable, clock: Clock) {
    this.#signals = signals;
    this.#clock = clock;
  }

  /** The gap that goes on, if one does. */
  get open(): Gap | undefined {
    return this.#open;
  }

  /** Live data came: measurements `from` on. */
  observe({ signals, tickWords, length }: MeasurementBatch, from: number): void {
    if (this.#signals.size > this.#heard.length) this.#grow(2 * this.#signals.size);
    const now = this.#lastHeard = this.#clock.monotonic();
    const heard = this.#heard;
    const last = this.#last.words;
    const first = this.#first?.words;
    const latest = this.#latest.words;
    const end = this.#endOf(tickWords[2 * from + 1]! & highMask);
    let newest = this.#newest;
    for (let i = from; i < length; i++) {
      const handle = signals[i]!;
      const low = tickWords[2 * i]!;
      const high = tickWords[2 * i + 1]! & highMask;
      if (high >= end) continue;
      if (high > newest) newest = high;
      heard[handle] = now;
      const isNew = raise(last, handle, low, high);
      if (first === undefined) continue;
      raise(latest, 0, low, high);
      if (isNew && first[2 * handle] === 0 && first[2 * handle + 1] === 0) raise(first, handle, low, high);
    }
    this.#newest = newest;
  }

  /** Times whose high half is this or more are mistakes. @param first That of the first time that came. */
  #endOf(first: number): number {
    // What time the data is of nobody else knows: the local clock may be wrong.
    const newest = this.#newest === 0 ? first : this.#newest;
    const now = Number(ticksNow(this.#clock) >> 32n);
    return Math.min(Math.max(now, newest) + day, endOfTime);
  }

  #grow(size: number): void {
    this.#last.grow(size);
    this.#first?.grow(size);
    const heard = new Float64Array(size);
    heard.set(this.#heard);
    this.#heard = heard;
  }

  /**
   * The gap that would begin here. Nothing is missed of signals that never came, and those that have been silent for
   * long go with the others, so that one that died long ago does not make the gap begin then.
   *
   * @returns `undefined` when nothing was received before.
   */
  next(filter: string): Gap | undefined {
    const since = this.#lastHeard - silence;
    const last = this.#noted(this.#last, (handle) => this.#heard[handle]! >= since);
    return last.size === 0 ? undefined : { filter, last, first: new Map(), stop: undefined };
  }

  /** There is no live data from here on. @returns The gap that begins here, or that still goes on, if there is one. */
  begin(filter: string): Gap | undefined {
    if (this.#open !== undefined) return this.#open;
    const gap = this.next(filter);
    return gap && this.resume(gap);
  }

  /** A gap from before goes on. */
  resume(gap: Gap): Gap {
    this.#first = new Times(this.#heard.length);
    this.#latest.ticks[0] = 0n;
    return this.#open = gap;
  }

  /** Enough has come again to tell where the gap ends. @returns The gap; `undefined` when none is open. */
  end(): Gap | undefined {
    const stop = this.#latest.ticks[0]!;
    if (this.#open === undefined || this.#first === undefined || stop === 0n) return undefined;
    const gap = { ...this.#open, first: this.#noted(this.#first), stop };
    this.#haveUntil(stop, this.#first.ticks);
    this.#open = this.#first = undefined;
    return gap;
  }

  /** What did not come again has its gap until the others did: what it misses later begins there. */
  #haveUntil(stop: bigint, first: BigInt64Array): void {
    const last = this.#last.ticks;
    for (let handle = 0; handle < last.length; handle++) {
      if (first[handle] === 0n && last[handle]! > 0n && last[handle]! < stop) last[handle] = stop;
    }
  }

  /**
   * Another subscription. Unless a gap goes on, it says nothing what came of those before: but of the last of them, as
   * much of it goes on in this one.
   *
   * @param goesOn Whether this is one whose gaps show; else nothing is missed from here on.
   */
  forget(goesOn: boolean = false): void {
    const since = goesOn ? this.#turnedAt : Infinity;
    this.#turnedAt = this.#clock.monotonic();
    if (this.#open !== undefined) return;
    const last = this.#last.ticks;
    for (let handle = 0; handle < last.length; handle++) if (this.#heard[handle]! < since) last[handle] = 0n;
  }

  #noted({ ticks }: Times, isWanted: (handle: number) => boolean = () => true): SignalTimes {
    return new NotedTimes(ticks, this.#signals, isWanted);
  }
}

/** Puts a time in the place of an earlier one. @returns Whether there is not a later one. */
function raise(words: Int32Array, handle: number, low: number, high: number): boolean {
  const before = words[2 * handle + 1]!;
  if (high < before || (high === before && low >>> 0 <= words[2 * handle]! >>> 0)) return false;
  words[2 * handle] = low;
  words[2 * handle + 1] = high;
  return true;
}

function grown(column: BigInt64Array, size: number): BigInt64Array<ArrayBuffer> {
  const larger = new BigInt64Array(size);
  larger.set(column);
  return larger;
}

/** Tells what of the history belongs into a gap, so that with what was received all is there once. */
export class GapFilling {
  readonly #gap: Gap;
  readonly #signals: SignalTable;
  /** By handle: what is missing comes after this time, and before that one. */
  #after = new BigInt64Array(0);
  #until = new BigInt64Array(0);
  /** By handle: the last time that was received or handed over; of one that was handed over there may be more. */
  #handed = new BigInt64Array(0);
  /** By handle: 1 where that first time is of the signal itself. */
  #isOwn = new Uint8Array(0);
  /** What it is for the others: a signal that was not heard of before has its part from where the others broke off. */
  readonly #others: bigint;
  #from: bigint | undefined;
  /** Whether something has been handed over. */
  #isBegun = false;

  /** @param gap One that has ended. */
  constructor(gap: Gap, signals: SignalTable) {
    this.#gap = gap;
    this.#signals = signals;
    this.#from = gap.from;
    let latest = gap.others;
    if (latest === undefined) {
      latest = 0n;
      for (const time of gap.last.values()) latest = time > latest ? time : latest;
    }
    this.#others = latest;
  }

  /** Keeps of a batch, whose times must rise from batch to batch, what was missed. */
  keep(batch: MeasurementBatch): void {
    let kept = 0;
    for (let i = 0; i < batch.length; i++) {
      const handle = batch.signals[i]!;
      if (handle >= this.#after.length) this.#learn();
      const time = timeOf(batch.ticks[i]!);
      if (time <= this.#after[handle]! || time >= this.#until[handle]!) continue;
      if (time < this.#handed[handle]!) continue;
      batch.signals[kept] = handle;
      batch.ticks[kept] = batch.ticks[i]!;
      batch.valueBits[kept] = batch.valueBits[i]!;
      batch.flags[kept] = batch.flags[i]!;
      kept++;
    }
    batch.length = kept;
  }

  /** The limits of all signals that there are by now. */
  #learn(): void {
    const { last, first, stop = 0n } = this.#gap;
    const from = this.#after.length;
    const { size } = this.#signals;
    const after = this.#after = grown(this.#after, size).fill(this.#others, from);
    const until = this.#until = grown(this.#until, size).fill(stop + 1n, from);
    const isOwn = new Uint8Array(size);
    isOwn.set(this.#isOwn);
    this.#isOwn = isOwn;
    tellTimes(last, this.#signals, from, (handle, time) => {
      after[handle] = time;
      isOwn[handle] = 1;
    });
    tellTimes(first, this.#signals, from, (handle, time) => {
      until[handle] = time;
    });
    const handed = this.#handed = grown(this.#handed, size);
    handed.set(after.subarray(from), from);
  }

  /** What {@linkcode GapFilling.keep} left of a batch has been handed over. */
  handedOver({ signals, ticks, length }: MeasurementBatch): void {
    for (let i = 0; i < length; i++) {
      const handle = signals[i]!;
      this.#handed[handle] = timeOf(ticks[i]!);
      this.#isOwn[handle] = 1;
    }
    if (length === 0) return;
    this.#isBegun = true;
    this.#from = timeOf(ticks[length - 1]!);
  }

  /** The part of the gap that has not been handed over. */
  get rest(): Gap {
    if (!this.#isBegun) return this.#gap;
    return { ...this.#gap, last: this.#reached(), from: this.#from, others: this.#others };
  }

  /** How far each signal is: those that there was a time of, and those of which something was handed over. */
  #reached(): SignalTimes {
    const { last } = this.#gap;
    const reached = new NotedTimes(this.#handed, this.#signals, (handle) => this.#isOwn[handle] === 1);
    if (last instanceof NotedTimes) return reached;
    // That of a file may have signals that have not come since.
    const all = new Map(last);
    for (const [id, time] of reached) all.set(id, time);
    return all;
  }
}
