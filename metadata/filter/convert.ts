/**
 * Values as text, text as values, and conversions from type to type.
 *
 * @module
 */
import { isGuid, normalizeGuid } from "../../transport/wire/guid.ts";
import { formatTicks, tryParseTicks, UnixEpochTicks } from "../../transport/wire/ticks.ts";
import {
  type Decimal,
  decimalFromInteger,
  decimalFromNumber,
  decimalToNumber,
  formatDecimal,
  NUMBER,
  parseDecimal,
  truncateDecimal,
} from "../decimal.ts";
import { fitInteger } from "./numbers.ts";
import { type FilterValue, isNumeric, type ValueType } from "./types.ts";

/** Longer texts are no dates, whatever they hold. */
const MAX_DATE_LENGTH = 64;

/** A minute or second of one digit, as in `1/1/2019 0:0:1.029`. */
const ONE_DIGIT = /:(\d)(?!\d)/g;

/**
 * Reads a date, or a date and time: ISO 8601 with `T` or a space, slashes, or month/day/year; see `parseTicks`.
 *
 * @returns Ticks, UTC; or `undefined` when the text is none.
 */
export function parseDateTime(text: string): bigint | undefined {
  if (text.length > MAX_DATE_LENGTH) return undefined;
  const ticks = tryParseTicks(text.replaceAll(ONE_DIGIT, ":0$1"));
  // A leap second, which is negative, has no place on the calendar that expressions count by.
  return ticks === undefined || ticks < 0n ? undefined : ticks;
}

/** Reads a GUID with or without braces and hyphens. */
export function parseGuid(text: string): string | undefined {
  return isGuid(text) ? normalizeGuid(text) : undefined;
}

/** Reads `true` or `false` in any case. */
function parseTruth(text: string): boolean | undefined {
  const word = text.trim().toLowerCase();
  return word === "true" ? true : word === "false" ? false : undefined;
}

const SPECIAL_DOUBLE = /^[+-]?(?:nan|inf(?:inity)?)$/i;

/** Reads a double: a number with or without an exponent, or `NaN`, `Infinity`, `INF` in any case. */
export function parseDouble(text: string): number | undefined {
  const trimmed = text.trim();
  if (trimmed.length > 1200) return undefined;
  if (NUMBER.test(trimmed)) return Number(trimmed);
  if (!SPECIAL_DOUBLE.test(trimmed)) return undefined;
  if (/nan/i.test(trimmed)) return NaN;
  return trimmed.startsWith("-") ? -Infinity : Infinity;
}

const INTEGER = /^\s*[+-]?(?:\d+|0x[0-9a-f]+)\s*$/i;

/** Whether a text can be read as an integer, decimal or hexadecimal. */
export function isIntegerText(text: string): boolean {
  return text.length <= 1200 && INTEGER.test(text);
}

/** A double's shortest text. */
function formatDouble(value: number): string {
  if (Number.isFinite(value)) return Object.is(value, -0) ? "-0" : String(value);
  return Number.isNaN(value) ? "nan" : value < 0 ? "-inf" : "inf";
}

/** A value as text: a boolean is 1 or 0, a decimal keeps its scale, a datetime has milliseconds. */
export function toText(type: ValueType, value: NonNullable<FilterValue>): string {
  switch (typeof value) {
    case "string":
      return value;
    case "boolean":
      return value ? "1" : "0";
    case "number":
      return type === "double" ? formatDouble(value) : String(value);
    case "bigint":
      return type === "datetime" ? formatTicks(value, { fraction: 3, suffix: "" }) : String(value);
    default:
      return formatDecimal(value);
  }
}

/** A number or boolean of any type as a double. */
export function toDouble(value: NonNullable<FilterValue>): number {
  return typeof value === "object" ? decimalToNumber(value) : Number(value);
}

/** A boolean, integer or decimal as a decimal. */
export function toDecimal(value: boolean | number | bigint | Decimal): Decimal {
  if (typeof value === "object") return value;
  return decimalFromInteger(typeof value === "boolean" ? Number(value) : value);
}

/**
 * Reads text as a value of another type, as a comparison with that type does: an integer is read as a decimal.
 *
 * @returns `undefined` when it can't be read.
 */
export function readText(text: string, type: ValueType): NonNullable<FilterValue> | undefined {
  switch (type) {
    case "boolean":
      return parseTruth(text);
    case "int32":
    case "int64":
    case "decimal":
      return parseDecimal(text);
    case "double":
      return parseDouble(text);
    case "guid":
      return parseGuid(text);
    case "datetime":
      return parseDateTime(text);
    default:
      return text;
  }
}

/** What {@linkcode readText} takes for a type, for messages. */
export function describeText(type: ValueType): string {
  switch (type) {
    case "boolean":
      return "true or false";
    case "int32":
    case "int64":
    case "decimal":
    case "double":
      return "a number";
    case "guid":
      return "a GUID";
    case "datetime":
      return "a date and time such as 2024-02-29 12:34:56.789";
    default:
      return "text";
  }
}

/** Whether CONVERT has a way from one type to another. */
export function isConvertible(from: ValueType, to: ValueType): boolean {
  if (from === to || from === "undefined" || from === "string" || to === "string") return true;
  if (to === "guid" || to === "datetime" || from === "guid") return false;
  return from === "datetime" || isNumeric(from);
}

const TRUE_WORDS = ["true", "yes", "1"];
const FALSE_WORDS = ["false", "no", "0"];

/**
 * Converts a value to another type, as CONVERT does: towards an integer it truncates; a datetime as a number is seconds
 * since 1970.
 *
 * @returns `undefined` when the value has no counterpart: text that can't be read, a number out of range.
 */
export function convertValue(
  value: NonNullable<FilterValue>,
  from: ValueType,
  to: ValueType,
): NonNullable<FilterValue> | undefined {
  if (from === to && to !== "int32" && to !== "int64") return value;
  if (to === "string") return toText(from, value);
  if (typeof value === "string") return from === "string" ? convertText(value, to) : value;
  if (from === "datetime") return to === "datetime" ? value : convertNumber(secondsOf(value as bigint), to);
  return convertNumber(value, to);
}

function convertText(text: string, to: ValueType): NonNullable<FilterValue> | undefined {
  switch (to) {
    case "boolean": {
      const word = text.trim().toLowerCase();
      if (TRUE_WORDS.includes(word)) return true;
      return FALSE_WORDS.includes(word) ? false : undefined;
    }
    case "int32":
    case "int64": {
      const number = parseDecimal(text);
      return number === undefined ? undefined : fitInteger(truncateDecimal(number), to);
    }
    default:
      return readText(text, to);
  }
}

function convertNumber(
  value: boolean | number | bigint | Decimal,
  to: ValueType,
): NonNullable<FilterValue> | undefined {
  switch (to) {
    case "boolean":
      return typeof value === "object" ? value.signum() !== 0 : Boolean(value) || Number.isNaN(value);
    case "int32":
    case "int64":
      if (typeof value === "object") return fitInteger(truncateDecimal(value), to);
      if (typeof value !== "number") return fitInteger(BigInt(value), to);
      return Number.isFinite(value) ? fitInteger(BigInt(Math.trunc(value)), to) : undefined;
    case "decimal":
      if (typeof value !== "number") return toDecimal(value);
      return Number.isFinite(value) ? decimalFromNumber(value) : undefined;
    default:
      return toDouble(value);
  }
}

/** Seconds since 1970, exactly. */
function secondsOf(ticks: bigint): Decimal {
  return decimalFromInteger(ticks - UnixEpochTicks).movePointLeft(7);
}
