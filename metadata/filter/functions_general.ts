/**
 * Functions that choose among values, and that ask for or change their type.
 *
 * @module
 */
import {
  type Code,
  type Compilation,
  folded,
  isVariant,
  oneOf,
  type Operand,
  runTyped,
  typesOf,
} from "./code.ts";
import { comparatorOf, type TypedComparator, unreadable } from "./comparison.ts";
import {
  convertValue,
  describeText,
  isConvertible,
  isIntegerText,
  parseDateTime,
  parseDouble,
  parseGuid,
  readText,
  toText,
} from "./convert.ts";
import { FilterError, type Span, TimeLimitError } from "./errors.ts";
import type { Arguments, FunctionSpec } from "./function_spec.ts";
import {
  describeType,
  type FilterValue,
  isIntegral,
  isNumeric,
  type TypedValue,
  type ValueType,
} from "./types.ts";

/** COALESCE, CONVERT, ISDATE, ISGUID, ISINTEGER, ISNULL, ISNUMERIC, ISUUID, MAXOF and MINOF. */
export const GENERAL_FUNCTIONS: Readonly<Record<string, FunctionSpec>> = {
  COALESCE: { count: [2, Infinity], parameters: "e1, ..., en", variadic: true, build: coalesce },
  CONVERT: { count: [2], parameters: "e, type", build: convert },
  ISDATE: asks("datetime", (text) => parseDateTime(text) !== undefined),
  ISGUID: asks("guid", (text) => parseGuid(text) !== undefined),
  ISINTEGER: asks(isIntegral, isIntegerText),
  ISNULL: { count: [2], parameters: "e, default", variadic: true, build: coalesce },
  ISNUMERIC: asks(isNumeric, (text) => parseDouble(text) !== undefined),
  ISUUID: asks("guid", (text) => parseGuid(text) !== undefined),
  MAXOF: {
    count: [2, Infinity],
    parameters: "e1, ..., en",
    variadic: true,
    build: (args) => extreme(args, -1),
  },
  MINOF: {
    count: [2, Infinity],
    parameters: "e1, ..., en",
    variadic: true,
    build: (args) => extreme(args, 1),
  },
};

/** The condition of IIF. @throws {FilterError} `type` when it is none. */
export function iifCondition(context: Compilation, condition: Operand): Code {
  if (!isVariant(condition) && (condition.type === "boolean" || condition.type === "undefined")) {
    return condition;
  }
  const types = isVariant(condition) ? condition.types : [condition.type];
  const problem = `IIF: its first argument, condition, is ${types.map(describeType).join(" or ")}`;
  throw context.error("type", problem, condition.span, { expected: "a boolean" });
}

/** IIF of a condition that depends on the row. */
export function chooseByCondition(condition: Code, yes: Operand, no: Operand, span: Span): Operand {
  const fallible = condition.fallible || yes.fallible || no.fallible;
  return oneOf([yes, no], fallible, span, (row) => condition.run(row) === true ? yes : no);
}

function coalesce(args: Arguments): Operand {
  // Constants decide beforehand: NULL is never the first that is not null, and nothing after a value is looked at.
  const present = args.operands.filter((operand) => isVariant(operand) || operand.type !== "undefined");
  const end = present.findIndex((operand) => isConstant(operand, (value) => value !== null));
  const operands = end < 0 ? present : present.slice(0, end + 1);
  if (operands.length === 0) return args.operands[0]!;
  if (operands.length === 1) return operands[0]!;
  const fallible = operands.some((operand) => operand.fallible);
  const types = typesOf(operands);
  if (types.length === 1 && operands.every((operand) => !isVariant(operand))) {
    const runs = operands.map((operand) => (operand as Code).run);
    const run = (row: number) => {
      for (const run of runs) {
        const value = run(row);
        if (value !== null) return value;
      }
      return null;
    };
    return { type: types[0]!, run, constant: false, fallible, span: args.span };
  }
  const runFirst = (row: number) => {
    let first: TypedValue | undefined;
    for (const operand of operands) {
      const typed = runTyped(operand, row);
      if (typed.value !== null) return typed;
      first ??= typed;
    }
    return first!;
  };
  return { types, runTyped: runFirst, fallible, span: args.span };
}

function isConstant(operand: Operand, test: (value: FilterValue) => boolean): boolean {
  return !isVariant(operand) && operand.constant && test(operand.run(0));
}

/** The names that CONVERT knows its types by, in upper case. */
const TYPE_NAMES: Readonly<Record<string, ValueType>> = {
  BOOLEAN: "boolean",
  BOOL: "boolean",
  INT32: "int32",
  INT64: "int64",
  INT: "int64",
  INTEGER: "int64",
  INT8: "int64",
  INT16: "int64",
  UINT: "int64",
  UINT8: "int64",
  UINT16: "int64",
  UINT32: "int64",
  UINT64: "int64",
  DECIMAL: "decimal",
  SINGLE: "double",
  FLOAT: "double",
  FLOAT32: "double",
  FLOAT64: "double",
  DOUBLE: "double",
  STRING: "string",
  GUID: "guid",
  UUID: "guid",
  DATETIME: "datetime",
  DATE: "datetime",
  TIME: "datetime",
};

function convert(args: Arguments): Operand {
  const source = args.any(0);
  const target = args.text(1);
  const expected = "boolean, int32, int64, decimal, double, string, guid or datetime in quotes";
  const name = target.constant ? target.run(0) : null;
  if (name === null) {
    throw args.error("type", "its second argument, type, is not a constant string", expected, 1);
  }
  const type = TYPE_NAMES[(name as string).toUpperCase().replace(/^SYSTEM\./, "")];
  if (type === undefined) throw args.error("value", "no such type", expected, 1);
  if (!isConvertible(source.type, type)) {
    throw args.error("type", `${describeType(source.type)} can't be converted to ${type}`, undefined, 0);
  }
  const apply = (value: NonNullable<FilterValue>) => {
    const converted = convertValue(value, source.type, type);
    if (converted !== undefined) return converted;
    const wanted = typeof value === "string" ? describeText(type) : `a value in the range of ${type}`;
    const problem = isOutOfRange(value, source.type, type)
      ? `${shown(toText(source.type, value))} is out of the range of ${type}`
      : `its first argument can't be converted to ${type}`;
    throw args.error("value", problem, wanted, 0);
  };
  return args.lift(type, [source], apply, { fallible: source.type === "string" || type !== "string" });
}

/** Whether a number, or what reads as one, is only too great for the integer that it is to be converted to. */
function isOutOfRange(value: NonNullable<FilterValue>, from: ValueType, to: ValueType): boolean {
  return (to === "int32" || to === "int64") && convertValue(value, from, "decimal") !== undefined;
}

const MAX_SHOWN = 30;

/** A number's text, shortened. */
function shown(text: string): string {
  return text.length > MAX_SHOWN ? text.slice(0, MAX_SHOWN) + "..." : text;
}

/** A function that tells if a value is of a type or can be read as one; a null is not. */
function asks(
  type: ValueType | ((type: ValueType) => boolean),
  reads: (text: string) => boolean,
): FunctionSpec {
  const is = (actual: ValueType) => typeof type === "string" ? actual === type : type(actual);
  const build = (args: Arguments) => {
    const code = args.any(0);
    const answer = is(code.type);
    const ask = (value: FilterValue) =>
      value !== null && (answer || (code.type === "string" && reads(value as string)));
    return args.lift("boolean", [code], ask, { needed: 0 });
  };
  return { count: [1], parameters: "e", build };
}

/** MAXOF and MINOF. Nulls are passed over; of equals the first wins. */
function extreme(args: Arguments, better: -1 | 1): Operand {
  const { operands } = args;
  const comparators = new Map<string, TypedComparator>();
  const seen = new Set<ValueType>();
  for (const operand of operands) {
    const types = isVariant(operand) ? operand.types : [operand.type];
    for (const right of types) {
      for (const left of seen) {
        const key = `${left} ${right}`;
        if (comparators.has(key)) continue;
        const stand = (type: ValueType): Code => ({
          type,
          run: () => null,
          constant: false,
          fallible: false,
          span: operand.span,
        });
        comparators.set(key, comparatorOf(args.context, args.name, stand(left), stand(right), operand.span));
      }
    }
    for (const type of types) if (type !== "undefined") seen.add(type);
  }
  checkConstants(args);
  const fallible = operands.some((operand) => operand.fallible) ||
    [...comparators.values()].some((comparator) => comparator.fallible);
  const types = typesOf(operands);
  const choose = (row: number): TypedValue => {
    let best: TypedValue = { type: types[0]!, value: null };
    for (const operand of operands) {
      const next = runTyped(operand, row);
      if (next.value === null) continue;
      if (best.value !== null) {
        const order = comparators.get(`${best.type} ${next.type}`)!.compare(best.value, next.value);
        if (!(order * better > 0)) continue;
      }
      best = next;
    }
    return best;
  };
  if (types.length === 1) {
    const run = (row: number) => choose(row).value;
    const code: Code = { type: types[0]!, run, constant: false, fallible, span: args.span };
    return operands.some(isVariant) ? code : folded(code, operands as Code[]);
  }
  if (operands.every((operand) => !isVariant(operand) && operand.constant)) {
    return constantChoice(args, choose, types);
  }
  return { types, runTyped: choose, fallible, span: args.span };
}

/**
 * Refuses a constant string that an argument before it could not be compared with: whether the row's best so far is
 * of that type must not matter.
 */
function checkConstants(args: Arguments): void {
  const before = new Set<ValueType>();
  for (const operand of args.operands) {
    for (const type of isVariant(operand) ? operand.types : [operand.type]) {
      const text = isVariant(operand) || !operand.constant || type !== "string" ? null : operand.run(0);
      for (const left of text === null ? [] : before) {
        if (left === "string" || readText(text as string, left) !== undefined) continue;
        throw unreadable(args.context, text as string, left, operand.span);
      }
      if (type !== "undefined") before.add(type);
    }
  }
}

/** What is chosen among constants: of one type. */
function constantChoice(
  args: Arguments,
  choose: (row: number) => TypedValue,
  types: readonly ValueType[],
): Operand {
  try {
    const { type, value } = choose(0);
    return { type, run: () => value, constant: true, fallible: false, span: args.span };
  } catch (error) {
    if (!(error instanceof FilterError) || error instanceof TimeLimitError) throw error;
    return { types, runTyped: choose, fallible: true, span: args.span };
  }
}
