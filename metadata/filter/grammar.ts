/**
 * The words of the language and how tightly its operators bind (§9).
 *
 * @module
 */
import type { BinaryOperator, ExpressionNode } from "./tree.ts";

/** How tightly each group of operators binds, from the loosest. */
export const BINDING = {
  none: 0,
  or: 1,
  and: 2,
  not: 3,
  predicate: 4,
  equality: 5,
  order: 6,
  bits: 7,
  sum: 8,
  product: 9,
  unary: 10,
  value: 11,
} as const;

const OPERATORS: Readonly<Record<BinaryOperator, number>> = {
  "*": BINDING.product,
  "/": BINDING.product,
  "%": BINDING.product,
  "+": BINDING.sum,
  "-": BINDING.sum,
  "<<": BINDING.bits,
  ">>": BINDING.bits,
  "&": BINDING.bits,
  "|": BINDING.bits,
  "^": BINDING.bits,
  "<": BINDING.order,
  "<=": BINDING.order,
  ">": BINDING.order,
  ">=": BINDING.order,
  "=": BINDING.equality,
  "===": BINDING.equality,
  "!=": BINDING.equality,
  "!==": BINDING.equality,
};

/** The binary operator that a sign or word spells, or `undefined`. */
export function binaryOperatorOf(sign: string): BinaryOperator | undefined {
  if (sign === "XOR") return "^";
  return Object.hasOwn(OPERATORS, sign) ? sign as BinaryOperator : undefined;
}

/** How tightly a binary operator binds. */
export function bindingOfOperator(operator: BinaryOperator): number {
  return OPERATORS[operator];
}

/** How tightly the outermost operator of an expression binds. */
export function bindingOf(node: ExpressionNode): number {
  switch (node.kind) {
    case "unary":
      // NOT before a predicate negates all of it; before a value it binds like a minus.
      return node.operator === "!" && isPredicate(node.operand) ? BINDING.not : BINDING.unary;
    case "binary":
      return OPERATORS[node.operator];
    case "logical":
      return node.operator === "AND" ? BINDING.and : BINDING.or;
    case "in":
    case "like":
    case "isNull":
      return BINDING.predicate;
    default:
      return BINDING.value;
  }
}

/** Whether an expression is a comparison, IN, LIKE or IS NULL, or the negation of one. */
function isPredicate(node: ExpressionNode): boolean {
  const binding = bindingOf(node);
  return binding >= BINDING.not && binding <= BINDING.order;
}

/** The words that can name a column or table only in brackets or backquotes. */
export const RESERVED: ReadonlySet<string> = new Set([
  "AND",
  "FALSE",
  "IN",
  "IS",
  "LIKE",
  "NOT",
  "NULL",
  "OR",
  "ORDER",
  "TRUE",
  "WHERE",
  "XOR",
]);
