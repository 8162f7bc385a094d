/**
 * Buffer blocks: opaque bytes for one signal (§13).
 *
 * @module
 */
import { SttpError } from "../errors.ts";
import { BufferBlockFlags } from "./codes.ts";

/**
 * How buffer blocks are laid out. In the `older` layout, of peers from 2021 to 2025, a bare cache index (0 or 1) stands
 * in place of the flags, nothing is compressed, and a confirmation is always expected.
 */
export type BufferBlockLayout = "standard" | "older";

/** Bytes of `sequence[4] flags[1]`, which are never encrypted. */
export const BUFFER_BLOCK_HEAD_LENGTH = 5;

/** What a buffer block begins with. */
export interface BufferBlockHead {
  /** Counts a connection's blocks; a uint32 that wraps. */
  readonly sequence: number;
  /** Bits of `BufferBlockFlags`. */
  readonly flags: number;
  /** The rest, perhaps encrypted; a view. */
  readonly rest: Uint8Array;
}

/** What is behind the head, decrypted. */
export interface BufferBlockContent {
  /** Which signal, in the cache that the flags tell. A uint32. */
  readonly signalIndex: number;
  /** The bytes, gzipped if the flags say so; a view. */
  readonly payload: Uint8Array;
}

/** Writes a buffer block's head. */
export function writeBufferBlockHead(
  sequence: number,
  flags: number,
  layout: BufferBlockLayout,
  out: Uint8Array,
  offset: number,
): void {
  new DataView(out.buffer, out.byteOffset).setUint32(offset, sequence);
  const cacheIndex = flags & BufferBlockFlags.CacheIndex ? 1 : 0;
  out[offset + 4] = layout === "older" ? cacheIndex : flags;
}

/**
 * The body of a BufferBlock that is not encrypted.
 *
 * @example
 * ```ts
 * import { decodeBufferBlockContent, decodeBufferBlockHead, encodeBufferBlock } from "@sttp/sttp/transport";
 * import { assertEquals } from "@std/assert";
 *
 * const body = encodeBufferBlock(7, 0x01, 3, Uint8Array.of(1, 2));
 * assertEquals(body, Uint8Array.of(0, 0, 0, 7, 1, 0, 0, 0, 3, 1, 2));
 * const { sequence, rest } = decodeBufferBlockHead(body);
 * assertEquals(sequence, 7);
 * assertEquals(decodeBufferBlockContent(rest).payload, Uint8Array.of(1, 2));
 * ```
 */
export function encodeBufferBlock(
  sequence: number,
  flags: number,
  signalIndex: number,
  payload: Uint8Array,
  layout: BufferBlockLayout = "standard",
): Uint8Array<ArrayBuffer> {
  const body = new Uint8Array(BUFFER_BLOCK_HEAD_LENGTH + 4 + payload.length);
  writeBufferBlockHead(sequence, flags, layout, body, 0);
  new DataView(body.buffer).setUint32(BUFFER_BLOCK_HEAD_LENGTH, signalIndex);
  body.set(payload, BUFFER_BLOCK_HEAD_LENGTH + 4);
  return body;
}

/**
 * Reads a buffer block's head. That of the older layout comes out with the flags that it stands for.
 *
 * @throws {SttpError} `MalformedFrame` when it is cut short, or has no cache index where the layout has one.
 */
export function decodeBufferBlockHead(
  body: Uint8Array,
  layout: BufferBlockLayout = "standard",
): BufferBlockHead {
  if (body.length < BUFFER_BLOCK_HEAD_LENGTH) {
    throw new SttpError(
      "MalformedFrame",
      `buffer block of ${body.length} bytes, at least ${BUFFER_BLOCK_HEAD_LENGTH} expected`,
    );
  }
  const sequence = readSequence(body);
  const rest = body.subarray(BUFFER_BLOCK_HEAD_LENGTH);
  const byte = body[4]!;
  if (layout === "standard") return { sequence, flags: byte, rest };
  if (byte > 1) {
    throw new SttpError("MalformedFrame", `buffer block with cache index ${byte}, 0 or 1 expected`);
  }
  const cacheFlag = byte === 1 ? BufferBlockFlags.CacheIndex : 0;
  return { sequence, flags: BufferBlockFlags.ConfirmationRequired | cacheFlag, rest };
}

/** Reads what is behind the head. @throws {SttpError} `MalformedFrame` when it has no signal index. */
export function decodeBufferBlockContent(rest: Uint8Array): BufferBlockContent {
  if (rest.length < 4) {
    throw new SttpError(
      "MalformedFrame",
      `buffer block with ${rest.length} bytes of a signal index, 4 expected`,
    );
  }
  return { signalIndex: readSequence(rest), payload: rest.subarray(4) };
}

/** The body of ConfirmBufferBlock. */
export function encodeBufferBlockConfirmation(sequence: number): Uint8Array<ArrayBuffer> {
  const body = new Uint8Array(4);
  new DataView(body.buffer).setUint32(0, sequence);
  return body;
}

/** Reads the body of ConfirmBufferBlock. @throws {SttpError} `MalformedFrame` when it is cut short. */
export function decodeBufferBlockConfirmation(body: Uint8Array): number {
  if (body.length < 4) {
    throw new SttpError("MalformedFrame", `ConfirmBufferBlock with ${body.length} bytes, 4 expected`);
  }
  return readSequence(body);
}

function readSequence(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
}
