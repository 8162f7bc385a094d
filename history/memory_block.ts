import { MeasurementBatch } from "../transport/wire/batch.ts";
import type { HistoryRange } from "./source.ts";
import { timesOf, widened } from "./time_order.ts";

/** A part of what a history in memory holds, in the order in which it was recorded. */
export class MemoryBlock {
  /** The measurements, under the history's numbers. */
  readonly batch: MeasurementBatch;
  #range: HistoryRange | undefined;

  /** @param size How many measurements there is room for. */
  constructor(size: number) {
    this.batch = new MeasurementBatch(size);
  }

  /** How many more measurements go into it. */
  get room(): number {
    return this.batch.capacity - this.batch.length;
  }

  /** Of what times its measurements are; not while it is empty. */
  get range(): HistoryRange {
    return this.#range!;
  }

  /** Takes measurements `from` to `to` (exclusive), which there is room for. */
  append(other: MeasurementBatch, from: number, to: number): void {
    const before = this.batch.length;
    this.batch.append(other, from, to);
    this.#range = widened(this.#range, timesOf(this.batch, before));
  }

  /** Empties it. */
  clear(): void {
    this.batch.clear();
    this.#range = undefined;
  }
}
