/**
 * Where this implementation and sttpapi differ on purpose: each rule quotes the sentence of the language's description
 * that it follows, and says as narrowly as it can which differences it stands for. A difference that no rule explains
 * is a bug, here or in a rule.
 *
 * @module
 */
import { Big, MC, RoundingMode } from "bigdecimal.js";
import type { ExpressionNode } from "../../metadata/mod.ts";
import type { Outcome } from "./oracle.ts";

/** An expression whose parts have the same values on both sides, and which itself has not. */
export interface Difference {
  readonly node: ExpressionNode;
  /** What the parts are, in order. */
  readonly parts: readonly Outcome[];
  readonly ours: Outcome;
  readonly theirs: Outcome;
}

/** Why a difference is right. */
export interface Rule {
  /** What it is about, in a few words. */
  readonly name: string;
  /** The sentence that it follows. */
  readonly sentence: string;
  /** Whether a difference is one of these. */
  readonly explains: (difference: Difference) => boolean;
}

// --- what rules ask of a difference

function isError(outcome: Outcome): outcome is { readonly error: string } {
  return "error" in outcome;
}

function isNull(outcome: Outcome | undefined): boolean {
  return outcome !== undefined && !isError(outcome) && outcome.value === null;
}

function typeOf(outcome: Outcome | undefined): string {
  return outcome === undefined || isError(outcome) ? "error" : outcome.type;
}

function valueOf(outcome: Outcome | undefined): string {
  return outcome === undefined || isError(outcome) ? "" : outcome.value ?? "";
}

function operatorOf(node: ExpressionNode): string {
  switch (node.kind) {
    case "binary":
    case "unary":
    case "logical":
      return node.operator;
    case "call":
      return node.name;
    default:
      return node.kind;
  }
}

const COMPARISONS = ["<", "<=", ">", ">=", "=", "===", "!=", "!=="];

function isComparison(node: ExpressionNode): boolean {
  return node.kind === "in" || (node.kind === "binary" && COMPARISONS.includes(node.operator));
}

const WIDTHS = ["undefined", "boolean", "int32", "int64", "decimal", "double"];

function isInteger(outcome: Outcome | undefined): boolean {
  return ["boolean", "int32", "int64"].includes(typeOf(outcome));
}

/** An integer or boolean as a bigint. */
function integerOf(outcome: Outcome | undefined): bigint {
  const text = valueOf(outcome);
  return text === "true" ? 1n : text === "false" ? 0n : BigInt(text);
}

function isZero(outcome: Outcome | undefined): boolean {
  if (isNull(outcome) || WIDTHS.indexOf(typeOf(outcome)) < 1) return false;
  if (typeOf(outcome) === "double") return BigInt(`0x${valueOf(outcome)}`) << 1n === 0n;
  return isInteger(outcome) ? integerOf(outcome) === 0n : Big(valueOf(outcome)).signum() === 0;
}

function parts(outcomes: readonly Outcome[], type: string): Outcome[] {
  return outcomes.filter((outcome) => typeOf(outcome) === type);
}

/** Whether the literal NULL, which has no type of its own, is among the parts. */
function hasNullLiteral({ parts: outcomes }: Difference): boolean {
  return outcomes.some((part) => typeOf(part) === "undefined");
}

const BITS: Readonly<Record<string, bigint>> = { int32: 32n, int64: 64n };

/** What a shift gives that counts modulo the width and stays in it. */
function shifted(operator: string, left: Outcome, right: Outcome): string {
  const width = BITS[typeOf(left)]!;
  const count = ((integerOf(right) % width) + width) % width;
  const value = integerOf(left);
  return String(BigInt.asIntN(Number(width), operator === "<<" ? value << count : value >> count));
}

/** The functions that a null argument does not make null. */
const CHOOSERS = ["IIF", "COALESCE", "ISNULL", "MAXOF", "MINOF"];

const TEXT_OF_OWN = ["double", "datetime", "decimal"];

function isText(outcome: Outcome | undefined): boolean {
  return typeOf(outcome) === "string";
}

/** Whether one side is a boolean, which a comparison gives. */
function isTruth(outcome: Outcome): boolean {
  return typeOf(outcome) === "boolean" && ["true", "false"].includes(valueOf(outcome));
}

/** A value as text, by the sentence about it. */
function textOf(outcome: Outcome): string {
  const value = valueOf(outcome);
  switch (typeOf(outcome)) {
    case "boolean":
      return value === "true" ? "1" : "0";
    case "double": {
      const view = new DataView(new ArrayBuffer(8));
      if (value === "nan") return value;
      view.setBigUint64(0, BigInt(`0x${value}`));
      return String(view.getFloat64(0)).replace("Infinity", "inf");
    }
    case "datetime":
      return new Date(Number((BigInt(value) - EPOCH) / 10_000n)).toISOString().slice(0, -1);
    default:
      return value;
  }
}

/** The ticks of 1970. */
const EPOCH = 621_355_968_000_000_000n;

/** What a comparison of two texts gives, or `undefined` for another operator. */
function comparedTexts(node: ExpressionNode, left: string, right: string): boolean | undefined {
  if (node.kind !== "binary") return undefined;
  const exact = node.operator === "===" || node.operator === "!==";
  const [a, b] = exact ? [left, right] : [left.toUpperCase(), right.toUpperCase()];
  switch (node.operator) {
    case "<":
      return a < b;
    case "<=":
      return a <= b;
    case ">":
      return a > b;
    case ">=":
      return a >= b;
    case "=":
    case "===":
      return a === b;
    default:
      return a !== b;
  }
}

/** Whether a comparison's answer is right for a left value that is so much greater than the right. */
function agreesWithOrder(node: ExpressionNode, ours: Outcome, order: number): boolean {
  const answer = valueOf(ours) === "true";
  if (node.kind === "in") return order !== 0 || answer !== node.negated;
  return answer === comparedTexts(node, order < 0 ? "a" : order > 0 ? "c" : "b", "b");
}

/** What LIKE gives, wildcards at the ends. */
function isLike(text: string, pattern: string): boolean {
  const core = pattern.replace(/^[%*]/, "").replace(/[%*]$/, "");
  const open = /^[%*]/.test(pattern);
  const close = /[%*]$/.test(pattern) && pattern.length > (open ? 1 : 0);
  if (open && (close || core === "")) return text.includes(core);
  if (open) return text.endsWith(core);
  return close ? text.startsWith(core) : text === core;
}

/** Ticks in each unit that is always as long. */
const UNITS: Readonly<Record<string, bigint>> = {
  week: 6_048_000_000_000n,
  day: 864_000_000_000n,
  dayofyear: 864_000_000_000n,
  weekday: 864_000_000_000n,
  hour: 36_000_000_000n,
  minute: 600_000_000n,
  second: 10_000_000n,
  millisecond: 10_000n,
};

/** The ticks of a datetime, or of a string that begins as ISO 8601 does. */
function ticksOf(outcome: Outcome | undefined): bigint | undefined {
  if (typeOf(outcome) === "datetime" && !isNull(outcome)) return BigInt(valueOf(outcome));
  const match = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?))?(?:\.(\d{1,7}))?Z?$/.exec(valueOf(outcome));
  if (match === null) return undefined;
  const [, date, time = "00:00:00", fraction = ""] = match;
  return EPOCH + BigInt(Date.parse(`${date}T${time}Z`)) * 10_000n + BigInt(fraction.padEnd(7, "0"));
}

/** Whole units from one time to another, truncated. */
function wholeUnits(from: bigint, to: bigint, unit: string): bigint | undefined {
  const ticks = UNITS[unit];
  if (ticks !== undefined) return (to - from) / ticks;
  const months = unit === "month" ? 1 : unit === "year" ? 12 : 0;
  if (months === 0) return undefined;
  if (to < from) return -wholeUnits(to, from, unit)!;
  const dates = [from, to].map((time) => new Date(Number((time - EPOCH) / 10_000n)));
  const [a, b] = dates.map((date) => date.getUTCFullYear() * 12 + date.getUTCMonth()) as [number, number];
  const rest = (time: bigint, date: Date): bigint =>
    time - EPOCH - BigInt(Date.UTC(date.getUTCFullYear(), date.getUTCMonth())) * 10_000n;
  const behind = rest(to, dates[1]!) < rest(from, dates[0]!) ? 1 : 0;
  return BigInt(Math.trunc((b - a - behind) / months));
}

/** What DATEDIFF gives. */
function elapsed(parts: readonly Outcome[]): bigint | undefined {
  const [from, to] = parts.map(ticksOf);
  if (from === undefined || to === undefined) return undefined;
  return wholeUnits(from, to, valueOf(parts[2]).toLowerCase());
}

/** The type that a function gives whatever it is given, or `undefined`. */
const RESULTS: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    ["CONTAINS", "STARTSWITH", "ENDSWITH", "REGEXMATCH"].map((name) => [name, "boolean"]),
  ),
  ...Object.fromEntries(
    ["INDEXOF", "LASTINDEXOF", "NTHINDEXOF", "STRCOUNT", "STRCMP", "LEN", "DATEDIFF", "DATEPART"].map((
      name,
    ) => [name, "int32"]),
  ),
  ...Object.fromEntries(
    ["LOWER", "UPPER", "TRIM", "TRIMLEFT", "TRIMRIGHT", "REVERSE", "REPLACE", "SPLIT", "SUBSTR", "REGEXVAL"]
      .map((name) => [name, "string"]),
  ),
  DATEADD: "datetime",
  SQRT: "double",
};

/** The texts among the parts that are to be read as datetimes. */
function dateTexts(node: ExpressionNode, outcomes: readonly Outcome[]): Outcome[] {
  switch (operatorOf(node)) {
    case "DATEDIFF":
      return outcomes.slice(0, 2).filter(isText);
    case "ISDATE":
    case "DATEADD":
    case "DATEPART":
      return outcomes.slice(0, 1).filter(isText);
    case "CONVERT":
      return /date|time/i.test(valueOf(outcomes[1])) ? outcomes.slice(0, 1).filter(isText) : [];
    case "MAXOF":
    case "MINOF":
      return parts(outcomes, "datetime").length > 0 ? parts(outcomes, "string") : [];
    default:
      return isComparison(node) && typeOf(outcomes[0]) === "datetime" ? parts(outcomes, "string") : [];
  }
}

// --- the rules

/** Every rule, in no particular order. */
export const RULES: readonly Rule[] = [
  {
    name: "a literal NULL has no type",
    sentence:
      "Types: boolean, int32, int64, decimal, double, string, guid, datetime, and undefined (null of a type)",
    explains: ({ ours, theirs }) =>
      typeOf(ours) === "undefined" && typeOf(theirs) === "boolean" && isNull(theirs),
  },
  {
    name: "a literal NULL counts as a number",
    sentence: "Literal NULL counts as a number in arithmetic, bit operators and shifts",
    explains: ({ node, ours, theirs, parts }) =>
      (node.kind === "binary" || node.kind === "unary") && !isComparison(node) && operatorOf(node) !== "!" &&
      parts.some((part) => typeOf(part) === "undefined") &&
      (["<<", ">>"].includes(operatorOf(node))
        ? typeOf(parts[0]) === "undefined"
        : parts.every((part) => ["undefined", "boolean"].includes(typeOf(part)))) &&
      isNull(ours) && typeOf(ours) === "int32" && isNull(theirs) && typeOf(theirs) === "boolean",
  },
  {
    name: "a null keeps its type through IIF, COALESCE, MAXOF and MINOF",
    sentence: "Types come before values, so an error never depends on the row: a null column keeps its type",
    explains: (difference) =>
      CHOOSERS.includes(operatorOf(difference.node)) &&
      hasNullLiteral(difference) && isNull(difference.ours) && isNull(difference.theirs),
  },
  {
    name: "a wrong type is an error for nulls too",
    sentence: "Types come before values, so an error never depends on the row: a null column keeps its type",
    explains: ({ ours, theirs, parts }) =>
      isError(ours) && isNull(theirs) && parts.some(isNull) &&
      /can't be (?:applied|compared|converted)|argument, \w+, is |LIKE pattern/.test(ours.error),
  },
  {
    name: "a wrong type is an error wherever it stands in a list",
    sentence: "Types come before values, so an error never depends on the row",
    explains: ({ node, ours, theirs, parts }) =>
      isError(ours) && !isError(theirs) && parts.length > 2 &&
      /can't be (?:applied|compared)|argument, \w+, is /.test(ours.error) &&
      (node.kind === "in" || ["MAXOF", "MINOF"].includes(operatorOf(node)) ||
        CHOOSERS.includes(operatorOf(node)) && parts.some(isError)),
  },
  {
    name: "integers that do not fit become wider",
    sentence: "An int32 result that does not fit becomes int64, an int64 one decimal (as literals do)",
    explains: ({ node, ours, parts }) => {
      if (!["+", "-", "*", "/", "ABS", "POWER", "DATEDIFF"].includes(operatorOf(node)) || isError(ours)) {
        return false;
      }
      const given = operatorOf(node) === "DATEDIFF" ? ["int32"] : parts.map(typeOf);
      const widest = Math.max(...given.map((type) => WIDTHS.indexOf(type)));
      if (widest < 2 || widest > 3) return false;
      const value = BigInt(valueOf(ours).replace(/\.0*$/, "") || 0);
      return BigInt.asIntN(widest === 2 ? 32 : 64, value) !== value && WIDTHS.indexOf(ours.type) > widest;
    },
  },
  {
    name: "a column's uint64 that does not fit an int64 is a decimal",
    sentence: "An int32 result that does not fit becomes int64, an int64 one decimal (as literals do)",
    explains: ({ node, ours, theirs }) =>
      node.kind === "column" && typeOf(ours) === "decimal" && typeOf(theirs) === "double",
  },
  {
    name: "division by zero",
    sentence: "Division by zero is an error",
    explains: ({ node, ours, parts }) =>
      (operatorOf(node) === "/" || operatorOf(node) === "%") && isZero(parts[1]) && isError(ours),
  },
  {
    name: "the remainder has the dividend's sign",
    sentence: "`%` takes the dividend's sign and is for integers",
    explains: ({ node, ours, parts }) =>
      operatorOf(node) === "%" && parts.every(isInteger) && !isError(ours) &&
      valueOf(ours) === String(integerOf(parts[0]) % integerOf(parts[1])),
  },
  {
    name: "integers divide exactly",
    sentence: "int / int truncates",
    explains: ({ node, ours, parts }) =>
      operatorOf(node) === "/" && parts.every(isInteger) && !isError(ours) && !parts.some(isNull) &&
      valueOf(ours) === String(integerOf(parts[0]) / integerOf(parts[1])),
  },
  {
    name: "booleans alone do not calculate",
    sentence: "strings (`'12' * 2`), GUIDs, datetimes and booleans alone (`True + True`, `-True`) are errors",
    explains: ({ node, ours, parts }) =>
      (node.kind === "binary" || node.kind === "unary") && "+-*/%".includes(node.operator) && isError(ours) &&
      parts.every((part) => typeOf(part) === "boolean"),
  },
  {
    name: "shifts count modulo the width",
    sentence: "Shifts take an integer and an integer or boolean count, modulo the width, and stay in it",
    explains: ({ node, ours, parts }) =>
      ["<<", ">>"].includes(operatorOf(node)) && !isError(ours) && !parts.some(isNull) &&
      valueOf(ours) === shifted(operatorOf(node), parts[0]!, parts[1]!),
  },
  {
    name: "booleans are not shifted",
    sentence: "Shifts take an integer and an integer or boolean count, modulo the width, and stay in it",
    explains: ({ node, ours, parts }) =>
      ["<<", ">>"].includes(operatorOf(node)) && isError(ours) && typeOf(parts[0]) === "boolean",
  },
  {
    name: "a null count shifts to null",
    sentence: "Null then gives null, of the type that the operator would have given",
    explains: ({ node, ours, theirs, parts }) =>
      ["<<", ">>"].includes(operatorOf(node)) && isNull(ours) && isNull(parts[1]) && isError(theirs),
  },
  {
    name: "AND and OR are three-valued",
    sentence:
      "AND / OR take booleans, three-valued as in SQL: `False AND NULL` is false, `True OR NULL` true",
    explains: ({ node, ours, theirs, parts }) =>
      node.kind === "logical" && valueOf(ours) === (node.operator === "OR" ? "true" : "false") &&
      parts.some((part) => valueOf(part) === valueOf(ours)) && isNull(theirs),
  },
  {
    name: "strings have no truth of their own",
    sentence:
      "String right: it is read as the left's type (decimal for integers, true / false for booleans), an error " +
      "if it can't be",
    explains: ({ node, ours, parts }) =>
      (isComparison(node) || ["MAXOF", "MINOF"].includes(operatorOf(node))) && isError(ours) &&
      parts.some((part) => typeOf(part) === "boolean") && parts.some((part) => typeOf(part) === "string"),
  },
  {
    name: "text that is no boolean does not convert to one",
    sentence: "It has bugs of its own: truthiness of strings (`True = 'abc'`)",
    explains: ({ node, ours, parts }) =>
      operatorOf(node) === "CONVERT" && /^bool/i.test(valueOf(parts[1])) && typeOf(parts[0]) === "string" &&
      isError(ours),
  },
  {
    name: "NULL compares with any type",
    sentence:
      "Literal NULL counts as a number in arithmetic, bit operators and shifts, a boolean in AND / OR, any type " +
      "in comparisons",
    explains: (difference) =>
      (isComparison(difference.node) || CHOOSERS.includes(operatorOf(difference.node))) &&
      hasNullLiteral(difference) && isError(difference.theirs) &&
      !isError(difference.ours),
  },
  {
    name: "IN with a null is a null boolean",
    sentence: "Null then gives null, of the type that the operator would have given",
    explains: ({ node, ours, theirs, parts }) =>
      node.kind === "in" && isNull(parts[0]) && isNull(ours) && typeOf(ours) === "boolean" && isNull(theirs),
  },
  {
    name: "LIKE a null pattern is null",
    sentence: "null makes a comparison null",
    explains: ({ node, ours, theirs, parts }) =>
      node.kind === "like" && isNull(parts[1]) && isNull(ours) && isError(theirs),
  },
  {
    name: "LIKE without a wildcard",
    sentence: "LIKE without a wildcard is equality",
    explains: ({ node, ours, parts }) => {
      if (node.kind !== "like" || isError(ours) || parts.some(isNull)) return false;
      const [text, pattern] = parts.map((part) => node.exact ? valueOf(part) : valueOf(part).toUpperCase());
      return !/[%*]/.test(pattern!) && (text === pattern) !== node.negated === (valueOf(ours) === "true");
    },
  },
  {
    name: "NOT LIKE negates",
    sentence: "It has bugs of its own: LIKE without a wildcard false, NOT LIKE",
    explains: ({ node, ours, theirs, parts }) =>
      node.kind === "like" && node.negated && !isError(ours) && !isError(theirs) &&
      parts.every(isText) && !parts.some(isNull) && isTruth(ours) && isTruth(theirs) &&
      (valueOf(ours) === "true") !==
        (node.exact
          ? isLike(valueOf(parts[0]), valueOf(parts[1]))
          : isLike(valueOf(parts[0]).toUpperCase(), valueOf(parts[1]).toUpperCase())),
  },
  {
    name: "anything and a string concatenate",
    sentence: "`+` with a string on either side concatenates",
    explains: ({ node, ours, theirs, parts: outcomes }) =>
      operatorOf(node) === "+" && parts(outcomes, "string").length > 0 && typeOf(ours) === "string" &&
      isError(theirs),
  },
  {
    name: "doubles, datetimes and decimals as text",
    sentence:
      "As text, also in comparisons, a boolean is 1 or 0, a decimal keeps its scale (`2.50`), a double is " +
      "shortest (`1500`), a datetime is `2024-02-29T12:34:56.789`",
    explains: ({ node, ours, theirs, parts: outcomes }) => {
      const some = outcomes.some((part) => TEXT_OF_OWN.includes(typeOf(part)));
      if (!some || isError(ours) || isError(theirs) || outcomes.some(isNull)) return false;
      const texts = outcomes.map(textOf);
      if (operatorOf(node) === "CONVERT") return isText(ours) && valueOf(ours) === texts[0];
      if (operatorOf(node) === "+") return isText(ours) && valueOf(ours) === texts.join("");
      if (!isTruth(ours) || !isText(outcomes[0])) return false;
      if (node.kind === "binary") {
        return (valueOf(ours) === "true") === comparedTexts(node, texts[0]!, texts[1]!);
      }
      if (node.kind !== "in") return false;
      const [first, ...others] = node.exact ? texts : texts.map((text) => text.toUpperCase());
      return (valueOf(ours) === "true") === (others.includes(first!) !== node.negated);
    },
  },
  {
    name: "a string that reads as the GUID or datetime on its right",
    sentence:
      "String left: both are strings, unless the right is a GUID or datetime and the string reads as one",
    explains: ({ node, ours, theirs, parts: outcomes }) =>
      isComparison(node) && isText(outcomes[0]) && isTruth(ours) && isTruth(theirs) &&
      outcomes.slice(1).some((part) =>
        typeOf(part) === "guid" &&
          valueOf(outcomes[0]).replace(/[{}]/g, "").toLowerCase() === valueOf(part) &&
          agreesWithOrder(node, ours, 0) ||
        typeOf(part) === "datetime" && ticksOf(outcomes[0]) !== undefined &&
          agreesWithOrder(node, ours, Number(ticksOf(outcomes[0])! - BigInt(valueOf(part) || 0)))
      ),
  },
  {
    name: "what is no datetime",
    sentence:
      "Datetime literals: ISO 8601 with space or T, ...; a date alone is midnight. Nothing else reads as a datetime",
    explains: ({ node, ours, parts: outcomes }) =>
      dateTexts(node, outcomes).some((part) => !/^\d{4}-\d\d-\d\d/.test(valueOf(part))) &&
      (operatorOf(node) === "ISDATE" ? valueOf(ours) === "false" : isError(ours)),
  },
  {
    name: "a null argument",
    sentence: "A null argument where a value is needed gives null of the result type, unless noted",
    explains: ({ node, ours, theirs, parts }) =>
      node.kind === "call" && !CHOOSERS.includes(node.name) && isNull(ours) && parts.some(isNull) &&
      typeOf(ours) === (RESULTS[operatorOf(node)] ?? typeOf(ours)) &&
      (isError(theirs) || isNull(theirs) || RESULTS[operatorOf(node)] === typeOf(theirs)),
  },
  {
    name: "ISNULL that does not need its default",
    sentence: "ISNULL | e, default | e, or default when e is null",
    explains: ({ node, ours, theirs, parts }) =>
      operatorOf(node) === "ISNULL" && (isNull(parts[1]) || isError(parts[1]!)) && isError(theirs) &&
      valueOf(ours) === valueOf(parts[0]),
  },
  {
    name: "an argument of a wrong type",
    sentence: "An argument of the wrong type or a wrong count is an error that names the function",
    explains: ({ node, ours }) =>
      node.kind === "call" && isError(ours) && /: its \w+ argument, \w+, is /.test(ours.error),
  },
  {
    name: "SQRT is a double",
    sentence: "number of n's type (SQRT: double)",
    explains: ({ node, ours, theirs, parts }) =>
      operatorOf(node) === "SQRT" && typeOf(ours) === "double" && typeOf(theirs) !== "double" &&
      (isNull(ours) ? isNull(parts[0]) : textOf(ours) === String(Math.sqrt(Number(textOf(parts[0]!))))),
  },
  {
    name: "the integer near an infinite number",
    sentence: "ABS, CEILING, FLOOR, ROUND, SQRT | n | number of n's type",
    explains: ({ node, ours, theirs, parts }) =>
      ["CEILING", "FLOOR", "ROUND"].includes(operatorOf(node)) && typeOf(ours) === "double" &&
      isError(theirs) &&
      valueOf(ours) === valueOf(parts[0]),
  },
  {
    name: "powers of decimals and integers are exact",
    sentence:
      "decimal is exact with at least 28 digits; POWER widens; of two integers it is a truncated integer",
    explains: ({ node, ours, theirs }) => {
      if (operatorOf(node) === "POWER" && isError(ours)) {
        return ours.error.includes("a decimal with an exponent of");
      }
      if (operatorOf(node) !== "POWER" || !["decimal", "int32", "int64"].includes(typeOf(ours))) return false;
      if (isError(theirs)) return true;
      // Theirs went through a double: the two are as close as that is.
      const [exact, rough] = [Number(valueOf(ours)), Number(valueOf(theirs))];
      return Math.abs(exact - rough) <= Math.abs(exact) * 1e-13;
    },
  },
  {
    name: "decimals have more than 28 digits",
    sentence: "decimal is exact with at least 28 digits",
    explains: ({ node, ours, theirs }) => {
      const calculates = ["+", "-", "*", "/", "ABS", "CEILING", "FLOOR", "ROUND"].includes(operatorOf(node));
      if (!calculates || typeOf(ours) !== "decimal" || isNull(ours)) return false;
      if (isError(theirs)) return operatorOf(node) === "ROUND" && Big(valueOf(ours)).precision() > 28;
      const rounded = Big(valueOf(ours)).round(MC(28, RoundingMode.HALF_EVEN));
      return Big(valueOf(ours)).precision() > 28 && rounded.compareTo(Big(valueOf(theirs))) === 0;
    },
  },
  {
    name: "seconds since 1970 as a decimal",
    sentence: "decimal is exact with at least 28 digits",
    explains: ({ node, ours, theirs, parts }) =>
      operatorOf(node) === "CONVERT" && typeOf(parts[0]) === "datetime" && typeOf(ours) === "decimal" &&
      Math.abs(Number(valueOf(ours)) - Number(valueOf(theirs))) < 1e-5,
  },
  {
    name: "DATEADD adds days of the week",
    sentence: "DATEADD with WeekDay, Day and DayOfYear all add days",
    explains: ({ node, ours, parts }) => {
      const from = ticksOf(parts[0]);
      return operatorOf(node) === "DATEADD" && /^weekday$/i.test(valueOf(parts[2])) && from !== undefined &&
        isInteger(parts[1]) && !isNull(parts[1]) &&
        (valueOf(ours) === String(from + integerOf(parts[1]) * UNITS.day!) || isError(ours));
    },
  },
  {
    name: "DATEDIFF counts whole units",
    sentence: "DATEDIFF counts whole elapsed units, truncated",
    explains: ({ node, ours, theirs, parts }) =>
      operatorOf(node) === "DATEDIFF" && !isError(ours) && !isError(theirs) &&
      valueOf(ours) === String(elapsed(parts)),
  },
  {
    name: "days of the week count from Sunday",
    sentence: "WeekDay is 1 for Sunday",
    explains: ({ node, ours, theirs, parts }) =>
      operatorOf(node) === "DATEPART" && /^weekday$/i.test(valueOf(parts[1])) && valueOf(ours) === "1" &&
      valueOf(theirs) === "8",
  },
  {
    name: "SPLIT",
    sentence: "SPLIT | source, delimiter, n, [ignoreCase] | string part n (0-based), null past the end",
    explains: ({ node, ours, parts }) => {
      if (operatorOf(node) !== "SPLIT" || isError(ours)) return false;
      const ignoreCase = ["true", "1"].includes(valueOf(parts[3]));
      const [source, delimiter] = parts.slice(0, 2).map((part) =>
        ignoreCase ? valueOf(part).toUpperCase() : valueOf(part)
      );
      const expected = source!.split(delimiter!)[Number(integerOf(parts[2]))];
      const found = ignoreCase ? valueOf(ours).toUpperCase() : valueOf(ours);
      return expected === undefined ? isNull(ours) : !isNull(ours) && found === expected;
    },
  },
];
