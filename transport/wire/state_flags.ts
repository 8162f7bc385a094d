/**
 * State flags: 32 bits that qualify a measurement, and the six bits that the compact format has for them (§7).
 *
 * @module
 */

/**
 * The bits of a measurement's state flags, named as in IEEE 2664-2024. 0 is a good value at a good time.
 *
 * @example
 * ```ts
 * import { StateFlags, stateFlagNames } from "@sttp/sttp/transport";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(stateFlagNames(StateFlags.BadData | StateFlags.BadTime), ["BadData", "BadTime"]);
 * ```
 */
export const StateFlags = {
  /** No flag: a good value at a good time. */
  Normal: 0,
  /** The value is bad. */
  BadData: 0x00000001,
  /** The value is doubtful. */
  SuspectData: 0x00000002,
  /** Above the range of the sensor. */
  OverRangeError: 0x00000004,
  /** Below the range of the sensor. */
  UnderRangeError: 0x00000008,
  /** Over the upper alarm limit. */
  AlarmHigh: 0x00000010,
  /** Under the lower alarm limit. */
  AlarmLow: 0x00000020,
  /** Over the upper warning limit. */
  WarningHigh: 0x00000040,
  /** Under the lower warning limit. */
  WarningLow: 0x00000080,
  /** The value has not changed for too long. */
  FlatlineAlarm: 0x00000100,
  /** The value differs too much from one it is compared with. */
  ComparisonAlarm: 0x00000200,
  /** The value changes too fast. */
  ROCAlarm: 0x00000400,
  /** Marked bad where it came from. */
  ReceivedAsBad: 0x00000800,
  /** Calculated, not measured. */
  CalculatedValue: 0x00001000,
  /** The calculation failed. */
  CalculationError: 0x00002000,
  /** The calculation is doubtful. */
  CalculationWarning: 0x00004000,
  /** Reserved for quality. */
  ReservedQualityFlag: 0x00008000,
  /** The timestamp is bad. */
  BadTime: 0x00010000,
  /** The timestamp is doubtful. */
  SuspectTime: 0x00020000,
  /** The timestamp is too old. */
  LateTimeAlarm: 0x00040000,
  /** The timestamp is too far in the future. */
  FutureTimeAlarm: 0x00080000,
  /** Interpolated to a higher rate. */
  UpSampled: 0x00100000,
  /** Reduced to a lower rate. */
  DownSampled: 0x00200000,
  /** The value was discarded. */
  DiscardedValue: 0x00400000,
  /** Reserved for time. */
  ReservedTimeFlag: 0x00800000,
  /** For users. */
  UserDefined1: 0x01000000,
  /** For users. */
  UserDefined2: 0x02000000,
  /** Reserved for the compact format: the time is an offset. */
  BaseTimeOffset: 0x04000000,
  /** Reserved for the compact format: which base. */
  TimeIndex: 0x08000000,
  /** Simulated, not measured. */
  SimulatedData: 0x10000000,
  /** An error in the system that measured or carried it. */
  SystemError: 0x20000000,
  /** A warning of the system that measured or carried it. */
  SystemWarning: 0x40000000,
  /** A failure in measuring. */
  MeasurementError: 0x80000000,
} as const;
/** State flags: any combination of {@linkcode StateFlags}' bits, as an unsigned 32-bit number. */
export type StateFlags = number;

/** The low six bits of a compact measurement's flags byte; 0x40 and 0x80 belong to its timestamp. */
export const CompactStateFlags = {
  /** Any range or alarm flag. */
  DataRange: 0x01,
  /** Any quality flag. */
  DataQuality: 0x02,
  /** Any time flag. */
  TimeQuality: 0x04,
  /** Any system flag. */
  SystemIssue: 0x08,
  /** Calculated. */
  CalculatedValue: 0x10,
  /** Discarded. */
  DiscardedValue: 0x20,
  /** The timestamp is an offset from a base time. */
  BaseTimeOffset: 0x40,
  /** The offset is from base 1. */
  TimeIndex: 0x80,
} as const;

/** What each compact bit stands for, in order of the bits. */
const GROUPS = [0x000000fc, 0x0000ef03, 0x00bf0000, 0xe0000000, 0x00001000, 0x00400000] as const;

// All 64 answers, so that a decoder pays one look-up.
const EXPANDED = Uint32Array.from({ length: 64 }, (_, byte) => {
  let flags = 0;
  for (let bit = 0; bit < GROUPS.length; bit++) if (byte & 1 << bit) flags |= GROUPS[bit]!;
  return flags;
});

/**
 * State flags as the compact format carries them: a bit for each group that has any flag set.
 * Flags of no group (user-defined, simulated) are lost.
 *
 * @returns The low six bits of the flags byte.
 */
export function toCompactFlags(flags: number): number {
  if (flags === 0) return 0;
  let byte = 0;
  if (flags & 0x000000fc) byte |= 0x01;
  if (flags & 0x0000ef03) byte |= 0x02;
  if (flags & 0x00bf0000) byte |= 0x04;
  if (flags & 0xe0000000) byte |= 0x08;
  if (flags & 0x00001000) byte |= 0x10;
  if (flags & 0x00400000) byte |= 0x20;
  return byte;
}

/**
 * The state flags that a compact flags byte stands for: every flag of each group whose bit is set.
 *
 * @param byte The flags byte; its two highest bits are ignored.
 */
export function fromCompactFlags(byte: number): number {
  return EXPANDED[byte & 0x3f]!;
}

const NAMES: readonly (readonly [name: string, bit: number])[] = Object.entries(StateFlags)
  .filter(([, bit]) => bit !== 0);

/** The names of the flags that are set, lowest bit first; empty for 0. */
export function stateFlagNames(flags: number): string[] {
  return NAMES.filter(([, bit]) => (flags & bit) !== 0).map(([name]) => name);
}

/** Whether a value may be used as it is: no bad-data and no bad-time flag. */
export function isGood(flags: number): boolean {
  return (flags & (StateFlags.BadData | StateFlags.BadTime)) === 0;
}
