import { formatTicks } from "../../transport/wire/ticks.ts";
import { formatDecimal } from "../decimal.ts";
import { BINDING, bindingOf, RESERVED } from "./grammar.ts";
import type {
  BinaryNode,
  ExpressionNode,
  FilterStatement,
  LiteralNode,
  OrderTerm,
  SelectStatement,
} from "./tree.ts";

/**
 * Statements as text, with just the brackets they need: parsed again, they give the same trees.
 *
 * @example
 * ```ts
 * import { formatFilter, parseFilter } from "@sttp/sttp/metadata";
 * import { assertEquals } from "@std/assert";
 *
 * const statements = parseFilter("filter top 5 DeviceDetail where (Enabled) && 1+2*3 == 7; PPA:4");
 * assertEquals(formatFilter(statements), "FILTER TOP 5 DeviceDetail WHERE Enabled AND 1 + 2 * 3 = 7; PPA:4");
 * ```
 */
export function formatFilter(statements: readonly FilterStatement[]): string {
  return statements.map(formatStatement).join("; ");
}

function formatStatement(statement: FilterStatement): string {
  switch (statement.kind) {
    case "filter":
      return formatSelect(statement);
    case "condition":
      return formatExpression(statement.where);
    case "signal":
      return statement.by === "tag" ? `"${statement.value}"` : statement.value;
  }
}

function formatSelect(statement: SelectStatement): string {
  const { top, table, where, orderBy } = statement;
  const parts = ["FILTER"];
  if (top !== undefined) parts.push(`TOP ${top}`);
  parts.push(formatName(table));
  if (where !== undefined) parts.push(`WHERE ${formatExpression(where)}`);
  if (orderBy.length > 0) parts.push(`ORDER BY ${orderBy.map(formatOrderTerm).join(", ")}`);
  return parts.join(" ");
}

function formatOrderTerm(term: OrderTerm): string {
  return `${term.exact ? "BINARY " : ""}${formatName(term.column)}${term.descending ? " DESC" : ""}`;
}

/** An expression as text, with just the brackets it needs; see {@linkcode formatFilter}. */
export function formatExpression(node: ExpressionNode): string {
  return format(node, BINDING.none);
}

/** @param around How tightly what stands around the node binds; a node that binds less gets brackets. */
function format(node: ExpressionNode, around: number): string {
  const text = formatBare(node);
  return bindingOf(node) <= around ? `(${text})` : text;
}

function formatBare(node: ExpressionNode): string {
  switch (node.kind) {
    case "literal":
      return formatLiteral(node);
    case "column":
      return formatName(node.name);
    case "call":
      return `${node.name}(${formatList(node.args)})`;
    case "unary": {
      const binding = bindingOf(node);
      if (binding === BINDING.not) return `NOT ${format(node.operand, binding - 1)}`;
      const operand = format(node.operand, binding - 1);
      // "--" would begin a comment.
      return node.operator === "-" && operand.startsWith("-") ? `-(${operand})` : node.operator + operand;
    }
    case "binary":
      return formatBinary(node);
    case "logical":
      return node.operands.map((operand) => format(operand, bindingOf(node))).join(` ${node.operator} `);
    case "isNull":
      return `${format(node.operand, bindingOf(node) - 1)} IS ${not(node)}NULL`;
    case "in":
      return `${format(node.operand, bindingOf(node) - 1)} ${not(node)}IN ${binary(node)}(${
        formatList(node.list)
      })`;
    case "like": {
      const binding = bindingOf(node);
      return `${format(node.operand, binding - 1)} ${not(node)}LIKE ${binary(node)}${
        format(node.pattern, binding)
      }`;
    }
  }
}

function formatBinary(node: BinaryNode): string {
  const binding = bindingOf(node);
  return `${format(node.left, binding - 1)} ${node.operator} ${format(node.right, binding)}`;
}

function formatList(nodes: readonly ExpressionNode[]): string {
  return nodes.map(formatExpression).join(", ");
}

function not(node: { negated: boolean }): string {
  return node.negated ? "NOT " : "";
}

function binary(node: { exact: boolean }): string {
  return node.exact ? "BINARY " : "";
}

function formatName(name: string): string {
  if (/^[A-Za-z_][A-Za-z_0-9]*$/.test(name) && !RESERVED.has(name.toUpperCase())) return name;
  return name.includes("]") ? `\`${name}\`` : `[${name}]`;
}

function formatLiteral({ type, value }: LiteralNode): string {
  if (value === null) return "NULL";
  switch (typeof value) {
    case "boolean":
      return value ? "True" : "False";
    case "string":
      return type === "guid" ? `{${value}}` : `'${value.replaceAll("'", "''")}'`;
    case "bigint":
      return type === "datetime" ? `#${formatTicks(value)}#` : String(value);
    case "number":
      return type === "double" ? formatDouble(value) : String(value);
    default: {
      const text = formatDecimal(value);
      // Without a point it would be read as an integer, if one could hold it.
      return text.includes(".") || value.precision() > 19 ? text : `${text}.`;
    }
  }
}

/** With an exponent, which makes a number a double. */
function formatDouble(value: number): string {
  return Number.isFinite(value) ? value.toExponential() : "1e999";
}
