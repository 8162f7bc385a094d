/**
 * Regular expressions from remote peers: by an engine whose time grows with the text, whatever the pattern.
 *
 * @module
 */
import type { Code } from "./code.ts";
import { stepCost } from "./cost.ts";
import type { Arguments, FunctionSpec } from "./function_spec.ts";
import { type Pattern, PatternError } from "./patterns.ts";
import type { FilterValue } from "./types.ts";

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
  const find = finder(args, !regex.constant);
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

/**
 * Finds a pattern's first match in a text; compiles the pattern again only when it changes.
 *
 * @param inRow Whether patterns come from rows.
 */
function finder(args: Arguments, inRow: boolean): (pattern: string, text: string) => string | undefined {
  let last: string | undefined;
  let compiled: Pattern | undefined;
  return (pattern, text) => {
    if (compiled === undefined || pattern !== last) {
      compiled = compilePattern(args, pattern, inRow);
      last = pattern;
    }
    const { regex, size } = compiled;
    if (size * text.length > MAX_STEPS) {
      const expected = `at most ${Math.floor(MAX_STEPS / size)} for this regular expression`;
      throw args.error("limit", `a text of ${text.length} characters`, expected, 1);
    }
    const matcher = regex.matcher(text);
    const found = matcher.find() ? matcher.group() ?? undefined : undefined;
    args.context.spend(stepCost(size, text.length), args.span);
    return found;
  };
}

function compilePattern(args: Arguments, pattern: string, inRow: boolean): Pattern {
  let compiled: Pattern;
  try {
    compiled = args.context.patterns.compile(pattern, inRow);
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    throw args.error(error.kind, error.message, error.expected, 0);
  }
  args.context.checkTime(args.span);
  return compiled;
}
