import type { Steps } from "../steps.ts";
import { type Code, type Compilation, constantCode, folded, isVariant, type Operand } from "./code.ts";
import type { Span } from "./errors.ts";
import { describeType, type FilterValue } from "./types.ts";

/** So many conditions are a step: less than a millisecond. */
const STEP = 1_024;

/**
 * Compiles AND or OR, three-valued as in SQL: a false decides AND and a true decides OR, whatever else is null.
 *
 * All conditions are evaluated, so that an error in one never hides behind another; those that can't fail are skipped
 * once the result is decided, which nobody can tell.
 */
export function* compileLogical(
  context: Compilation,
  operator: "AND" | "OR",
  operands: readonly Operand[],
  span: Span,
): Steps<Code> {
  const decisive = operator === "OR";
  /** Those that the result depends on. */
  const remaining: Code[] = [];
  let fallible = false;
  let decided = false;
  for (let i = 0; i < operands.length; i++) {
    const operand = condition(context, operands[i]!, operator);
    fallible ||= operand.fallible;
    decided ||= isConstant(operand, decisive);
    if (!isConstant(operand, !decisive)) remaining.push(operand);
    if (i % STEP === STEP - 1) yield;
  }
  if (!fallible && decided) return constantCode("boolean", decisive, span);
  if (remaining.length === 0) return constantCode("boolean", !decisive, span);
  const run = fallible ? cautious(remaining, decisive) : quick(remaining, decisive);
  return folded({ type: "boolean", run, constant: false, fallible, span }, remaining);
}

/** @throws {FilterError} `type` for what is none, or of several types: one of them would not be a boolean. */
function condition(context: Compilation, operand: Operand, operator: string): Code {
  if (!isVariant(operand) && (operand.type === "boolean" || operand.type === "undefined")) return operand;
  const types = (isVariant(operand) ? operand.types : [operand.type]).map(describeType).join(" or ");
  throw context.error("type", `${operator} can't be applied to ${types}`, operand.span, {
    expected: "a boolean",
  });
}

function isConstant(operand: Code, value: boolean): boolean {
  return operand.constant && operand.run(0) === value;
}

type Run = (row: number) => FilterValue;

/** For conditions that can't fail: stops at the first that decides. */
function quick(operands: readonly Code[], decisive: boolean): Run {
  const runs = operands.map((operand) => operand.run);
  if (runs.length === 2) {
    const [first, second] = runs as [Run, Run];
    return (row) => {
      const left = first(row);
      if (left === decisive) return decisive;
      const right = second(row);
      return right === decisive ? decisive : left === null || right === null ? null : !decisive;
    };
  }
  return (row) => {
    let result: boolean | null = !decisive;
    for (const run of runs) {
      const value = run(row);
      if (value === decisive) return decisive;
      if (value === null) result = null;
    }
    return result;
  };
}

function cautious(operands: readonly Code[], decisive: boolean): Run {
  return (row) => {
    let result: boolean | null = !decisive;
    let decided = false;
    for (const operand of operands) {
      if (decided && !operand.fallible) continue;
      const value = operand.run(row);
      if (value === decisive) decided = true;
      else if (value === null) result = null;
    }
    return decided ? decisive : result;
  };
}
