import { RateLimiter } from "../log/rate_limit.ts";
import type { Clock } from "../transport/clock.ts";
import type { AdminAction } from "./options.ts";

/** Refused actions of one user that are told in an interval: a flood of them is not to fill a disk. */
const LINES = 60;
/** Milliseconds. */
const INTERVAL = 60_000;

/** Tells the application of every action, and of refused ones as many as anybody reads. */
export class ActionLog {
  readonly #onAction: (action: AdminAction) => void;
  readonly #limiter: RateLimiter;
  /** The last one that was not told, by user. */
  readonly #left = new Map<string, AdminAction>();

  /** @param onAction What the application does with them. */
  constructor(onAction: (action: AdminAction) => void, clock: Clock) {
    this.#onAction = onAction;
    this.#limiter = new RateLimiter(
      { lines: LINES, bytes: Infinity, interval: INTERVAL },
      clock,
      (user, count) => {
        const last = this.#left.get(user);
        this.#left.delete(user);
        // The last one stands for all that were left out, itself among them.
        if (last !== undefined) this.#tell({ ...last, repeated: count });
      },
    );
  }

  /** Tells of an action, unless there have been too many like it. */
  add(action: AdminAction): void {
    const { done, user } = action;
    if (done || this.#limiter.take(user)) this.#tell(action);
    else this.#left.set(user, action);
  }

  /** Tells what was left out so far. */
  close(): void {
    this.#limiter.tell();
  }

  async #tell(action: AdminAction): Promise<void> {
    try {
      await this.#onAction(action);
    } catch (error) {
      // A log that fails takes back nothing that was done.
      console.error(error);
    }
  }
}
