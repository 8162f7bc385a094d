/**
 * What must not overlap.
 *
 * @module
 */
import { unlessAborted } from "./abort.ts";

/** One at a time, in the order in which they came. */
export class Turns {
  #last: Promise<void> = Promise.resolve();

  /**
   * Waits for all that came before.
   *
   * @param signal Ends the wait; those who come later do not wait for one that left.
   * @param what What is aborted, for people.
   * @returns What ends the turn; may be called again.
   * @throws {SttpError} `Aborted`.
   */
  async next(signal: AbortSignal | undefined, what: string): Promise<() => void> {
    const before = this.#last;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last = promise;
    try {
      await unlessAborted(before, signal, what);
    } catch (error) {
      before.then(resolve);
      throw error;
    }
    return resolve;
  }

  /** Carries something out when it is its turn. @throws {SttpError} As `next()` does. */
  async take<T>(signal: AbortSignal | undefined, what: string, operation: () => Promise<T>): Promise<T> {
    const end = await this.next(signal, what);
    try {
      return await operation();
    } finally {
      end();
    }
  }
}
