import { MeasurementBatch } from "../transport/wire/batch.ts";

/** Bytes that selectors may keep of what they found, all together. */
const MAX_KEPT = 64 * 1024 ** 2;
/** What has been refused counts so many times less than what is kept, when it comes to starting afresh. */
const PATIENCE = 16;

/**
 * What the selectors of a publisher share: room to search and gather in, one at a time, and a limit on what they keep
 * of searches. What subscribers ask for and how batches vary, nobody knows in advance; without the limit each group
 * could keep as much as a layout tracker knows layouts of.
 */
export class SearchSpace {
  /** Where one selector at a time gathers its measurements. */
  readonly gathered: MeasurementBatch = new MeasurementBatch();
  /** Where one selector at a time notes what it finds. */
  positions: Int32Array<ArrayBuffer> = new Int32Array(0);
  /** As {@linkcode positions}. */
  indexes: Int32Array<ArrayBuffer> = new Int32Array(0);
  readonly #maxKept: number;
  #kept = 0;
  #refused = 0;
  #era = 0;

  /** @param maxKept Bytes that may be kept; default 64 MiB. */
  constructor(maxKept: number = MAX_KEPT) {
    this.#maxKept = maxKept;
  }

  /** What was kept in an era before does not count any more, and must be let go. */
  get era(): number {
    return this.#era;
  }

  /** Bytes kept. */
  get kept(): number {
    return this.#kept;
  }

  /** Makes room for a search of a batch of this length. */
  reserve(length: number): void {
    if (this.positions.length >= length) return;
    this.positions = new Int32Array(length);
    this.indexes = new Int32Array(length);
  }

  /**
   * Whether so many bytes may be kept, which then count. After many refusals, when what is kept has been of no use for
   * long, an era ends: everybody starts afresh.
   */
  keep(bytes: number): boolean {
    if (this.#kept + bytes <= this.#maxKept) {
      this.#kept += bytes;
      return true;
    }
    this.#refused += bytes;
    if (this.#refused > PATIENCE * this.#maxKept) {
      this.#era++;
      this.#kept = this.#refused = 0;
    }
    return false;
  }

  /** Takes back what {@linkcode keep} counted in this era. */
  letGo(bytes: number): void {
    this.#kept -= bytes;
  }
}
