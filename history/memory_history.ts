import { SttpError } from "../transport/errors.ts";
import type { SignalTable } from "../transport/signal_table.ts";
import { MeasurementBatch } from "../transport/wire/batch.ts";
import { describeTicks, timeOf } from "../transport/wire/ticks.ts";
import { Numbering } from "./numbering.ts";
import type { HistoryRange, HistoryRequest, HistorySource, HistoryStats } from "./source.ts";
import { keepWanted, sortByTime } from "./time_order.ts";

/** Settings of a {@linkcode MemoryHistory}. */
export interface MemoryHistoryOptions {
  /** How many measurements are kept, the newest that were recorded, at 24 bytes each; default 1,048,576. */
  readonly capacity?: number;
}

/** How many measurements a batch of what is read has at most. */
const BATCH_LENGTH = 16_384;

/**
 * A history in memory of what was recorded last: for tests, and for publishers that only help their subscribers over
 * short gaps.
 *
 * @example
 * ```ts
 * import { MemoryHistory } from "@sttp/sttp/history";
 * import { MeasurementBatch, SignalTable } from "@sttp/sttp/transport";
 * import { assertEquals } from "@std/assert";
 *
 * const signals = new SignalTable();
 * const batch = new MeasurementBatch();
 * batch.add(signals.add("9ae6dd95-bddb-5dd8-8717-57da1268b9ca"), 638_500_000_000_000_000n, 59.98);
 *
 * const history = new MemoryHistory();
 * history.record(batch, signals);
 * assertEquals(history.range()?.last, 638_500_000_000_000_000n);
 * ```
 */
export class MemoryHistory implements HistorySource {
  readonly #capacity: number;
  readonly #numbering = new Numbering();
  readonly #measurements = new MeasurementBatch();
  #recorded = 0;

  /**
   * An empty one.
   *
   * @throws {RangeError} When the capacity is not a positive whole number.
   */
  constructor({ capacity = 1_048_576 }: MemoryHistoryOptions = {}) {
    if (!Number.isInteger(capacity) || capacity < 1) {
      throw new RangeError(`capacity is ${capacity}, a positive whole number of measurements expected`);
    }
    this.#capacity = capacity;
  }

  /** From when to when there is history. */
  range(): HistoryRange | undefined {
    const { ticks, length } = this.#measurements;
    if (length === 0) return undefined;
    let first = timeOf(ticks[0]!);
    let last = first;
    for (let i = 1; i < length; i++) {
      const time = timeOf(ticks[i]!);
      if (time < first) first = time;
      if (time > last) last = time;
    }
    return { first, last };
  }

  /** Takes measurements in the place of the oldest. */
  record(batch: MeasurementBatch, signals: SignalTable): void {
    const kept = this.#measurements;
    const before = kept.length;
    this.#numbering.append(kept, batch, signals);
    this.#recorded += kept.length - before;
    if (kept.length <= this.#capacity) return;
    // A quarter at a time, so that the cost of moving the rest stays small.
    const dropped = Math.min(kept.length, Math.max(kept.length - this.#capacity, this.#capacity >> 2));
    for (const column of [kept.signals, kept.ticks, kept.valueBits, kept.flags]) {
      column.copyWithin(0, dropped, kept.length);
    }
    kept.length -= dropped;
  }

  /** Measurements of the past; see {@linkcode HistorySource.read}. @throws {SttpError} `Aborted`. */
  async *read(request: HistoryRequest): AsyncIterable<MeasurementBatch> {
    const { signals, handles, start, stop, signal } = request;
    const found = this.#measurements.clone();
    keepWanted(found, 0, this.#numbering.wanted(signals, handles), start, stop);
    sortByTime(found);
    const batch = new MeasurementBatch(Math.min(found.length, BATCH_LENGTH));
    for (let from = 0; from < found.length; from += BATCH_LENGTH) {
      if (signal?.aborted) throw new SttpError("Aborted", "reading history was aborted");
      batch.clear();
      batch.append(found, from, Math.min(from + BATCH_LENGTH, found.length));
      yield batch;
    }
  }

  /** For operators. */
  stats(): HistoryStats {
    const range = this.range();
    return {
      first: range === undefined ? null : describeTicks(range.first),
      last: range === undefined ? null : describeTicks(range.last),
      recorded: this.#recorded,
      lost: 0,
      blocks: 0,
      bytes: 24 * this.#measurements.length,
      damagedBlocks: 0,
      failing: false,
      problem: null,
    };
  }

  /** Does nothing: what there is stays readable. */
  close(): Promise<void> {
    return Promise.resolve();
  }
}
