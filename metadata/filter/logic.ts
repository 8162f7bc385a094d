import { type Code, type Compilation, constantCode, folded } from "./code.ts";
import type { Span } from "./errors.ts";
import { describeType, type FilterValue } from "./types.ts";

/**
 * Compiles AND or OR, three-valued as in SQL: a false decides AND and a true decides OR, whatever else is null.
 *
 * All conditions are evaluated, so that an error in one never hides behind another; those that can't fail are skipped
 * once the result is decided, which nobody can tell.
 */
export function compileLogical(
  context: Compilation,
  operator: "AND" | "OR",
  operands: readonly Code[],
  span: Span,
): Code {
  for (const { type, span: place } of operands) {
    if (type !== "boolean" && type !== "undefined") {
      const problem = `${operator} can't be applied to ${describeType(type)}`;
      throw context.error("type", problem, place, { expected: "a boolean" });
    }
  }
  const decisive = operator === "OR";
  const fallible = operands.some((operand) => operand.fallible);
  const remaining = operands.filter((operand) => !isConstant(operand, !decisive));
  if (!fallible && remaining.some((operand) => isConstant(operand, decisive))) {
    return constantCode("boolean", decisive, span);
  }
  if (remaining.length === 0) return constantCode("boolean", !decisive, span);
  const run = fallible ? cautious(remaining, decisive) : quick(remaining, decisive);
  return folded({ type: "boolean", run, constant: false, fallible, span }, operands);
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
