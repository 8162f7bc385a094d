/**
 * Gzip in steps, and gzip files whose first bytes differ from reader to reader while the long rest is the same for all:
 * the rest is deflated once, and each file puts its own head in front of it as a stored block (RFC 1951 §3.2.4).
 *
 * @module
 */
import { constants, deflateRawSync } from "node:zlib";
import type { Steps } from "../metadata/steps.ts";
import { crc32 } from "../transport/wire/crc32.ts";

const POLYNOMIAL = 0xedb88320;
const MAX_STORED_BLOCK = 65_535;
/** Magic, deflate, no flags, no time, no extra flags, unknown system (RFC 1952 §2.3). */
const HEADER = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255);

/** a·b modulo the polynomial over GF(2), bits reflected: the top bit is the coefficient of x⁰. */
function multiply(a: number, b: number): number {
  let product = 0;
  for (let bit = 0x80000000; bit !== 0; bit >>>= 1) {
    if (a & bit) product ^= b;
    b = b & 1 ? (b >>> 1) ^ POLYNOMIAL : b >>> 1;
  }
  return product >>> 0;
}

/** The CRC-32 of two pieces in a row from the CRC-32 of each, without reading them again. */
export function combineCrc32(first: number, second: number, secondLength: number): number {
  // Appending n bytes multiplies by x^(8n), made here by repeated squaring.
  let shift = 0x80000000;
  let power = 0x40000000;
  for (let bits = secondLength * 8; bits > 0; bits = Math.floor(bits / 2)) {
    if (bits % 2 === 1) shift = multiply(power, shift);
    power = multiply(power, power);
  }
  return (multiply(shift, first) ^ second) >>> 0;
}

/**
 * How much is deflated in a step: about a millisecond. Each begins without knowing what came before, which makes
 * metadata 7 % longer than in one go.
 */
const STEP = 131_072;
/** A last block with nothing in it. */
const LAST_BLOCK = Uint8Array.of(3, 0);

/** What bytes come to, deflated. */
interface Deflated {
  readonly pieces: readonly Uint8Array[];
  /** Of the bytes. */
  readonly crc: number;
  readonly length: number;
}

/** Deflates what comes, in pieces that end on whole bytes. */
function* deflate(source: Iterable<Uint8Array<ArrayBuffer>>): Steps<Deflated> {
  const pieces: Uint8Array[] = [];
  let crc = 0;
  let length = 0;
  const block = new Uint8Array(STEP);
  let filled = 0;
  const close = (): number => {
    const bytes = block.subarray(0, filled);
    // A copy: what comes is a view of a larger buffer.
    const piece = new Uint8Array(deflateRawSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH }));
    pieces.push(piece);
    crc = crc32(bytes, crc);
    length += filled;
    filled = 0;
    return piece.length;
  };
  for (const bytes of source) {
    for (let start = 0; start < bytes.length;) {
      const part = bytes.subarray(start, start + STEP - filled);
      block.set(part, filled);
      filled += part.length;
      start += part.length;
      if (filled < STEP) continue;
      yield;
      yield close();
    }
    yield;
  }
  if (filled > 0) close();
  return { pieces: [...pieces, LAST_BLOCK], crc, length };
}

/** CRC-32 and length, which a gzip file ends with (RFC 1952 §2.3.1). */
function trailer(crc: number, length: number): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, crc, true);
  view.setUint32(4, length >>> 0, true);
  return bytes;
}

/** A gzip file in pieces. */
export function* gzipPieces(source: Iterable<Uint8Array<ArrayBuffer>>): Steps<Uint8Array[]> {
  const { pieces, crc, length } = yield* deflate(source);
  return [HEADER, ...pieces, trailer(crc, length)];
}

/** The shared rest of gzip files with heads of their own. */
export class SharedGzip {
  readonly #rest: Deflated;

  private constructor(rest: Deflated) {
    this.#rest = rest;
  }

  /** Deflates `rest`, which must not be changed before it is done. */
  static *create(rest: Uint8Array<ArrayBuffer>): Steps<SharedGzip> {
    return new SharedGzip(yield* deflate([rest]));
  }

  /** The deflated rest. */
  get pieces(): readonly Uint8Array[] {
    return this.#rest.pieces;
  }

  /** Bytes that it takes. */
  get length(): number {
    return this.#rest.pieces.reduce((sum, { length }) => sum + length, 0);
  }

  /**
   * The pieces of a gzip file of `head` followed by the rest; only the first and the last piece are made for it.
   *
   * @throws {RangeError} When the head does not fit into one stored block of 65,535 bytes.
   */
  withHead(head: Uint8Array): Uint8Array[] {
    if (head.length > MAX_STORED_BLOCK) {
      throw new RangeError(`a head of ${head.length} bytes, at most ${MAX_STORED_BLOCK} expected`);
    }
    const first = new Uint8Array(HEADER.length + 5 + head.length);
    const view = new DataView(first.buffer);
    first.set(HEADER);
    // One stored block, not the last: a zero byte, then its length and the length's complement.
    view.setUint16(HEADER.length + 1, head.length, true);
    view.setUint16(HEADER.length + 3, ~head.length & 0xffff, true);
    first.set(head, HEADER.length + 5);
    const { pieces, crc, length } = this.#rest;
    return [first, ...pieces, trailer(combineCrc32(crc32(head), crc, length), head.length + length)];
  }
}
