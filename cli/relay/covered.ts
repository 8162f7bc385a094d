/**
 * What has been delivered already.
 *
 * @module
 */
import { systemClock, Ticks } from "../../mod.ts";

/** Times of a signal that are further apart, in ticks, are no stretch: one of them may be a mistake. A minute. */
const TOLERANCE = 600_000_000;
/** Stretches that have ended: so many of one signal are looked through, and so many of all are kept. */
const MOST_OF_ONE = 256;
const MOST_OF_ALL = 1_048_576;
/** The high half of a time, without the leap-second bits. */
const HIGH_MASK = 0x3fff_ffff;

/**
 * The stretches of time for which signals were delivered, and by which source, so that a recovery does not deliver the
 * same again. Bounded, so that no publisher can fill the memory with times that jump: for one more the oldest stretch of
 * all is forgotten, and may come twice.
 */
export class Covered {
  /** Times are numbers of ticks from here on, the high half: exact for 28 years before and after. */
  readonly #base: number = Number(Ticks.now(systemClock) >> 32n);
  /** By handle: the stretch that goes on and its source, 0 where there is none; and the number of the one before it. */
  #from = new Float64Array(0);
  #to = new Float64Array(0);
  #source = new Int32Array(0);
  #last = new Float64Array(0);
  /** Those that have ended, numbered from 1 on: each overwrites the oldest, and has the number of its signal's before. */
  #endedFrom = new Float64Array(0);
  #endedTo = new Float64Array(0);
  #endedSource = new Int32Array(0);
  #endedBefore = new Float64Array(0);
  #ended = 0;

  /**
   * Notes that a signal's measurement was delivered.
   *
   * @param low and `high` are the halves of its time.
   * @param source By whom, from 1 on: a stretch is of one source.
   */
  note(handle: number, low: number, high: number, source: number): void {
    if (handle >= this.#source.length) this.#grow(2 * handle + 1024);
    const time = this.#timeOf(low, high);
    if (this.#source[handle] === source) {
      const from = this.#from[handle]!;
      const to = this.#to[handle]!;
      if (time >= from - TOLERANCE && time <= to + TOLERANCE) {
        if (time > to) this.#to[handle] = time;
        else if (time < from) this.#from[handle] = time;
        return;
      }
    }
    this.end(handle);
    this.#from[handle] = this.#to[handle] = time;
    this.#source[handle] = source;
  }

  /** What comes of a signal from here on is another stretch, even if it is from the same source. */
  end(handle: number): void {
    if (handle >= this.#source.length || this.#source[handle] === 0) return;
    if (this.#ended === this.#endedFrom.length && this.#ended < MOST_OF_ALL) this.#growEnded();
    const place = this.#ended % this.#endedFrom.length;
    this.#endedFrom[place] = this.#from[handle]!;
    this.#endedTo[place] = this.#to[handle]!;
    this.#endedSource[place] = this.#source[handle]!;
    this.#endedBefore[place] = this.#last[handle]!;
    this.#last[handle] = ++this.#ended;
    this.#source[handle] = 0;
  }

  /**
   * Whether a signal was delivered at a time, as far as is known.
   *
   * @param but What this source delivered does not count; default all of them do.
   */
  has(handle: number, low: number, high: number, but: number = 0): boolean {
    if (handle >= this.#source.length) return false;
    const time = this.#timeOf(low, high);
    const source = this.#source[handle]!;
    if (source !== 0 && source !== but && time >= this.#from[handle]! && time <= this.#to[handle]!) {
      return true;
    }
    const size = this.#endedFrom.length;
    const oldest = Math.max(1, this.#ended - size + 1);
    let number = this.#last[handle]!;
    for (let left = MOST_OF_ONE; number >= oldest && left > 0; left--) {
      const place = (number - 1) % size;
      if (
        time >= this.#endedFrom[place]! && time <= this.#endedTo[place]! && this.#endedSource[place] !== but
      ) return true;
      number = this.#endedBefore[place]!;
    }
    return false;
  }

  #timeOf(low: number, high: number): number {
    return ((high & HIGH_MASK) - this.#base) * 2 ** 32 + (low >>> 0);
  }

  #grow(size: number): void {
    this.#from = grown(this.#from, new Float64Array(size));
    this.#to = grown(this.#to, new Float64Array(size));
    this.#source = grown(this.#source, new Int32Array(size));
    this.#last = grown(this.#last, new Float64Array(size));
  }

  /** As long as nothing was overwritten, everything is in its place in more room, too. */
  #growEnded(): void {
    const size = Math.max(1024, 2 * this.#endedFrom.length);
    this.#endedFrom = grown(this.#endedFrom, new Float64Array(size));
    this.#endedTo = grown(this.#endedTo, new Float64Array(size));
    this.#endedSource = grown(this.#endedSource, new Int32Array(size));
    this.#endedBefore = grown(this.#endedBefore, new Float64Array(size));
  }
}

function grown<Column extends { set(from: Column): void }>(from: Column, to: Column): Column {
  to.set(from);
  return to;
}
