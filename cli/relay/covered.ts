/**
 * What came from others while a publisher was away.
 *
 * @module
 */
import { systemClock, Ticks } from "../../mod.ts";

/** Times of a signal that are further apart, in ticks, are no stretch: one of them may be a mistake. A minute. */
const TOLERANCE = 600_000_000;
/** Stretches of one signal, and of all together, that have ended; a signal's oldest goes for another one. */
const MOST_OF_ONE = 256;
const MOST_OF_ALL = 262_144;
/** The high half of a time, without the leap-second bits. */
const HIGH_MASK = 0x3fff_ffff;

/**
 * The stretches of time for which signals were delivered, so that a recovery does not deliver the same again. Bounded, so
 * that no publisher can fill the memory with times that jump: what it forgets comes twice rather than never.
 */
export class Covered {
  /** Times are numbers of ticks from here on, the high half: exact for 28 years before and after. */
  readonly #base: number = Number(Ticks.now(systemClock) >> 32n);
  /** By handle: the latest stretch, and between which interruptions it lies, 0 for none. */
  #from = new Float64Array(0);
  #to = new Float64Array(0);
  #period = new Int32Array(0);
  /** Counts interruptions, from 1. */
  #now = 1;
  /** By handle: those before, each as its first and its last time. */
  readonly #ended = new Map<number, number[]>();
  #endedCount = 0;

  /** Nothing that was delivered before goes on: from here on there are other stretches. */
  interrupt(): void {
    this.#now++;
  }

  /** Notes that a signal's measurement was delivered. @param low and `high` are the halves of its time. */
  note(handle: number, low: number, high: number): void {
    if (handle >= this.#period.length) this.#grow(2 * handle + 1024);
    const time = this.#timeOf(low, high);
    const from = this.#from[handle]!;
    const to = this.#to[handle]!;
    if (this.#period[handle] === this.#now && time >= from - TOLERANCE && time <= to + TOLERANCE) {
      if (time > to) this.#to[handle] = time;
      else if (time < from) this.#from[handle] = time;
      return;
    }
    if (this.#period[handle] !== 0) this.#keep(handle, from, to);
    this.#from[handle] = this.#to[handle] = time;
    this.#period[handle] = this.#now;
  }

  /** Whether a signal was delivered at a time, as far as is known. */
  has(handle: number, low: number, high: number): boolean {
    if (handle >= this.#period.length || this.#period[handle] === 0) return false;
    const time = this.#timeOf(low, high);
    if (time >= this.#from[handle]! && time <= this.#to[handle]!) return true;
    const ended = this.#ended.get(handle) ?? [];
    for (let i = 0; i < ended.length; i += 2) {
      if (time >= ended[i]! && time <= ended[i + 1]!) return true;
    }
    return false;
  }

  /** Forgets everything. */
  clear(): void {
    this.#period.fill(0);
    this.#ended.clear();
    this.#endedCount = 0;
  }

  #timeOf(low: number, high: number): number {
    return ((high & HIGH_MASK) - this.#base) * 2 ** 32 + (low >>> 0);
  }

  #keep(handle: number, from: number, to: number): void {
    let ended = this.#ended.get(handle);
    if (ended !== undefined && ended.length === 2 * MOST_OF_ONE) ended.splice(0, 2);
    else if (this.#endedCount === MOST_OF_ALL) return;
    else this.#endedCount++;
    if (ended === undefined) this.#ended.set(handle, ended = []);
    ended.push(from, to);
  }

  #grow(size: number): void {
    const [from, to, period] = [new Float64Array(size), new Float64Array(size), new Int32Array(size)];
    from.set(this.#from);
    to.set(this.#to);
    period.set(this.#period);
    [this.#from, this.#to, this.#period] = [from, to, period];
  }
}
