/**
 * The column types of a DataSet (§10) and the values that their cells hold.
 *
 * @module
 */
import { fromDate, MaxTicks } from "../transport/wire/ticks.ts";
import { normalizeGuid } from "../transport/wire/guid.ts";
import type { Decimal } from "./decimal.ts";
import { formatDecimal, parseDecimal } from "./decimal.ts";

/**
 * What a column holds. The cell values are:
 *
 * | type | value |
 * | --- | --- |
 * | `string` | string |
 * | `guid` | string, lower case without braces |
 * | `boolean` | boolean |
 * | `dateTime` | bigint: ticks of 100 ns since 0001-01-01T00:00:00Z |
 * | `single`, `double` | number |
 * | `int8` `int16` `int32` `uint8` `uint16` `uint32` | number |
 * | `int64`, `uint64` | bigint |
 * | `decimal` | {@linkcode Decimal}, exact and with its scale |
 */
export type DataType =
  | "string"
  | "boolean"
  | "dateTime"
  | "single"
  | "double"
  | "decimal"
  | "guid"
  | "int8"
  | "int16"
  | "int32"
  | "int64"
  | "uint8"
  | "uint16"
  | "uint32"
  | "uint64";

/** The value of a cell, by its column's {@linkcode DataType}; `null` is the absence of one. */
export type CellValue = string | boolean | number | bigint | Decimal | null;

/**
 * What may be given where a cell value is wanted: besides the value itself, a `Date` for a `dateTime`, a number for an
 * `int64` or `uint64`, a number or text for a `decimal`, any spelling of a GUID, and `undefined` for `null`.
 */
export type CellInput = CellValue | Date | undefined;

/** Every {@linkcode DataType}, in the order of the protocol's reference implementations. */
export const DATA_TYPES: readonly DataType[] = [
  "string",
  "boolean",
  "dateTime",
  "single",
  "double",
  "decimal",
  "guid",
  "int8",
  "int16",
  "int32",
  "int64",
  "uint8",
  "uint16",
  "uint32",
  "uint64",
];

/** The smallest and largest value of each integer type that fits a number. */
export const INTEGER_RANGES: Readonly<Record<string, readonly [number, number]>> = {
  int8: [-0x80, 0x7f],
  int16: [-0x8000, 0x7fff],
  int32: [-0x8000_0000, 0x7fff_ffff],
  uint8: [0, 0xff],
  uint16: [0, 0xffff],
  uint32: [0, 0xffff_ffff],
};

/** The smallest and largest value of each 64-bit integer type. */
export const LONG_RANGES: Readonly<Record<string, readonly [bigint, bigint]>> = {
  int64: [-(1n << 63n), (1n << 63n) - 1n],
  uint64: [0n, (1n << 64n) - 1n],
};

/**
 * Turns what a caller gave into the value that a cell of this type holds.
 *
 * @param where The column, for the error.
 * @throws {TypeError} When the value is of another kind.
 * @throws {RangeError} When it is a number outside of the type's range.
 */
export function toCellValue(type: DataType, value: CellInput, where: string): CellValue {
  if (value === null || value === undefined) return null;
  switch (type) {
    case "string":
      if (typeof value === "string") return value;
      break;
    case "boolean":
      if (typeof value === "boolean") return value;
      break;
    case "guid":
      if (typeof value === "string") return normalizeGuid(value);
      break;
    case "dateTime":
      if (value instanceof Date) return fromDate(value);
      if (typeof value === "bigint") return checkRange(value, 0n, MaxTicks, type, where);
      break;
    case "single":
      if (typeof value === "number") return Math.fround(value);
      break;
    case "double":
      if (typeof value === "number") return value;
      break;
    case "decimal":
      return toDecimal(value, where);
    case "int64":
    case "uint64": {
      const [min, max] = LONG_RANGES[type]!;
      if (typeof value === "bigint") return checkRange(value, min, max, type, where);
      if (typeof value === "number" && Number.isSafeInteger(value)) {
        return checkRange(BigInt(value), min, max, type, where);
      }
      break;
    }
    default: {
      const [min, max] = INTEGER_RANGES[type]!;
      if (typeof value === "number" && Number.isInteger(value)) {
        return checkRange(value, min, max, type, where);
      }
    }
  }
  throw new TypeError(`${where}: ${describe(value)} is not a value of type ${type}`);
}

function checkRange<T extends number | bigint>(value: T, min: T, max: T, type: DataType, where: string): T {
  if (value < min || value > max) {
    throw new RangeError(`${where}: ${value} is outside of ${type}'s range, ${min} to ${max}`);
  }
  return value;
}

function toDecimal(value: NonNullable<CellInput>, where: string): Decimal {
  if (typeof value === "object" && !(value instanceof Date)) return value;
  if (typeof value === "string" || typeof value === "number" || typeof value === "bigint") {
    const decimal = parseDecimal(String(value));
    if (decimal !== undefined) return decimal;
  }
  throw new TypeError(`${where}: ${describe(value)} is not a value of type decimal`);
}

function describe(value: NonNullable<CellInput>): string {
  if (typeof value === "string") {
    return JSON.stringify(value.length > 60 ? value.slice(0, 60) + "..." : value);
  }
  if (typeof value === "object") return value instanceof Date ? "a Date" : `decimal ${formatDecimal(value)}`;
  return `${typeof value} ${value}`;
}

/** Whether two values of one column are the same; decimals compare by value, `1.50` being `1.5`. */
export function sameCell(left: CellValue, right: CellValue): boolean {
  if (Object.is(left, right)) return true;
  if (left === null || right === null || typeof left !== "object" || typeof right !== "object") return false;
  return left.compareTo(right) === 0;
}
