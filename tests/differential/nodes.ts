/**
 * Expression trees made by hand, and their text with brackets around everything: so that the two sides read the same
 * tree, whatever precedence they give to operators.
 *
 * @module
 */
import type {
  BinaryOperator,
  ExpressionNode,
  FilterValue,
  LiteralNode,
  ValueType,
} from "../../metadata/mod.ts";
import { formatExpression, parseExpression } from "../../metadata/mod.ts";

const nowhere = { start: 0, end: 0 };

/** A literal as it is written in the language; not a negative number. */
export function literal(text: string): LiteralNode {
  return parseExpression(text) as LiteralNode;
}

/** A column. */
export function column(name: string): ExpressionNode {
  return { kind: "column", name, ...nowhere };
}

/** An operator between two values, also `AND`, `OR`, `LIKE` and their like. */
export function operation(operator: string, left: ExpressionNode, right: ExpressionNode): ExpressionNode {
  switch (operator) {
    case "AND":
    case "OR":
      return { kind: "logical", operator, operands: [left, right], ...nowhere };
    case "LIKE":
    case "NOT LIKE":
    case "LIKE BINARY": {
      const [negated, exact] = [operator.startsWith("NOT"), operator.endsWith("BINARY")];
      return { kind: "like", operand: left, pattern: right, negated, exact, ...nowhere };
    }
    default:
      return { kind: "binary", operator: operator as BinaryOperator, left, right, ...nowhere };
  }
}

/** IN and its variants. */
export function membership(
  operator: string,
  operand: ExpressionNode,
  list: readonly ExpressionNode[],
): ExpressionNode {
  const [negated, exact] = [operator.startsWith("NOT"), operator.endsWith("BINARY")];
  return { kind: "in", operand, list, negated, exact, ...nowhere };
}

/** An operator before a value. */
export function prefix(operator: "+" | "-" | "!", operand: ExpressionNode): ExpressionNode {
  return { kind: "unary", operator, operand, ...nowhere };
}

/** `IS NULL` or `IS NOT NULL`. */
export function nullTest(operand: ExpressionNode, negated: boolean): ExpressionNode {
  return { kind: "isNull", operand, negated, ...nowhere };
}

/** A function with its arguments. */
export function call(name: string, ...args: ExpressionNode[]): ExpressionNode {
  return { kind: "call", name, args, ...nowhere };
}

/** The parts that an expression is directly made of. */
export function childrenOf(node: ExpressionNode): readonly ExpressionNode[] {
  switch (node.kind) {
    case "unary":
    case "isNull":
      return [node.operand];
    case "binary":
      return [node.left, node.right];
    case "logical":
      return node.operands;
    case "in":
      return [node.operand, ...node.list];
    case "like":
      return [node.operand, node.pattern];
    case "call":
      return node.args;
    default:
      return [];
  }
}

/** The same expression with other parts. */
export function withChildren(node: ExpressionNode, children: readonly ExpressionNode[]): ExpressionNode {
  const [first, second] = children as [ExpressionNode, ExpressionNode];
  switch (node.kind) {
    case "unary":
    case "isNull":
      return { ...node, operand: first };
    case "binary":
      return { ...node, left: first, right: second };
    case "logical":
      return { ...node, operands: children };
    case "in":
      return { ...node, operand: first, list: children.slice(1) };
    case "like":
      return { ...node, operand: first, pattern: second };
    case "call":
      return { ...node, args: children };
    default:
      return node;
  }
}

/** An expression's text with brackets around every operator. */
export function bracketed(node: ExpressionNode): string {
  switch (node.kind) {
    case "literal":
    case "column":
      return formatExpression(node);
    case "call":
      return `${node.name}(${node.args.map(bracketed).join(", ")})`;
    case "unary":
      return `(${node.operator}(${bracketed(node.operand)}))`;
    case "binary":
      return `(${bracketed(node.left)} ${node.operator} ${bracketed(node.right)})`;
    case "logical":
      // Pairwise from the left, which for three-valued logic is the same.
      return node.operands.map(bracketed).reduce((left, right) => `(${left} ${node.operator} ${right})`);
    case "isNull":
      return `(${bracketed(node.operand)} IS ${node.negated ? "NOT " : ""}NULL)`;
    case "in": {
      const list = node.list.map(bracketed).join(", ");
      return `(${bracketed(node.operand)} ${node.negated ? "NOT " : ""}IN ${
        node.exact ? "BINARY " : ""
      }(${list}))`;
    }
    case "like": {
      const operator = `${node.negated ? "NOT " : ""}LIKE${node.exact ? " BINARY" : ""}`;
      return `(${bracketed(node.operand)} ${operator} ${bracketed(node.pattern)})`;
    }
  }
}

/** A value as an expression of that type and value. */
export function expressionOf(type: ValueType, value: FilterValue): ExpressionNode {
  if (value === null) {
    return type === "undefined" ? literal("NULL") : call("CONVERT", literal("NULL"), literal(`'${type}'`));
  }
  if (type === "boolean" || type === "string" || type === "guid" || type === "datetime") {
    return { kind: "literal", type, value, ...nowhere };
  }
  const negative = typeof value === "object" ? value.signum() < 0 : Number(value) < 0 || Object.is(value, -0);
  if (!negative) return { kind: "literal", type, value, ...nowhere };
  const positive = typeof value === "object" ? value.negate() : -(value as number);
  return prefix("-", { kind: "literal", type, value: positive, ...nowhere });
}
