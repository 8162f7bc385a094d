import { type Clock, systemClock } from "../transport/clock.ts";
import { Ticks } from "../transport/wire/ticks.ts";

const TicksPerSecond = 10_000_000n;

/** When frames happen: a whole number of times a second, evenly, starting at the top of each second. */
export class FrameTimes {
  readonly #rate: number;

  /** @param framesPerSecond A whole number from 1 to 1,000. */
  constructor(framesPerSecond: number) {
    this.#rate = framesPerSecond;
  }

  /** The last frame at or before a time. */
  atOrBefore(ticks: bigint): bigint {
    const fraction = ticks % TicksPerSecond;
    return ticks - fraction + this.#offset(this.#indexAt(Number(fraction)));
  }

  /** The first frame after a time. */
  after(ticks: bigint): bigint {
    const fraction = ticks % TicksPerSecond;
    return ticks - fraction + this.#offset(this.#indexAt(Number(fraction)) + 1);
  }

  /** Ticks from the top of the second to a frame, to the nearest tick. */
  #offset(index: number): bigint {
    return BigInt(Math.round(index * 1e7 / this.#rate));
  }

  /** The largest index whose offset is at most `fraction`: all whole numbers, so exact. */
  #indexAt(fraction: number): number {
    return Math.ceil((2 * fraction + 1) * this.#rate / 2e7) - 1;
  }
}

/** Like the system clock, but a timer of it keeps the process alive. */
const waitingClock: Clock = {
  ...systemClock,
  schedule(delay: number, callback: () => void): () => void {
    const id = setTimeout(callback, delay);
    return () => clearTimeout(id);
  },
};

/** Yields frame times as they fall due, until aborted. */
export async function* pace(
  times: FrameTimes,
  { signal, clock = waitingClock }: { signal?: AbortSignal; clock?: Clock },
): AsyncGenerator<bigint, void, void> {
  const now = () => Ticks.fromUnixMilliseconds(clock.now());
  let due = times.after(now());
  while (!signal?.aborted) {
    const late = now() - due;
    if (late > TicksPerSecond || late < -TicksPerSecond) due = times.after(now());
    // Even with nothing to wait for, a turn of the event loop lets sockets and timers have theirs.
    await wait(clock, Math.max(0, Math.ceil(Number(due - now()) / 10_000)), signal);
    if (signal?.aborted) return;
    yield due;
    due = times.after(due);
  }
}

/** Resolves after a delay in milliseconds, or when aborted. */
function wait(clock: Clock, delay: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      cancel();
      signal?.removeEventListener("abort", finish);
      resolve();
    };
    const cancel = clock.schedule(delay, finish);
    signal?.addEventListener("abort", finish);
  });
}
