import type { ExpressionNode, SelectStatement } from "./tree.ts";

/** What a function call costs, in comparisons of two short values. */
const CALL = 10;

/** Functions that cost far more than others: arithmetic by repeated multiplication, and pattern matching. */
const COSTLY: Readonly<Record<string, number>> = { POWER: 500, REGEXMATCH: 50, REGEXVAL: 50 };

/** So many characters of a text cost as much as one short value. */
const SHORT = 64;

/** What ordering by one term costs for each row: as often as it is compared in a long table. */
const ORDER_TERM = 20;

/** Roughly what an expression costs in each row, in comparisons of two short values. */
function costOf(node: ExpressionNode): number {
  switch (node.kind) {
    case "literal":
      return typeof node.value === "string" ? node.value.length / SHORT : 0;
    case "column":
      return 1;
    case "unary":
    case "isNull":
      return 1 + costOf(node.operand);
    case "binary":
      return 1 + costOf(node.left) + costOf(node.right);
    case "logical":
      return total(node.operands);
    case "in":
      // Constants are looked up all at once.
      return 1 + costOf(node.operand) + total(node.list.filter((item) => item.kind !== "literal"));
    case "like":
      return 1 + costOf(node.operand) + costOf(node.pattern);
    case "call":
      return (COSTLY[node.name.toUpperCase()] ?? CALL) + total(node.args);
  }
}

function total(nodes: readonly ExpressionNode[]): number {
  let sum = 0;
  for (const node of nodes) sum += costOf(node);
  return sum;
}

/** Roughly what a statement costs for each row of its table. */
export function costOfSelect({ where, orderBy }: Pick<SelectStatement, "where" | "orderBy">): number {
  return 1 + (where === undefined ? 0 : costOf(where)) + ORDER_TERM * orderBy.length;
}
