/**
 * How much of the data that comes over UDP is lost on the way, and how much comes late.
 *
 * @module
 */
import type { MeasurementBatch } from "../transport/wire/batch.ts";

/**
 * What a {@linkcode LossMeter} counts, in measurements. Packets carry no numbers, so this is told from timestamps: a
 * signal that is measured at regular intervals should have a measurement at each of them.
 */
export interface LossStats {
  /** Instants for which a measurement was due: those that were received, and those that were lost. */
  readonly expected: number;
  /** Those of them for which one came, be it with the later time at which a busy publisher sent it. */
  readonly received: number;
  /**
   * Those of them for which none came, in gaps of up to 32 instants. An estimate, mostly from above: that the publisher
   * sent nothing can't be told from loss. What comes late after all is taken out again, so this may fall.
   */
  readonly lost: number;
  /** Measurements that came after a later one of their signal. */
  readonly late: number;
  /** Measurements for an instant for which there was one already. */
  readonly repeated: number;
  /** Instants in longer gaps, which may be loss as well as a publisher that had nothing to send. */
  readonly silent: number;
  /** Measurements that tell nothing: of irregular signals, of signals whose interval is not known yet, or very late. */
  readonly unmeasured: number;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** {@linkcode LossStats} that count. */
export type LossCounts = Writable<LossStats>;

/** Nothing was counted yet. */
export function noLoss(): LossCounts {
  return { expected: 0, received: 0, lost: 0, late: 0, repeated: 0, silent: 0, unmeasured: 0 };
}

/** How many instants back are remembered: the bits of a word. */
const WINDOW = 32;
/** From so many differences between timestamps a signal's interval is learned: their median. */
const LESSONS = 5;
/** After so many measurements in a row that do not fit it is learned anew. */
const PATIENCE = 8;
/** So many times the median the mean of those differences may be; else some of them are of a burst. */
const SPREAD = 3;
/** After so many gaps in a row, with no two measurements an interval apart between them, it is learned anew, too; */
const GAPS = 16;
/** or after so few, when of a whole window hardly anything was seen. */
const FEW_GAPS = 3;
const HARDLY_ANYTHING = WINDOW / 3;
/** The latest instants but the very last: a gap there may be filled by what comes at no instant. */
const RECENT = 0b1_1110;
/** The time is the low 62 bits; the other two are about leap seconds. */
const HIGH_TIME_BITS = 0x3fff_ffff;
const WORD = 4_294_967_296;

/** Follows the timestamps of every signal. Takes about 20 ns for a measurement. */
export class LossMeter {
  readonly #counts: LossCounts;
  #capacity = 0;
  /** For each signal the ticks of its latest measurement, low and high word. */
  #latest = new Int32Array(0);
  /** Ticks from one measurement to the next; 0 while that is being learned. */
  #intervals = new Float64Array(0);
  /** Which of the latest instants there were measurements for: bit 0 is the latest. */
  #seen = new Uint32Array(0);
  /** How many bits of that mean something. */
  #depths = new Uint8Array(0);
  /** While learning: how many measurements there were. */
  #lessons = new Uint8Array(0);
  #spacings = new Float32Array(0);
  /** How many measurements in a row came at no instant of their signal. */
  #misfits = new Uint8Array(0);
  /** How many in a row came behind a gap, and how many instants are missing in all of these. */
  #gaps = new Uint8Array(0);
  #gapLengths = new Uint16Array(0);

  /** @param counts Where it counts. */
  constructor(counts: LossCounts) {
    this.#counts = counts;
  }

  /** Forgets every signal, but not what was counted: what came before a new subscription tells nothing about it. */
  reset(): void {
    this.#lessons.fill(0);
    this.#intervals.fill(0);
  }

  /** Takes note of the measurements of a batch, from measurement `from` on. */
  add(batch: MeasurementBatch, from: number): void {
    const { signals, tickWords, length } = batch;
    for (let i = from; i < length; i++) {
      const signal = signals[i]!;
      if (signal >= this.#capacity) this.#makeRoom(signal);
      const low = tickWords[2 * i]!;
      const high = tickWords[2 * i + 1]! & HIGH_TIME_BITS;
      const since = (high - this.#latest[2 * signal + 1]!) * WORD +
        ((low >>> 0) - (this.#latest[2 * signal]! >>> 0));
      const interval = this.#intervals[signal]!;
      if (interval === 0) {
        if (!this.#learn(signal, since)) continue;
      } else if (since <= 0) {
        this.#addOld(signal, -since, interval);
        continue;
      } else {
        this.#addNew(signal, since, interval);
      }
      this.#latest[2 * signal] = low;
      this.#latest[2 * signal + 1] = high;
    }
  }

  /** @returns Whether the measurement is the signal's latest. */
  #learn(signal: number, since: number): boolean {
    const counts = this.#counts;
    const lessons = this.#lessons[signal]!;
    counts.unmeasured++;
    if (lessons > 0) {
      if (since <= 0) return false;
      this.#spacings[LESSONS * signal + lessons - 1] = since;
    }
    this.#lessons[signal] = lessons + 1;
    if (lessons === LESSONS) this.#finishLearning(signal);
    return true;
  }

  /** From here on the interval is known, so that what came meanwhile can be judged. */
  #finishLearning(signal: number): void {
    const counts = this.#counts;
    const spacings = this.#spacings.subarray(LESSONS * signal, LESSONS * (signal + 1));
    const interval = spacings.toSorted()[LESSONS >> 1]!;
    if (spacings.reduce((sum, since) => sum + since) > SPREAD * LESSONS * interval) {
      this.#relearn(signal);
      return;
    }
    this.#intervals[signal] = interval;
    this.#lessons[signal] = 0;
    this.#misfits[signal] = 0;
    this.#endGaps(signal);
    this.#seen[signal] = this.#depths[signal] = 1;
    counts.unmeasured -= LESSONS + 1;
    counts.expected++;
    counts.received++;
    for (const since of spacings) this.#addNew(signal, since, interval);
  }

  #addNew(signal: number, since: number, interval: number): void {
    const instants = Math.round(since / interval);
    if (instants === 0 || Math.abs(since - instants * interval) > interval / 4) {
      if (since > interval || !this.#fillGap(signal)) this.#addMisfit(signal);
      return;
    }
    this.#counts.received++;
    this.#counts.expected++;
    if (instants > WINDOW) {
      this.#endSilence(signal, instants - 1);
      return;
    }
    this.#misfits[signal] = 0;
    const seen = this.#seen[signal]!;
    this.#seen[signal] = instants === WINDOW ? 1 : (seen << instants) | 1;
    this.#depths[signal] = Math.min(WINDOW, this.#depths[signal]! + instants);
    if (instants > 1) {
      this.#noteGap(signal, instants - 1);
      return;
    }
    if (this.#gaps[signal] !== 0) this.#endGaps(signal);
    this.#intervals[signal] = interval + (since - interval) / 16;
  }

  #addMisfit(signal: number): void {
    this.#counts.unmeasured++;
    this.#seen[signal] = this.#depths[signal] = 1;
    if (++this.#misfits[signal]! >= PATIENCE) this.#relearn(signal);
  }

  #endSilence(signal: number, missing: number): void {
    this.#counts.silent += missing;
    this.#seen[signal] = this.#depths[signal] = 1;
    // After so long a time nearly everything fits.
    if (++this.#misfits[signal]! >= PATIENCE) this.#relearnFromReceived(signal);
  }

  /**
   * A publisher that was late sends at once what it should have sent before, with the times of now: a gap, and then as
   * many measurements at no instant.
   *
   * @returns Whether there is such a gap.
   */
  #fillGap(signal: number): boolean {
    const missing = this.#missing(signal);
    if ((missing & RECENT) === 0) return false;
    // The oldest: what is recent is to be found until all of it is filled.
    this.#fill(signal, 1 << (31 - Math.clz32(missing)));
    return true;
  }

  /** There is a measurement for an instant after all. */
  #fill(signal: number, bit: number): void {
    this.#seen[signal]! |= bit;
    this.#endGaps(signal);
    this.#counts.lost--;
    this.#counts.received++;
  }

  /** Which of the instants that are remembered nothing came for. */
  #missing(signal: number): number {
    return ~this.#seen[signal]! & (0xffff_ffff >>> (WINDOW - this.#depths[signal]!));
  }

  /** One gap after another is no loss: the signal has become slower, or its interval was learned from a burst. */
  #noteGap(signal: number, missing: number): void {
    const counts = this.#counts;
    counts.lost += missing;
    counts.expected += missing;
    this.#gapLengths[signal]! += missing;
    const gaps = ++this.#gaps[signal]!;
    if (gaps < GAPS && !(gaps >= FEW_GAPS && this.#isMostlyGaps(signal))) return;
    counts.lost -= this.#gapLengths[signal]!;
    counts.expected -= this.#gapLengths[signal]!;
    this.#relearnFromReceived(signal);
  }

  #isMostlyGaps(signal: number): boolean {
    return this.#depths[signal] === WINDOW && WINDOW - bitsIn(this.#missing(signal)) <= HARDLY_ANYTHING;
  }

  #endGaps(signal: number): void {
    this.#gaps[signal] = this.#gapLengths[signal] = 0;
  }

  /** The latest measurement, which has been judged, is the first to learn from. */
  #relearnFromReceived(signal: number): void {
    this.#counts.received--;
    this.#counts.expected--;
    this.#counts.unmeasured++;
    this.#relearn(signal);
  }

  #relearn(signal: number): void {
    this.#intervals[signal] = 0;
    this.#lessons[signal] = 1;
  }

  #addOld(signal: number, before: number, interval: number): void {
    const counts = this.#counts;
    const instants = Math.round(before / interval);
    if (Math.abs(before - instants * interval) > interval / 4 || instants >= this.#depths[signal]!) {
      counts.unmeasured++;
      return;
    }
    const bit = (1 << instants) >>> 0;
    if ((this.#seen[signal]! & bit) !== 0) {
      counts.repeated++;
      return;
    }
    this.#fill(signal, bit);
    counts.late++;
  }

  #makeRoom(signal: number): void {
    const capacity = Math.max(64, signal + (signal >> 1) + 1);
    const grow = <
      T extends Int32Array | Float64Array | Float32Array | Uint32Array | Uint16Array | Uint8Array,
    >(
      larger: T,
      before: T,
    ): T => {
      larger.set(before);
      return larger;
    };
    this.#capacity = capacity;
    this.#latest = grow(new Int32Array(2 * capacity), this.#latest);
    this.#intervals = grow(new Float64Array(capacity), this.#intervals);
    this.#seen = grow(new Uint32Array(capacity), this.#seen);
    this.#depths = grow(new Uint8Array(capacity), this.#depths);
    this.#lessons = grow(new Uint8Array(capacity), this.#lessons);
    this.#spacings = grow(new Float32Array(LESSONS * capacity), this.#spacings);
    this.#misfits = grow(new Uint8Array(capacity), this.#misfits);
    this.#gaps = grow(new Uint8Array(capacity), this.#gaps);
    this.#gapLengths = grow(new Uint16Array(capacity), this.#gapLengths);
  }
}

/** How many bits of a word are set. */
function bitsIn(word: number): number {
  let count = 0;
  for (let rest = word; rest !== 0; rest &= rest - 1) count++;
  return count;
}
