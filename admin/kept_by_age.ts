import type { Clock } from "../transport/clock.ts";

/** A value that takes time to make, and is good for a while, after which it is let go of. */
export class KeptByAge<Value> {
  readonly #clock: Clock;
  readonly #milliseconds: number;
  readonly #make: () => Value;
  #kept: { readonly value: Value; readonly at: number } | undefined;
  #cancel: (() => void) | undefined;
  #isClosed = false;

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
    // A timer may come late.
    if (this.#kept !== undefined && at - this.#kept.at < this.#milliseconds) return this.#kept;
    this.forget();
    const made = { value: this.#make(), at };
    if (this.#isClosed) return made;
    this.#kept = made;
    this.#cancel = this.#clock.schedule(this.#milliseconds, () => this.forget());
    return made;
  }

  /** Has it made anew when it is asked for next. */
  forget(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#kept = undefined;
  }

  /** Keeps nothing any more: whatever is asked for from here on is made for who asks. */
  close(): void {
    this.#isClosed = true;
    this.forget();
  }
}
