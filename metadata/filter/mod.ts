/**
 * Filter expressions (§9): parsing, printing, evaluating and selecting.
 *
 * @module
 */
export { SttpError, type SttpErrorCode } from "../../transport/errors.ts";
export type { Clock } from "../../transport/clock.ts";
export { FilterError, type FilterErrorDetails, type FilterErrorKind, type Span } from "./errors.ts";
export { DEFAULT_FILTER_LIMITS, type FilterLimits } from "./limits.ts";
export type { CompileOptions } from "./compile.ts";
export { parseExpression, parseFilter, type ParseOptions } from "./parser.ts";
export { formatExpression, formatFilter } from "./print.ts";
export {
  compileComputed,
  type CompiledExpression,
  compileExpression,
  evaluateExpression,
} from "./evaluate.ts";
export {
  compilePredicate,
  type IdColumns,
  type SelectOptions,
  selectRows,
  selectSignalIds,
} from "./select.ts";
export { filterMetadata } from "./metadata_filter.ts";
export { FUNCTION_NAMES } from "./functions.ts";
export type { FilterValue, TypedValue, ValueType } from "./types.ts";
export type {
  BinaryNode,
  BinaryOperator,
  CallNode,
  ColumnNode,
  ConditionStatement,
  ExpressionNode,
  FilterStatement,
  InNode,
  IsNullNode,
  LikeNode,
  LiteralNode,
  LogicalNode,
  NodeBase,
  OrderTerm,
  SelectStatement,
  SignalStatement,
  UnaryNode,
} from "./tree.ts";
