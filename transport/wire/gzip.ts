/**
 * Gzip, with a limit on what comes out.
 *
 * @module
 */
import { gzipSync, Inflate } from "fflate";
import { SttpError } from "../errors.ts";
import { DefaultLimits } from "../limits.ts";
import { crc32 } from "./crc32.ts";
import { finish } from "./steps.ts";

/** How hard {@linkcode gzip} tries: 0 not at all, 9 most. */
export type GzipLevel = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9;

/** Compresses; the result depends on nothing but the bytes and the level. */
export function gzip(bytes: Uint8Array, level: GzipLevel = 6): Uint8Array<ArrayBuffer> {
  return gzipSync(bytes, { level, mtime: 0 });
}

/** Whether bytes start as gzip does. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes.length >= 3 && bytes[0] === 0x1f && bytes[1] === 0x8b && bytes[2] === 8;
}

/** Settings of {@linkcode gunzip}. */
export interface GunzipOptions {
  /** The most bytes to give out. */
  readonly maxLength: number;
  /** The most bytes of output for a byte of input, once they are over 1 MiB; default `DefaultLimits.gzipRatio`. */
  readonly maxRatio?: number;
}

// Below this no ratio is suspicious: it is the most memory that a small gzip can claim.
const UNSUSPICIOUS_LENGTH = 1024 ** 2;
const EMPTY = new Uint8Array(0);
const HEADER_LENGTH = 10;
const TRAILER_LENGTH = 8;
// Bytes of input at a time: shorter slices are slow. One of a bomb comes to 4 MiB, as deflate makes at most 1,032 bytes
// of one.
const SLICE = 4_096;
// Bytes of output at a time.
const PIECE = 1024 ** 2;
// The longest name or comment in a header, in bytes: it is gone through at once.
const TEXT_LENGTH = 65_536;

/**
 * Decompresses one gzip member. The length that its trailer states meets the limit first, and inflating stops as soon
 * as more than that comes out. The checksum is verified.
 *
 * @throws {SttpError} `LimitExceeded` when the output is over a limit; `MalformedFrame` when the bytes are not gzip,
 * are cut short, go on behind the member, or fail the checksum.
 *
 * @example
 * ```ts
 * import { gunzip, gzip } from "@sttp/sttp/transport";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = new TextEncoder().encode("text, text, text");
 * assertEquals(gunzip(gzip(bytes), { maxLength: 1000 }), bytes);
 * ```
 */
export function gunzip(bytes: Uint8Array, options: GunzipOptions): Uint8Array<ArrayBuffer> {
  return finish(gunzipSteps(bytes, options));
}

/** {@linkcode gunzip} in steps, for output so long that something else has to be done meanwhile. */
export function* gunzipSteps(
  bytes: Uint8Array,
  options: GunzipOptions,
): Generator<void, Uint8Array<ArrayBuffer>, unknown> {
  const { length } = member(bytes, options);
  const output = new Uint8Array(length);
  let filled = 0;
  for (const chunk of gunzipChunks(bytes, options)) {
    output.set(chunk, filled);
    filled += chunk.length;
    yield;
  }
  return output;
}

/**
 * {@linkcode gunzip} piece by piece, for output that is used as it comes: pieces are given out before the checksum
 * is known, so what they are used for counts only when the iteration has ended without an error. Each takes some
 * milliseconds at most; one of input that came to nothing is empty.
 */
export function* gunzipChunks(
  bytes: Uint8Array,
  options: GunzipOptions,
): Generator<Uint8Array<ArrayBuffer>, void, undefined> {
  const { start, end, length, checksum } = member(bytes, options);
  const pending: Uint8Array<ArrayBuffer>[] = [];
  const inflate = new Inflate((chunk) => pending.push(chunk as Uint8Array<ArrayBuffer>));
  let produced = 0;
  let crc = 0;
  for (let offset = start; offset < end || offset === start;) {
    const size = Math.min(SLICE, end - offset);
    try {
      inflate.push(bytes.subarray(offset, offset + size), offset + size === end);
    } catch (cause) {
      throw new SttpError("MalformedFrame", `gzip data is damaged or cut short near byte ${offset}`, {
        cause,
      });
    }
    offset += Math.max(size, 1);
    if (pending.length === 0) yield EMPTY;
    for (const chunk of pending.splice(0)) {
      produced += chunk.length;
      if (produced > length) {
        throw new SttpError("MalformedFrame", `gzip data is longer than the ${length} bytes that it states`);
      }
      for (let at = 0; at < chunk.length || at === 0; at += PIECE) {
        const piece = chunk.subarray(at, at + PIECE);
        crc = crc32(piece, crc);
        yield piece;
      }
    }
  }
  if (produced !== length) {
    throw new SttpError("MalformedFrame", `gzip data has ${produced} bytes, it states ${length}`);
  }
  if (crc !== checksum) throw new SttpError("MalformedFrame", "gzip data fails its checksum");
}

/** Whether so many bytes out of so few are what a bomb has. */
export function isSuspicious(length: number, gzipLength: number, maxRatio: number): boolean {
  return length > UNSUSPICIOUS_LENGTH && length > maxRatio * gzipLength;
}

interface Member {
  /** Where deflate data starts. */
  readonly start: number;
  /** Where it ends and the trailer starts. */
  readonly end: number;
  /** Bytes of output that the trailer states. */
  readonly length: number;
  /** CRC-32 of the output that the trailer states. */
  readonly checksum: number;
}

/** Reads header and trailer and holds the stated length against the limits. */
function member(bytes: Uint8Array, options: GunzipOptions): Member {
  const { maxLength, maxRatio = DefaultLimits.gzipRatio } = options;
  if (!isGzip(bytes)) throw new SttpError("MalformedFrame", "not gzip: it starts otherwise");
  const start = headerLength(bytes);
  const end = bytes.length - TRAILER_LENGTH;
  if (start > end) throw new SttpError("MalformedFrame", `gzip data of ${bytes.length} bytes is cut short`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const length = view.getUint32(end + 4, true);
  if (length > maxLength) {
    throw new SttpError("LimitExceeded", `gzip data of ${length} bytes, at most ${maxLength} expected`);
  }
  if (isSuspicious(length, bytes.length, maxRatio)) {
    throw new SttpError(
      "LimitExceeded",
      `gzip data of ${length} bytes in ${bytes.length}, at most ${maxRatio} times as many expected`,
    );
  }
  return { start, end, length, checksum: view.getUint32(end, true) };
}

const HEADER_CHECKSUM = 0x02;
const EXTRA = 0x04;
const NAME = 0x08;
const COMMENT = 0x10;

/** Bytes in front of the deflate data; past the end when the header is cut short. */
function headerLength(bytes: Uint8Array): number {
  const flags = bytes[3] ?? 0;
  let length = HEADER_LENGTH;
  if (flags & EXTRA) length += 2 + ((bytes[length] ?? 0) | (bytes[length + 1] ?? 0) << 8);
  for (const field of [NAME, COMMENT]) {
    if (!(flags & field)) continue;
    const last = length + TEXT_LENGTH;
    const zero = bytes.subarray(0, last + 1).indexOf(0, length);
    if (zero < 0 && bytes.length > last) {
      throw new SttpError("MalformedFrame", `gzip header with a text of over ${TEXT_LENGTH} bytes`);
    }
    if (zero < 0) return bytes.length + 1;
    length = zero + 1;
  }
  return flags & HEADER_CHECKSUM ? length + 2 : length;
}
