/**
 * How long to wait before the next attempt to connect.
 *
 * @module
 */
import type { Clock } from "../transport/clock.ts";
import type { CheckedOptions } from "./options.ts";

/** Exponential back-off with jitter: each delay is twice the one before, up to a cap (§2). */
export class Backoff {
  readonly #options: NonNullable<CheckedOptions["reconnect"]>;
  readonly #random: () => number;
  #attempt = 0;

  /**
   * @param options First delay, cap, number of retries and jitter.
   * @param random A number from 0 up to 1; for tests.
   */
  constructor(options: NonNullable<CheckedOptions["reconnect"]>, random: () => number = Math.random) {
    this.#options = options;
    this.#random = random;
  }

  /** Attempts since the last success. */
  get attempt(): number {
    return this.#attempt;
  }

  /** Counts another attempt. @returns Milliseconds to wait before it, or `undefined` when none is left. */
  next(): number | undefined {
    const { initialDelay, maxDelay, maxRetries, jitter } = this.#options;
    if (this.#attempt >= maxRetries) return undefined;
    const delay = Math.min(maxDelay, initialDelay * 2 ** Math.min(this.#attempt, 52));
    this.#attempt++;
    return delay * (1 - jitter * this.#random());
  }

  /** An attempt succeeded: the next wait is a first one again. */
  reset(): void {
    this.#attempt = 0;
  }
}

/** Waits; `signal` ends the wait early. Meanwhile the process stays alive, although no connection holds it. */
export async function pause(clock: Clock, delay: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const alive = setInterval(() => {}, 1 << 30);
  const { promise, resolve } = Promise.withResolvers<void>();
  const onAbort = (): void => resolve();
  signal.addEventListener("abort", onAbort, { once: true });
  const cancel = clock.schedule(delay, resolve);
  await promise;
  cancel();
  signal.removeEventListener("abort", onAbort);
  clearInterval(alive);
}
