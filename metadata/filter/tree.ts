/**
 * The tree that a filter expression is parsed into: plain objects that can be inspected, printed and made by hand.
 *
 * @module
 */
import type { FilterValue, ValueType } from "./types.ts";

/** The operators that stand between two values. Exact comparisons (`===`, `!==`) heed the case of strings. */
export type BinaryOperator =
  | "*"
  | "/"
  | "%"
  | "+"
  | "-"
  | "<<"
  | ">>"
  | "&"
  | "|"
  | "^"
  | "<"
  | "<="
  | ">"
  | ">="
  | "="
  | "==="
  | "!="
  | "!==";

/** What every node knows: which part of the text it was read from. */
export interface NodeBase {
  /** Where its text begins, in UTF-16 code units. */
  readonly start: number;
  /** Where its text ends. */
  readonly end: number;
}

/** A value that is written out. */
export interface LiteralNode extends NodeBase {
  /** Tells the node's kind. */
  readonly kind: "literal";
  /** The value's type; `undefined` for NULL. */
  readonly type: ValueType;
  /** The value. */
  readonly value: FilterValue;
}

/** A column of the table that the statement searches. */
export interface ColumnNode extends NodeBase {
  /** Tells the node's kind. */
  readonly kind: "column";
  /** The name as written, without the quotes or brackets around it. */
  readonly name: string;
}

/** An operator before a value. */
export interface UnaryNode extends NodeBase {
  /** Tells the node's kind. */
  readonly kind: "unary";
  /** `~`, `!` and NOT are one operator, `!`. */
  readonly operator: "+" | "-" | "!";
  /** What it is applied to. */
  readonly operand: ExpressionNode;
}

/** An operator between two values. */
export interface BinaryNode extends NodeBase {
  /** Tells the node's kind. */
  readonly kind: "binary";
  /** The operator in its plainest spelling: `==` is `=`, `<>` is `!=`, XOR is `^`. */
  readonly operator: BinaryOperator;
  /** The value before it. */
  readonly left: ExpressionNode;
  /** The value after it. */
  readonly right: ExpressionNode;
}

/** AND or OR of two or more conditions. */
export interface LogicalNode extends NodeBase {
  /** Tells the node's kind. */
  readonly kind: "logical";
  /** Which of the two. */
  readonly operator: "AND" | "OR";
  /** The conditions, in order. */
  readonly operands: readonly ExpressionNode[];
}

/** `x [NOT] IN [BINARY] (...)`. */
export interface InNode extends NodeBase {
  /** Tells the node's kind. */
  readonly kind: "in";
  /** What is looked for. */
  readonly operand: ExpressionNode;
  /** Where it is looked for. */
  readonly list: readonly ExpressionNode[];
  /** Whether NOT stands before IN. */
  readonly negated: boolean;
  /** Whether the case of strings matters. */
  readonly exact: boolean;
}

/** `x [NOT] LIKE [BINARY] pattern`. */
export interface LikeNode extends NodeBase {
  /** Tells the node's kind. */
  readonly kind: "like";
  /** What is compared. */
  readonly operand: ExpressionNode;
  /** What it is compared with; `%` or `*` at its ends stand for anything. */
  readonly pattern: ExpressionNode;
  /** Whether NOT stands before LIKE. */
  readonly negated: boolean;
  /** Whether the case of strings matters. */
  readonly exact: boolean;
}

/** `x IS [NOT] NULL`. */
export interface IsNullNode extends NodeBase {
  /** Tells the node's kind. */
  readonly kind: "isNull";
  /** What is tested. */
  readonly operand: ExpressionNode;
  /** Whether it is IS NOT NULL. */
  readonly negated: boolean;
}

/** A function with its arguments. */
export interface CallNode extends NodeBase {
  /** Tells the node's kind. */
  readonly kind: "call";
  /** The name as written. */
  readonly name: string;
  /** The arguments, in order. */
  readonly args: readonly ExpressionNode[];
}

/** An expression. */
export type ExpressionNode =
  | LiteralNode
  | ColumnNode
  | UnaryNode
  | BinaryNode
  | LogicalNode
  | InNode
  | LikeNode
  | IsNullNode
  | CallNode;

/** A term of ORDER BY. */
export interface OrderTerm extends NodeBase {
  /** The column's name. */
  readonly column: string;
  /** Whether DESC was said. */
  readonly descending: boolean;
  /** Whether the case of strings matters. */
  readonly exact: boolean;
}

/** `FILTER [TOP n] table [WHERE ...] [ORDER BY ...]`. */
export interface SelectStatement extends NodeBase {
  /** Tells the statement's kind. */
  readonly kind: "filter";
  /** The table's name. */
  readonly table: string;
  /** How many rows at most, after ordering; `undefined` for all. */
  readonly top: number | undefined;
  /** The condition; `undefined` for all rows. */
  readonly where: ExpressionNode | undefined;
  /** How the rows are ordered; empty for the table's own order. */
  readonly orderBy: readonly OrderTerm[];
}

/** A condition alone, which applies to the primary table. */
export interface ConditionStatement extends NodeBase {
  /** Tells the statement's kind. */
  readonly kind: "condition";
  /** The condition. */
  readonly where: ExpressionNode;
}

/** One signal, named directly. */
export interface SignalStatement extends NodeBase {
  /** Tells the statement's kind. */
  readonly kind: "signal";
  /** What it is named by: its signal ID, its measurement key such as `PPA:4`, or its point tag. */
  readonly by: "guid" | "key" | "tag";
  /** The ID in lower case without braces; the key or tag as written, without quotes. */
  readonly value: string;
}

/** One of the statements of a filter expression that `;` separates. */
export type FilterStatement = SelectStatement | ConditionStatement | SignalStatement;
