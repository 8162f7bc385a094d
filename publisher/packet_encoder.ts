import type { MeasurementBatch } from "../transport/wire/batch.ts";
import { DataPacketFlags } from "../transport/wire/codes.ts";
import { CompactEncoder } from "../transport/wire/compact.ts";
import { TsscEncoder } from "../transport/wire/tssc/mod.ts";
import type { Delivery } from "./delivery.ts";

/** What fills data packets, whichever format it writes. */
export interface PacketEncoder {
  /** The packet's flags, without the cache index. */
  readonly flags: number;
  /** Whether a packet can only be read after those before it, so that a new reader needs a reset. */
  readonly stateful: boolean;
  /** Starts afresh: the next packet depends on none before it. */
  reset(): void;
  /** Begins a packet's payload at `offset`, to end before `limit`. */
  begin(out: Uint8Array<ArrayBuffer>, offset: number, limit: number): void;
  /** Writes measurements `from` to `to`. @returns The first that did not fit, or `to`. */
  encode(batch: MeasurementBatch, from: number, to: number): number;
  /** Closes the payload. @returns Where it ends. */
  finish(): number;
}

/** The fewest bytes that a payload of either format needs to hold a measurement. */
export const LEAST_PAYLOAD = 256;

/** Packets of TSSC (§8). */
export class TsscPacketEncoder implements PacketEncoder {
  readonly flags: number = DataPacketFlags.Compressed;
  readonly stateful: boolean = true;
  readonly #encoder = new TsscEncoder();

  reset(): void {
    this.#encoder.reset();
  }

  begin(out: Uint8Array<ArrayBuffer>, offset: number, limit: number): void {
    this.#encoder.begin(out, offset, limit);
  }

  encode(batch: MeasurementBatch, from: number, to: number): number {
    return this.#encoder.encode(batch, from, to);
  }

  finish(): number {
    return this.#encoder.finish();
  }
}

/** Packets of compact measurements (§7). */
export class CompactPacketEncoder implements PacketEncoder {
  readonly flags: number = DataPacketFlags.Compact;
  readonly stateful: boolean = false;
  /** The codec, for its base times. */
  readonly encoder: CompactEncoder;
  #out = new Uint8Array(0);
  #position = 0;
  #limit = 0;

  /** @param delivery With or without time, and its resolution. */
  constructor(delivery: Delivery) {
    const { includeTime, useMillisecondResolution } = delivery;
    this.encoder = new CompactEncoder({ includeTime, useMillisecondResolution });
  }

  reset(): void {}

  begin(out: Uint8Array<ArrayBuffer>, offset: number, limit: number): void {
    this.#out = out;
    this.#position = offset;
    this.#limit = limit;
  }

  encode(batch: MeasurementBatch, from: number, to: number): number {
    const written = this.encoder.encode(batch, from, to, this.#out, this.#position, this.#limit);
    this.#position = this.encoder.end;
    return from + written;
  }

  finish(): number {
    return this.#position;
  }
}
