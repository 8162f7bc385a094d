import type { DataType } from "../data_type.ts";
import type { Decimal } from "../decimal.ts";

/**
 * The type of an expression (§9). `undefined` is that of the literal NULL, which fits anywhere; any other null keeps the
 * type of what would have been there.
 */
export type ValueType =
  | "boolean"
  | "int32"
  | "int64"
  | "decimal"
  | "double"
  | "string"
  | "guid"
  | "datetime"
  | "undefined";

/**
 * The value of an expression, by its {@linkcode ValueType}: boolean; number for `int32` and `double`; bigint for `int64`
 * and, as ticks, for `datetime`; {@linkcode Decimal}; string, in lower case without braces for a `guid`; `null` where
 * there is none.
 */
export type FilterValue = boolean | number | bigint | string | Decimal | null;

/** A value with its type. */
export interface TypedValue {
  /** The type, which a null has too. */
  readonly type: ValueType;
  /** The value, or `null`. */
  readonly value: FilterValue;
}

const COLUMN_TYPES: Readonly<Record<DataType, ValueType>> = {
  string: "string",
  guid: "guid",
  boolean: "boolean",
  dateTime: "datetime",
  single: "double",
  double: "double",
  decimal: "decimal",
  int8: "int32",
  int16: "int32",
  int32: "int32",
  uint8: "int32",
  uint16: "int32",
  uint32: "int64",
  int64: "int64",
  uint64: "int64",
};

/** The type that a column has in expressions. */
export function valueTypeOf(type: DataType): ValueType {
  return COLUMN_TYPES[type];
}

/** The numeric types from narrow to wide; a boolean widens to 1 or 0. */
const WIDENING: readonly ValueType[] = ["boolean", "int32", "int64", "decimal", "double"];

/** The place of a type in the order of widening, or -1 for one that is no number. The literal NULL is the narrowest. */
function widthOf(type: ValueType): number {
  return type === "undefined" ? 0 : WIDENING.indexOf(type);
}

/** The wider of two numeric types. */
export function wider(left: ValueType, right: ValueType): ValueType {
  return WIDENING[Math.max(widthOf(left), widthOf(right))]!;
}

/** Whether a type widens to a number: a boolean does, and so does the literal NULL. */
export function isNumeric(type: ValueType): boolean {
  return widthOf(type) >= 0;
}

/** Whether a type is a boolean or an integer, as the bit operators take them; the literal NULL is too. */
export function isIntegral(type: ValueType): boolean {
  return type === "boolean" || type === "int32" || type === "int64" || type === "undefined";
}

/** Whether values of a type tell by themselves if they are int32 (number), int64 (bigint) or decimal (object). */
export function isExact(type: ValueType): boolean {
  return type === "int32" || type === "int64" || type === "decimal";
}

/** The type that a value of an exact numeric expression has: an integer that did not fit was widened. */
export function actualType(type: ValueType, value: FilterValue): ValueType {
  if (value === null || !isExact(type)) return type;
  switch (typeof value) {
    case "number":
      return "int32";
    case "bigint":
      return "int64";
    default:
      return "decimal";
  }
}

/** A type as messages name it, with its article. */
export function describeType(type: ValueType): string {
  if (type === "undefined") return "NULL";
  return type === "int32" || type === "int64" ? `an ${type}` : `a ${type}`;
}
