/**
 * Measurements as objects, for those who prefer them to columns.
 *
 * @module
 */
import type { SignalTable } from "../transport/signal_table.ts";
import type { Measurement, MeasurementBatch } from "../transport/wire/batch.ts";
import type { BatchIterator, Delivery } from "./delivery.ts";

// Both are classes by hand: a generator takes twice as long for each measurement, an async one three times.

/** So many IDs are made with a batch: less than a millisecond. */
const IDS_AT_ONCE = 4096;

/** Walks the measurements of one batch. */
export class MeasurementsOfBatch implements IterableIterator<Measurement> {
  readonly #batch: MeasurementBatch;
  readonly #signals: SignalTable;
  /** Those of the first signals, from batch to batch of more: faster than to ask for each. */
  readonly #ids: readonly string[];
  #next = 0;

  /** @param signals What handles mean. */
  constructor(batch: MeasurementBatch, signals: SignalTable) {
    this.#batch = batch;
    this.#signals = signals;
    this.#ids = signals.ids(IDS_AT_ONCE);
  }

  /** Itself: there is one pass. */
  [Symbol.iterator](): this {
    return this;
  }

  /** What is walked. */
  get batch(): MeasurementBatch {
    return this.#batch;
  }

  /** How many measurements were walked. */
  get position(): number {
    return this.#next;
  }

  /** The next measurement, an object of its own. */
  next(): IteratorResult<Measurement, undefined> {
    const i = this.#next;
    const batch = this.#batch;
    if (i >= batch.length) return { done: true, value: undefined };
    this.#next = i + 1;
    return {
      done: false,
      value: {
        signalId: this.#ids[batch.signals[i]!] ?? this.#signals.idOf(batch.signals[i]!),
        ticks: batch.ticks[i]!,
        value: batch.values[i]!,
        flags: batch.flags[i]!,
      },
    };
  }
}

/**
 * Iterates measurements one by one. Only a new batch is waited for; but `for await` itself still takes a turn of the
 * microtask queue for each measurement.
 */
export class MeasurementIterator implements AsyncIterableIterator<Measurement> {
  readonly #batches: BatchIterator;
  readonly #delivery: Delivery;
  readonly #signals: SignalTable;
  #current: MeasurementsOfBatch | undefined;

  /** @param batches Where they come from; this iterator is its only user. */
  constructor(batches: BatchIterator, delivery: Delivery, signals: SignalTable) {
    this.#batches = batches;
    this.#delivery = delivery;
    this.#signals = signals;
  }

  /** Itself: there is one pass over the measurements. */
  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The next measurement; waits for it. */
  next(): Promise<IteratorResult<Measurement, undefined>> {
    const result = this.#current?.next();
    return result === undefined || result.done === true ? this.#nextBatch() : Promise.resolve(result);
  }

  async #nextBatch(): Promise<IteratorResult<Measurement, undefined>> {
    this.#current = undefined;
    for (;;) {
      const batch = this.#batches.poll();
      if (batch !== undefined) {
        // At once: return() must find what it has to give back.
        this.#current = new MeasurementsOfBatch(batch, this.#signals);
        return this.#current.next();
      }
      if (this.#batches.done) return { done: true, value: undefined };
      await this.#batches.wait();
    }
  }

  /** Ends the iteration. The rest of the batch is the first thing that the next iteration gets. */
  async return(): Promise<IteratorResult<Measurement, undefined>> {
    if (this.#current !== undefined) this.#delivery.giveBack(this.#current.batch, this.#current.position);
    this.#current = undefined;
    await this.#batches.return();
    return { done: true, value: undefined };
  }
}
