/**
 * Decides when a group may start its encoder afresh. A reset costs every member compression, so that members who
 * keep coming, or keep falling out and coming back, must share resets.
 *
 * New members find a few resets in store, one more for every half second; those who come back after an overflow
 * wait until the last reset is half a second old. So nobody waits longer than that.
 */
export class ResetLimiter {
  static readonly #capacity = 8;
  /** Milliseconds between resets at the fastest lasting pace. */
  static readonly #interval = 500;
  #stored: number = ResetLimiter.#capacity;
  #last = -Infinity;

  /**
   * @param now Monotonic milliseconds.
   * @param forNewcomer Whether a member that has not had any data yet waits for it.
   */
  mayReset(now: number, forNewcomer: boolean): boolean {
    const elapsed = now - this.#last;
    return elapsed >= ResetLimiter.#interval || (forNewcomer && this.#refilled(elapsed) >= 1);
  }

  /** Records a reset. */
  record(now: number): void {
    this.#stored = Math.max(0, this.#refilled(now - this.#last) - 1);
    this.#last = now;
  }

  #refilled(elapsed: number): number {
    return Math.min(ResetLimiter.#capacity, this.#stored + elapsed / ResetLimiter.#interval);
  }
}
