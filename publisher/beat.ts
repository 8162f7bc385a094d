import type { Clock } from "../transport/clock.ts";

/** The least that lies between two beats, as a part of the interval. */
const LEAST_GAP = 0.9;

/**
 * Calls a function at an interval, and keeps to it over any time. A timer that is late does not delay the beats that
 * follow, as long as none comes sooner after the one before than nine tenths of the interval; beats that were missed, as
 * when a machine has slept, are not made up for.
 */
export class Beat {
  readonly #clock: Clock;
  readonly #interval: number;
  readonly #onBeat: () => void;
  #cancel: () => void;

  /**
   * Begins; the first beat comes after an interval.
   *
   * @param interval Milliseconds.
   */
  constructor(clock: Clock, interval: number, onBeat: () => void) {
    this.#clock = clock;
    this.#interval = interval;
    this.#onBeat = onBeat;
    const due = clock.monotonic() + interval;
    this.#cancel = this.#schedule(due, due);
  }

  /** @param due When the beat should be. @param soonest When it can be at the earliest. */
  #schedule(due: number, soonest: number): () => void {
    const interval = this.#interval;
    const clock = this.#clock;
    return clock.schedule(Math.max(due, soonest) - clock.monotonic(), () => {
      const now = clock.monotonic();
      const missed = Math.max(0, Math.floor((now - due) / interval));
      this.#cancel = this.#schedule(due + (1 + missed) * interval, now + LEAST_GAP * interval);
      this.#onBeat();
    });
  }

  /** Ends it. */
  stop(): void {
    this.#cancel();
  }
}
