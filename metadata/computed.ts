import { SttpError } from "../transport/errors.ts";
import type { CellValue } from "./data_type.ts";
import type { DataColumn } from "./data_column.ts";
import { compileComputed } from "./filter/evaluate.ts";

/**
 * Turns a computed column's expression into a function of the row.
 *
 * @throws {SttpError} `InvalidFilter` when the expression can't be parsed, or its result does not fit the column.
 */
export function compileColumn(column: DataColumn): (row: number) => CellValue {
  return compileComputed(column.expression ?? "NULL", column.table, column.type);
}

/** The error for a computed column whose expression needs its own value. */
export function recursion(column: DataColumn): SttpError {
  return new SttpError(
    "InvalidFilter",
    `the expression of ${column.table.name}.${column.name} refers to itself`,
  );
}
