/**
 * What expressions are compiled to: closures from a row's index to a value, with the type known beforehand.
 *
 * @module
 */
import type { DataTable } from "../data_table.ts";
import type { Clock } from "../../transport/clock.ts";
import {
  FilterError,
  type FilterErrorDetails,
  type FilterErrorKind,
  Lines,
  type Span,
  TimeLimitError,
} from "./errors.ts";
import type { FilterLimits } from "./limits.ts";
import { Patterns } from "./patterns.ts";
import { Stopwatch } from "./stopwatch.ts";
import { actualType, type FilterValue, type TypedValue, type ValueType } from "./types.ts";

/** What it costs to make an error, in comparisons of two short values. */
const ERROR = 200;

/** A compiled expression of one type. */
export interface Code {
  /** Its type. An exact number may be of a wider one in a row where it did not fit; see `actualType`. */
  readonly type: ValueType;
  /** Its value in a row. */
  readonly run: (row: number) => FilterValue;
  /** Whether the value is the same in every row; then `run(0)` gives it. */
  readonly constant: boolean;
  /** Whether there are rows in which it may throw. */
  readonly fallible: boolean;
  /** Where in the text it stands. */
  readonly span: Span;
}

/** A compiled expression whose type is one of several, according to the row: what IIF and COALESCE give. */
export interface Variant {
  /** The types that it may have. */
  readonly types: readonly ValueType[];
  /** Its value in a row, with its type. */
  readonly runTyped: (row: number) => TypedValue;
  /** Whether there are rows in which it may throw. */
  readonly fallible: boolean;
  /** Where in the text it stands. */
  readonly span: Span;
}

/** A compiled expression. */
export type Operand = Code | Variant;

/** Whether the type depends on the row. */
export function isVariant(operand: Operand): operand is Variant {
  return "types" in operand;
}

/** What an expression is compiled with. */
export class Compilation {
  /** The whole text, for errors. */
  readonly text: string;
  /** The table whose columns may be named, if any. */
  readonly table: DataTable | undefined;
  readonly limits: FilterLimits;
  readonly clock: Clock;
  /** Keeps the time that compiling and evaluating take. */
  readonly watch: Stopwatch;
  /** Its regular expressions. */
  readonly patterns: Patterns;
  readonly #lines: Lines;

  constructor(
    text: string,
    table: DataTable | undefined,
    limits: FilterLimits,
    clock: Clock,
    watch: Stopwatch = new Stopwatch(clock, limits.maxMilliseconds),
  ) {
    this.text = text;
    this.table = table;
    this.limits = limits;
    this.clock = clock;
    this.watch = watch;
    this.patterns = new Patterns(limits.maxPatternLength, watch);
    this.#lines = new Lines(text);
  }

  /** Counts work, in comparisons of two short values. @throws {FilterError} `limit` when time is up. */
  spend(work: number, span: Span): void {
    if (this.watch.spend(work)) throw this.#tooLong(span);
  }

  /** Looks at the clock, after what may have taken long. @throws {FilterError} `limit` when time is up. */
  checkTime(span: Span): void {
    if (this.watch.isOver()) throw this.#tooLong(span);
  }

  #tooLong(span: Span): FilterError {
    return new TimeLimitError("limit", `it took longer than ${this.watch.milliseconds} ms`, this.text, span);
  }

  /** An error about a part of the text. It counts as work, as what is constant may fail and go on. */
  error(kind: FilterErrorKind, problem: string, span: Span, details?: FilterErrorDetails): FilterError {
    this.watch.spend(ERROR);
    return new FilterError(kind, problem, this.text, span, details, this.#lines.positionOf(span.start));
  }
}

/** The code of a value that is the same in every row. */
export function constantCode(type: ValueType, value: FilterValue, span: Span): Code {
  return { type: actualType(type, value), run: () => value, constant: true, fallible: false, span };
}

/** The same code under another type, which it must already be right for: a NULL of any type. */
export function retyped(code: Code, type: ValueType): Code {
  return { ...code, type };
}

/** Computes at once what depends on no row. What fails then is left to fail when it is asked for. */
export function folded(code: Code, operands: readonly Code[]): Code {
  if (!operands.every((operand) => operand.constant)) return code;
  try {
    return constantCode(code.type, code.run(0), code.span);
  } catch (error) {
    if (!(error instanceof FilterError) || error instanceof TimeLimitError) throw error;
    return code;
  }
}

/** How {@linkcode lift} treats what it lifts. */
export interface LiftOptions {
  /** Whether the function may throw. */
  readonly fallible?: boolean;
  /** How many operands from the left make the result null when they are; default all. */
  readonly needed?: number;
}

/**
 * Makes a function of values the code of an expression: null where an operand that it needs is null. All operands are
 * evaluated, whatever the others are, so that an error in one never hides.
 */
export function lift(
  type: ValueType,
  operands: readonly Code[],
  span: Span,
  apply: (...values: never[]) => FilterValue,
  options: LiftOptions = {},
): Code {
  const fallible = options.fallible === true || operands.some((operand) => operand.fallible);
  const run = lifted(
    operands,
    apply as (...values: FilterValue[]) => FilterValue,
    options.needed ?? operands.length,
  );
  return folded({ type, run, constant: false, fallible, span }, operands);
}

function lifted(
  operands: readonly Code[],
  apply: (...values: FilterValue[]) => FilterValue,
  needed: number,
): (row: number) => FilterValue {
  const [first, second] = operands.map((operand) => operand.run);
  if (operands.length === 1) {
    return (row) => {
      const value = first!(row);
      return value === null && needed > 0 ? null : apply(value);
    };
  }
  if (operands.length === 2 && needed === 2) {
    const constant = operands[1]!.constant ? second!(0) : null;
    if (constant !== null) {
      return (row) => {
        const value = first!(row);
        return value === null ? null : apply(value, constant);
      };
    }
    return (row) => {
      const left = first!(row);
      const right = second!(row);
      return left === null || right === null ? null : apply(left, right);
    };
  }
  return (row) => {
    let missing = false;
    const values: FilterValue[] = new Array(operands.length);
    for (let i = 0; i < operands.length; i++) {
      const value = operands[i]!.run(row);
      if (value === null && i < needed) missing = true;
      values[i] = value;
    }
    return missing ? null : apply(...values);
  };
}

/**
 * Compiles for operands of which some have a type that depends on the row: once for each of their types, so that all
 * types are checked beforehand whatever the rows hold.
 */
export function distribute(operands: readonly Operand[], build: (operands: Code[]) => Operand): Operand {
  const index = operands.findIndex(isVariant);
  if (index < 0) return build(operands as Code[]);
  const { standIns, join } = typeByType(operands[index] as Variant);
  return join(standIns.map((standIn) => distribute(operands.with(index, standIn), build)));
}

/**
 * A variant taken apart: what stands for it in each of its types, and the way from what was compiled for each of them to
 * what is right in every row.
 */
export function typeByType(
  variant: Variant,
): { readonly standIns: Code[]; readonly join: (branches: readonly Operand[]) => Operand } {
  let current: FilterValue = null;
  const { types, span } = variant;
  const standIns = types.map((type): Code => ({
    type,
    run: () => current,
    constant: false,
    fallible: false,
    span,
  }));
  const join = (branches: readonly Operand[]): Operand => {
    const select = (row: number): Operand => {
      const { type, value } = variant.runTyped(row);
      current = value;
      return branches[types.indexOf(type)]!;
    };
    const fallible = variant.fallible || branches.some((branch) => branch.fallible);
    return oneOf(branches, fallible, branches[0]!.span, select);
  };
  return { standIns, join };
}

/**
 * The code of a choice among several: of one type if they agree, else a variant. The literal NULL agrees with any.
 *
 * @param select What is chosen in a row.
 */
export function oneOf(
  choices: readonly Operand[],
  fallible: boolean,
  span: Span,
  select: (row: number) => Operand,
): Operand {
  const types = typesOf(choices);
  if (types.length === 1) {
    const run = (row: number) => {
      const chosen = select(row);
      return isVariant(chosen) ? chosen.runTyped(row).value : chosen.run(row);
    };
    return { type: types[0]!, run, constant: false, fallible, span };
  }
  const untyped: TypedValue = { type: types[0]!, value: null };
  const choose = (row: number) => {
    const chosen = runTyped(select(row), row);
    return chosen.type === "undefined" ? untyped : chosen;
  };
  return { types, runTyped: choose, fallible, span };
}

/** The types that an expression may have which is one of these; NULL stands for none of its own unless it is alone. */
export function typesOf(operands: readonly Operand[]): ValueType[] {
  const types = new Set<ValueType>();
  for (const operand of operands) {
    for (const type of isVariant(operand) ? operand.types : [operand.type]) types.add(type);
  }
  if (types.size > 1) types.delete("undefined");
  return [...types];
}

/** A value in a row with its type, which is the static one: an integer that was widened keeps that of the operand. */
export function runTyped(operand: Operand, row: number): TypedValue {
  return isVariant(operand) ? operand.runTyped(row) : { type: operand.type, value: operand.run(row) };
}

/** A function from a row to a value with the type that it really has. */
export function evaluator(operand: Operand): (row: number) => TypedValue {
  return (row) => {
    const { type, value } = runTyped(operand, row);
    return { type: actualType(type, value), value };
  };
}
