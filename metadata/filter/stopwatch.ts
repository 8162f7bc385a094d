import type { Clock } from "../../transport/clock.ts";
import type { Steps } from "../steps.ts";

/** How much is spent between two looks at the clock, in comparisons of two short values: well below a millisecond. */
const BUDGET = 4_096;

/**
 * Tells when an evaluation has taken too long. The clock is looked at once in a few thousand comparisons, so that
 * keeping time costs next to nothing.
 */
export class Stopwatch {
  /** How long it may take, in milliseconds. */
  readonly milliseconds: number;
  /** Whether the clock was looked at since others were last let in: a good time to do that. */
  isDue = false;
  /** How often others were let in. */
  turns = 0;
  readonly #clock: Clock;
  #left = BUDGET;
  #startedAt: number | undefined;

  constructor(clock: Clock, milliseconds: number) {
    this.#clock = clock;
    this.milliseconds = milliseconds;
  }

  /** Begins at once, and not at the first look at the clock. */
  start(): void {
    this.#startedAt = this.#clock.monotonic();
    this.#left = BUDGET;
  }

  /** Begins anew when time is next looked at: what takes less than that takes no time. */
  reset(): void {
    this.#startedAt = undefined;
    this.#left = BUDGET;
    this.resume();
  }

  /** Goes on after others were let in. */
  resume(): void {
    this.isDue = false;
    this.turns++;
  }

  /** Leaves out time that was spent on something else. */
  skip(milliseconds: number): void {
    if (this.#startedAt !== undefined) this.#startedAt += milliseconds;
  }

  /** Counts work, in comparisons of two short values, and says whether time is up. */
  spend(work: number): boolean {
    this.#left -= work;
    return this.#left < 0 && this.isOver();
  }

  /** Whether time is up, by a look at the clock now. */
  isOver(): boolean {
    this.#left = BUDGET;
    this.isDue = true;
    const now = this.#clock.monotonic();
    this.#startedAt ??= now;
    return now - this.#startedAt > this.milliseconds;
  }
}

/** Work whose time a stopwatch keeps, without that between its steps. */
export function* timed<Result>(watch: Stopwatch, steps: Steps<Result>): Steps<Result> {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    const waited = yield step.value;
    if (waited) watch.skip(waited);
  }
}
