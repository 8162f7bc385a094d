/**
 * Regular expressions from remote peers: by an engine whose time grows with the text, whatever the pattern.
 *
 * @module
 */
import { RE2JS } from "re2js";
import type { Code } from "./code.ts";
import { MAX_UNICODE_CLASSES, stepCost, unicodeClassesIn } from "./cost.ts";
import type { Arguments, FunctionSpec } from "./function_spec.ts";
import type { FilterValue } from "./types.ts";

/** How many instructions a pattern may be compiled to; each may be looked at once for each character. */
const MAX_PROGRAM_SIZE = 2_000;

/** The most instructions times characters of one search: some milliseconds. */
const MAX_STEPS = 200_000;

/** REGEXMATCH and REGEXVAL, which differ in what they make of the first match. */
export function regexFunction(
  type: "boolean" | "string",
  result: (match: string | undefined) => FilterValue,
): FunctionSpec {
  return {
    count: [2],
    parameters: "regex, test",
    build: (args) => build(args, type, result),
  };
}

function build(
  args: Arguments,
  type: "boolean" | "string",
  result: (match: string | undefined) => FilterValue,
): Code {
  const regex = args.text(0);
  const find = finder(args);
  // A constant pattern is compiled at once, so that a wrong one does not wait for a row to be reported.
  const pattern = regex.constant ? regex.run(0) : null;
  if (pattern !== null) find(pattern as string, "");
  return args.lift(
    type,
    [regex, args.text(1)],
    (pattern: string, text: string) => result(find(pattern, text)),
    { fallible: !regex.constant },
  );
}

/** Finds a pattern's first match in a text; compiles the pattern again only when it changes. */
function finder(args: Arguments): (pattern: string, text: string) => string | undefined {
  let last: string | undefined;
  let compiled: RE2JS | undefined;
  return (pattern, text) => {
    if (compiled === undefined || pattern !== last) {
      compiled = compilePattern(args, pattern);
      last = pattern;
    }
    if (compiled.programSize() * text.length > MAX_STEPS) {
      const expected = `at most ${
        Math.floor(MAX_STEPS / compiled.programSize())
      } for this regular expression`;
      throw args.error("limit", `a text of ${text.length} characters`, expected, 1);
    }
    const matcher = compiled.matcher(text);
    const found = matcher.find() ? matcher.group() ?? undefined : undefined;
    args.context.spend(stepCost(compiled.programSize(), text.length), args.span);
    return found;
  };
}

function compilePattern(args: Arguments, pattern: string): RE2JS {
  const { maxPatternLength } = args.context.limits;
  if (pattern.length > maxPatternLength) {
    const expected = `at most ${maxPatternLength}`;
    throw args.error("limit", `a regular expression of ${pattern.length} characters`, expected, 0);
  }
  const classes = unicodeClassesIn(pattern);
  if (classes > MAX_UNICODE_CLASSES) {
    const problem = `a regular expression with ${classes} classes of Unicode characters`;
    throw args.error("limit", problem, `at most ${MAX_UNICODE_CLASSES}`, 0);
  }
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(pattern);
  } catch (error) {
    const expected = "a pattern of the RE2 syntax, which has no look-around and no back-references";
    throw args.error("value", (error as Error).message, expected, 0);
  }
  args.context.checkTime(args.span);
  if (compiled.programSize() <= MAX_PROGRAM_SIZE) return compiled;
  throw args.error("limit", "a regular expression with too many repetitions", "fewer", 0);
}
