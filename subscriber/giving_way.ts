/**
 * Giving everything else its turn while there is always something to do.
 *
 * @module
 */

/** For so many milliseconds timers and other sockets may be kept waiting. */
const SLICE = 10;

/**
 * Tells when it is time to give way. A socket at which the next bytes are always there already is read without timers
 * and other sockets coming round: `await` alone lets nobody else in. Where there is something to wait for they come
 * round by themselves, and nobody is held up here.
 */
export class GivingWay {
  readonly #slice: number;
  #since = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #turn: PromiseWithResolvers<void> | undefined;
  #isClosed = false;

  /** @param slice For how many milliseconds everything else may be kept waiting. */
  constructor(slice: number = SLICE) {
    this.#slice = slice;
  }

  /** Whether everything else has been waiting for long; to be asked every fraction of a millisecond. */
  get isDue(): boolean {
    if (this.#timer !== undefined) return performance.now() - this.#since >= this.#slice;
    if (this.#isClosed) return false;
    this.#since = performance.now();
    // If it does not fire soon, neither does any other timer.
    this.#timer = setTimeout(() => this.#end(), 0);
    return false;
  }

  /** Resolves when everything else had its turn. */
  next(): Promise<void> {
    if (this.#timer === undefined) return Promise.resolve();
    this.#turn ??= Promise.withResolvers<void>();
    return this.#turn.promise;
  }

  /**
   * Does work in steps of a fraction of a millisecond: at once when it does not take long, else with turns for everything
   * else in between, until it is done or nothing is to be waited for any more.
   *
   * @returns A promise when it is not done yet.
   */
  carryOut(steps: Iterator<unknown, void>): void | Promise<void> {
    if (this.#doSome(steps)) return;
    return this.#goOn(steps);
  }

  async #goOn(steps: Iterator<unknown, void>): Promise<void> {
    do {
      await this.next();
    } while (!this.#isClosed && !this.#doSome(steps));
  }

  /** @returns Whether all is done. */
  #doSome(steps: Iterator<unknown, void>): boolean {
    do {
      if (steps.next().done) return true;
    } while (!this.isDue);
    return false;
  }

  /** Waits for nothing any more, and leaves no timer. */
  close(): void {
    this.#isClosed = true;
    this.#end();
  }

  #end(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#turn?.resolve();
    this.#turn = undefined;
  }
}
