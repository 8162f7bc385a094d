/**
 * The hand-over of measurements from the connection to their consumer.
 *
 * @module
 */
import { MeasurementBatch } from "../transport/wire/batch.ts";
import type { OverflowPolicy } from "./options.ts";
import { ConsumerSlot, type Supply, SupplyIterator } from "./supply.ts";

/** What a {@linkcode Delivery} is made of. */
export interface DeliveryOptions {
  /** How many measurements may wait. */
  capacity: number;
  /** What happens to more. */
  overflow: OverflowPolicy;
  /** The consumer, when it is a function. */
  onBatch?: ((batch: MeasurementBatch) => void | Promise<void>) | undefined;
  /** Told how many measurements were discarded. */
  onDropped?: (count: number) => void;
}

/** What a limit is stretched by while somebody waits for an answer that comes behind the data. */
const stretch = 4;

/** After how many batches in a row, each less than an eighth of the room, the room is given back. */
const patience = 1000;

/**
 * Two batches that change places: the connection fills one while the consumer reads the other, so nothing is
 * allocated or copied per batch, and packets that come in while the consumer is busy reach it as one batch. What
 * room they took then is given back when it is no longer needed.
 *
 * There is one consumer at a time, an iterator or a function. A batch is lent: it is valid until the consumer asks
 * for the next one.
 */
export class Delivery implements Supply<MeasurementBatch> {
  #filling: MeasurementBatch;
  #lent: MeasurementBatch;
  readonly #capacity: number;
  /** What room a batch begins with. */
  readonly #initial: number;
  readonly #overflow: OverflowPolicy;
  /** The function that gets the batches, or an iterator, for a run at most. */
  readonly consumer: ConsumerSlot;
  readonly #onBatch: DeliveryOptions["onBatch"];
  readonly #onDropped: (count: number) => void;
  #ended = false;
  #calling = false;
  #wakeFiller: (() => void) | undefined;
  #stretched = 0;
  /** Whether the lent batch came back with something in it. */
  #returned = false;
  /** How many batches in a row filled little of the larger one's room. */
  #small = 0;

  /** See {@linkcode DeliveryOptions}. */
  constructor(options: DeliveryOptions) {
    this.#capacity = options.capacity;
    this.#initial = Math.min(options.capacity, 4096);
    this.#filling = this.#newBatch();
    this.#lent = this.#newBatch();
    this.#overflow = options.overflow;
    this.#onBatch = options.onBatch;
    this.consumer = new ConsumerSlot(
      options.onBatch === undefined
        ? "measurements are being iterated already; end that loop first"
        : "measurements go to onBatch, so they can't be iterated as well",
    );
    if (options.onBatch !== undefined) this.consumer.claim(options.onBatch);
    this.#onDropped = options.onDropped ?? (() => {});
  }

  #newBatch(): MeasurementBatch {
    return new MeasurementBatch(this.#initial);
  }

  /** The batch to append to. Ask for it anew after every wait: it changes places. */
  get filling(): MeasurementBatch {
    return this.#filling;
  }

  /** How many measurements wait for the consumer. */
  get waiting(): number {
    return this.#filling.length + (this.#returned ? this.#lent.length : 0);
  }

  /** Whether the connection has to wait before it appends more; after {@linkcode Delivery.trim}. */
  get full(): boolean {
    if (this.#overflow !== "pause" || this.#ended) return false;
    return this.#filling.length >= this.#capacity * (this.#stretched > 0 ? stretch : 1);
  }

  /** Resolves when there is room again, or when it no longer matters. */
  room(): Promise<void> {
    if (!this.full) return Promise.resolve();
    return new Promise((resolve) => this.#wakeFiller = resolve);
  }

  /**
   * While this is held, four times as much may wait: an answer arrives behind the data, so a consumer that waits
   * for one between two batches would otherwise wait for itself.
   */
  hold(): void {
    this.#stretched++;
    this.#resume();
  }

  /** Ends a {@linkcode Delivery.hold}. */
  release(): void {
    this.#stretched--;
  }

  /** Applies `dropOldest`. Discards a quarter at a time, so that the cost of moving the rest stays small. */
  trim(): void {
    const batch = this.#filling;
    const excess = batch.length - this.#capacity;
    if (this.#overflow !== "dropOldest" || excess <= 0) return;
    const dropped = Math.min(batch.length, Math.max(excess, this.#capacity >> 2));
    removeFirst(batch, dropped);
    this.#onDropped(dropped);
  }

  /** What was appended so far may go to the consumer. Called once a read from the connection, not a packet. */
  commit(): void {
    if (this.#filling.length === 0) return;
    if (this.#onBatch !== undefined) this.#call();
    else this.consumer.wake();
  }

  /** Opens it (again) for a new run. What was left over is still delivered, to whoever iterates now. */
  start(): void {
    if (!this.#ended) return;
    this.#ended = false;
    if (this.#onBatch !== undefined || !this.consumer.isTaken) return;
    // It has not seen the end of the run before; what it was lent is its own from now on.
    this.consumer.clear();
    this.#lent = this.#newBatch();
  }

  /** No more will come: the consumer gets what there is, then the end. */
  end(): void {
    this.#ended = true;
    this.commit();
    this.consumer.wake();
    this.#resume();
  }

  /** The next batch if one is ready. It is lent until the next call. */
  poll(): MeasurementBatch | undefined {
    if (this.#returned) {
      this.#returned = false;
      return this.#lent;
    }
    this.#lent.clear();
    if (this.#filling.length === 0) return undefined;
    const batch = this.#filling;
    this.#filling = this.#spare(batch);
    this.#lent = batch;
    this.#resume();
    return batch;
  }

  /** The batch to fill after this one: the other, or a smaller one when neither has been used well for long. */
  #spare({ length, capacity }: MeasurementBatch): MeasurementBatch {
    const other = this.#lent;
    if (length * 8 >= Math.max(capacity, other.capacity)) this.#small = 0;
    else if (++this.#small >= patience && other.capacity > this.#initial) {
      this.#small = 0;
      return this.#newBatch();
    }
    return other;
  }

  /**
   * Takes back a batch from measurement `from` on: {@linkcode Delivery.poll} gives it out again. When another run has
   * begun since, that would bring it out of order: then it is discarded.
   */
  giveBack(batch: MeasurementBatch, from: number): void {
    if (from >= batch.length) return;
    if (batch !== this.#lent) return this.#onDropped(batch.length - from);
    removeFirst(batch, from);
    this.#returned = true;
  }

  get ended(): boolean {
    return this.#ended;
  }

  #resume(): void {
    if (this.#wakeFiller === undefined || this.full) return;
    const wake = this.#wakeFiller;
    this.#wakeFiller = undefined;
    wake();
  }

  /** Calls the consumer until nothing is left, or until it returned a promise: then again when that settles. */
  #call(): void {
    if (this.#calling) return;
    for (;;) {
      const batch = this.poll();
      if (batch === undefined) return;
      this.#calling = true;
      let result: void | Promise<void> = undefined;
      try {
        result = this.#onBatch?.(batch);
      } catch (error) {
        // The same as for an event listener: the fault shows, the data goes on.
        reportError(error);
      }
      if (result instanceof Promise) {
        result.catch(reportError).then(() => {
          this.#calling = false;
          this.#call();
        });
        return;
      }
      this.#calling = false;
    }
  }
}

function removeFirst(batch: MeasurementBatch, count: number): void {
  const { signals, ticks, valueBits, flags, length } = batch;
  signals.copyWithin(0, count, length);
  ticks.copyWithin(0, count, length);
  valueBits.copyWithin(0, count, length);
  flags.copyWithin(0, count, length);
  batch.length = length - count;
}

/** Iterates a {@linkcode Delivery}'s batches, each lent until the next is asked for. */
export class BatchIterator extends SupplyIterator<MeasurementBatch> {}
