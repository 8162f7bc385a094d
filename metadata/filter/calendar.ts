/**
 * The calendar of datetimes: ticks as year, month and day and back, steps and differences in calendar units.
 *
 * @module
 */

const TICKS_PER_MILLISECOND = 10_000n;
const TICKS_PER_SECOND = 10_000_000n;
const TICKS_PER_DAY = 864_000_000_000n;
const MAX_TICKS = 3_155_378_975_999_999_999n;

/** The units of time that DATEADD, DATEDIFF and DATEPART know, by their names in upper case. */
export type Interval =
  | "YEAR"
  | "MONTH"
  | "DAYOFYEAR"
  | "DAY"
  | "WEEK"
  | "WEEKDAY"
  | "HOUR"
  | "MINUTE"
  | "SECOND"
  | "MILLISECOND";

/** How many ticks each unit of fixed length has. */
const LENGTHS: Readonly<Record<Exclude<Interval, "YEAR" | "MONTH">, bigint>> = {
  DAYOFYEAR: TICKS_PER_DAY,
  DAY: TICKS_PER_DAY,
  WEEKDAY: TICKS_PER_DAY,
  WEEK: 7n * TICKS_PER_DAY,
  HOUR: 3600n * TICKS_PER_SECOND,
  MINUTE: 60n * TICKS_PER_SECOND,
  SECOND: TICKS_PER_SECOND,
  MILLISECOND: TICKS_PER_MILLISECOND,
};

/** The unit's names as messages show them. */
export const INTERVAL_NAMES =
  "Year, Month, DayOfYear, Day, Week, WeekDay, Hour, Minute, Second or Millisecond";

/** Reads a unit's name in any case. */
export function parseInterval(name: string): Interval | undefined {
  const upper = name.trim().toUpperCase();
  return upper === "YEAR" || upper === "MONTH" || Object.hasOwn(LENGTHS, upper)
    ? upper as Interval
    : undefined;
}

interface CivilDate {
  readonly year: number;
  /** From 1. */
  readonly month: number;
  /** From 1. */
  readonly day: number;
}

function isLeapYear(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

const DAYS_BEFORE_MONTH = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365];

function daysBeforeMonth(year: number, month: number): number {
  return DAYS_BEFORE_MONTH[month - 1]! + (month > 2 && isLeapYear(year) ? 1 : 0);
}

function daysInMonth(year: number, month: number): number {
  return daysBeforeMonth(year, month + 1) - daysBeforeMonth(year, month);
}

/** Days from 0001-01-01 to the first of January of a year. */
function daysBeforeYear(year: number): number {
  const past = year - 1;
  return past * 365 + Math.floor(past / 4) - Math.floor(past / 100) + Math.floor(past / 400);
}

function toDays({ year, month, day }: CivilDate): number {
  return daysBeforeYear(year) + daysBeforeMonth(year, month) + day - 1;
}

function fromDays(days: number): CivilDate {
  let year = Math.floor(days / 365.2425) + 1;
  // The estimate is at most a year off.
  while (daysBeforeYear(year + 1) <= days) year++;
  while (daysBeforeYear(year) > days) year--;
  const dayOfYear = days - daysBeforeYear(year);
  let month = 12;
  while (daysBeforeMonth(year, month) > dayOfYear) month--;
  return { year, month, day: dayOfYear - daysBeforeMonth(year, month) + 1 };
}

function dayNumber(ticks: bigint): number {
  return Number(ticks / TICKS_PER_DAY);
}

/**
 * Adds so many units to a datetime. A step of months or years lands on the month's last day when the day does not exist.
 *
 * @returns `undefined` outside of the years 1 to 9999.
 */
export function addInterval(ticks: bigint, count: bigint, interval: Interval): bigint | undefined {
  const result = interval === "YEAR"
    ? addMonths(ticks, count * 12n)
    : interval === "MONTH"
    ? addMonths(ticks, count)
    : ticks + count * LENGTHS[interval];
  return result !== undefined && result >= 0n && result <= MAX_TICKS ? result : undefined;
}

function addMonths(ticks: bigint, count: bigint): bigint | undefined {
  if (count > 120_000n || count < -120_000n) return undefined;
  const { year, month, day } = fromDays(dayNumber(ticks));
  const months = year * 12 + month - 1 + Number(count);
  const newYear = Math.floor(months / 12);
  if (newYear < 1 || newYear > 9999) return undefined;
  const newMonth = months % 12 + 1;
  const days = toDays({ year: newYear, month: newMonth, day: Math.min(day, daysInMonth(newYear, newMonth)) });
  return BigInt(days) * TICKS_PER_DAY + ticks % TICKS_PER_DAY;
}

/** Whole units elapsed from one datetime to the other, truncated; negative when it is the earlier one. */
export function differenceIn(from: bigint, to: bigint, interval: Interval): bigint {
  if (interval === "MONTH") return monthsBetween(from, to);
  if (interval === "YEAR") return monthsBetween(from, to) / 12n;
  return (to - from) / LENGTHS[interval];
}

function monthsBetween(from: bigint, to: bigint): bigint {
  const first = fromDays(dayNumber(from));
  const last = fromDays(dayNumber(to));
  const months = (last.year - first.year) * 12 + last.month - first.month;
  if (months === 0) return 0n;
  const reached = addMonths(from, BigInt(months))!;
  const notWhole = months > 0 ? reached > to : reached < to;
  return BigInt(notWhole ? months - Math.sign(months) : months);
}

/** One part of a datetime: WEEKDAY is 1 for Sunday, WEEK that of ISO 8601. */
export function partOf(ticks: bigint, interval: Interval): number {
  const days = dayNumber(ticks);
  const milliseconds = Number(ticks % TICKS_PER_DAY / TICKS_PER_MILLISECOND);
  switch (interval) {
    case "YEAR":
      return fromDays(days).year;
    case "MONTH":
      return fromDays(days).month;
    case "DAY":
      return fromDays(days).day;
    case "DAYOFYEAR":
      return days - daysBeforeYear(fromDays(days).year) + 1;
    case "WEEKDAY":
      // 0001-01-01 was a Monday.
      return (days + 1) % 7 + 1;
    case "WEEK":
      return isoWeek(days);
    case "HOUR":
      return Math.floor(milliseconds / 3_600_000);
    case "MINUTE":
      return Math.floor(milliseconds / 60_000) % 60;
    case "SECOND":
      return Math.floor(milliseconds / 1000) % 60;
    case "MILLISECOND":
      return milliseconds % 1000;
  }
}

/** The week belongs to the year that its Thursday is in. */
function isoWeek(days: number): number {
  const thursday = days - days % 7 + 3;
  const { year } = fromDays(thursday);
  return Math.floor((thursday - daysBeforeYear(year)) / 7) + 1;
}
