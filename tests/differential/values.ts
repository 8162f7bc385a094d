/**
 * The values that generated expressions are made of: literals of every type, and a table with a column of every type,
 * one of nulls beside each.
 *
 * @module
 */
import {
  type CellValue,
  type DataRow,
  DataTable,
  type DataType,
  type ExpressionNode,
  type ValueType,
} from "../../metadata/mod.ts";
import { parseDecimal } from "../../metadata/mod.ts";
import { parseTicks } from "../../transport/wire/ticks.ts";
import { column, literal, prefix } from "./nodes.ts";

/** What an operand is: a value of one of the language's types, the literal NULL, or a null of one of its types. */
export type OperandClass =
  | Exclude<ValueType, "undefined">
  | "NULL"
  | `null ${string}`;

const G1 = "01234567-89ab-cdef-0123-456789abcdef";
const G2 = "f1b6ae7c-4b5d-4a1e-9c69-1d4a1c6d51a0";

const LITERALS: Readonly<Record<string, readonly string[]>> = {
  boolean: ["True", "False"],
  int32: ["0", "1", "2", "3", "7", "31", "0x1F", "65536", "2147483647"],
  int64: ["2147483648", "4294967299", "9007199254740993", "9223372036854775807"],
  decimal: ["0.0", "0.1", "2.50", "3.", "1234.5678", "99999999999999999999", "0.0000001"],
  double: ["0e0", "1e0", "2.5e0", "1.5e3", "1e-6", "1e300", "123456.789e0"],
  string: [
    "''",
    "'a'",
    "'Abc'",
    "'abc def'",
    "'12'",
    "'-7.5'",
    "'true'",
    "'1e3'",
    "'2024-02-29'",
    `'{${G1}}'`,
    "'z%'",
  ],
  guid: [`{${G1}}`, G2.toUpperCase(), `'${G1}'`],
  datetime: ["#2024-02-29 12:34:56.789#", "#2021-09-09#", "#1999-12-31T23:59:59.999999Z#"],
  NULL: ["NULL"],
};

/** The values of each column type, row by row; the literals' like, and the ends of each range. */
const COLUMNS: Readonly<Record<DataType, readonly CellValue[]>> = {
  string: ["Abc", "12.5", "", "FREQ", "false", G2, "2021-09-09T00:00:00", "%"],
  boolean: [true, false, true, false, true, false, true, false],
  dateTime: [
    parseTicks("2024-02-29T12:34:56.789"),
    parseTicks("2000-01-01"),
    parseTicks("1970-01-01T00:00:00.5"),
    parseTicks("2038-01-19T03:14:08"),
    parseTicks("2023-12-31T23:59:59.999"),
    parseTicks("2020-01-31"),
    parseTicks("0003-01-01"),
    parseTicks("2021-09-09T00:00:00"),
  ],
  single: [0.5, -1.25, 1e10, 0, 3, 16777216, -0.1, 100].map(Math.fround),
  double: [0.1, -2.5, 1e-7, 1e16, 3, -0.5, 123456789.125, 0],
  decimal: ["1.50", "-2.5", "0", "12345678901234567890.5", "3", "0.333", "-0.001", "100"].map((text) =>
    parseDecimal(text)!
  ),
  guid: [G1, G2, G1, G2, G1, G2, G1, G2],
  int8: [1, -1, 127, -128, 0, 5, 33, 2],
  int16: [2, -2, 32767, -32768, 0, 6, 64, 12],
  int32: [3, -3, 2147483647, -2147483648, 0, 7, 32, 12],
  int64: [4n, -4n, 9223372036854775807n, -9223372036854775808n, 0n, 8n, 4294967296n, 12n],
  uint8: [1, 0, 255, 128, 2, 9, 31, 12],
  uint16: [2, 0, 65535, 32768, 3, 10, 63, 12],
  uint32: [3, 0, 4294967295, 2147483648, 4, 11, 32, 12],
  uint64: [4n, 0n, 18446744073709551615n, 9223372036854775808n, 5n, 12n, 64n, 7n],
};

/** How many rows the table of values has. */
export const ROW_COUNT = 8;

/** The types of columns that have each type of the language. */
const COLUMN_TYPES: Readonly<Record<string, readonly DataType[]>> = {
  boolean: ["boolean"],
  int32: ["int8", "int16", "int32", "uint8", "uint16"],
  int64: ["int64", "uint32", "uint64"],
  decimal: ["decimal"],
  double: ["single", "double"],
  string: ["string"],
  guid: ["guid"],
  datetime: ["dateTime"],
};

/** Every class of operands. */
export const OPERAND_CLASSES: readonly OperandClass[] = [
  ...Object.keys(LITERALS) as OperandClass[],
  ...Object.keys(COLUMN_TYPES).map((type) => `null ${type}` as const),
];

/** The expressions of a class. */
export function operandsOf(kind: OperandClass): readonly ExpressionNode[] {
  if (kind.startsWith("null ")) return COLUMN_TYPES[kind.slice(5)]!.map((type) => column(`Null_${type}`));
  const literals = LITERALS[kind]!.map(literal);
  const columns = (COLUMN_TYPES[kind] ?? []).map((type) => column(`A_${type}`));
  const numeric = kind === "int32" || kind === "int64" || kind === "decimal" || kind === "double";
  const negative = numeric ? literals.slice(1, 4).map((node) => prefix("-", node)) : [];
  return [...literals, ...columns, ...negative];
}

/** The table of values. */
export function valueTable(): DataTable {
  const table = new DataTable("Values");
  const types = Object.keys(COLUMNS) as DataType[];
  for (const type of types) table.addColumn(`A_${type}`, type);
  for (const type of types) table.addColumn(`Null_${type}`, type);
  for (let row = 0; row < ROW_COUNT; row++) table.addRow(types.map((type) => COLUMNS[type][row]!));
  return table;
}

/** A cell as the oracle reads it. */
export function cellForOracle(value: CellValue): unknown {
  return typeof value === "bigint" || typeof value === "object" && value !== null ? String(value) : value;
}

/** A table as the oracle reads it. */
export function tableForOracle(table: DataTable): unknown {
  return {
    name: table.name,
    columns: table.columns.map(({ name, type }) => [name, type]),
    rows: [...table].map((row: DataRow) => table.columns.map(({ name }) => cellForOracle(row.get(name)))),
  };
}
