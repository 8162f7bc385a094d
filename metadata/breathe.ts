import { nextTurn } from "../transport/next_turn.ts";

/** How long a document is worked on before sockets and timers get their turn, in milliseconds. */
const SLICE = 10;

/**
 * Lets other work in during a long one: `await breath.due()` between steps costs a clock reading, and every 10 ms a
 * turn of the event loop.
 */
export class Breath {
  #since = performance.now();

  /** Whether the slice is used up, for callers that can do without `await` until then. */
  get spent(): boolean {
    return performance.now() - this.#since >= SLICE;
  }

  /** Gives way when the slice is used up. */
  async due(): Promise<void> {
    if (!this.spent) return;
    await nextTurn();
    this.#since = performance.now();
  }
}
