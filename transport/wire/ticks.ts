/**
 * Ticks: the protocol's time, 100 ns since 0001-01-01T00:00:00Z in 62 bits, with two bits for leap seconds above (§7).
 *
 * At the edge ticks are `bigint`, signed as in an `int64`: a leap second, whose top bit is set, is negative.
 *
 * @module
 */
import { SttpError } from "../errors.ts";
import { type Clock, systemClock } from "../clock.ts";

/** Ticks in a second. */
export const TicksPerSecond = 10_000_000n;
/** Ticks in a millisecond. */
export const TicksPerMillisecond = 10_000n;
/** 1970-01-01T00:00:00Z. */
export const UnixEpochTicks = 621_355_968_000_000_000n;
/** 9999-12-31T23:59:59.9999999Z, the last time that has text. */
export const MaxTicks = 3_155_378_975_999_999_999n;

const LEAP_SECOND = 1n << 63n;
const LEAP_SECOND_DIRECTION = 1n << 62n;
const TIME_BITS = 62;

const FIRST_MILLISECOND = -62_135_596_800_000;
const LAST_MILLISECOND = 253_402_300_799_999;

function outOfRange(what: string): RangeError {
  return new RangeError(`${what} is not between 0001-01-01T00:00:00Z and 9999-12-31T23:59:59.9999999Z`);
}

/**
 * The time alone, without the leap-second bits: 0 to 2^62 - 1.
 *
 * @throws {RangeError} When `ticks` does not fit 64 bits.
 */
export function timeOf(ticks: bigint): bigint {
  if (BigInt.asIntN(64, ticks) !== ticks && BigInt.asUintN(64, ticks) !== ticks) {
    throw new RangeError(`${ticks} ticks do not fit 64 bits`);
  }
  return BigInt.asUintN(TIME_BITS, ticks);
}

/** {@linkcode timeOf}, refusing what lies after the year 9999. */
function calendarTimeOf(ticks: bigint): bigint {
  const time = timeOf(ticks);
  if (time > MaxTicks) throw outOfRange(`${ticks} ticks`);
  return time;
}

/** Whether the leap-second bit (63) is set, in either direction. */
export function isLeapSecond(ticks: bigint): boolean {
  return (BigInt.asUintN(64, ticks) & LEAP_SECOND) !== 0n;
}

/** Whether the ticks mark a negative leap second: bits 63 and 62 are set. */
export function isNegativeLeapSecond(ticks: bigint): boolean {
  const bits = LEAP_SECOND | LEAP_SECOND_DIRECTION;
  return (BigInt.asUintN(64, ticks) & bits) === bits;
}

/**
 * Marks a time as lying in a leap second.
 *
 * @param negative Whether a second is left out rather than put in; default false.
 * @returns The same time with bit 63, and bit 62 if negative; as an int64, so a negative number.
 */
export function withLeapSecond(ticks: bigint, negative: boolean = false): bigint {
  return BigInt.asIntN(64, timeOf(ticks) | LEAP_SECOND | (negative ? LEAP_SECOND_DIRECTION : 0n));
}

/** The present time, as exact as the clock is (the system's: a millisecond). */
export function ticksNow(clock: Clock = systemClock): bigint {
  return fromUnixMilliseconds(clock.now());
}

/**
 * Milliseconds since 1970 as ticks; a fraction is kept to the nearest tick.
 *
 * @throws {RangeError} Outside the years 1 to 9999, or for NaN.
 */
export function fromUnixMilliseconds(milliseconds: number): bigint {
  if (!(milliseconds >= FIRST_MILLISECOND && milliseconds < LAST_MILLISECOND + 1)) {
    throw outOfRange(`${milliseconds} ms since 1970`);
  }
  const whole = Math.floor(milliseconds);
  return UnixEpochTicks + BigInt(whole) * TicksPerMillisecond +
    BigInt(Math.round((milliseconds - whole) * 10_000));
}

/**
 * Ticks as whole milliseconds since 1970, rounded down: a double can't hold present times to 100 ns.
 * Leap-second bits are ignored.
 *
 * @throws {RangeError} After the year 9999.
 */
export function toUnixMilliseconds(ticks: bigint): number {
  return Number(calendarTimeOf(ticks) / TicksPerMillisecond) + FIRST_MILLISECOND;
}

/** A Date as ticks. @throws {RangeError} For an invalid Date, or one outside the years 1 to 9999. */
export function fromDate(date: Date): bigint {
  return fromUnixMilliseconds(date.getTime());
}

/**
 * Ticks as a Date, rounded down to its millisecond; `Temporal.Instant` and text keep all of it.
 * Leap-second bits are ignored.
 *
 * @throws {RangeError} After the year 9999.
 */
export function toDate(ticks: bigint): Date {
  return new Date(toUnixMilliseconds(ticks));
}

/** A `Temporal.Instant` as ticks, rounded down to 100 ns. @throws {RangeError} Outside the years 1 to 9999. */
export function fromInstant(instant: Temporal.Instant): bigint {
  const nanoseconds = instant.epochNanoseconds;
  // BigInt division rounds towards zero; times before 1970 must go down too.
  const ticks = UnixEpochTicks + (nanoseconds - (nanoseconds % 100n + 100n) % 100n) / 100n;
  if (ticks < 0n || ticks > MaxTicks) throw outOfRange(instant.toString());
  return ticks;
}

/** Ticks as a `Temporal.Instant`, exactly; leap-second bits are ignored. @throws {RangeError} After the year 9999. */
export function toInstant(ticks: bigint): Temporal.Instant {
  return Temporal.Instant.fromEpochNanoseconds((calendarTimeOf(ticks) - UnixEpochTicks) * 100n);
}

/** How {@linkcode formatTicks} writes. */
export interface FormatTicksOptions {
  /** Digits of the second's fraction, 0 to 7, cut off without rounding; default as many as it takes. */
  readonly fraction?: number;
  /** What stands between date and time; default `T`. */
  readonly separator?: "T" | " ";
  /** What stands at the end; default `Z`. */
  readonly suffix?: "Z" | "";
}

/**
 * Ticks as ISO 8601 text in UTC, such as `2024-03-01T12:30:00.0333333Z`. A positive leap second, which repeats
 * second 59, is written as second 60; a negative one has no text of its own.
 *
 * @throws {RangeError} After the year 9999, or for a `fraction` that is not 0 to 7.
 */
export function formatTicks(ticks: bigint, options: FormatTicksOptions = {}): string {
  const { fraction, separator = "T", suffix = "Z" } = options;
  if (fraction !== undefined && !(Number.isInteger(fraction) && fraction >= 0 && fraction <= 7)) {
    throw new RangeError(`fraction ${fraction} is not a number of digits from 0 to 7`);
  }
  const time = calendarTimeOf(ticks);
  const iso = new Date(toUnixMilliseconds(time)).toISOString();
  let seconds = iso.slice(17, 19);
  if (seconds === "59" && isLeapSecond(ticks) && !isNegativeLeapSecond(ticks)) seconds = "60";
  let digits = String(time % TicksPerSecond).padStart(7, "0");
  digits = fraction === undefined ? digits.replace(/0+$/, "") : digits.slice(0, fraction);
  const point = digits === "" ? "" : ".";
  return `${iso.slice(0, 10)}${separator}${iso.slice(11, 17)}${seconds}${point}${digits}${suffix}`;
}

/**
 * {@linkcode formatTicks} for what may be anything, such as a time that a peer sent: after the year 9999 it is the number
 * of ticks, as in `4173518180549394850 ticks`.
 */
export function describeTicks(ticks: bigint): string {
  return timeOf(ticks) > MaxTicks ? `${timeOf(ticks)} ticks` : formatTicks(ticks);
}

// Year-month-day or year/month/day, or month/day/year; then an optional time with an optional offset.
const DATE_TIME = new RegExp(
  "^\\s*(?:(\\d{4})([-/])(\\d{1,2})\\2(\\d{1,2})|(\\d{1,2})/(\\d{1,2})/(\\d{4}))" +
    "(?:(?:[Tt]|\\s+)(\\d{1,2}):(\\d{2})(?::(\\d{2})(?:\\.(\\d{0,7}))?)?" +
    "\\s*(?:[Zz]|([+-])(\\d{2})(?::?(\\d{2}))?)?)?\\s*$",
);

/**
 * Reads a date, or a date and time: ISO 8601 with `T` or a space, months and days of one or two digits, slashes in
 * place of hyphens, `month/day/year`; seconds and a fraction of up to 7 digits optional (also `30.Z` with none);
 * `Z` or an offset such as `+02:00`, else UTC. Second 60 gives second 59 marked as a leap second.
 *
 * @throws {SttpError} `MalformedText` for any other text, and for dates that do not exist.
 *
 * @example
 * ```ts
 * import { formatTicks, parseTicks } from "@sttp/sttp/transport";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(formatTicks(parseTicks("2024-02-29 14:00:00.5+02:00")), "2024-02-29T12:00:00.5Z");
 * ```
 */
export function parseTicks(text: string): bigint {
  const ticks = tryParseTicks(text);
  if (ticks === undefined) {
    throw new SttpError(
      "MalformedText",
      `"${text.slice(0, 50)}" is not a time such as 2024-03-01T12:30:00.0333333Z`,
    );
  }
  return ticks;
}

/** {@linkcode parseTicks}, giving `undefined` in place of an error. */
export function tryParseTicks(text: string): bigint | undefined {
  // No time is longer; the pattern would take quadratic time over endless space.
  const match = text.length > 64 ? null : DATE_TIME.exec(text);
  if (match === null) return undefined;
  const [, y1, , m1, d1, m2, d2, y2, hh = "0", mm = "0", ss = "0", fraction = "", sign, oh = "0", om = "0"] =
    match;
  const year = Number(y1 ?? y2);
  const month = Number(m1 ?? m2);
  const day = Number(d1 ?? d2);
  const hour = Number(hh);
  const minute = Number(mm);
  const second = Number(ss);
  const offset = Number(oh) * 60 + Number(om);
  if (year < 1 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) return undefined;
  if (hour > 23 || minute > 59 || second > 60 || Number(om) > 59 || offset > 14 * 60) return undefined;
  const leap = second === 60;
  // Date.UTC takes the years 0 to 99 for 1900 to 1999; 400 years on the calendar is the same.
  const milliseconds = Date.UTC(year + 400, month - 1, day, hour, minute, leap ? 59 : second) -
    12_622_780_800_000 -
    (sign === "-" ? -offset : offset) * 60_000;
  if (milliseconds < FIRST_MILLISECOND || milliseconds > LAST_MILLISECOND) return undefined;
  const ticks = BigInt(milliseconds - FIRST_MILLISECOND) * TicksPerMillisecond +
    BigInt(fraction.padEnd(7, "0"));
  return leap ? withLeapSecond(ticks) : ticks;
}

function daysIn(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/**
 * Ticks and what they can be made of and into, all in one place.
 *
 * @example
 * ```ts
 * import { Ticks } from "@sttp/sttp/transport";
 * import { assertEquals } from "@std/assert";
 *
 * const ticks = Ticks.parse("2024-03-01T12:30:00.0333333Z");
 * assertEquals(Ticks.toDate(ticks), new Date("2024-03-01T12:30:00.033Z"));
 * assertEquals(Ticks.toInstant(ticks), Temporal.Instant.from("2024-03-01T12:30:00.0333333Z"));
 * assertEquals(Ticks.format(ticks + Ticks.PerSecond, { fraction: 3 }), "2024-03-01T12:30:01.033Z");
 * ```
 */
export const Ticks: {
  /** Ticks in a second. */
  readonly PerSecond: bigint;
  /** Ticks in a millisecond. */
  readonly PerMillisecond: bigint;
  /** 1970-01-01T00:00:00Z. */
  readonly UnixEpoch: bigint;
  /** The last time that has text. */
  readonly Max: bigint;
  /** See {@linkcode ticksNow}. */
  readonly now: typeof ticksNow;
  /** See {@linkcode fromDate}. */
  readonly fromDate: typeof fromDate;
  /** See {@linkcode toDate}. */
  readonly toDate: typeof toDate;
  /** See {@linkcode fromInstant}. */
  readonly fromInstant: typeof fromInstant;
  /** See {@linkcode toInstant}. */
  readonly toInstant: typeof toInstant;
  /** See {@linkcode fromUnixMilliseconds}. */
  readonly fromUnixMilliseconds: typeof fromUnixMilliseconds;
  /** See {@linkcode toUnixMilliseconds}. */
  readonly toUnixMilliseconds: typeof toUnixMilliseconds;
  /** See {@linkcode parseTicks}. */
  readonly parse: typeof parseTicks;
  /** See {@linkcode formatTicks}. */
  readonly format: typeof formatTicks;
  /** See {@linkcode timeOf}. */
  readonly timeOf: typeof timeOf;
  /** See {@linkcode isLeapSecond}. */
  readonly isLeapSecond: typeof isLeapSecond;
  /** See {@linkcode isNegativeLeapSecond}. */
  readonly isNegativeLeapSecond: typeof isNegativeLeapSecond;
  /** See {@linkcode withLeapSecond}. */
  readonly withLeapSecond: typeof withLeapSecond;
} = Object.freeze({
  PerSecond: TicksPerSecond,
  PerMillisecond: TicksPerMillisecond,
  UnixEpoch: UnixEpochTicks,
  Max: MaxTicks,
  now: ticksNow,
  fromDate,
  toDate,
  fromInstant,
  toInstant,
  fromUnixMilliseconds,
  toUnixMilliseconds,
  parse: parseTicks,
  format: formatTicks,
  timeOf,
  isLeapSecond,
  isNegativeLeapSecond,
  withLeapSecond,
});
