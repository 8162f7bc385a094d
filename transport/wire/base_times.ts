/**
 * Base times: what the compact format's short timestamps count from (§7).
 *
 * @module
 */
import { SttpError } from "../errors.ts";

/** Bytes of an UpdateBaseTimes body. */
export const BASE_TIMES_LENGTH = 20;

/** After how many milliseconds a publisher moves its base times on: in ticks, and at millisecond resolution. */
export const BaseTimesInterval = {
  /** While offsets are 4 bytes of ticks, which span 429 s. */
  Ticks: 420_000,
  /** While offsets are 2 bytes of milliseconds, which span 65 s. */
  Milliseconds: 60_000,
} as const;

/**
 * Two base times and which of them new offsets count from. Does not change: a rotation makes a new one.
 *
 * @example
 * ```ts
 * import { BaseTimes, decodeBaseTimes, encodeBaseTimes } from "@sttp/sttp/transport";
 * import { assertEquals } from "@std/assert";
 *
 * const first = new BaseTimes(0, 638_500_000_000_000_000n, 638_500_004_200_000_000n);
 * const second = first.rotate(638_500_008_400_000_000n);
 * assertEquals(second.timeIndex, 1);
 * assertEquals(decodeBaseTimes(encodeBaseTimes(second)).base(0), 638_500_008_400_000_000n);
 * ```
 */
export class BaseTimes {
  /** Which base new offsets count from. */
  readonly timeIndex: 0 | 1;
  /** Both bases in 32-bit words, low half first: base `i` at `2 * i`. Not to be written to. */
  readonly words: Int32Array<ArrayBuffer>;
  readonly #bases = new BigInt64Array(2);

  /**
   * Two bases and the one in force.
   *
   * @param timeIndex Which base new offsets count from.
   * @param base0 Ticks.
   * @param base1 Ticks.
   */
  constructor(timeIndex: 0 | 1, base0: bigint, base1: bigint) {
    this.timeIndex = timeIndex;
    this.#bases[0] = base0;
    this.#bases[1] = base1;
    this.words = new Int32Array(this.#bases.buffer);
  }

  /** A base time in ticks. */
  base(index: 0 | 1): bigint {
    return this.#bases[index]!;
  }

  /** The other base comes into force, and `next` takes the place of the one that was. */
  rotate(next: bigint): BaseTimes {
    return this.timeIndex === 0 ? new BaseTimes(1, next, this.base(1)) : new BaseTimes(0, this.base(0), next);
  }
}

/** The body of UpdateBaseTimes: `timeIndex[4] base0[8] base1[8]`. */
export function encodeBaseTimes(baseTimes: BaseTimes): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(BASE_TIMES_LENGTH));
  view.setUint32(0, baseTimes.timeIndex);
  view.setBigInt64(4, baseTimes.base(0));
  view.setBigInt64(12, baseTimes.base(1));
  return new Uint8Array(view.buffer);
}

/**
 * Reads the body of UpdateBaseTimes.
 *
 * @throws {SttpError} `MalformedFrame` when it is shorter than 20 bytes or its time index is neither 0 nor 1.
 */
export function decodeBaseTimes(body: Uint8Array): BaseTimes {
  if (body.length < BASE_TIMES_LENGTH) {
    throw new SttpError(
      "MalformedFrame",
      `UpdateBaseTimes of ${body.length} bytes, ${BASE_TIMES_LENGTH} expected`,
    );
  }
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const timeIndex = view.getUint32(0);
  if (timeIndex !== 0 && timeIndex !== 1) {
    throw new SttpError("MalformedFrame", `UpdateBaseTimes with time index ${timeIndex}, 0 or 1 expected`);
  }
  return new BaseTimes(timeIndex, view.getBigInt64(4), view.getBigInt64(12));
}
