/**
 * Long work in steps, so that whoever has it done decides when something else comes first.
 *
 * @module
 */
import type { Clock } from "../transport/clock.ts";
import { nextTurn } from "../transport/next_turn.ts";

/**
 * Work that stops at a `yield` every now and then, a fraction of a millisecond apart, and returns what it comes to. What
 * takes much memory tells how many more bytes it takes, roughly, as it goes on or before it does. Who goes on after a
 * while may say for how many milliseconds it waited, so that they do not count as its own.
 */
export type Steps<Result> = Generator<number | void, Result, number | void>;

/** Does all the work at once. */
export function finish<Result>(steps: Steps<Result>): Result {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/**
 * How long work is done before sockets and timers get their turn, in milliseconds. With 2, metadata of 300,000 signals
 * takes a quarter longer, as each turn takes a millisecond at least, and data comes hardly sooner beside costly filters.
 */
export const SLICE = 4;

/** Does all the work, and lets sockets and timers have a turn every 4 ms. @param clock What those are measured by. */
export async function inSlices<Result>(
  steps: Steps<Result>,
  clock: Pick<Clock, "monotonic">,
): Promise<Result> {
  let since = clock.monotonic();
  let waited = 0;
  for (;;) {
    const step = steps.next(waited);
    if (step.done) return step.value;
    waited = 0;
    const now = clock.monotonic();
    if (now - since < SLICE) continue;
    await nextTurn();
    since = clock.monotonic();
    waited = since - now;
  }
}
