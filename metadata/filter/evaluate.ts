import { decimalFromInteger, truncateDecimal } from "../decimal.ts";
import type { DataRow } from "../data_row.ts";
import type { DataTable } from "../data_table.ts";
import { type CellValue, type DataType, INTEGER_RANGES, LONG_RANGES } from "../data_type.ts";
import { type Compilation, evaluator, isVariant } from "./code.ts";
import { compilation, compile, type CompileOptions } from "./compile.ts";
import { convertValue, isConvertible } from "./convert.ts";
import { parseExpression } from "./parser.ts";
import { describeType, type FilterValue, type TypedValue, type ValueType, valueTypeOf } from "./types.ts";

/**
 * The value of one expression, with its type (§9).
 *
 * @param row The row whose columns the expression may name.
 * @throws {FilterError} When it can't be parsed, names what is not there, or has no value.
 *
 * @example
 * ```ts
 * import { evaluateExpression } from "@sttp/sttp/metadata";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(evaluateExpression("LEN('SHELBY') * 2"), { type: "int32", value: 12 });
 * assertEquals(evaluateExpression("2147483647 + 1"), { type: "int64", value: 2147483648n });
 * assertEquals(evaluateExpression("True AND NULL"), { type: "boolean", value: null });
 * ```
 */
export function evaluateExpression(text: string, row?: DataRow, options: CompileOptions = {}): TypedValue {
  return compileExpression(text, row?.table, options).evaluate(row?.index ?? 0);
}

/** An expression that is compiled for a table. */
export interface CompiledExpression {
  /** The types that it may have; more than one if that depends on the row. An integer may turn out wider. */
  readonly types: readonly ValueType[];
  /** Its value in a row, with its type there. @throws {FilterError} `value` when it has none. */
  readonly evaluate: (row: number) => TypedValue;
}

/**
 * Compiles an expression for a table once, to evaluate it in many rows.
 *
 * @param table Whose columns it may name; rows may be added later, columns may not. None for an expression without.
 * @throws {FilterError} When it can't be parsed, or names what is not there.
 */
export function compileExpression(
  text: string,
  table: DataTable | undefined,
  options: CompileOptions = {},
): CompiledExpression {
  const context = compilation(text, table, options);
  const operand = compile(context, parseExpression(text, options));
  const evaluate = evaluator(operand);
  return {
    types: isVariant(operand) ? operand.types : [operand.type],
    evaluate: (row) => {
      context.watch.reset();
      return evaluate(row);
    },
  };
}

/**
 * Compiles the expression of a computed column: a function from a row to the value of the column's cell there.
 *
 * @param type The column's type, which the expression's value is converted to.
 * @throws {FilterError} As {@linkcode compileExpression}, and when there is no way to convert to the column's type; the
 * function throws it for rows with a value that does not fit.
 */
export function compileComputed(
  text: string,
  table: DataTable,
  type: DataType,
  options: CompileOptions = {},
): (row: number) => CellValue {
  const { types, evaluate } = compileExpression(text, table, options);
  const context = compilation(text, table, options);
  const span = { start: 0, end: text.length };
  const target = valueTypeOf(type);
  const wrong = types.find((from) => !isConvertible(from, target));
  if (wrong !== undefined) {
    throw context.error("type", `the expression is ${describeType(wrong)}`, span, {
      expected: `a column's ${type}`,
    });
  }
  return (row) => {
    const { type: from, value } = evaluate(row);
    const cell = value === null ? null : toCell(value, from, type);
    if (cell !== undefined) return cell;
    throw misfit(context, type, span);
  };
}

function misfit(context: Compilation, type: DataType, span: { start: number; end: number }): Error {
  return context.error("value", `the expression's value does not fit the column`, span, {
    expected: `a value of type ${type}`,
  });
}

/** A value as that of a cell, or `undefined` when it does not fit. */
function toCell(value: NonNullable<FilterValue>, from: ValueType, type: DataType): CellValue | undefined {
  const range = LONG_RANGES[type] ?? INTEGER_RANGES[type];
  if (range === undefined) {
    const converted = convertValue(value, from, valueTypeOf(type));
    return type === "single" && typeof converted === "number" ? Math.fround(converted) : converted;
  }
  const number = convertValue(value, from, "decimal");
  if (typeof number !== "object") return undefined;
  const [least, most] = range;
  const whole = truncateDecimal(number);
  if (whole < BigInt(least) || whole > BigInt(most)) return undefined;
  return type in LONG_RANGES ? whole : Number(decimalFromInteger(whole).numberValue());
}
