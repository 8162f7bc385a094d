import { systemClock } from "../../transport/clock.ts";
import type { Clock } from "../../transport/clock.ts";
import type { DataTable } from "../data_table.ts";
import { type Code, Compilation, constantCode, distribute, isVariant, type Operand } from "./code.ts";
import { compileComparison, compileIn, compileIsNull, compileLike, isComparison } from "./comparison.ts";
import { nearest, type Span } from "./errors.ts";
import { compileCall } from "./functions.ts";
import { type FilterLimits, resolveLimits } from "./limits.ts";
import { compileLogical } from "./logic.ts";
import { widenInt64 } from "./numbers.ts";
import { compileBinary, compileUnary } from "./operators.ts";
import type { Stopwatch } from "./stopwatch.ts";
import type { ColumnNode, ExpressionNode } from "./tree.ts";
import { describeType, valueTypeOf } from "./types.ts";

/** How expressions are parsed and compiled. */
export interface CompileOptions {
  /** How big the expression may be; the defaults for those left out. */
  readonly limits?: Partial<FilterLimits> | undefined;
  /** What NOW and UTCNOW read, and what an evaluation is timed by; default the system's clock. */
  readonly clock?: Clock | undefined;
}

/** What an expression of this text and table is compiled with. */
export function compilation(
  text: string,
  table: DataTable | undefined,
  options: CompileOptions,
  watch?: Stopwatch,
): Compilation {
  return new Compilation(text, table, resolveLimits(options.limits), options.clock ?? systemClock, watch);
}

/**
 * Compiles an expression to closures: names are looked up, types are checked and constants folded here, once.
 *
 * @throws {FilterError} `name`, `type` or `value`.
 */
export function compile(context: Compilation, node: ExpressionNode): Operand {
  const span: Span = { start: node.start, end: node.end };
  switch (node.kind) {
    case "literal":
      return constantCode(node.type, node.value, span);
    case "column":
      return compileColumn(context, node);
    case "unary":
      return distribute(
        [compile(context, node.operand)],
        ([operand]) => compileUnary(context, node.operator, operand!, span),
      );
    case "binary":
      return distribute([compile(context, node.left), compile(context, node.right)], ([left, right]) => {
        const { operator } = node;
        if (isComparison(operator)) return compileComparison(context, operator, left!, right!, span);
        return compileBinary(context, operator, left!, right!, span);
      });
    case "logical": {
      const operands = node.operands.map((operand) =>
        single(context, compile(context, operand), node.operator)
      );
      return compileLogical(context, node.operator, operands, span);
    }
    case "in": {
      const list = node.list.map((item) => compile(context, item));
      return distribute(
        [compile(context, node.operand)],
        ([operand]) => compileIn(context, operand!, list, node.negated, node.exact, span),
      );
    }
    case "like":
      return distribute(
        [compile(context, node.operand), compile(context, node.pattern)],
        ([operand, pattern]) => compileLike(context, operand!, pattern!, node.negated, node.exact, span),
      );
    case "isNull":
      return compileIsNull(compile(context, node.operand), node.negated, span);
    case "call":
      return compileCall(context, node, compile);
  }
}

/** A condition, which can't be of several types: one of them would not be a boolean. */
function single(context: Compilation, operand: Operand, operator: string): Code {
  if (!isVariant(operand)) return operand;
  const types = operand.types.map(describeType).join(" or ");
  throw context.error("type", `${operator} can't be applied to ${types}`, operand.span, {
    expected: "a boolean",
  });
}

function compileColumn(context: Compilation, node: ColumnNode): Code {
  const span: Span = { start: node.start, end: node.end };
  const { table } = context;
  if (table === undefined) {
    throw context.error("name", `no table to find the column ${node.name} in`, span, {
      expected: "an expression without columns, or a string in single quotes",
    });
  }
  const column = table.column(node.name);
  if (column === undefined) {
    const suggestion = nearest(node.name, table.columns.map(({ name }) => name));
    throw context.error("name", `${table.name} has no column ${node.name}`, span, { suggestion });
  }
  const type = valueTypeOf(column.type);
  const code = { type, constant: false, fallible: column.computed, span };
  if (column.computed) {
    const run = (row: number) => {
      const value = column.at(row);
      context.checkTime(span);
      return value;
    };
    return { ...code, run };
  }
  const { values } = column;
  if (column.type === "uint64" || column.type === "uint32") {
    // Neither fits the next narrower type; what does not even fit an int64 is a decimal, as such a literal is.
    return { ...code, run: (row) => widened(values[row] as bigint | number | null) };
  }
  return { ...code, run: (row) => values[row]! };
}

function widened(value: bigint | number | null): ReturnType<typeof widenInt64> | null {
  return value === null ? null : widenInt64(BigInt(value));
}

/**
 * Compiles a condition: a function that tells of a row whether it is true. A null is not.
 *
 * @param where What the condition is, for the error when it is no boolean.
 * @throws {FilterError} As {@linkcode compile}, and `type` when the result is no boolean.
 */
export function compileCondition(
  context: Compilation,
  node: ExpressionNode,
  where: string = "the condition",
): (row: number) => boolean {
  const operand = compile(context, node);
  const types = isVariant(operand) ? operand.types : [operand.type];
  if (isVariant(operand) || (operand.type !== "boolean" && operand.type !== "undefined")) {
    const problem = `${where} is ${types.map(describeType).join(" or ")}`;
    throw context.error("type", problem, { start: node.start, end: node.end }, { expected: "a boolean" });
  }
  const { run } = operand;
  return (row) => run(row) === true;
}
