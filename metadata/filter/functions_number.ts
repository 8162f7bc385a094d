/**
 * Functions of numbers.
 *
 * @module
 */
import {
  type Decimal,
  decimalFromNumber,
  decimalToNumber,
  raiseDecimal,
  roundDecimal,
  truncateDecimal,
} from "../decimal.ts";
import { toDecimal, toDouble } from "./convert.ts";
import type { Code } from "./code.ts";
import type { Arguments, FunctionSpec } from "./function_spec.ts";
import { absoluteExact, type ExactNumber, raiseInteger } from "./numbers.ts";
import type { AnyNumber } from "./operators.ts";
import { wider } from "./types.ts";

/** ABS, CEILING, FLOOR, POWER, ROUND and SQRT. */
export const NUMBER_FUNCTIONS: Readonly<Record<string, FunctionSpec>> = {
  ABS: {
    count: [1],
    parameters: "n",
    build: (args) => {
      const n = args.number(0);
      if (n.type === "boolean") return n;
      if (n.type === "double") return args.lift(n.type, [n], Math.abs);
      return args.lift(n.type, [n], absoluteExact);
    },
  },
  CEILING: rounding(Math.ceil, "ceiling"),
  FLOOR: rounding(Math.floor, "floor"),
  POWER: { count: [2], parameters: "n, exponent", build: power },
  ROUND: rounding(roundHalfEven, "half-even"),
  SQRT: {
    count: [1],
    parameters: "n",
    build: (args) => {
      const root = (value: AnyNumber) => {
        const number = toDouble(value);
        if (number < 0) throw args.error("value", "its argument is negative", "a number from 0 on", 0);
        return Math.sqrt(number);
      };
      return args.lift("double", [args.number(0)], root, { fallible: true });
    },
  },
};

/** A function that gives the integer near a number, in the number's type. */
function rounding(round: (value: number) => number, mode: "floor" | "ceiling" | "half-even"): FunctionSpec {
  return {
    count: [1],
    parameters: "n",
    build: (args) => {
      const n = args.number(0);
      // Adding 0 turns -0, which is no integer's text, into 0.
      if (n.type === "double") return args.lift(n.type, [n], (value: number) => round(value) + 0);
      const integer = (value: ExactNumber) => typeof value === "object" ? roundDecimal(value, mode) : value;
      return n.type === "boolean" ? n : args.lift(n.type, [n], integer);
    },
  };
}

/** The nearest integer, and of two the even one. */
function roundHalfEven(value: number): number {
  const low = Math.floor(value);
  const above = value - low;
  if (above < 0.5) return low;
  if (above > 0.5) return low + 1;
  return low % 2 === 0 ? low : low + 1;
}

function power(args: Arguments): Code {
  const base = args.number(0);
  const exponent = args.number(1, "int32");
  const type = wider(base.type, exponent.type);
  const guarded =
    <T extends AnyNumber>(raise: (base: AnyNumber, exponent: AnyNumber) => T) =>
    (a: AnyNumber, b: AnyNumber): T => {
      try {
        return raise(a, b);
      } catch (error) {
        if (error instanceof RangeError) throw args.error("value", error.message);
        throw error;
      }
    };
  const operands = [base, exponent];
  switch (type) {
    case "boolean":
      return args.lift(type, operands, (a: boolean, b: boolean) => a || !b);
    case "double":
      return args.lift(type, operands, guarded((a, b) => raiseDouble(toDouble(a), toDouble(b))), {
        fallible: true,
      });
    case "decimal":
      return args.lift(type, operands, guarded(raiseAsDecimal), { fallible: true });
    default: {
      const raise = (a: AnyNumber, b: AnyNumber) =>
        typeof a === "object" || typeof b === "object"
          ? raiseAsDecimal(a, b)
          : raiseInteger(typeof a === "boolean" ? Number(a) : a, typeof b === "boolean" ? Number(b) : b);
      return args.lift(type, operands, guarded(raise), { fallible: true });
    }
  }
}

/** @throws {RangeError} When there is no real number, or none that a double holds. */
function raiseDouble(base: number, exponent: number): number {
  const result = base ** exponent;
  if (Number.isNaN(result) && !Number.isNaN(base) && !Number.isNaN(exponent)) {
    throw new RangeError("no real number is a fractional power of a negative one");
  }
  if (!Number.isFinite(result) && Number.isFinite(base) && Number.isFinite(exponent)) {
    throw new RangeError(base === 0 ? "zero to a negative power" : "a power beyond the range of double");
  }
  return result;
}

/** A whole power is exact; any other is as good as a double's. */
function raiseAsDecimal(a: AnyNumber, b: AnyNumber): Decimal {
  const base = toDecimal(a);
  const exponent = toDecimal(b);
  const whole = truncateDecimal(exponent);
  if (toDecimal(whole).compareTo(exponent) === 0 && whole > -0x8000_0000n && whole < 0x8000_0000n) {
    if (base.signum() === 0 && whole < 0n) throw new RangeError("zero to a negative power");
    return raiseDecimal(base, Number(whole));
  }
  return decimalFromNumber(raiseDouble(decimalToNumber(base), decimalToNumber(exponent)));
}
