/** Turns of the event loop, without waiting longer than it takes. */
import { setImmediate } from "node:timers";

/** Lets what is ready run, so many times. */
export async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** How long {@linkcode briefly} waits at most, in milliseconds: a busy machine may need it. */
const PATIENCE = 15_000;

/**
 * Waits for a condition while time goes on.
 *
 * @param pass Lets a clock move on. Called now and then, a hundred times at most.
 */
export async function briefly(condition: () => boolean, pass: () => void): Promise<void> {
  const started = performance.now();
  for (let i = 0; !condition() && performance.now() - started < PATIENCE; i++) {
    await new Promise((resolve) => setTimeout(resolve, i < 20 ? 0 : 5));
    if (i % 4 === 3 && i < 400) pass();
  }
}
