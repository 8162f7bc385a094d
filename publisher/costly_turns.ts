import type { Clock } from "../transport/clock.ts";
import { SttpError } from "../transport/errors.ts";
import { nextTurn } from "./shared_gzip.ts";

/** What took no longer than so many milliseconds was not costly. */
const NOT_COSTLY = 10;

/**
 * Takes care that work which keeps everybody waiting, such as the evaluation of filter expressions, leaves time for the
 * rest: after what was costly, so much time passes as it took before more of the kind is done for anybody. However many
 * subscribers ask for the costliest filters without end, publishing has half of the processor's time.
 */
export class CostlyTurns {
  readonly #clock: Clock;
  #restsUntil = -Infinity;
  #last: Promise<void> = Promise.resolve();

  /** @param clock For how long things take. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Does something in its turn.
   *
   * @param work What it does before it first waits is what counts.
   * @param isWanted Whether there is still somebody to do it for.
   * @throws {SttpError} `Closed` when there is not.
   */
  async run<Result>(work: () => Promise<Result>, isWanted: () => boolean): Promise<Result> {
    const before = this.#last;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last = promise;
    await before;
    try {
      if (isWanted()) await this.#rest();
      if (!isWanted()) throw new SttpError("Closed", "the connection ended before its turn came");
      // Its beginning is done when this returns; the rest of it may wait for whatever it waits for.
      const result = this.#measured(work);
      resolve();
      return await result;
    } finally {
      resolve();
    }
  }

  #measured<Result>(work: () => Result): Result {
    const started = this.#clock.monotonic();
    try {
      return work();
    } finally {
      const now = this.#clock.monotonic();
      if (now - started > NOT_COSTLY) this.#restsUntil = 2 * now - started;
    }
  }

  async #rest(): Promise<void> {
    const left = this.#restsUntil - this.#clock.monotonic();
    if (left <= 0) return;
    await new Promise<void>((resolve) => this.#clock.schedule(left, resolve));
    // Timers that were due meanwhile have their turn.
    await nextTurn();
  }
}
