import {
  type Code,
  type Compilation,
  isVariant,
  lift,
  type LiftOptions,
  type Operand,
  retyped,
} from "./code.ts";
import { callCost, charactersOfCall, textLength } from "./cost.ts";
import type { FilterError, FilterErrorKind, Span } from "./errors.ts";
import { describeType, type FilterValue, isIntegral, isNumeric, type ValueType } from "./types.ts";

/** What a function takes and how it is compiled. */
export interface FunctionSpec {
  /** The least and the most arguments; one number if they are the same. */
  readonly count: readonly [least: number, most?: number];
  /** The parameters as messages show them. */
  readonly parameters: string;
  /** Whether `build` deals with arguments of several types itself. */
  readonly variadic?: boolean;
  /** Compiles a call. */
  readonly build: (args: Arguments) => Operand;
}

/** The compiled arguments of a call, with what it takes to check and report on them. */
export interface Arguments {
  /** What they are compiled with. */
  readonly context: Compilation;
  /** The function's name in upper case. */
  readonly name: string;
  /** Where the call stands. */
  readonly span: Span;
  /** The arguments, also those of several types. */
  readonly operands: readonly Operand[];
  /** How many there are. */
  readonly length: number;
  /** An argument of any type. */
  any(index: number): Code;
  /** An argument that must be a string. */
  text(index: number): Code;
  /** An argument that must be a number or a boolean; NULL is of the type given. */
  number(index: number, nullType?: ValueType): Code;
  /** An argument that must be an integer or a boolean. */
  integer(index: number): Code;
  /** An argument that must be a datetime, or a string that one is read from. */
  dateTime(index: number): Code;
  /** The optional argument that says whether case is ignored, if it is given. */
  ignoreCase(index: number): Code[];
  /** The code of the call: null when an argument is null that is needed. */
  lift(
    type: ValueType,
    codes: readonly Code[],
    apply: (...values: never[]) => FilterValue,
    options?: LiftOptions,
  ): Code;
  /** An error about an argument, or about the call. */
  error(kind: FilterErrorKind, problem: string, expected?: string, index?: number): FilterError;
}

const ORDINALS = ["first", "second", "third", "fourth"];

/** Makes the {@linkcode Arguments} of a call. */
export function makeArguments(
  context: Compilation,
  name: string,
  parameters: string,
  operands: readonly Operand[],
  span: Span,
): Arguments {
  const roles = parameters.replaceAll(/[[\]]/g, "").split(", ");
  const error: Arguments["error"] = (kind, problem, expected, index) => {
    const place = index === undefined ? span : operands[index]!.span;
    return context.error(kind, `${name}: ${problem}`, place, { expected });
  };
  const any = (index: number): Code => {
    const operand = operands[index]!;
    if (isVariant(operand)) throw new Error(`${name} was not compiled type by type`);
    return operand;
  };
  const take = (
    index: number,
    accepts: (type: ValueType) => boolean,
    expected: string,
    nullType: ValueType,
  ): Code => {
    const code = any(index);
    if (code.type === "undefined") return retyped(code, nullType);
    if (accepts(code.type)) return code;
    const argument = `its ${ORDINALS[index] ?? `${index + 1}th`} argument, ${roles[index]}, is ${
      describeType(code.type)
    }`;
    throw error("type", argument, expected, index);
  };
  return {
    context,
    name,
    span,
    operands,
    length: operands.length,
    any,
    error,
    text: (index) => take(index, (type) => type === "string", "a string", "string"),
    number: (index, nullType = "double") => take(index, isNumeric, "a number", nullType),
    integer: (index) => take(index, isIntegral, "an integer", "int32"),
    dateTime: (index) =>
      take(index, (type) => type === "datetime" || type === "string", "a datetime or a string", "datetime"),
    ignoreCase: (index) => index >= operands.length ? [] : [take(index, isNumeric, "a boolean", "boolean")],
    lift: (type, codes, apply, options) => {
      const call = callCost(name, operands.length);
      const characters = charactersOfCall(name);
      const counted = (...values: never[]) => {
        context.spend(call + textLength(values) / characters, span);
        return apply(...values);
      };
      return lift(type, codes, span, counted, options);
    },
  };
}
