/**
 * Computed columns: an expression over the other columns of the row (§10).
 *
 * @module
 */
import { SttpError } from "../transport/errors.ts";
import type { DataColumn } from "./data_column.ts";
import type { CellValue } from "./data_type.ts";
import { compileComputed } from "./filter/evaluate.ts";

/** The error for a computed column: which one, and what the filter language has to say about it. */
class ComputedColumnError extends SttpError {
  constructor(column: DataColumn, reason: string, cause?: unknown) {
    super("InvalidFilter", `computed column ${column.table.name}.${column.name}: ${reason}`, { cause });
  }
}

/**
 * Turns a computed column's expression into a function of the row.
 *
 * @throws {SttpError} `InvalidFilter` when the expression can't be parsed or is of no type that fits the column; so
 * does the function when the expression can't be evaluated, or its value does not fit.
 */
export function compileColumn(column: DataColumn): (row: number) => CellValue {
  try {
    const evaluate = compileComputed(column.expression!, column.table, column.type);
    return (row) => {
      try {
        return evaluate(row);
      } catch (cause) {
        throw failure(column, cause);
      }
    };
  } catch (cause) {
    throw failure(column, cause);
  }
}

function failure(column: DataColumn, cause: unknown): SttpError {
  // That of another computed column, which this one refers to.
  if (cause instanceof ComputedColumnError) return cause;
  if (cause instanceof SttpError) return new ComputedColumnError(column, cause.message, cause);
  // The stack is all that a long chain of computed columns can run out of.
  return new ComputedColumnError(column, "it depends on too many other computed columns", cause);
}

/** The error for a computed column whose expression needs its own value. */
export function recursion(column: DataColumn): SttpError {
  return new ComputedColumnError(column, "the expression refers to itself");
}
