import type { Clock } from "../transport/clock.ts";
import { SttpError } from "../transport/errors.ts";
import { nextTurn } from "./shared_gzip.ts";

/** What took no longer than so many milliseconds, all together, was not costly. */
const NOT_COSTLY = 10;
/** Hosts whose time is remembered, against memory that grows with them. */
const HOSTS = 4_096;

/** Somebody who waits for a turn. */
interface Waiting {
  readonly host: string;
  /** Whether there is still somebody to do it for. */
  readonly isWanted: () => boolean;
  readonly begin: () => void;
  readonly giveUp: () => void;
}

/**
 * Takes care that work which keeps everybody waiting, such as the evaluation of filter expressions, leaves time for the
 * rest: after what was costly, so much time passes as it took before more of the kind is done for anybody. However many
 * subscribers ask for the costliest filters without end, publishing has half of the processor's time.
 *
 * Of those who wait, the host that had the least time so far is next: however many connections somebody makes from a
 * host to ask for what is costly, others wait for one turn of it, and not for all of them.
 */
export class CostlyTurns {
  readonly #clock: Clock;
  /** Milliseconds that work took since the last rest. */
  #took = 0;
  #restsUntil = -Infinity;
  #waiting: Waiting[] = [];
  #isHandingOut = false;
  /** Milliseconds that hosts had, while there is anybody who waits. */
  readonly #had = new Map<string, number>();

  /** @param clock For how long things take. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Does something in its turn.
   *
   * @param host For whom.
   * @param work What it does before it first waits is what counts.
   * @param isWanted Whether there is still somebody to do it for.
   * @throws {SttpError} `Closed` when there is not.
   */
  run<Result>(host: string, work: () => Promise<Result>, isWanted: () => boolean): Promise<Result> {
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    this.#waiting.push({
      host,
      isWanted,
      begin: () => {
        try {
          // Its beginning is done when this returns; the rest of it may wait for whatever it waits for.
          resolve(this.#measured(host, work));
        } catch (error) {
          reject(error);
        }
      },
      giveUp: () => reject(new SttpError("Closed", "the connection ended before its turn came")),
    });
    if (!this.#isHandingOut) this.#handOut();
    return promise;
  }

  /** Goes on until nobody waits. */
  async #handOut(): Promise<void> {
    this.#isHandingOut = true;
    await undefined;
    for (;;) {
      this.#letGo();
      if (this.#waiting.length === 0) break;
      const left = this.#restsUntil - this.#clock.monotonic();
      if (left > 0) await this.#rest(left);
      else this.#takeNext().begin();
    }
    this.#had.clear();
    this.#isHandingOut = false;
  }

  /** Gives up for those who are gone. */
  #letGo(): void {
    const gone = this.#waiting.filter(({ isWanted }) => !isWanted());
    if (gone.length === 0) return;
    this.#waiting = this.#waiting.filter((waiting) => !gone.includes(waiting));
    for (const { giveUp } of gone) giveUp();
  }

  /** The first of the host that had the least. */
  #takeNext(): Waiting {
    const had = this.#waiting.map(({ host }) => this.#had.get(host) ?? 0);
    const [next] = this.#waiting.splice(had.indexOf(had.reduce((a, b) => Math.min(a, b))), 1);
    return next!;
  }

  #measured<Result>(host: string, work: () => Result): Result {
    const started = this.#clock.monotonic();
    try {
      return work();
    } finally {
      const now = this.#clock.monotonic();
      this.#note(host, now - started);
      this.#took += now - started;
      if (this.#took > NOT_COSTLY) {
        this.#restsUntil = now + this.#took;
        this.#took = 0;
      }
    }
  }

  #note(host: string, took: number): void {
    const had = this.#had.get(host) ?? 0;
    this.#had.delete(host);
    this.#had.set(host, had + took);
    if (this.#had.size > HOSTS) this.#had.delete(this.#had.keys().next().value!);
  }

  async #rest(left: number): Promise<void> {
    await new Promise<void>((resolve) => this.#clock.schedule(left, resolve));
    // Timers that were due meanwhile have their turn.
    await nextTurn();
  }
}
