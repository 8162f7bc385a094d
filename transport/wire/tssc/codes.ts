/**
 * The 32 codes of TSSC and its fixed numbers (§8 of the wire contract).
 *
 * @module
 */

/** What a code word of the bit stream says. */
export const Code = {
  EndOfStream: 0,
  PointIdXor4: 1,
  PointIdXor8: 2,
  PointIdXor12: 3,
  PointIdXor16: 4,
  PointIdXor20: 5,
  PointIdXor24: 6,
  PointIdXor32: 7,
  TimeDelta1Forward: 8,
  TimeDelta4Forward: 11,
  TimeDelta1Reverse: 12,
  TimeDelta4Reverse: 15,
  Timestamp2: 16,
  TimeXor7Bit: 17,
  Quality2: 18,
  Quality7Bit32: 19,
  Value1: 20,
  Value2: 21,
  Value3: 22,
  ValueZero: 23,
  ValueXor4: 24,
  ValueXor32: 31,
} as const;

/** How many codes there are; a code is 5 bits. */
export const CODE_COUNT = 32;

/** The first byte of every TSSC payload. */
export const TSSC_VERSION = 85;

/** Bytes before the block: version and sequence. */
export const TSSC_HEADER_LENGTH = 3;

/** A block takes another measurement only while at least this many bytes are free. */
export const TSSC_RESERVE = 100;

/** The sequence number that follows: 65,535 is followed by 1, as 0 means a reset. */
export function nextSequence(sequence: number): number {
  return sequence === 0xffff ? 1 : sequence + 1;
}
