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
  #latencies: number[] = [];

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
      this.#latencies.push(now - Number(published - epoch) / 10_000);
    }
  }

  /** What has come since the last time. */
  take(): { received: number; latencies: number[] } {
    const taken = { received: this.received, latencies: this.#latencies };
    this.received = 0;
    this.#latencies = [];
    return taken;
  }
}

/** Sums latencies up. */
export function latencyOf(latencies: readonly number[]): Latency {
  const sorted = latencies.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
  return { p50: at(0.5), p99: at(0.99), most: at(1) };
}
