/**
 * Functions of strings.
 *
 * @module
 */
import type { Decimal } from "../decimal.ts";
import type { Code } from "./code.ts";
import type { Arguments, FunctionSpec } from "./function_spec.ts";
import { regexFunction } from "./regex.ts";
import { compareText, fold, lengthOf, reverseOf, sliceOf, toCodePoints } from "./text.ts";
import { countOf, indexOf, lastIndexOf, placeOf, splitBy, splitByCaseless } from "./text_search.ts";
import type { FilterValue } from "./types.ts";

/** The functions of strings, regular expressions included. */
export const TEXT_FUNCTIONS: Readonly<Record<string, FunctionSpec>> = {
  CONTAINS: test((source, part) => indexOf(source, part) >= 0),
  STARTSWITH: test((source, part) => source.startsWith(part)),
  ENDSWITH: test((source, part) => source.endsWith(part)),
  INDEXOF: search((source, part) => toCodePoints(source, indexOf(source, part))),
  LASTINDEXOF: search((source, part) => toCodePoints(source, lastIndexOf(source, part))),
  STRCOUNT: search((source, part) => part === "" ? 0 : countOf(source, part)),
  STRCMP: search((left, right) => Math.sign(compareText(left, right)), "left, right, [ignoreCase]"),
  NTHINDEXOF: { count: [3, 4], parameters: "source, test, n, [ignoreCase]", build: nthIndexOf },
  LEN: change("int32", lengthOf),
  LOWER: change("string", (text) => text.toLowerCase()),
  UPPER: change("string", (text) => text.toUpperCase()),
  TRIM: change("string", (text) => text.trim()),
  TRIMLEFT: change("string", (text) => text.trimStart()),
  TRIMRIGHT: change("string", (text) => text.trimEnd()),
  REVERSE: change("string", reverseOf),
  REPLACE: { count: [3, 4], parameters: "source, test, replacement, [ignoreCase]", build: replace },
  SPLIT: { count: [3, 4], parameters: "source, delimiter, n, [ignoreCase]", build: split },
  SUBSTR: { count: [2, 3], parameters: "source, index, [length]", build: substr },
  REGEXMATCH: regexFunction("boolean", (match) => match !== undefined),
  REGEXVAL: regexFunction("string", (match) => match ?? ""),
};

/** A function of one string. */
function change(type: "string" | "int32", apply: (text: string) => string | number): FunctionSpec {
  return { count: [1], parameters: "s", build: (args) => args.lift(type, [args.text(0)], apply) };
}

/** A function that tells something of two strings, of which case may be ignored. */
function test(apply: (source: string, part: string) => boolean): FunctionSpec {
  return {
    count: [2, 3],
    parameters: "source, test, [ignoreCase]",
    build: (args) => twoTexts(args, "boolean", apply),
  };
}

function search(
  apply: (source: string, part: string) => number,
  parameters: string = "source, test, [ignoreCase]",
): FunctionSpec {
  return { count: [2, 3], parameters, build: (args) => twoTexts(args, "int32", apply) };
}

function twoTexts(
  args: Arguments,
  type: "boolean" | "int32",
  apply: (source: string, part: string) => boolean | number,
): Code {
  const codes = [args.text(0), args.text(1), ...args.ignoreCase(2)];
  if (codes.length === 2) return args.lift(type, codes, apply);
  const applyCase = (source: string, part: string, ignoreCase: FilterValue) =>
    isTrue(ignoreCase) ? apply(fold(source), fold(part)) : apply(source, part);
  return args.lift(type, codes, applyCase, { needed: 2 });
}

/** Whether an optional flag is on: a null is not, a number is unless it is zero. */
function isTrue(flag: FilterValue | undefined): boolean {
  return typeof flag === "object" && flag !== null ? flag.signum() !== 0 : Boolean(flag);
}

/** An integer argument as a number; beyond 2^53 any is as good as another. */
function toIndex(value: FilterValue | undefined): number {
  return Number(typeof value === "object" && value !== null ? (value as Decimal).numberValue() : value);
}

function nthIndexOf(args: Arguments): Code {
  const codes = [args.text(0), args.text(1), args.integer(2), ...args.ignoreCase(3)];
  const find = (source: string, part: string, n: FilterValue, ignoreCase?: FilterValue) =>
    isTrue(ignoreCase) ? nthIndex(fold(source), fold(part), toIndex(n)) : nthIndex(source, part, toIndex(n));
  return args.lift("int32", codes, find, { needed: 3 });
}

/** The place of occurrence n, which may overlap the one before, in code points; -1 if there are not so many. */
function nthIndex(source: string, part: string, n: number): number {
  if (n < 0 || n > source.length) return -1;
  // An empty text is found before every character and at the end.
  if (part === "") return n <= lengthOf(source) ? n : -1;
  return toCodePoints(source, placeOf(source, part, n));
}

function replace(args: Arguments): Code {
  const { maxTextLength } = args.context.limits;
  const codes = [args.text(0), args.text(1), args.text(2), ...args.ignoreCase(3)];
  const apply = (source: string, part: string, replacement: string, ignoreCase?: FilterValue) => {
    const parts = part === "" ? Array.from(source) : partsOf(source, part, ignoreCase);
    const joints = part === "" ? parts.length + 1 : parts.length - 1;
    // Before it is made: nested calls would multiply it.
    const length = source.length + joints * replacement.length;
    if (length > maxTextLength) {
      throw args.error("limit", `a text of up to ${length} characters`, `at most ${maxTextLength}`);
    }
    if (part !== "") return parts.join(replacement);
    return source === "" ? replacement : replacement + parts.join(replacement) + replacement;
  };
  return args.lift("string", codes, apply, { needed: 3, fallible: true });
}

function split(args: Arguments): Code {
  const codes = [args.text(0), args.text(1), args.integer(2), ...args.ignoreCase(3)];
  const apply = (source: string, delimiter: string, n: FilterValue, ignoreCase?: FilterValue) => {
    const index = toIndex(n);
    if (delimiter === "") return ["", ...source, ""][index] ?? null;
    return partsOf(source, delimiter, ignoreCase)[index] ?? null;
  };
  return args.lift("string", codes, apply, { needed: 3 });
}

function partsOf(source: string, delimiter: string, ignoreCase: FilterValue | undefined): string[] {
  return isTrue(ignoreCase) ? splitByCaseless(source, delimiter) : splitBy(source, delimiter);
}

function substr(args: Arguments): Code {
  const source = args.text(0);
  const index = args.integer(1);
  const codes = args.length === 2 ? [source, index] : [source, index, args.integer(2)];
  const apply = (text: string, from: FilterValue, count?: FilterValue) => {
    const start = toIndex(from);
    if (start < 0 || start >= text.length) return "";
    if (count === undefined || count === null) return sliceOf(text, start, Infinity);
    const length = toIndex(count);
    return length <= 0 ? "" : sliceOf(text, start, start + length);
  };
  return args.lift("string", codes, apply, { needed: 2 });
}
