import { SttpError } from "../../transport/errors.ts";

/** A stretch of a filter expression's text, in UTF-16 code units. */
export interface Span {
  /** Where it begins. */
  readonly start: number;
  /** Where it ends; the first code unit after it. */
  readonly end: number;
}

/**
 * What kind of mistake a {@linkcode FilterError} tells of.
 *
 * | kind | meaning |
 * | --- | --- |
 * | `syntax` | the text is not an expression of the language |
 * | `name` | no such table, column or function |
 * | `type` | an operator or function does not take values of these types |
 * | `value` | a value that the operation has no result for, such as a zero divisor |
 * | `limit` | the expression is longer, deeper or bigger than the limits in force |
 */
export type FilterErrorKind = "syntax" | "name" | "type" | "value" | "limit";

/** What a {@linkcode FilterError} tells besides its message. */
export interface FilterErrorDetails {
  /** What would have been right there. */
  readonly expected?: string | undefined;
  /** The name that was probably meant. */
  readonly suggestion?: string | undefined;
  /** The error underneath. */
  readonly cause?: unknown;
}

const MAX_EXCERPT = 40;
const NEWLINE = 0x0a;

/**
 * A filter expression that can't be parsed, or not evaluated on these tables (§9).
 *
 * The message is one line that says what is wrong, where, and what was expected; a publisher sends it to the subscriber
 * as it is.
 *
 * @example
 * ```ts
 * import { FilterError, parseFilter } from "@sttp/sttp/metadata";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * const error = assertThrows(() => parseFilter("FILTER ActiveMeasurements WHERE Device LIKE"), FilterError);
 * assertEquals(error.code, "InvalidFilter");
 * assertEquals(error.column, 44);
 * assertEquals(error.expected, "a value");
 * ```
 */
export class FilterError extends SttpError {
  /** What kind of mistake it is. */
  readonly kind: FilterErrorKind;
  /** Where the offending text begins: an offset from 0 in UTF-16 code units. */
  readonly offset: number;
  /** The line that it begins on, from 1. */
  readonly line: number;
  /** The column that it begins at, from 1. */
  readonly column: number;
  /** The offending text, shortened; empty at the end of the expression. */
  readonly found: string;
  /** What would have been right there, if that can be said. */
  readonly expected: string | undefined;
  /** The column, table or function name that was probably meant, if there is one. */
  readonly suggestion: string | undefined;

  /**
   * Makes an error about a part of a filter expression.
   *
   * @param kind What kind of mistake it is.
   * @param problem What is wrong, in a few words.
   * @param text The whole filter expression.
   * @param span The offending part of it.
   * @param details What was expected or meant.
   * @param position Where the part begins, for who has found that already.
   */
  constructor(
    kind: FilterErrorKind,
    problem: string,
    text: string,
    span: Span,
    details: FilterErrorDetails = {},
    position: { readonly line: number; readonly column: number } = new Lines(text).positionOf(span.start),
  ) {
    const { line, column } = position;
    const found = excerpt(text, span);
    const place = found === "" ? `at the end, line ${line}` : `at "${found}", line ${line}`;
    const expected = details.expected === undefined ? "" : `; expected ${details.expected}`;
    const meant = details.suggestion === undefined ? "" : `; did you mean ${details.suggestion}?`;
    super(
      "InvalidFilter",
      `${problem} (${place}, column ${column})${expected}${meant}`,
      details.cause === undefined ? undefined : { cause: details.cause },
    );
    this.name = "FilterError";
    this.kind = kind;
    this.offset = span.start;
    this.line = line;
    this.column = column;
    this.found = found;
    this.expected = details.expected;
    this.suggestion = details.suggestion;
  }
}

/** An evaluation that took too long. Unlike other errors in what is constant, it is never left for a row to find. */
export class TimeLimitError extends FilterError {}

/** The text of a span on one line, shortened in its middle. */
function excerpt(text: string, span: Span): string {
  const length = span.end - span.start;
  const head = length > MAX_EXCERPT
    ? text.slice(span.start, span.start + MAX_EXCERPT - 3) + "..."
    : undefined;
  return (head ?? text.slice(span.start, span.end)).replaceAll(/\s+/g, " ");
}

/** So many characters lie between two places of a text whose lines are known. */
const STRETCH = 4_096;

/** Finds lines and columns in a text that is gone through once, however many are asked for. */
export class Lines {
  readonly #text: string;
  /** At each stretch's beginning the line, from 1, and where that begins. */
  readonly #lines: number[] = [1];
  readonly #begins: number[] = [0];

  constructor(text: string) {
    this.#text = text;
  }

  /** Line and column, both from 1, of an offset. */
  positionOf(offset: number): { line: number; column: number } {
    const stretch = Math.floor(offset / STRETCH);
    for (let last = this.#lines.length - 1; last < stretch; last++) {
      const { line, begin } = this.#from(last, (last + 1) * STRETCH);
      this.#lines.push(line);
      this.#begins.push(begin);
    }
    const { line, begin } = this.#from(stretch, offset);
    return { line, column: offset - begin + 1 };
  }

  /** The line of an offset and where it begins, looked for from a stretch's beginning on. */
  #from(stretch: number, offset: number): { line: number; begin: number } {
    let line = this.#lines[stretch]!;
    let begin = this.#begins[stretch]!;
    for (let at = stretch * STRETCH; at < offset; at++) {
      if (this.#text.charCodeAt(at) !== NEWLINE) continue;
      line++;
      begin = at + 1;
    }
    return { line, begin };
  }
}

/**
 * The candidate that a misspelled name was probably meant to be: the one with the fewest edits, at most a third of the
 * name's length, case ignored.
 */
export function nearest(name: string, candidates: Iterable<string>): string | undefined {
  const wanted = name.toLowerCase();
  if (wanted.length > 64) return undefined;
  let best: string | undefined;
  let bestDistance = Math.floor(wanted.length / 3) + 1;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - wanted.length) >= bestDistance) continue;
    const distance = editDistance(wanted, candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Insertions, deletions, replacements and swaps of neighbours that turn one word into the other. */
function editDistance(from: string, to: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (let i = 1; i <= from.length; i++) {
    const row = [i];
    for (let j = 1; j <= to.length; j++) {
      const same = from[i - 1] === to[j - 1];
      let cost = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1));
      const swapped = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
      if (swapped) cost = Math.min(cost, beforeLast[j - 2]! + 1);
      row.push(cost);
    }
    beforeLast = last;
    last = row;
  }
  return last[to.length]!;
}
