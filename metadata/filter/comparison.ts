/**
 * Comparisons, IN, LIKE and IS NULL.
 *
 * @module
 */
import { decimalFromInteger, truncateDecimal } from "../decimal.ts";
import type { Steps } from "../steps.ts";
import {
  type Code,
  type Compilation,
  constantCode,
  distribute,
  isVariant,
  lift,
  type Operand,
  runTyped,
  typeByType,
} from "./code.ts";
import { describeText, readText, toDouble, toText } from "./convert.ts";
import { CHARACTERS, CHARACTERS_LOOKED_AT, workOfFactor } from "./cost.ts";
import type { FilterError, Span } from "./errors.ts";
import { Membership } from "./membership.ts";
import { compareExact, type ExactNumber, widenInteger } from "./numbers.ts";
import { typeError } from "./operators.ts";
import { compareText, equalsFolded, fold, type LikeTest, likeTest } from "./text.ts";
import type { BinaryOperator } from "./tree.ts";
import { type FilterValue, isExact, isNumeric, type ValueType, wider } from "./types.ts";

type Present = NonNullable<FilterValue>;

/** Below zero, zero or above as the left value is smaller, equal or greater; NaN when neither. */
export type Comparator = (left: Present, right: Present) => number;

/** The operators of comparison. */
export type ComparisonOperator = "<" | "<=" | ">" | ">=" | "=" | "===" | "!=" | "!==";

const COMPARISONS: ReadonlySet<string> = new Set(["<", "<=", ">", ">=", "=", "===", "!=", "!=="]);

/** Whether an operator compares. */
export function isComparison(operator: BinaryOperator): operator is ComparisonOperator {
  return COMPARISONS.has(operator);
}

/** Counts what is done with constants when they are compiled: long texts take a while to be put in upper case. */
function spendConstants(context: Compilation, operands: readonly Code[], span: Span): void {
  for (const { constant, run } of operands) {
    const value = constant ? run(0) : null;
    if (typeof value === "string") context.spend(1 + value.length / CHARACTERS_LOOKED_AT, span);
  }
}

/** Compiles a comparison of two values. */
export function compileComparison(
  context: Compilation,
  operator: ComparisonOperator,
  left: Code,
  right: Code,
  span: Span,
): Code {
  spendConstants(context, [left, right], span);
  const operands = [left, readConstant(context, left, right)];
  const test = comparisonTest(context, operator, operands[0]!, operands[1]!, span);
  return lift("boolean", operands, span, test.apply, { fallible: test.fallible });
}

interface Test {
  readonly apply: (left: never, right: never) => boolean;
  readonly fallible: boolean;
}

function comparisonTest(
  context: Compilation,
  operator: ComparisonOperator,
  left: Code,
  right: Code,
  span: Span,
): Test {
  if (left.type === "undefined" || right.type === "undefined") return { apply: () => false, fallible: false };
  const negated = operator === "!=" || operator === "!==";
  if (
    left.type === "string" && right.type === "string" && (negated || operator === "=" || operator === "===")
  ) {
    return { apply: textEquality(operator, right), fallible: false };
  }
  const { compare, fallible } = comparatorOf(context, operator, left, right, span);
  switch (operator) {
    case "<":
      return { apply: (a, b) => compare(a, b) < 0, fallible };
    case "<=":
      return { apply: (a, b) => compare(a, b) <= 0, fallible };
    case ">":
      return { apply: (a, b) => compare(a, b) > 0, fallible };
    case ">=":
      return { apply: (a, b) => compare(a, b) >= 0, fallible };
    default:
      return { apply: (a, b) => (compare(a, b) === 0) !== negated, fallible };
  }
}

function textEquality(operator: ComparisonOperator, right: Code): (left: string, right: string) => boolean {
  if (operator === "===") return (a, b) => a === b;
  if (operator === "!==") return (a, b) => a !== b;
  const wanted = operator === "=";
  if (right.constant) {
    const value = right.run(0);
    const folded = typeof value === "string" ? fold(value) : "";
    return (text) => equalsFolded(text, folded) === wanted;
  }
  return (a, b) => (fold(a) === fold(b)) === wanted;
}

/**
 * A constant string on the right, read as the left's type now and not in every row. An error here does not depend on
 * whether there are rows.
 */
function readConstant(context: Compilation, left: Code, right: Code): Code {
  if (!right.constant || right.type !== "string" || left.type === "string" || left.type === "undefined") {
    return right;
  }
  const text = right.run(0);
  if (text === null) return right;
  const value = readText(text as string, left.type);
  if (value === undefined) throw unreadable(context, text as string, left.type, right.span);
  if (!isExact(left.type) || typeof value !== "object") return constantCode(left.type, value, right.span);
  context.spend(workOfFactor(value.precision() + Math.abs(value.scale())), right.span);
  // A whole number compares faster as an integer.
  const whole = truncateDecimal(value);
  const same = decimalFromInteger(whole).compareTo(value) === 0;
  return constantCode("decimal", same ? widenInteger(whole) : value, right.span);
}

/** Says that a text can't be read as a value of the type that it is compared with. */
export function unreadable(context: Compilation, text: string, type: ValueType, span: Span): FilterError {
  const shown = JSON.stringify(text.length > 30 ? text.slice(0, 30) + "..." : text);
  return context.error("value", `${shown} can't be compared with ${nameOf(type)}`, span, {
    expected: describeText(type),
  });
}

function nameOf(type: ValueType): string {
  return type === "int32" || type === "int64" ? "an integer" : `a ${type}`;
}

/** A comparator and whether it may throw. */
export interface TypedComparator {
  readonly compare: Comparator;
  readonly fallible: boolean;
}

/**
 * The comparator of two types, by the rules of the language: numbers widen; with a string, the left decides.
 *
 * @throws {FilterError} `type` when values of these types can't be compared.
 */
export function comparatorOf(
  context: Compilation,
  operator: string,
  left: Code,
  right: Code,
  span: Span,
): TypedComparator {
  const exact = operator === "===" || operator === "!==";
  if (left.type === "string") return { compare: textComparator(right.type, exact), fallible: false };
  if (right.type === "string") {
    const same = sameTypeComparator(left.type);
    const compare: Comparator = (a, b) => {
      const value = readText(b as string, left.type);
      if (value === undefined) throw unreadable(context, b as string, left.type, right.span);
      return same(a, value);
    };
    return { compare, fallible: true };
  }
  if (isNumeric(left.type) && isNumeric(right.type)) {
    return { compare: sameTypeComparator(wider(left.type, right.type)), fallible: false };
  }
  if (left.type !== right.type) {
    throw typeError(context, operator, [left, right], span, "two values of one kind");
  }
  return { compare: sameTypeComparator(left.type), fallible: false };
}

/** How a string on the left compares with a value of another type. */
function textComparator(right: ValueType, exact: boolean): Comparator {
  const compare = (a: string, b: string) => exact ? compareText(a, b) : compareText(fold(a), fold(b));
  if (right === "string") return (a, b) => compare(a as string, b as string);
  if (right !== "guid" && right !== "datetime") return (a, b) => compare(a as string, toText(right, b));
  const same = sameTypeComparator(right);
  return (a, b) => {
    const value = readText(a as string, right);
    return value === undefined ? compare(a as string, toText(right, b)) : same(value, b);
  };
}

/** How values compare once both are of one type; numbers may still be of narrower types. */
function sameTypeComparator(type: ValueType): Comparator {
  switch (type) {
    case "boolean":
      return (a, b) => Number(a) - Number(b);
    case "double":
      return (a, b) => {
        const left = toDouble(a);
        const right = toDouble(b);
        return left < right ? -1 : left > right ? 1 : left === right ? 0 : NaN;
      };
    case "int32":
    case "int64":
    case "decimal":
      return (a, b) => compareExact(plain(a), plain(b));
    default:
      // GUIDs order as their text does, ticks as numbers.
      return (a, b) => a < b ? -1 : a > b ? 1 : 0;
  }
}

function plain(value: Present): ExactNumber {
  return typeof value === "boolean" ? Number(value) : value as ExactNumber;
}

/** So many values of a list are a step: less than a millisecond. */
const STEP = 256;

/**
 * Compiles IN. A null among the values matches nothing; what follows the first match is not looked at.
 *
 * @param operands What is looked for, and behind it where.
 */
export function* compileIn(
  context: Compilation,
  operands: readonly Operand[],
  negated: boolean,
  exact: boolean,
  span: Span,
): Steps<Operand> {
  const operand = operands[0]!;
  if (!isVariant(operand)) return yield* compileInOf(context, operand, operands, negated, exact, span);
  const { standIns, join } = typeByType(operand);
  const branches: Code[] = [];
  for (const standIn of standIns) {
    branches.push(yield* compileInOf(context, standIn, operands, negated, exact, span));
  }
  return join(branches);
}

/** @param operands As for `compileIn`; what is looked for is `operand`, though. */
function* compileInOf(
  context: Compilation,
  operand: Code,
  operands: readonly Operand[],
  negated: boolean,
  exact: boolean,
  span: Span,
): Steps<Code> {
  const items: Code[] = [];
  const operator = exact ? "===" : "=";
  const members = new Membership(operand.type, exact);
  // What is looked for is evaluated once in a row, whatever it is compared with.
  let wanted: FilterValue = null;
  const standIn: Code = { ...operand, run: () => wanted, constant: false, fallible: false };
  spendConstants(context, [operand], span);
  for (let index = 1; index < operands.length; index++) {
    // Checks the types of each, and reads strings as the operand's type.
    const tested = distribute([operands[index]!], ([code]) => {
      spendConstants(context, [code!], span);
      const value = readConstant(context, operand, code!);
      if (!value.constant) return matchCode(context, operator, standIn, value, span);
      if (value.type !== "string") comparisonTest(context, operator, standIn, value, span);
      members.add(value);
      return constantCode("boolean", false, span);
    }) as Code;
    if (!tested.constant) items.push(tested);
    if (context.watch.isDue || index % STEP === 0) {
      context.watch.resume();
      yield;
    }
  }
  const fallible = operand.fallible || items.some((item) => item.fallible);
  const isMember = members.tester();
  const run = (row: number) => {
    const value = operand.run(row);
    if (value === null) return null;
    if (isMember(value)) return !negated;
    wanted = value;
    for (const item of items) if (item.run(row) === true) return !negated;
    return negated;
  };
  const code: Code = { type: "boolean", run, constant: false, fallible, span };
  if (!operand.constant || items.length > 0) return code;
  return constantCode("boolean", run(0), span);
}

/** Whether the operand equals one value of the list, which is not among those that are looked up. */
function matchCode(context: Compilation, operator: "=" | "===", operand: Code, item: Code, span: Span): Code {
  const test = comparisonTest(context, operator, operand, item, span);
  const run = (row: number) => {
    const left = operand.run(row);
    const right = item.run(row);
    return left !== null && right !== null && test.apply(left as never, right as never);
  };
  return { type: "boolean", run, constant: false, fallible: item.fallible || test.fallible, span };
}

/** Compiles LIKE. */
export function compileLike(
  context: Compilation,
  operand: Code,
  pattern: Code,
  negated: boolean,
  exact: boolean,
  span: Span,
): Code {
  const operands = [operand, pattern];
  spendConstants(context, operands, span);
  if (!operands.every(({ type }) => type === "string" || type === "undefined")) {
    throw typeError(context, "LIKE", operands, span, "strings");
  }
  const matches = (test: LikeTest, value: string): boolean => {
    context.spend(value.length / CHARACTERS, span);
    return test(value) !== negated;
  };
  const read = (text: string): LikeTest => {
    const test = likeTest(text, exact);
    if (test !== undefined) return test;
    throw context.error("value", "LIKE pattern with a wildcard within", pattern.span, {
      expected: "% or * at its ends only",
    });
  };
  if (pattern.constant) {
    const text = pattern.run(0);
    const test = text === null ? () => false : read(text as string);
    return lift("boolean", operands, span, (value: string) => matches(test, value));
  }
  let last = "";
  let test = read(last);
  const apply = (value: string, text: string) => {
    if (text !== last) {
      test = read(text);
      last = text;
    }
    return matches(test, value);
  };
  return lift("boolean", operands, span, apply, { fallible: true });
}

/** Compiles IS NULL of a value of any type, or of one of several. */
export function compileIsNull(operand: Operand, negated: boolean, span: Span): Code {
  const run = (row: number) => (runTyped(operand, row).value === null) !== negated;
  const constant = !("types" in operand) && operand.constant;
  if (constant) return constantCode("boolean", run(0), span);
  return { type: "boolean", run, constant: false, fallible: operand.fallible, span };
}
