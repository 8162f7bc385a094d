/**
 * Where a session takes its time and timers from, so that a test can drive it without waiting.
 */
export interface Clock {
  /** Milliseconds since 1970-01-01T00:00:00Z. May jump when the machine's clock is set. */
  now(): number;
  /** Milliseconds from an arbitrary start; never goes back. For intervals and time-outs. */
  monotonic(): number;
  /** Calls `callback` once after `delay` milliseconds; the result cancels it and may be called at any time. */
  schedule(delay: number, callback: () => void): () => void;
}

/** The machine's own clock. Its timers do not keep the process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  schedule(delay, callback): () => void {
    // Fractions would be cut off, and the timer come too early.
    const id = setTimeout(callback, Math.ceil(delay));
    Deno.unrefTimer(id);
    return () => clearTimeout(id);
  },
};

/**
 * A clock that moves only when told to, for tests of timers and time-outs.
 *
 * @example
 * ```ts
 * import { ManualClock } from "@sttp/sttp/transport";
 * import { assertEquals } from "@std/assert";
 *
 * const clock = new ManualClock();
 * const fired: number[] = [];
 * clock.schedule(100, () => fired.push(clock.monotonic()));
 * clock.advance(99);
 * assertEquals(fired, []);
 * clock.advance(1);
 * assertEquals(fired, [100]);
 * ```
 */
export class ManualClock implements Clock {
  #elapsed = 0;
  #epoch: number;
  #timers: { due: number; callback: () => void }[] = [];

  /**
   * A clock that stands still.
   *
   * @param epoch What `now()` gives at the start, in milliseconds since 1970; default 2024-01-01T00:00:00Z.
   */
  constructor(epoch: number = 1_704_067_200_000) {
    this.#epoch = epoch;
  }

  /** The time shown, in milliseconds since 1970. */
  now(): number {
    return this.#epoch + this.#elapsed;
  }

  /** Milliseconds advanced since construction. */
  monotonic(): number {
    return this.#elapsed;
  }

  /**
   * Sets the clock, as an operator or a time service does: `now()` jumps; what is monotonic, and timers, notice nothing.
   *
   * @param time What `now()` is to give, in milliseconds since 1970.
   */
  set(time: number): void {
    this.#epoch = time - this.#elapsed;
  }

  /** Registers a callback; see {@linkcode Clock}. */
  schedule(delay: number, callback: () => void): () => void {
    const timer = { due: this.#elapsed + Math.max(0, delay), callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** How many callbacks still wait: zero after a clean close. */
  get pending(): number {
    return this.#timers.length;
  }

  /** Moves time on by `milliseconds`, calling what falls due, in order, at its due time. */
  advance(milliseconds: number): void {
    const end = this.#elapsed + milliseconds;
    for (;;) {
      let next: { due: number; callback: () => void } | undefined;
      for (const timer of this.#timers) {
        if (timer.due <= end && (next === undefined || timer.due < next.due)) next = timer;
      }
      if (next === undefined) break;
      const due = next;
      this.#timers = this.#timers.filter((timer) => timer !== due);
      this.#elapsed = Math.max(this.#elapsed, due.due);
      due.callback();
    }
    this.#elapsed = end;
  }
}
