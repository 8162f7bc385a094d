/**
 * The data packet around compressed or compact measurements, and DataStartTime (§6).
 *
 * A publisher builds a packet in one piece of memory: it leaves {@linkcode DATA_FRAME_PREFIX} bytes free, lets a
 * codec write after them, and {@linkcode finishDataFrame} fills them in. Nothing is copied.
 *
 * @module
 */
import { SttpError } from "../errors.ts";
import { Command, Response } from "./codes.ts";
import { FRAME_HEADER_LENGTH, RESPONSE_HEADER_LENGTH } from "./frame.ts";

/** Bytes of a data packet's body in front of the measurements: flags and count. */
export const DATA_PACKET_HEADER_LENGTH = 5;

/**
 * Bytes to leave free in front of a packet's measurements on the command channel:
 * `length[4] response[1] inResponseTo[1] bodyLength[4] flags[1] count[4]`. A datagram is the same without the first
 * {@linkcode FRAME_HEADER_LENGTH} bytes, and the body starts {@linkcode DATA_PACKET_HEADER_LENGTH} before the end.
 */
export const DATA_FRAME_PREFIX: number = FRAME_HEADER_LENGTH + RESPONSE_HEADER_LENGTH +
  DATA_PACKET_HEADER_LENGTH;

/**
 * Fills in what stands in front of a packet's measurements and gives the whole frame.
 *
 * @param out Where the measurements were written, from `offset + DATA_FRAME_PREFIX` to `end`.
 * @param offset Where the frame starts.
 * @param end Where the measurements end.
 * @param flags `DataPacketFlags`.
 * @param count How many measurements there are.
 * @returns The frame, a view of `out`; for a datagram drop its first four bytes.
 * @throws {RangeError} When `out` has no such bytes.
 *
 * @example
 * ```ts
 * import {
 *   DATA_FRAME_PREFIX, DataPacketFlags, decodePacketHeader, finishDataFrame, FrameReader, readResponses,
 * } from "@sttp/sttp/transport";
 * import { assertEquals } from "@std/assert";
 *
 * const out = new Uint8Array(1024);
 * out.set([1, 2, 3], DATA_FRAME_PREFIX); // a codec's work
 * const frame = finishDataFrame(out, 0, DATA_FRAME_PREFIX + 3, DataPacketFlags.Compact, 1);
 * assertEquals(frame.length, 18);
 * const { count, payload } = decodePacketHeader(frame.subarray(10));
 * assertEquals(count, 1);
 * assertEquals(payload, new Uint8Array([1, 2, 3]));
 * ```
 */
export function finishDataFrame(
  out: Uint8Array,
  offset: number,
  end: number,
  flags: number,
  count: number,
): Uint8Array {
  if (!(offset >= 0 && offset + DATA_FRAME_PREFIX <= end && end <= out.length)) {
    throw new RangeError(
      `data packet from ${offset} to ${end} of ${out.length} bytes: at least ${DATA_FRAME_PREFIX} are needed`,
    );
  }
  writeUint32(out, offset, end - offset - FRAME_HEADER_LENGTH);
  out[offset + 4] = Response.DataPacket;
  out[offset + 5] = Command.Subscribe;
  writeUint32(out, offset + 6, end - offset - FRAME_HEADER_LENGTH - RESPONSE_HEADER_LENGTH);
  out[offset + 10] = flags;
  writeUint32(out, offset + 11, count);
  return out.subarray(offset, end);
}

/** A data packet's body taken apart. */
export interface DataPacket {
  /** `DataPacketFlags`, and whatever other bits the peer set. */
  flags: number;
  /** How many measurements the peer says there are; not to be trusted. */
  count: number;
  /** The measurements, a view of the body. */
  payload: Uint8Array;
}

/**
 * Takes a data packet's body apart; when cipher keys are in force, the body after decryption.
 *
 * @throws {SttpError} `MalformedPacket` when it is shorter than its header.
 */
export function decodePacketHeader(body: Uint8Array): DataPacket {
  if (body.length < DATA_PACKET_HEADER_LENGTH) {
    throw new SttpError(
      "MalformedPacket",
      `data packet of ${body.length} bytes, at least ${DATA_PACKET_HEADER_LENGTH} expected`,
    );
  }
  const count = (body[1]! << 24 | body[2]! << 16 | body[3]! << 8 | body[4]!) >>> 0;
  return { flags: body[0]!, count, payload: body.subarray(DATA_PACKET_HEADER_LENGTH) };
}

/** The body of DataStartTime: the ticks of a subscription's first measurement. */
export function encodeDataStartTime(ticks: bigint): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigInt64(0, ticks);
  return new Uint8Array(view.buffer);
}

/**
 * Reads the body of DataStartTime.
 *
 * @throws {SttpError} `MalformedFrame` when it is shorter than 8 bytes.
 */
export function decodeDataStartTime(body: Uint8Array): bigint {
  if (body.length < 8) {
    throw new SttpError("MalformedFrame", `DataStartTime of ${body.length} bytes, 8 expected`);
  }
  return new DataView(body.buffer, body.byteOffset, body.byteLength).getBigInt64(0);
}

function writeUint32(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >>> 24;
  bytes[offset + 1] = value >>> 16;
  bytes[offset + 2] = value >>> 8;
  bytes[offset + 3] = value;
}
