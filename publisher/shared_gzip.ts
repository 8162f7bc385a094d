/**
 * A gzip file whose first bytes differ from reader to reader while the long rest is the same for all: the rest is
 * deflated once, and each file puts its own head in front of it as a stored block (RFC 1951 §3.2.4).
 *
 * @module
 */

import { Breath } from "../metadata/breathe.ts";
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

/** The shared rest of gzip files with heads of their own. */
export class SharedGzip {
  readonly #deflated: readonly Uint8Array[];
  readonly #crc: number;
  readonly #length: number;

  private constructor(rest: Uint8Array, deflated: readonly Uint8Array[]) {
    this.#deflated = deflated;
    this.#crc = crc32(rest);
    this.#length = rest.length;
  }

  /** Deflates `rest`, which must not be changed afterwards until the promise settles. */
  static async create(rest: Uint8Array<ArrayBuffer>): Promise<SharedGzip> {
    return new SharedGzip(rest, await collect(compress("deflate-raw", inTurns(slices(rest)))));
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
    const last = new Uint8Array(8);
    const trailer = new DataView(last.buffer);
    trailer.setUint32(0, combineCrc32(crc32(head), this.#crc, this.#length), true);
    trailer.setUint32(4, (head.length + this.#length) >>> 0, true);
    return [first, ...this.#deflated, last];
  }
}

const SLICE = 65_536;

function* slices(bytes: Uint8Array<ArrayBuffer>): Generator<Uint8Array<ArrayBuffer>> {
  for (let i = 0; i < bytes.length; i += SLICE) yield bytes.subarray(i, i + SLICE);
}

/** Passes pieces on, and lets timers, sockets and everything else that waits have a turn every 10 ms. */
export async function* inTurns<Piece>(source: Iterable<Piece> | AsyncIterable<Piece>): AsyncGenerator<Piece> {
  const breath = new Breath();
  for await (const piece of source) {
    yield piece;
    await breath.due();
  }
}

/** Compresses, piece by piece; the time that takes is cut up by `inTurns` at the source. */
export async function* compress(
  format: "gzip" | "deflate-raw",
  source: AsyncIterable<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<Uint8Array> {
  const stream = new CompressionStream(format);
  const writer = stream.writable.getWriter();
  const feed = async (): Promise<void> => {
    try {
      for await (const piece of source) await writer.write(piece);
      await writer.close();
    } catch (error) {
      // The reader below hears of it through the stream.
      await writer.abort(error).catch(() => {});
    }
  };
  const fed = feed();
  yield* stream.readable;
  await fed;
}

/** Collects the pieces of a stream. */
export async function collect(source: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return chunks;
}
