import { systemClock } from "../../transport/clock.ts";
import type { Clock } from "../../transport/clock.ts";
import type { DataTable } from "../data_table.ts";
import { finish, type Steps } from "../steps.ts";
import { type Code, Compilation, constantCode, distribute, isVariant, type Operand } from "./code.ts";
import { compileComparison, compileIn, compileIsNull, compileLike, isComparison } from "./comparison.ts";
import { FilterError, nearest, type Span, TimeLimitError } from "./errors.ts";
import { callBuilder } from "./functions.ts";
import { chooseByCondition, iifCondition } from "./functions_general.ts";
import { type FilterLimits, resolveLimits } from "./limits.ts";
import { compileLogical } from "./logic.ts";
import { widenInt64 } from "./numbers.ts";
import { compileBinary, compileUnary } from "./operators.ts";
import type { Stopwatch } from "./stopwatch.ts";
import type { CallNode, ColumnNode, ExpressionNode } from "./tree.ts";
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

/** What it costs to compile one name, value or operator, in comparisons. */
const NODE = 50;
/** So many of them are a step: less than a millisecond. */
const STEP = 256;

/**
 * Compiles an expression to closures: names are looked up, types are checked and constants folded here, once.
 *
 * @throws {FilterError} `name`, `type` or `value`; `limit` when time is up.
 */
export function compile(context: Compilation, node: ExpressionNode): Operand {
  return finish(compileSteps(context, node));
}

/** {@linkcode compile} in steps. */
export function compileSteps(context: Compilation, node: ExpressionNode): Steps<Operand> {
  return new Compiler(context).compile(node);
}

type Build = (operands: readonly Operand[]) => Operand | Steps<Operand> | undefined;

/** A node whose parts are compiled first. */
interface Job {
  parts: readonly ExpressionNode[];
  /** Of the parts that are done. */
  readonly operands: Operand[];
  /** Makes the node's operand of its parts'; `undefined` when it has more parts now. */
  readonly build: Build;
  /** Which part may be wrong in all but its names, as it is never evaluated. */
  spare: number | undefined;
}

/** Goes from the leaves to the root with a stack of its own, as the parser does. */
class Compiler {
  readonly #context: Compilation;
  readonly #jobs: Job[] = [];

  constructor(context: Compilation) {
    this.#context = context;
  }

  *compile(root: ExpressionNode): Steps<Operand> {
    const { watch } = this.#context;
    let node = root;
    for (let count = 1;; count++) {
      try {
        let operand = this.#begin(node);
        while (operand !== undefined) {
          const job: Job | undefined = this.#jobs.at(-1);
          if (job === undefined) return operand;
          job.operands.push(operand);
          if (job.operands.length < job.parts.length) break;
          const built: ReturnType<Build> = job.build(job.operands);
          operand = built !== undefined && Symbol.iterator in built ? yield* built : built;
          if (operand !== undefined) this.#jobs.pop();
          // What took long may stand in what takes long, too.
          if (watch.isDue) {
            watch.resume();
            yield;
          }
        }
      } catch (error) {
        this.#excuse(error);
      }
      const { parts, operands } = this.#jobs.at(-1)!;
      node = parts[operands.length]!;
      if (watch.isDue || count % STEP === 0) {
        watch.resume();
        yield;
      }
    }
  }

  /** Goes on behind the part that was wrong, if that is never evaluated. */
  #excuse(error: unknown): void {
    const isExcusable = error instanceof FilterError && !(error instanceof TimeLimitError) &&
      error.kind !== "name";
    const job = isExcusable
      ? this.#jobs.findLast(({ spare, operands }) => spare === operands.length)
      : undefined;
    if (job === undefined) throw error;
    this.#jobs.length = this.#jobs.indexOf(job) + 1;
    job.operands.push(constantCode("undefined", null, { start: 0, end: 0 }));
  }

  /** The operand of a node without parts; else its parts are next. */
  #begin(node: ExpressionNode): Operand | undefined {
    const context = this.#context;
    const span: Span = { start: node.start, end: node.end };
    context.spend(NODE, span);
    switch (node.kind) {
      case "literal":
        return constantCode(node.type, node.value, span);
      case "column":
        return compileColumn(context, node);
      case "unary":
        return this.#first(
          [node.operand],
          (operands) =>
            distribute(operands, ([operand]) => compileUnary(context, node.operator, operand!, span)),
        );
      case "binary":
        return this.#first([node.left, node.right], (operands) =>
          distribute(operands, ([left, right]) => {
            const { operator } = node;
            if (isComparison(operator)) return compileComparison(context, operator, left!, right!, span);
            return compileBinary(context, operator, left!, right!, span);
          }));
      case "logical":
        return this.#first(
          node.operands,
          (operands) => compileLogical(context, node.operator, operands, span),
        );
      case "in":
        return this.#first(
          // Neither spread nor taken apart: lists may be long.
          [node.operand].concat(node.list),
          (operands) => compileIn(context, operands, node.negated, node.exact, span),
        );
      case "like":
        return this.#first(
          [node.operand, node.pattern],
          (operands) =>
            distribute(
              operands,
              ([operand, pattern]) =>
                compileLike(context, operand!, pattern!, node.negated, node.exact, span),
            ),
        );
      case "isNull":
        return this.#first([node.operand], ([operand]) => compileIsNull(operand!, node.negated, span));
      case "call":
        return this.#call(node, span);
    }
  }

  /** Has parts of a node compiled first. */
  #first(parts: readonly ExpressionNode[], build: Build): undefined {
    this.#jobs.push({ parts, operands: [], build, spare: undefined });
  }

  #call(node: CallNode, span: Span): Operand | undefined {
    const build = callBuilder(this.#context, node, span);
    if (build === undefined) return this.#iif(node, span);
    return node.args.length === 0 ? build([]) : this.#first(node.args, build);
  }

  /**
   * IIF: of a constant condition the side that is not chosen may be wrong in type or value, though not in names.
   */
  #iif({ args }: CallNode, span: Span): undefined {
    const [test, first, second] = args as [ExpressionNode, ExpressionNode, ExpressionNode];
    const job: Job = {
      parts: [test],
      operands: [],
      build: ([operand, one, other]) => {
        const condition = iifCondition(this.#context, operand!);
        if (one !== undefined && other !== undefined) {
          return condition.constant ? other : chooseByCondition(condition, one, other, span);
        }
        job.parts = args;
        if (!condition.constant) return undefined;
        // What is not chosen comes first.
        if (condition.run(0) === true) job.parts = [test, second, first];
        job.spare = 1;
        return undefined;
      },
      spare: undefined,
    };
    this.#jobs.push(job);
  }
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
export function* compileCondition(
  context: Compilation,
  node: ExpressionNode,
  where: string = "the condition",
): Steps<(row: number) => boolean> {
  const operand = yield* compileSteps(context, node);
  const types = isVariant(operand) ? operand.types : [operand.type];
  if (isVariant(operand) || (operand.type !== "boolean" && operand.type !== "undefined")) {
    const problem = `${where} is ${types.map(describeType).join(" or ")}`;
    throw context.error("type", problem, { start: node.start, end: node.end }, { expected: "a boolean" });
  }
  const { run } = operand;
  return (row) => run(row) === true;
}
