/**
 * The functions of the language: how many arguments each takes, and what it is compiled to.
 *
 * @module
 */
import { type Compilation, distribute, type Operand } from "./code.ts";
import { type FilterError, nearest, type Span } from "./errors.ts";
import { type FunctionSpec, makeArguments } from "./function_spec.ts";
import { GENERAL_FUNCTIONS } from "./functions_general.ts";
import { NUMBER_FUNCTIONS } from "./functions_number.ts";
import { TEXT_FUNCTIONS } from "./functions_text.ts";
import { DATE_FUNCTIONS } from "./functions_date.ts";
import type { CallNode } from "./tree.ts";

const FUNCTIONS: ReadonlyMap<string, FunctionSpec> = new Map(
  [GENERAL_FUNCTIONS, NUMBER_FUNCTIONS, TEXT_FUNCTIONS, DATE_FUNCTIONS].flatMap((group) =>
    Object.entries(group)
  ),
);

/** The names of all functions, in upper case. */
export const FUNCTION_NAMES: readonly string[] = [...FUNCTIONS.keys(), "IIF"].sort();

/**
 * What compiles a call once its arguments are; `undefined` for IIF, of which not all arguments may be needed.
 *
 * @throws {FilterError} `name` for an unknown function, `type` for a wrong count of arguments, now; `type` for wrong
 * types of arguments, then.
 */
export function callBuilder(
  context: Compilation,
  node: CallNode,
  span: Span,
): ((operands: readonly Operand[]) => Operand) | undefined {
  const name = node.name.toUpperCase();
  if (name === "IIF") {
    if (node.args.length !== 3) throw wrongCount(context, node, "condition, a, b", 3, 3);
    return undefined;
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
  const build = (operands: readonly Operand[]): Operand =>
    spec.build(makeArguments(context, name, spec.parameters, operands, span));
  return spec.variadic === true ? build : (operands) => distribute(operands, build);
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
