/**
 * Changes of what is subscribed to.
 *
 * @module
 */
import { isLoss, type Run, type Wanted } from "./run.ts";
import type { Session } from "./session.ts";
import { Turns } from "./turns.ts";

/** Changes what there should be a subscription to, one after the other, so that each takes back no more than its own. */
export class Changes {
  readonly #wanted: Wanted;
  readonly #run: () => Run | undefined;
  readonly #turns = new Turns();

  /** @param run The subscriber's present run. */
  constructor(wanted: Wanted, run: () => Run | undefined) {
    this.#wanted = wanted;
    this.#run = run;
  }

  /**
   * Makes a change: without a connection at once. What fails for any reason but the loss of the connection is taken back.
   *
   * @param what What is aborted, for people.
   * @param change Gets the session to ask for it, unless that is lent: then it comes when it is given back.
   * @throws {SttpError} `Aborted`, and what `change` throws.
   */
  async make(
    signal: AbortSignal | undefined,
    what: string,
    change: (session: Session | undefined) => Promise<void>,
  ): Promise<void> {
    if (this.#run()?.session === undefined) return await change(undefined);
    await this.#turns.take(signal, what, async () => {
      const run = this.#run();
      const session = run?.isLent ? undefined : run?.session;
      const before = { ...this.#wanted };
      try {
        await change(session);
      } catch (error) {
        if (session === undefined || !isLoss(error, session)) Object.assign(this.#wanted, before);
        throw error;
      }
    });
  }
}
