/**
 * Measurements at the speed at which they were recorded.
 *
 * @module
 */
import { type Clock, MeasurementBatch, systemClock, Ticks } from "../mod.ts";

/** How fast recorded measurements go. */
export interface PaceOptions {
  /** How often as fast as they were recorded; `Infinity`: without waiting. */
  readonly speed: number;
  /** Whether the times become those at which they go. */
  readonly retime: boolean;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Time and timers; the default's keep the process alive. */
  readonly clock?: Clock;
}

const waitingClock: Clock = {
  ...systemClock,
  schedule(delay: number, callback: () => void): () => void {
    const id = setTimeout(callback, delay);
    return () => clearTimeout(id);
  },
};

/** Resolves after a delay in milliseconds, or when aborted. */
export function delay(milliseconds: number, signal: AbortSignal, clock: Clock = waitingClock): Promise<void> {
  return new Promise((resolve) => {
    const finish = (): void => {
      cancel();
      signal.removeEventListener("abort", finish);
      resolve();
    };
    const cancel = clock.schedule(milliseconds, finish);
    signal.addEventListener("abort", finish);
    if (signal.aborted) finish();
  });
}

/**
 * Hands on measurements when they are due, by their timestamps: the first at once, the others as long after it as they
 * were. Those that come out of order go at once. Each batch is lent until the next one is asked for.
 */
export async function* paced(
  batches: AsyncIterable<MeasurementBatch>,
  { speed, retime, signal, clock = waitingClock }: PaceOptions,
): AsyncGenerator<MeasurementBatch, void> {
  const part = new MeasurementBatch();
  let first: { readonly time: bigint; readonly at: number; readonly shift: bigint } | undefined;
  for await (const batch of batches) {
    for (let from = 0; from < batch.length;) {
      const time = Ticks.timeOf(batch.ticks[from]!);
      first ??= { time, at: clock.monotonic(), shift: retime ? Ticks.now(clock) - time : 0n };
      const { time: start, at, shift } = first;
      const dueAt = (i: number): number =>
        at + Number(Ticks.timeOf(batch.ticks[i]!) - start) / 10_000 / speed;
      const wait = dueAt(from) - clock.monotonic();
      if (wait > 0) await delay(Math.min(Math.ceil(wait), 2 ** 31 - 1), signal, clock);
      if (signal.aborted) return;
      const now = Math.max(clock.monotonic(), dueAt(from));
      let to = from + 1;
      while (to < batch.length && dueAt(to) <= now) to++;
      part.clear();
      part.append(batch, from, to);
      if (retime) { for (let i = 0; i < part.length; i++) part.ticks[i]! += shift; }
      yield part;
      from = to;
    }
  }
}
