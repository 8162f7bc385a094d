import type { MeasurementBatch } from "../transport/wire/batch.ts";
import { DataPacketFlags } from "../transport/wire/codes.ts";
import { DATA_FRAME_PREFIX, finishDataFrame } from "../transport/wire/data_packet.ts";
import { FRAME_HEADER_LENGTH, RESPONSE_HEADER_LENGTH } from "../transport/wire/frame.ts";
import type { BufferPool } from "./buffer_pool.ts";
import type { OutboundFrame } from "./outbound_queue.ts";
import type { PacketEncoder } from "./packet_encoder.ts";

/** In front of a data packet's body. */
const FRAME_PREFIX = FRAME_HEADER_LENGTH + RESPONSE_HEADER_LENGTH;
/** Packets that go together when there is so much. */
const PACKETS_IN_PARCEL = 4;

/** How long a buffer is in which parcels are composed. */
export function parcelSize(maxPacketSize: number): number {
  return PACKETS_IN_PARCEL * (FRAME_PREFIX + maxPacketSize);
}

/** Data packets that go together, for any number of subscribers. */
export class Parcel {
  /** How many measurements they carry. */
  readonly measurements: number;
  /** The first measurement's timestamp. */
  readonly firstTicks: bigint;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  /** Where each packet begins. */
  readonly #starts: readonly number[];
  /** Of the packets, without the cache index. */
  readonly #flags: number;
  /** Two subscribers may have different cache indexes in force: then it exists twice, a bit a packet apart. */
  readonly #frames: [OutboundFrame | undefined, OutboundFrame | undefined] = [undefined, undefined];

  /** @param bytes The packets' frames; kept, not copied. */
  constructor(
    bytes: Uint8Array<ArrayBuffer>,
    starts: readonly number[],
    flags: number,
    measurements: number,
    firstTicks: bigint,
  ) {
    this.#bytes = bytes;
    this.#starts = starts;
    this.#flags = flags;
    this.measurements = measurements;
    this.firstTicks = firstTicks;
  }

  /** How many packets there are. */
  get packets(): number {
    return this.#starts.length;
  }

  /** How many bytes they take. */
  get byteLength(): number {
    return this.#bytes.length;
  }

  /** What is queued for subscribers with this cache in force. */
  frame(cacheIndex: 0 | 1): OutboundFrame {
    return this.#frames[cacheIndex] ??= this.#createFrame(cacheIndex);
  }

  #createFrame(cacheIndex: 0 | 1): OutboundFrame {
    const isFirst = this.#frames[1 - cacheIndex] === undefined;
    // The other one may be on its way.
    const bytes = isFirst ? this.#bytes : this.#bytes.slice();
    const starts = this.#starts;
    const flags = this.#flags | (cacheIndex === 1 ? DataPacketFlags.CacheIndex : 0);
    for (const start of starts) bytes[start + FRAME_PREFIX] = flags;
    return { bytes, holders: 0, measurements: this.measurements, droppable: true, starts };
  }
}

/** Composes measurements in packets, in place, one behind the other. */
export class ParcelWriter {
  readonly #encoder: PacketEncoder;
  readonly #buffers: BufferPool;
  readonly #packetSize: number;
  /** What is being composed. */
  #buffer: Uint8Array<ArrayBuffer> | undefined;
  /** Where its packets start, that being written included. */
  #starts: number[] = [];
  /** Where its closed packets end. */
  #end = 0;
  #isPacketOpen = false;
  #packetCount = 0;
  /** In closed packets. */
  #count = 0;
  #firstTicks = 0n;

  /**
   * @param encoder What fills the packets.
   * @param buffers Of {@linkcode parcelSize} bytes each.
   * @param packetSize Bytes of a packet's body at most.
   */
  constructor(encoder: PacketEncoder, buffers: BufferPool, packetSize: number) {
    this.#encoder = encoder;
    this.#buffers = buffers;
    this.#packetSize = packetSize;
  }

  /** Whether there is nothing to be taken. */
  get isEmpty(): boolean {
    return this.#buffer === undefined;
  }

  /**
   * Adds measurements `from` to `to`, as far as there is room.
   *
   * @returns The first that did not fit, or `to`. When there is one, the parcel is full: it has to be taken before the rest
   *   is added.
   */
  add(batch: MeasurementBatch, from: number, to: number): number {
    let next = from;
    while (next < to) {
      const buffer = this.#isPacketOpen ? this.#buffer! : this.#openPacket(batch, next);
      const before = next;
      next = this.#encoder.encode(batch, before, to);
      this.#packetCount += next - before;
      if (next === to) break;
      this.#closePacket();
      if (buffer.length - this.#end < FRAME_PREFIX + this.#packetSize) break;
    }
    return next;
  }

  #openPacket(batch: MeasurementBatch, from: number): Uint8Array<ArrayBuffer> {
    if (this.#buffer === undefined) {
      this.#buffer = this.#buffers.take();
      this.#firstTicks = batch.ticks[from]!;
    }
    const start = this.#end;
    this.#starts.push(start);
    this.#packetCount = 0;
    this.#isPacketOpen = true;
    this.#encoder.begin(this.#buffer, start + DATA_FRAME_PREFIX, start + FRAME_PREFIX + this.#packetSize);
    return this.#buffer;
  }

  #closePacket(): void {
    const end = this.#encoder.finish();
    finishDataFrame(this.#buffer!, this.#end, end, this.#encoder.flags, this.#packetCount);
    this.#isPacketOpen = false;
    this.#end = end;
    this.#count += this.#packetCount;
  }

  /** Closes the parcel, if there is one, and hands it over. */
  take(): Parcel | undefined {
    if (this.#buffer === undefined) return undefined;
    if (this.#isPacketOpen) this.#closePacket();
    // Queues keep the bytes, so they get memory of their own, exactly as much as they need.
    const bytes = this.#buffer.slice(0, this.#end);
    const parcel = new Parcel(bytes, this.#starts, this.#encoder.flags, this.#count, this.#firstTicks);
    this.abandon();
    return parcel;
  }

  /** Forgets what was not taken. */
  abandon(): void {
    if (this.#buffer !== undefined) this.#buffers.give(this.#buffer);
    this.#buffer = undefined;
    this.#starts = [];
    this.#end = 0;
    this.#isPacketOpen = false;
    this.#count = 0;
  }
}
