import type { Clock } from "../transport/clock.ts";

/** A value that takes time to make, and is good for a while. */
export class KeptByAge<Value> {
  readonly #clock: Clock;
  readonly #milliseconds: number;
  readonly #make: () => Value;
  #kept: { readonly value: Value; readonly at: number } | undefined;

  /**
   * Makes nothing yet.
   *
   * @param milliseconds For how long a value is good.
   */
  constructor(clock: Clock, milliseconds: number, make: () => Value) {
    this.#clock = clock;
    this.#milliseconds = milliseconds;
    this.#make = make;
  }

  /** The value, and when it was made, in milliseconds of the clock's `monotonic()`. */
  get(): { readonly value: Value; readonly at: number } {
    const at = this.#clock.monotonic();
    if (this.#kept === undefined || at - this.#kept.at >= this.#milliseconds) {
      this.#kept = { value: this.#make(), at };
    }
    return this.#kept;
  }

  /** Has it made anew when it is asked for next. */
  forget(): void {
    this.#kept = undefined;
  }
}
