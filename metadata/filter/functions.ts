/**
 * The functions of the language: how many arguments each takes, and what it is compiled to.
 *
 * @module
 */
import { type Compilation, distribute, type Operand } from "./code.ts";
import { type FilterError, nearest, type Span } from "./errors.ts";
import { type Arguments, type FunctionSpec, makeArguments } from "./function_spec.ts";
import { compileIif, GENERAL_FUNCTIONS } from "./functions_general.ts";
import { NUMBER_FUNCTIONS } from "./functions_number.ts";
import { TEXT_FUNCTIONS } from "./functions_text.ts";
import { DATE_FUNCTIONS } from "./functions_date.ts";
import type { CallNode, ExpressionNode } from "./tree.ts";

const FUNCTIONS: ReadonlyMap<string, FunctionSpec> = new Map(
  [GENERAL_FUNCTIONS, NUMBER_FUNCTIONS, TEXT_FUNCTIONS, DATE_FUNCTIONS].flatMap((group) =>
    Object.entries(group)
  ),
);

/** The names of all functions, in upper case. */
export const FUNCTION_NAMES: readonly string[] = [...FUNCTIONS.keys(), "IIF"].sort();

/**
 * Compiles a function with its arguments.
 *
 * @param compile Compiles an argument.
 * @throws {FilterError} `name` for an unknown function, `type` for a wrong count or type of arguments.
 */
export function compileCall(
  context: Compilation,
  node: CallNode,
  compile: (context: Compilation, node: ExpressionNode) => Operand,
): Operand {
  const name = node.name.toUpperCase();
  const span: Span = { start: node.start, end: node.end };
  if (name === "IIF") {
    if (node.args.length !== 3) throw wrongCount(context, node, "condition, a, b", 3, 3);
    return compileIif(context, node, compile, span);
  }
  const spec = FUNCTIONS.get(name);
  if (spec === undefined) {
    const nameSpan: Span = { start: node.start, end: node.start + node.name.length };
    const suggestion = nearest(node.name, FUNCTION_NAMES);
    throw context.error("name", `there is no function ${node.name}`, nameSpan, { suggestion });
  }
  const [least, most = least] = spec.count;
  if (node.args.length < least || node.args.length > most) {
    throw wrongCount(context, node, spec.parameters, least, most);
  }
  const operands = node.args.map((arg) => compile(context, arg));
  const build = (args: Arguments) => spec.build(args);
  if (spec.variadic === true) return build(makeArguments(context, name, spec.parameters, operands, span));
  return distribute(operands, (codes) => build(makeArguments(context, name, spec.parameters, codes, span)));
}

function wrongCount(
  context: Compilation,
  node: CallNode,
  parameters: string,
  least: number,
  most: number,
): FilterError {
  const count = most === least ? `${least}` : most === Infinity ? `${least} or more` : `${least} to ${most}`;
  const expected = `${count}: ${node.name.toUpperCase()}(${parameters})`;
  const problem = `${node.name.toUpperCase()} with ${node.args.length} argument${
    node.args.length === 1 ? "" : "s"
  }`;
  return context.error("type", problem, { start: node.start, end: node.end }, { expected });
}
