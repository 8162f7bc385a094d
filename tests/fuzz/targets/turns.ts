/** Turns of the event loop, without waiting longer than it takes. */
import { setImmediate } from "node:timers";

/** Lets what is ready run, so many times. */
export async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise<void>((resolve) => setImmediate(resolve));
}

/**
 * Waits for a condition while time goes on.
 *
 * @param pass Lets a clock move on. Called now and then.
 */
export async function briefly(condition: () => boolean, pass: () => void): Promise<void> {
  for (let i = 0; i < 400 && !condition(); i++) {
    await new Promise((resolve) => setTimeout(resolve, i < 20 ? 0 : 5));
    if (i % 4 === 3) pass();
  }
}
