/**
 * Unary, arithmetic and bit operators, and `+` of texts.
 *
 * @module
 */
import type { Decimal } from "../decimal.ts";
import { type Code, type Compilation, lift } from "./code.ts";
import { toDouble, toText } from "./convert.ts";
import { CHARACTERS } from "./cost.ts";
import type { FilterError, Span } from "./errors.ts";
import {
  addExact,
  divideExact,
  type ExactNumber,
  isZero,
  multiplyExact,
  negateExact,
  remainderExact,
  subtractExact,
} from "./numbers.ts";
import type { BinaryOperator } from "./tree.ts";
import { describeType, type FilterValue, isIntegral, isNumeric, type ValueType, wider } from "./types.ts";

/** Says that an operator does not take operands of these types. */
export function typeError(
  context: Compilation,
  operator: string,
  operands: readonly Code[],
  span: Span,
  expected: string,
): FilterError {
  const types = operands.map((operand) => describeType(operand.type)).join(" and ");
  return context.error("type", `${operator} can't be applied to ${types}`, span, { expected });
}

/** Compiles `+`, `-` or `!` before a value. */
export function compileUnary(
  context: Compilation,
  operator: "+" | "-" | "!",
  operand: Code,
  span: Span,
): Code {
  const { type } = operand;
  if (type === "undefined") return lift(operator === "!" ? "boolean" : "int32", [operand], span, () => null);
  if (operator === "!") {
    if (type === "boolean") return lift(type, [operand], span, (value: boolean) => !value);
    if (type !== "int32" && type !== "int64") {
      throw typeError(context, "NOT", [operand], span, "a boolean or an integer");
    }
    const invert = (value: ExactNumber) => ~integer(context, value, span);
    return lift(type, [operand], span, invert, { fallible: true });
  }
  if (type === "boolean" || !isNumeric(type)) throw typeError(context, operator, [operand], span, "a number");
  if (operator === "+") return { ...operand, span };
  if (type === "double") return lift(type, [operand], span, (value: number) => -value);
  return lift(type, [operand], span, negateExact);
}

/** An integer, refusing a decimal that an integer result was widened to. */
function integer(context: Compilation, value: ExactNumber, span: Span): number | bigint {
  if (typeof value !== "object") return value;
  throw context.error("value", "the integer does not fit 64 bits", span);
}

/** Compiles an operator other than a comparison between two values. */
export function compileBinary(
  context: Compilation,
  operator: BinaryOperator,
  left: Code,
  right: Code,
  span: Span,
): Code {
  switch (operator) {
    case "<<":
    case ">>":
      return compileShift(context, operator, left, right, span);
    case "&":
    case "|":
    case "^":
      return compileBits(context, operator, left, right, span);
    case "+":
      if (left.type === "string" || right.type === "string") {
        return compileConcatenation(context, left, right, span);
      }
      return compileArithmetic(context, operator, left, right, span);
    default:
      return compileArithmetic(context, operator, left, right, span);
  }
}

function compileConcatenation(context: Compilation, left: Code, right: Code, span: Span): Code {
  const { maxTextLength } = context.limits;
  const join = (a: NonNullable<FilterValue>, b: NonNullable<FilterValue>) => {
    const text = toText(left.type, a) + toText(right.type, b);
    context.spend(text.length / CHARACTERS, span);
    if (text.length <= maxTextLength) return text;
    throw context.error("limit", `text of ${text.length} characters`, span, {
      expected: `at most ${maxTextLength}`,
    });
  };
  return lift("string", [left, right], span, join, { fallible: true });
}

type Apply = (left: ExactNumber, right: ExactNumber) => ExactNumber;
type ApplyDouble = (left: number, right: number) => number;

const EXACT: Readonly<Record<string, Apply>> = {
  "+": addExact,
  "-": subtractExact,
  "*": multiplyExact,
  "/": divideExact,
  "%": remainderExact as Apply,
};

const DOUBLE: Readonly<Record<string, ApplyDouble>> = {
  "+": (left, right) => left + right,
  "-": (left, right) => left - right,
  "*": (left, right) => left * right,
  "/": (left, right) => left / right,
};

function compileArithmetic(
  context: Compilation,
  operator: BinaryOperator,
  left: Code,
  right: Code,
  span: Span,
): Code {
  const operands = [left, right];
  const accepted = operator === "%" ? isIntegral : isNumeric;
  const someNumber = operands.some(({ type }) => type !== "boolean");
  if (!operands.every(({ type }) => accepted(type)) || !someNumber) {
    throw typeError(context, operator, operands, span, operator === "%" ? "integers" : "numbers");
  }
  const type = arithmeticType(left, right);
  const divides = operator === "/" || operator === "%";
  const zero = () => context.error("value", "division by zero", right.span);
  if (type === "double") {
    const apply = DOUBLE[operator]!;
    const onDoubles = divides
      ? (a: number, b: number) => {
        if (b === 0) throw zero();
        return apply(a, b);
      }
      : apply;
    return lift(type, operands.map(asDouble), span, onDoubles, { fallible: divides });
  }
  const apply = EXACT[operator]!;
  const numbers = operands.map(asExact);
  if (!divides && type !== "decimal") {
    // Only what has already become a decimal can fail, in the rarest of cases.
    return lift(type, numbers, span, bounded(context, apply, span), { fallible: numbers.some(mayBeDecimal) });
  }
  const onExact = (a: ExactNumber, b: ExactNumber) => {
    if (divides && isZero(b)) throw zero();
    if (operator === "%") return remainderExact(integer(context, a, span), integer(context, b, span));
    return apply(a, b);
  };
  return lift(type, numbers, span, bounded(context, onExact, span), { fallible: true });
}

/** The type of arithmetic: of a number at least, which NULL counts as. */
function arithmeticType(left: Code, right: Code): ValueType {
  return wider("int32", wider(left.type, right.type));
}

/** Whether the code is an int64, arithmetic on which may have led to a decimal. */
function mayBeDecimal(code: Code): boolean {
  return code.type === "int64" && !code.constant;
}

/** Turns the refusal of a decimal that is too big into a filter error. */
function bounded(context: Compilation, apply: Apply, span: Span): Apply {
  return (left, right) => {
    try {
      return apply(left, right);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw context.error("value", error.message, span, { cause: error });
    }
  };
}

/** Booleans as 1 and 0, so that what follows deals with numbers only. */
function asExact(code: Code): Code {
  return code.type === "boolean" ? lift("int32", [code], code.span, Number) : code;
}

/** Numbers of any type as doubles. */
function asDouble(code: Code): Code {
  return code.type === "double" ? code : lift("double", [code], code.span, toDouble);
}

type BitOperator = "&" | "|" | "^";

function compileBits(context: Compilation, operator: BitOperator, left: Code, right: Code, span: Span): Code {
  const operands = [left, right];
  if (!operands.every(({ type }) => isIntegral(type))) {
    throw typeError(context, operator, operands, span, "integers or booleans");
  }
  const type = operands.some((operand) => operand.type === "undefined")
    ? arithmeticType(left, right)
    : wider(left.type, right.type);
  if (type === "boolean") {
    const apply = (a: boolean, b: boolean) => bits(operator, Number(a), Number(b)) !== 0;
    return lift(type, operands, span, apply);
  }
  const apply = (a: ExactNumber, b: ExactNumber) =>
    bits(operator, integer(context, a, span), integer(context, b, span));
  return lift(type, operands.map(asExact), span, apply, { fallible: type === "int64" });
}

function bits(operator: BitOperator, left: number | bigint, right: number | bigint): number | bigint {
  if (typeof left === "number" && typeof right === "number") {
    return operator === "&" ? left & right : operator === "|" ? left | right : left ^ right;
  }
  const a = BigInt(left);
  const b = BigInt(right);
  return operator === "&" ? a & b : operator === "|" ? a | b : a ^ b;
}

function compileShift(
  context: Compilation,
  operator: "<<" | ">>",
  left: Code,
  right: Code,
  span: Span,
): Code {
  const shiftable = isIntegral(left.type) && left.type !== "boolean";
  if (!shiftable || !isIntegral(right.type)) {
    throw typeError(
      context,
      operator,
      [left, right],
      span,
      "an integer, and an integer or boolean for the count",
    );
  }
  const type: ValueType = left.type === "undefined" ? "int32" : left.type;
  const shift = (value: ExactNumber, count: ExactNumber) =>
    shifted(operator, integer(context, value, left.span), integer(context, count, right.span));
  return lift(type, [left, asExact(right)], span, shift, { fallible: true });
}

/** Shifts within the value's width; the count counts modulo that, also when it is negative. */
function shifted(operator: "<<" | ">>", value: number | bigint, count: number | bigint): number | bigint {
  if (typeof value === "number") {
    const places = Number(BigInt.asUintN(5, BigInt(count)));
    return operator === "<<" ? value << places : value >> places;
  }
  const places = BigInt.asUintN(6, BigInt(count));
  return operator === "<<" ? BigInt.asIntN(64, value << places) : value >> places;
}

/** What arithmetic functions are given: any number. */
export type AnyNumber = boolean | number | bigint | Decimal;
