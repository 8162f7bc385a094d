import type { MeasurementBatch } from "../transport/wire/batch.ts";
import { TsscDecoder, TsscEncoder } from "../transport/wire/tssc/mod.ts";

/** The most measurements of a block. */
const BLOCK_MEASUREMENTS = 65_536;
/** The most bytes of a block: room for as many that do not compress. */
const BLOCK_BYTES = 2 * 1024 ** 2;

/** Part of a batch, compressed. */
export interface Block {
  /** The bytes; a view that is good until the next block is made. */
  readonly bytes: Uint8Array;
  /** The first measurement behind it. */
  readonly next: number;
}

/** Makes blocks of measurements: each a TSSC packet (§8) that starts afresh, so that it can be read alone. */
export class BlockWriter {
  readonly #encoder = new TsscEncoder();
  readonly #buffer = new Uint8Array(BLOCK_BYTES);

  /** A block of measurements `from` to `to` (exclusive), or of as many of them as go into one. */
  write(batch: MeasurementBatch, from: number, to: number): Block {
    this.#encoder.reset();
    this.#encoder.begin(this.#buffer, 0, this.#buffer.length);
    const next = this.#encoder.encode(batch, from, Math.min(to, from + BLOCK_MEASUREMENTS));
    return { bytes: this.#buffer.subarray(0, this.#encoder.finish()), next };
  }
}

/** Reads blocks. */
export class BlockReader {
  readonly #decoder = new TsscDecoder({ maxMeasurements: BLOCK_MEASUREMENTS });

  /** Appends a block's measurements. @throws {SttpError} `MalformedPacket` when it is no block; nothing is appended. */
  read(bytes: Uint8Array, into: MeasurementBatch): void {
    const before = into.length;
    this.#decoder.reset();
    try {
      this.#decoder.decode(bytes, into);
    } catch (error) {
      into.length = before;
      throw error;
    }
  }
}
