/**
 * Compact measurements: each by itself in 9 to 17 bytes, for data packets that are not compressed (§7).
 *
 * Values and timestamps keep every bit, but for the 2-byte timestamps, which are whole milliseconds; state flags
 * keep one bit for each group.
 *
 * @module
 */
import { SttpError } from "../errors.ts";
import { DefaultLimits } from "../limits.ts";
import type { BaseTimes } from "./base_times.ts";
import type { MeasurementBatch } from "./batch.ts";
import { CompactStateFlags, fromCompactFlags, toCompactFlags } from "./state_flags.ts";

/** What a subscription asked for; both sides must use the same. */
export interface CompactFormat {
  /** Whether measurements carry a timestamp at all. */
  readonly includeTime: boolean;
  /** Whether offsets from a base time are 2 bytes of milliseconds instead of 4 bytes of ticks. */
  readonly useMillisecondResolution: boolean;
}

/** Flags, signal index and value. */
const UNTIMED_LENGTH = 9;
/** With a timestamp in full. */
const FULL_LENGTH = UNTIMED_LENGTH + 8;

const TICKS_PER_MILLISECOND = 10_000;
/** Millisecond offsets stay below this; so do tick offsets below 2^32 - 1. */
const MAX_MILLISECONDS = 65_535;

function lengthWithOffset(format: CompactFormat): number {
  return UNTIMED_LENGTH + (format.useMillisecondResolution ? 2 : 4);
}

/**
 * Writes compact measurements. Nothing is allocated per measurement.
 *
 * @example
 * ```ts
 * import { CompactDecoder, CompactEncoder, MeasurementBatch } from "@sttp/sttp/transport";
 * import { assertEquals } from "@std/assert";
 *
 * const batch = new MeasurementBatch();
 * batch.add(7, 638_500_000_000_000_000n, 59.98, 0);
 *
 * const format = { includeTime: true, useMillisecondResolution: false };
 * const encoder = new CompactEncoder(format);
 * const bytes = new Uint8Array(1024);
 * assertEquals(encoder.encode(batch, 0, 1, bytes, 0, bytes.length), 1);
 * assertEquals(encoder.end, 17);
 *
 * const decoded = new MeasurementBatch();
 * new CompactDecoder(format).decode(bytes.subarray(0, encoder.end), 1, decoded);
 * assertEquals(decoded.ticks[0], 638_500_000_000_000_000n);
 * ```
 */
export class CompactEncoder {
  /** What the subscription asked for. */
  readonly format: CompactFormat;
  /** What offsets count from; without it all timestamps are written in full. Replace it to rotate. */
  baseTimes: BaseTimes | undefined;
  #end = 0;
  #out: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(new ArrayBuffer(0));

  /**
   * An encoder for one subscription.
   *
   * @param format What the subscription asked for.
   * @param baseTimes What offsets count from; default nothing.
   */
  constructor(format: CompactFormat, baseTimes?: BaseTimes) {
    this.format = format;
    this.baseTimes = baseTimes;
  }

  /** Where in `out` the last call of `encode` stopped. */
  get end(): number {
    return this.#end;
  }

  /**
   * Writes measurements `from` to `to` (exclusive) of a batch whose `signals` are wire signal indexes, as many as
   * fit whole between `offset` and `limit` of `out`.
   *
   * @returns How many were written; they end at {@linkcode CompactEncoder.end}.
   * @throws {RangeError} When the batch has no such measurements or `out` no such bytes.
   */
  encode(
    batch: MeasurementBatch,
    from: number,
    to: number,
    out: Uint8Array,
    offset: number,
    limit: number,
  ): number {
    if (!(from >= 0 && from <= to && to <= batch.length)) {
      throw new RangeError(`measurements ${from} to ${to} of a batch of ${batch.length}`);
    }
    if (!(offset >= 0 && offset <= limit && limit <= out.length)) {
      throw new RangeError(`bytes ${offset} to ${limit} of ${out.length}`);
    }
    if (this.#out !== out) {
      this.#out = out;
      this.#view = new DataView(out.buffer, out.byteOffset, out.byteLength);
    }
    const view = this.#view;
    const { signals, tickWords, valueBits, flags } = batch;
    const { includeTime, useMillisecondResolution } = this.format;
    const { baseTimes } = this;
    const useOffsets = includeTime && baseTimes !== undefined;
    const timeIndex = baseTimes?.timeIndex ?? 0;
    const baseLow = baseTimes?.words[2 * timeIndex] ?? 0;
    const baseHigh = baseTimes?.words[2 * timeIndex + 1] ?? 0;
    const offsetBits = CompactStateFlags.BaseTimeOffset | (timeIndex === 1 ? CompactStateFlags.TimeIndex : 0);
    const offsetLimit = useMillisecondResolution ? MAX_MILLISECONDS * TICKS_PER_MILLISECOND : 0xffff_ffff;
    const offsetLength = lengthWithOffset(this.format);
    const fullLength = includeTime ? FULL_LENGTH : UNTIMED_LENGTH;

    let position = offset;
    let i = from;
    for (; i < to; i++) {
      const low = tickWords[2 * i]!;
      const high = tickWords[2 * i + 1]!;
      let length = fullLength;
      let byte = toCompactFlags(flags[i]!);
      // The ticks since the base as an unsigned number; meaningful only where the high words cancel out.
      const sinceBase = (low - baseLow) >>> 0;
      if (
        useOffsets && sinceBase > 0 && sinceBase < offsetLimit &&
        high === ((baseHigh + (low >>> 0 < baseLow >>> 0 ? 1 : 0)) | 0)
      ) {
        length = offsetLength;
        byte |= offsetBits;
      }
      if (position + length > limit) break;
      view.setUint8(position, byte);
      view.setInt32(position + 1, signals[i]!);
      view.setInt32(position + 5, valueBits[i]!);
      if (length === FULL_LENGTH) {
        view.setInt32(position + 9, high);
        view.setInt32(position + 13, low);
      } else if (length !== UNTIMED_LENGTH) {
        if (useMillisecondResolution) {
          view.setUint16(position + 9, (sinceBase / TICKS_PER_MILLISECOND) | 0);
        } else {
          view.setUint32(position + 9, sinceBase);
        }
      }
      position += length;
    }
    this.#end = position;
    return i - from;
  }
}

/** Reads compact measurements. Nothing is allocated per measurement. For an example see {@linkcode CompactEncoder}. */
export class CompactDecoder {
  /** What the subscription asked for. */
  readonly format: CompactFormat;
  /** What offsets count from: the last that an UpdateBaseTimes brought. */
  baseTimes: BaseTimes | undefined;
  readonly #maxMeasurements: number;
  readonly #arrival = new BigInt64Array(1);
  readonly #arrivalWords = new Int32Array(this.#arrival.buffer);

  /**
   * A decoder for one subscription.
   *
   * @param format What the subscription asked for.
   * @param options `maxMeasurements`: how many a packet may hold, default 1,048,576.
   * @throws {RangeError} When that is not a positive whole number.
   */
  constructor(format: CompactFormat, options: { maxMeasurements?: number } = {}) {
    const { maxMeasurements = DefaultLimits.packetMeasurements } = options;
    if (!Number.isInteger(maxMeasurements) || maxMeasurements < 1) {
      throw new RangeError(`maxMeasurements ${maxMeasurements} is not a positive whole number`);
    }
    this.format = format;
    this.#maxMeasurements = maxMeasurements;
  }

  /**
   * Appends measurements to `into`, whose `signals` get wire signal indexes.
   *
   * @param bytes What follows the count in a data packet's body.
   * @param count How many measurements these bytes are; `undefined` for "as many as there are", as one publisher
   * leaves the count out.
   * @param arrivalTicks The timestamp of measurements that carry none; default 0.
   * @returns How many measurements were appended.
   * @throws {SttpError} `MalformedPacket` when the bytes are not `count` measurements, when there are more than the
   * limit, or when one has an offset and there are no base times. Then `into` is as it was.
   */
  decode(
    bytes: Uint8Array,
    count: number | undefined,
    into: MeasurementBatch,
    arrivalTicks: bigint = 0n,
  ): number {
    const { includeTime, useMillisecondResolution } = this.format;
    const offsetLength = lengthWithOffset(this.format);
    const end = bytes.length;
    const most = Math.floor(end / (includeTime ? offsetLength : UNTIMED_LENGTH));
    if (count !== undefined && !(count <= most)) {
      throw malformed(`${end} bytes can't be ${count} measurements`);
    }
    const room = count ?? most;
    if (room > this.#maxMeasurements) {
      throw malformed(`up to ${room} measurements, at most ${this.#maxMeasurements} expected`);
    }
    const start = into.length;
    into.reserve(start + room);
    const { signals, tickWords, valueBits, flags } = into;
    const view = new DataView(bytes.buffer, bytes.byteOffset, end);
    const baseWords = this.baseTimes?.words;
    const fullLength = includeTime ? FULL_LENGTH : UNTIMED_LENGTH;
    this.#arrival[0] = arrivalTicks;
    const arrivalLow = this.#arrivalWords[0]!;
    const arrivalHigh = this.#arrivalWords[1]!;

    let position = 0;
    let n = start;
    const stop = start + room;
    for (; n < stop && position < end; n++) {
      const byte = view.getUint8(position);
      const hasOffset = includeTime && (byte & CompactStateFlags.BaseTimeOffset) !== 0;
      const next = position + (hasOffset ? offsetLength : fullLength);
      if (next > end) throw malformed(`ends within measurement ${n - start}`);
      signals[n] = view.getInt32(position + 1);
      valueBits[n] = view.getInt32(position + 5);
      flags[n] = fromCompactFlags(byte);
      if (hasOffset) {
        if (baseWords === undefined) {
          throw malformed(`measurement ${n - start} has an offset from an unknown base`);
        }
        const base = byte >> 7 << 1;
        const sinceBase = useMillisecondResolution
          ? view.getUint16(position + 9) * TICKS_PER_MILLISECOND
          : view.getUint32(position + 9);
        const low = (baseWords[base]! + sinceBase) >>> 0;
        tickWords[2 * n] = low;
        tickWords[2 * n + 1] = baseWords[base + 1]! + (low < sinceBase ? 1 : 0);
      } else if (includeTime) {
        tickWords[2 * n] = view.getInt32(position + 13);
        tickWords[2 * n + 1] = view.getInt32(position + 9);
      } else {
        tickWords[2 * n] = arrivalLow;
        tickWords[2 * n + 1] = arrivalHigh;
      }
      position = next;
    }
    if (position !== end || (count !== undefined && n !== stop)) {
      throw malformed(`${count} measurements announced; ${n - start} took ${position} of ${end} bytes`);
    }
    into.length = n;
    return n - start;
  }
}

function malformed(what: string): SttpError {
  return new SttpError("MalformedPacket", `compact packet: ${what}`);
}
