/**
 * What expressions cost beside where their values are decimals, in comparisons of two short values: the more the more
 * digits they may have.
 *
 * @module
 */
import { decimalToNumber } from "../decimal.ts";
import type { CallNode, ColumnNode, ExpressionNode, LiteralNode } from "./tree.ts";

/** An expression with parts. */
type Whole = Exclude<ExpressionNode, LiteralNode | ColumnNode>;

/** So many digits cost as much as one short value in an operation. */
const DIGITS = 4;

/** What a division costs. */
const DIVISION = 60;

/** What POWER costs unless its exponent is small for certain, up to so much: it is some fifty products then. */
const GREAT_POWER = 1_500;
const SMALL_EXPONENT = 64;

/** How many digits the result of an operation may have, and a number that was converted to a decimal. */
const MAX_RESULT = 100;
const MAX_CONVERTED = 1_200;

/** So many characters of a text cost as much as one short value where it is read as a number, and from where on. */
const CHARACTERS_READ = 16;
const LONG_NUMBER = 100;

/**
 * What a whole costs beside its parts, as far as they may be decimals.
 *
 * @param digits How many digits all parts together may have.
 * @param length How long they may be as texts.
 * @param isDouble Whether the whole is a double for certain.
 */
export function decimalCost(node: Whole, digits: number, length: number, isDouble: boolean): number {
  const work = digits / DIGITS;
  if (isDouble) return work;
  if (node.kind === "call" && node.name.toUpperCase() === "POWER") {
    return isSmall(node.args[1]) ? work : work + GREAT_POWER;
  }
  if (node.kind !== "binary") return work;
  if (node.operator === "/") return work + DIVISION;
  // A text that was put together may have to be read.
  if (node.right.kind !== "binary") return work;
  return work + Math.max(0, Math.min(length, MAX_CONVERTED) - LONG_NUMBER) / CHARACTERS_READ;
}

/** How many digits a whole may have. @param digits Those of all its parts together. */
export function digitsOf(node: Whole, digits: number): number {
  switch (node.kind) {
    case "unary":
      return digits;
    case "binary":
      return node.operator === "/" ? MAX_RESULT : Math.min(digits, MAX_RESULT);
    case "call":
      return digitsOfCall(node, digits);
    default:
      return 0;
  }
}

function digitsOfCall({ name, args }: CallNode, digits: number): number {
  switch (name.toUpperCase()) {
    case "POWER":
      return MAX_RESULT;
    case "CONVERT": {
      const [value, type] = args;
      if (type?.kind === "literal" && !/^(?:system\.)?decimal$/i.test(String(type.value))) return 0;
      // A column is what the publisher made it, but what is computed may be long.
      return value?.kind === "column" ? digits : MAX_CONVERTED;
    }
  }
  return digits;
}

/** Whether an exponent is a small constant. */
function isSmall(exponent: ExpressionNode | undefined): boolean {
  const constant = exponent?.kind === "unary" ? exponent.operand : exponent;
  if (constant?.kind !== "literal") return false;
  const { value } = constant;
  const number = typeof value === "object" && value !== null ? decimalToNumber(value) : value;
  return typeof number === "number" && Math.abs(number) <= SMALL_EXPONENT;
}
