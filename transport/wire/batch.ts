/**
 * Measurements by the column: the shape in which they move through the library.
 *
 * @module
 */

/** One measurement, for people; the data path has {@linkcode MeasurementBatch} instead. */
export interface Measurement {
  /** Which signal: a lower-case GUID. */
  signalId: string;
  /** When, in ticks: 100 ns since 0001-01-01T00:00:00Z, plus the two leap-second bits. */
  ticks: bigint;
  /** The value; on the wire a float32. */
  value: number;
  /** State flags; see `StateFlags`. 0 is good. */
  flags: number;
}

/**
 * A struct of arrays: element `i` of each column makes measurement `i`, for `0 ≤ i < length`.
 *
 * `signals` holds int32 handles, whose meaning belongs to whoever made the batch (a `SignalTable`, or the wire's
 * signal indexes inside the codecs). Growing replaces the arrays, so take them from the batch after an `add`.
 *
 * @example
 * ```ts
 * import { MeasurementBatch } from "@sttp/sttp/transport";
 * import { assertEquals } from "@std/assert";
 *
 * const batch = new MeasurementBatch(2);
 * batch.add(7, 638_500_000_000_000_000n, 59.98, 0);
 * assertEquals(batch.length, 1);
 * assertEquals(batch.signals[0], 7);
 * ```
 */
export class MeasurementBatch {
  /** Signal handles. */
  signals!: Int32Array<ArrayBuffer>;
  /** Ticks. */
  ticks!: BigInt64Array<ArrayBuffer>;
  /** Values. */
  values!: Float32Array<ArrayBuffer>;
  /** State flags. */
  flags!: Uint32Array<ArrayBuffer>;
  /** The bits of `values`: reading and writing them keeps NaN payloads and the sign of zero. */
  valueBits!: Int32Array<ArrayBuffer>;
  /** The 32-bit halves of `ticks`: low at `2 * i`, high at `2 * i + 1`. */
  tickWords!: Int32Array<ArrayBuffer>;
  /** How many measurements there are. */
  length = 0;

  /**
   * An empty batch.
   *
   * @param capacity How many measurements to make room for; default 1,024.
   */
  constructor(capacity: number = 1024) {
    if (!Number.isInteger(capacity) || capacity < 0) {
      throw new RangeError(`capacity ${capacity} is not a whole number of measurements`);
    }
    this.#allocate(Math.max(1, capacity));
  }

  #allocate(capacity: number): void {
    const ticks = new BigInt64Array(capacity);
    const values = new Float32Array(capacity);
    this.signals = new Int32Array(capacity);
    this.ticks = ticks;
    this.values = values;
    this.flags = new Uint32Array(capacity);
    this.valueBits = new Int32Array(values.buffer);
    // Low half first: every platform that Deno runs on is little-endian.
    this.tickWords = new Int32Array(ticks.buffer);
  }

  /** How many measurements fit without growing. */
  get capacity(): number {
    return this.signals.length;
  }

  /** Makes room for at least `capacity` measurements, keeping those there are. */
  reserve(capacity: number): void {
    if (capacity <= this.capacity) return;
    const { signals, ticks, valueBits, flags, length } = this;
    this.#allocate(Math.max(capacity, 2 * this.capacity));
    this.signals.set(signals.subarray(0, length));
    this.ticks.set(ticks.subarray(0, length));
    this.valueBits.set(valueBits.subarray(0, length));
    this.flags.set(flags.subarray(0, length));
  }

  /** Appends a measurement, growing where needed. */
  add(signal: number, ticks: bigint, value: number, flags: number = 0): void {
    const i = this.length;
    if (i === this.signals.length) this.reserve(i + 1);
    this.signals[i] = signal;
    this.ticks[i] = ticks;
    this.values[i] = value;
    this.flags[i] = flags;
    this.length = i + 1;
  }

  /** Appends measurements `from` to `to` (exclusive) of another batch, bit for bit. */
  append(other: MeasurementBatch, from: number = 0, to: number = other.length): void {
    const start = this.length;
    this.reserve(start + to - from);
    this.signals.set(other.signals.subarray(from, to), start);
    this.ticks.set(other.ticks.subarray(from, to), start);
    this.valueBits.set(other.valueBits.subarray(from, to), start);
    this.flags.set(other.flags.subarray(from, to), start);
    this.length = start + to - from;
  }

  /** Empties the batch; its room stays. */
  clear(): void {
    this.length = 0;
  }

  /** A copy with columns of its own, for keeping. */
  clone(): MeasurementBatch {
    const copy = new MeasurementBatch(this.length);
    copy.append(this);
    return copy;
  }
}
