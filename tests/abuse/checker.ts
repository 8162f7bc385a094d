import type { Subscriber } from "../../subscriber/mod.ts";
import { type MeasurementBatch, Ticks } from "../../transport/mod.ts";
import { sharedNow } from "../../bench/programs/talk.ts";
import { numberOf, valuesBeforeRepeat } from "../integration/support.ts";

const epoch = Ticks.UnixEpoch;

/** How long measurements took, in milliseconds. */
export interface Latency {
  readonly p50: number;
  readonly p99: number;
  readonly most: number;
  /** The p99 of each second by itself. */
  readonly p99s: readonly number[];
}

/** How long a round took, and when it came, in milliseconds. */
export interface Delay {
  readonly at: number;
  readonly took: number;
}

/** Watches what a subscriber gets of what `programs/publisher.ts` publishes, and notices what is missing. */
export class Checker {
  /** Measurements since the last {@linkcode take}. */
  received = 0;
  /** Values that are missing between two others of a signal, so far. */
  missed = 0;
  /** Values of another signal, so far. */
  wrong = 0;
  readonly #subscriber: Subscriber;
  readonly #last: Int32Array;
  /** The signal of each handle. */
  readonly #numbers: number[] = [];
  #delays: Delay[] = [];

  /** @param signals How many are published. */
  constructor(subscriber: Subscriber, signals: number) {
    this.#subscriber = subscriber;
    this.#last = new Int32Array(signals).fill(-1);
  }

  /** Looks at a batch. */
  check(batch: MeasurementBatch): void {
    const now = sharedNow();
    this.received += batch.length;
    let published = 0n;
    for (let i = 0; i < batch.length; i++) {
      const handle = batch.signals[i]!;
      const n = this.#numbers[handle] ??= numberOf(this.#subscriber.signals.idOf(handle)!);
      const round = batch.values[i]! - n * valuesBeforeRepeat;
      if (round < 0 || round >= valuesBeforeRepeat) this.wrong++;
      const last = this.#last[n]!;
      if (last >= 0) this.missed += (round - last - 1 + valuesBeforeRepeat) % valuesBeforeRepeat;
      this.#last[n] = round;
      if (batch.ticks[i] === published) continue;
      published = batch.ticks[i]!;
      this.#delays.push({ at: now, took: now - Number(published - epoch) / 10_000 });
    }
  }

  /** What has come since the last time. */
  take(): { received: number; delays: Delay[] } {
    const taken = { received: this.received, delays: this.#delays };
    this.received = 0;
    this.#delays = [];
    return taken;
  }
}

/** Sums delays up. */
export function latencyOf(delays: readonly Delay[]): Latency {
  const all = delays.map(({ took }) => took);
  const seconds = Map.groupBy(delays, ({ at }) => Math.floor(at / 1000));
  const p99s = Array.from(seconds.values(), (second) => share(second.map(({ took }) => took), 0.99));
  return { p50: share(all, 0.5), p99: share(all, 0.99), most: share(all, 1), p99s };
}

/** What so large a share of the values does not exceed. */
function share(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(part * (sorted.length - 1))] ?? 0;
}
