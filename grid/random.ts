/**
 * Repeatable randomness: small integer hashes, so that a value can depend on nothing but a seed and a place in time.
 *
 * @module
 */

/** Mixes 32 bits so that every input bit reaches every output bit (the finaliser of MurmurHash3). */
export function mix(bits: number): number {
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}

/** One uint32 from several. */
export function hash(...parts: number[]): number {
  let bits = 0x9e3779b9;
  for (const part of parts) bits = mix(bits ^ mix(part + 0x6d2b79f5));
  return bits;
}

/** A uint32 as a number in [0, 1). */
export function unit(bits: number): number {
  return bits / 0x1_0000_0000;
}

/** A uint32 as a number in [low, high). */
export function between(bits: number, low: number, high: number): number {
  return low + (high - low) * unit(bits);
}
