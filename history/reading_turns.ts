import { SLICE } from "../metadata/steps.ts";
import type { Clock } from "../transport/clock.ts";
import { pause } from "../transport/reconnect.ts";

/** The longest rest, in milliseconds: long enough after any slice, and not for ever when a clock jumps. */
const LONGEST_REST = 5 * SLICE;

/**
 * Shares time among all who read a history, and leaves time for the rest: together they read for 4 ms, then everything
 * else has a turn of the event loop, and if something was recorded meanwhile, as much time passes as they took. Who has
 * waited longest goes on first. What is done with a piece at once, such as encoding it, counts as reading.
 */
export class ReadingTurns {
  readonly #clock: Clock;
  readonly #recorded: () => number;
  readonly #waiting: (() => void)[] = [];
  /** Whether somebody who waited was woken and is about to read. */
  #isGiven = false;
  #isHandingOut = false;
  #readers = 0;
  /** Ends the slice before its time. */
  #end = (): void => {};
  /** When the slice began, and until when somebody read in it; `undefined` between slices. */
  #began: number | undefined;
  #until = 0;
  /** When the next slice may begin if something was recorded since the one before began, and what was until then. */
  #restUntil = -Infinity;
  #recordedBefore = 0;

  /**
   * @param clock For how long things take.
   * @param recorded Counts what was recorded: what is not to be kept from the processor.
   */
  constructor(clock: Clock, recorded: () => number) {
    this.#clock = clock;
    this.#recorded = recorded;
  }

  /** For who is going to read pieces, until disposed of: while nobody reads, there is no timer. */
  enter(): Disposable {
    this.#readers++;
    return {
      [Symbol.dispose]: () => {
        if (--this.#readers === 0) this.#end();
      },
    };
  }

  /** Reads a piece when it is time: a millisecond's work, or some. */
  async run<Piece>(read: () => Piece): Promise<Piece> {
    if (this.#isGiven || this.#waiting.length > 0 || !this.#hasTime()) await this.#turn();
    this.#isGiven = false;
    try {
      return read();
    } finally {
      if (this.#hasTime()) this.#wake();
    }
  }

  /** Wakes who has waited longest. */
  #wake(): void {
    const wake = this.#waiting.shift();
    this.#isGiven = wake !== undefined;
    wake?.();
  }

  #turn(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    if (!this.#isHandingOut) this.#handOut();
    return promise;
  }

  /** Whether there is time left in the slice. */
  #hasTime(): boolean {
    if (this.#began === undefined) return false;
    this.#until = this.#clock.monotonic();
    return this.#until - this.#began < SLICE;
  }

  /** Slice after slice, until nobody waits. */
  async #handOut(): Promise<void> {
    this.#isHandingOut = true;
    while (this.#waiting.length > 0) {
      const left = this.#restUntil - this.#clock.monotonic();
      if (left > 0 && this.#recorded() !== this.#recordedBefore) await pause(this.#clock, left);
      this.#recordedBefore = this.#recorded();
      const began = this.#began = this.#until = this.#clock.monotonic();
      // The others follow, each as the one before has read.
      this.#wake();
      await this.#turnOfOthers();
      this.#began = undefined;
      this.#restUntil = this.#until + Math.min(this.#until - began, LONGEST_REST);
    }
    this.#isHandingOut = false;
  }

  /** A turn of the event loop, for the readers that are woken one after the other and then for everything else. */
  async #turnOfOthers(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    // A timer: see nextTurn() of the metadata.
    const id = setTimeout(resolve, 0);
    this.#end = resolve;
    await promise;
    clearTimeout(id);
  }
}
