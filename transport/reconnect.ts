/**
 * How whoever connects comes back after a lost connection.
 *
 * @module
 */
import type { Clock } from "./clock.ts";
import { checkKinds, duration, inRange } from "./option_checks.ts";

/** How a lost connection is made again (§2). */
export interface ReconnectOptions {
  /**
   * Milliseconds before the first attempt; each further one waits twice as long, until a connection has lasted for
   * `maxDelay`. Default 1,000.
   */
  readonly initialDelay?: number;
  /** No wait is longer than this many milliseconds. Default 30,000. */
  readonly maxDelay?: number;
  /**
   * Attempts in a row after which to give up, when none of them led to a connection that lasted for `maxDelay`.
   * Default: no limit.
   */
  readonly maxRetries?: number;
  /**
   * The part of each delay, 0 to 1, that is left to chance, so that many peers do not come back in step:
   * a delay `d` becomes anything from `d * (1 - jitter)` to `d`. Default 0.2.
   */
  readonly jitter?: number;
}

/** {@linkcode ReconnectOptions}, checked, with every default filled in. */
export type CheckedReconnectOptions = Readonly<Required<ReconnectOptions>>;

/**
 * Checks reconnect options and fills in the defaults.
 *
 * @returns `undefined` for `false`: not to come back.
 * @throws {TypeError} When an option does not exist or is of a wrong type.
 * @throws {RangeError} When a number is out of its range.
 */
export function checkReconnectOptions(
  given: ReconnectOptions | false | undefined,
): CheckedReconnectOptions | undefined {
  if (given === false) return undefined;
  const options = given ?? {};
  if (typeof options !== "object" || options === null) {
    throw new TypeError("reconnect must be an object or false");
  }
  const kinds = { initialDelay: "number", maxDelay: "number", maxRetries: "number", jitter: "number" };
  checkKinds(options, kinds, "reconnect");
  const maxRetries = options.maxRetries ?? Infinity;
  if (maxRetries !== Infinity) inRange(maxRetries, "reconnect.maxRetries", 0, Number.MAX_SAFE_INTEGER, true);
  const initialDelay = duration(options.initialDelay, "reconnect.initialDelay", 1000);
  return {
    initialDelay,
    maxDelay: duration(options.maxDelay, "reconnect.maxDelay", Math.max(30_000, initialDelay), initialDelay),
    maxRetries,
    jitter: inRange(options.jitter ?? 0.2, "reconnect.jitter", 0, 1, false),
  };
}

/** Exponential back-off with jitter: each delay is twice the one before, up to a cap (§2). */
export class Backoff {
  readonly #options: CheckedReconnectOptions;
  readonly #random: () => number;
  #attempt = 0;

  /**
   * @param options First delay, cap, number of retries and jitter.
   * @param random A number from 0 up to 1; for tests.
   */
  constructor(options: CheckedReconnectOptions, random: () => number = Math.random) {
    this.#options = options;
    this.#random = random;
  }

  /** Attempts since the last connection that lasted. */
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

  /**
   * A connection that did its work is over. If it had lasted as long as the longest wait, the next wait is a first one
   * again; a peer whose connections break at once is not asked ever so often.
   */
  lasted(milliseconds: number): void {
    if (milliseconds >= this.#options.maxDelay) this.#attempt = 0;
  }
}

/** Waits; `signal` ends the wait early. Meanwhile the process stays alive, although no connection holds it. */
export async function pause(clock: Clock, delay: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return;
  const alive = setInterval(() => {}, 1 << 30);
  const { promise, resolve } = Promise.withResolvers<void>();
  const onAbort = (): void => resolve();
  signal?.addEventListener("abort", onAbort, { once: true });
  const cancel = clock.schedule(delay, resolve);
  await promise;
  cancel();
  signal?.removeEventListener("abort", onAbort);
  clearInterval(alive);
}
