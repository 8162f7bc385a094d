/**
 * The text of cells in XML (§10): typed values from bytes and back.
 *
 * @module
 */
import { formatTicks, MaxTicks, TicksPerSecond, timeOf, tryParseTicks } from "../transport/wire/ticks.ts";
import { isGuid, normalizeGuid } from "../transport/wire/guid.ts";
import type { CellValue, DataType } from "./data_type.ts";
import { INTEGER_RANGES, LONG_RANGES } from "./data_type.ts";
import { formatDecimal, NUMBER, parseDecimal } from "./decimal.ts";
import type { Decimal } from "./decimal.ts";

/** Reads a value from the bytes `start` to `end`, which are not empty; `undefined` when they are none of the type. */
export type CellParser = (bytes: Uint8Array, start: number, end: number) => CellValue | undefined;

const DASH = 0x2d;
const ZERO = 0x30;

// The longest text that any type but a string may have; the library of the decimals takes no more either.
const MAX_TEXT = 1200;

/** The text of a cell that is ASCII when valid; what is too long to be valid reads as empty, which is not. */
function asciiText(bytes: Uint8Array, start: number, end: number): string {
  if (end - start > MAX_TEXT) return "";
  let text = "";
  for (let i = start; i < end; i++) text += String.fromCharCode(bytes[i]!);
  return text;
}

/** The number written by digits in `bytes`, or -1. */
function digits(bytes: Uint8Array, start: number, end: number): number {
  let value = 0;
  for (let i = start; i < end; i++) {
    const digit = bytes[i]! - ZERO;
    if (digit < 0 || digit > 9) return -1;
    value = 10 * value + digit;
  }
  return value;
}

function integerParser(min: number, max: number): CellParser {
  return (bytes, start, end) => {
    const negative = bytes[start] === DASH;
    const from = negative ? start + 1 : start;
    let value = end > from && end - from <= 10 ? digits(bytes, from, end) : -1;
    if (value < 0) {
      const text = asciiText(bytes, start, end);
      if (!/^[+-]?[0-9]{1,15}$/.test(text)) return undefined;
      value = Number(text);
    } else if (negative) value = 0 - value;
    return value >= min && value <= max ? value : undefined;
  };
}

function longParser(min: bigint, max: bigint): CellParser {
  return (bytes, start, end) => {
    const text = asciiText(bytes, start, end);
    if (!/^[+-]?[0-9]{1,20}$/.test(text)) return undefined;
    const value = text.startsWith("-") ? -BigInt(text.slice(1)) : BigInt(text.replace("+", ""));
    return value >= min && value <= max ? value : undefined;
  };
}

const SPECIAL_FLOATS: ReadonlyMap<string, number> = new Map([
  ["inf", Infinity],
  ["+inf", Infinity],
  ["infinity", Infinity],
  ["-inf", -Infinity],
  ["-infinity", -Infinity],
  ["nan", NaN],
]);

function parseFloating(bytes: Uint8Array, start: number, end: number): number | undefined {
  const text = asciiText(bytes, start, end);
  return NUMBER.test(text) ? Number(text) : SPECIAL_FLOATS.get(text.toLowerCase());
}

function parseBoolean(bytes: Uint8Array, start: number, end: number): boolean | undefined {
  switch (asciiText(bytes, start, end).toLowerCase()) {
    case "true":
    case "1":
    case "yes":
      return true;
    case "false":
    case "0":
    case "no":
      return false;
  }
  return undefined;
}

function parseGuid(bytes: Uint8Array, start: number, end: number): string | undefined {
  const text = asciiText(bytes, start, end);
  return isGuid(text) ? normalizeGuid(text) : undefined;
}

/** Days from 0001-01-01 to the first of each month of a year that begins in March. */
function daysBefore(year: number, month: number): number {
  const y = month > 2 ? year : year - 1;
  const m = month > 2 ? month - 3 : month + 9;
  return 365 * y + Math.floor(y / 4) - Math.floor(y / 100) + Math.floor(y / 400) +
    Math.floor((153 * m + 2) / 5) - 306;
}

const MONTH_DAYS: readonly number[] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function isLeapYear(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

/**
 * Ticks from `2019-01-04T03:00:52.73-05:00`: the fraction with any number of digits, of which seven count, and the
 * offset optional. Whatever else reads as a time goes the slow way.
 */
function parseDateTime(bytes: Uint8Array, start: number, end: number): bigint | undefined {
  if (end - start < 19 || bytes[start + 4] !== DASH || (bytes[start + 10]! | 0x20) !== 0x74) {
    return slowDateTime(bytes, start, end);
  }
  const year = digits(bytes, start, start + 4);
  const month = digits(bytes, start + 5, start + 7);
  const day = digits(bytes, start + 8, start + 10);
  const hour = digits(bytes, start + 11, start + 13);
  const minute = digits(bytes, start + 14, start + 16);
  let second = digits(bytes, start + 17, start + 19);
  if (
    year < 1 || month < 1 || month > 12 || day < 1 || day > MONTH_DAYS[month - 1]! || hour < 0 || hour > 23 ||
    minute < 0 || minute > 59 || second < 0 || second > 59 ||
    (month === 2 && day === 29 && !isLeapYear(year)) ||
    bytes[start + 7] !== DASH || bytes[start + 13] !== 0x3a || bytes[start + 16] !== 0x3a
  ) return slowDateTime(bytes, start, end);
  let i = start + 19;
  let fraction = 0;
  if (bytes[i] === 0x2e && i < end) {
    let unit = 1_000_000;
    for (i++; i < end; i++) {
      const digit = bytes[i]! - ZERO;
      if (digit < 0 || digit > 9) break;
      fraction += digit * unit;
      unit = Math.trunc(unit / 10);
    }
  }
  if (i === end - 6 && (bytes[i] === DASH || bytes[i] === 0x2b) && bytes[i + 3] === 0x3a) {
    const hours = digits(bytes, i + 1, i + 3);
    const minutes = digits(bytes, i + 4, i + 6);
    if (hours < 0 || hours > 14 || minutes < 0 || minutes > 59) return undefined;
    const offset = 3600 * hours + 60 * minutes;
    second += bytes[i] === DASH ? offset : -offset;
  } else if (i !== end && !(i === end - 1 && (bytes[i]! | 0x20) === 0x7a)) {
    return slowDateTime(bytes, start, end);
  }
  const seconds = 86_400 * daysBefore(year, month) + 86_400 * (day - 1) + 3600 * hour + 60 * minute + second;
  // The first instant of all, as .NET writes it east of Greenwich, would lie before it, and the last after it.
  if (seconds < 0) return 0n;
  const ticks = BigInt(seconds) * TicksPerSecond + BigInt(fraction);
  return ticks > MaxTicks ? MaxTicks : ticks;
}

function slowDateTime(bytes: Uint8Array, start: number, end: number): bigint | undefined {
  const ticks = tryParseTicks(asciiText(bytes, start, end));
  return ticks === undefined ? undefined : timeOf(ticks);
}

/** The parsers of all types but `string`, whose bytes are its text. */
export const CELL_PARSERS: Readonly<Record<Exclude<DataType, "string">, CellParser>> = {
  boolean: parseBoolean,
  dateTime: parseDateTime,
  single: (bytes, start, end) => {
    const value = parseFloating(bytes, start, end);
    return value === undefined ? undefined : Math.fround(value);
  },
  double: parseFloating,
  decimal: (bytes, start, end) => parseDecimal(asciiText(bytes, start, end)),
  guid: parseGuid,
  int8: integerParser(...INTEGER_RANGES["int8"]!),
  int16: integerParser(...INTEGER_RANGES["int16"]!),
  int32: integerParser(...INTEGER_RANGES["int32"]!),
  int64: longParser(...LONG_RANGES["int64"]!),
  uint8: integerParser(...INTEGER_RANGES["uint8"]!),
  uint16: integerParser(...INTEGER_RANGES["uint16"]!),
  uint32: integerParser(...INTEGER_RANGES["uint32"]!),
  uint64: longParser(...LONG_RANGES["uint64"]!),
};

function formatFloating(value: number): string {
  if (value === Infinity) return "INF";
  if (value === -Infinity) return "-INF";
  return Object.is(value, -0) ? "-0" : String(value);
}

/** The shortest text that reads as the same float32. */
function formatSingle(value: number): string {
  if (Number.isInteger(value) || !Number.isFinite(value)) return formatFloating(value);
  for (let precision = 6; precision < 9; precision++) {
    const text = String(Number(value.toPrecision(precision)));
    if (Math.fround(Number(text)) === value) return text;
  }
  return String(Number(value.toPrecision(9)));
}

/**
 * A value as the text of its cell, not yet escaped. Times end with `+00:00`, which every known reader takes; `Z` is
 * lost on one of them.
 */
export function formatCell(type: DataType, value: NonNullable<CellValue>): string {
  switch (type) {
    case "dateTime":
      return formatTicks(timeOf(value as bigint), { suffix: "" }) + "+00:00";
    case "single":
      return formatSingle(value as number);
    case "double":
      return formatFloating(value as number);
    case "decimal":
      return formatDecimal(value as Decimal);
  }
  return String(value);
}
