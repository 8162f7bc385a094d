/**
 * Regular expressions compiled once, within limits.
 *
 * @module
 */
import { RE2JS } from "re2js";
import { type PatternWork, workOfPattern } from "./pattern_work.ts";
import type { Stopwatch } from "./stopwatch.ts";

/** How many instructions a pattern may be compiled to; each may be looked at once for each character. */
const MAX_PROGRAM_SIZE = 2_000;

/** What compiling a pattern may take, in instructions: some milliseconds. */
const MAX_WORK = 3_000;

/** What compiling patterns that come from columns may take before others get their turn. */
const MAX_WORK_OF_TURN = 2 * MAX_WORK;

/** To look up the other cases of so many characters takes as long as an instruction. */
const FOLDED = 64;

/** How many classes of Unicode characters a pattern may have: to compile one takes hundreds of ranges. */
const MAX_UNICODE_CLASSES = 10;

/** The ranges of the biggest such class, two numbers each. */
const UNICODE_RANGES = 1_500;

/**
 * What it may take the engine to find out whether a pattern that begins with `^` never has a choice, in numbers copied: it
 * may go through all instructions with their ranges for each of them. About a millisecond.
 */
const MAX_LOOK_AHEAD = 2_000_000;

/** What a group without anything in it takes. */
const SHIELD_SIZE = 3;

/** How many instructions are kept for patterns that come again. */
const MAX_KEPT = 50_000;

/** A compiled pattern. */
export interface Pattern {
  readonly regex: RE2JS;
  /** How many instructions it has. */
  readonly size: number;
}

/** Why a pattern was not compiled. */
export class PatternError extends Error {
  readonly kind: "limit" | "value";
  readonly expected: string;

  constructor(kind: "limit" | "value", problem: string, expected: string) {
    super(problem);
    this.kind = kind;
    this.expected = expected;
  }
}

/** The patterns of an expression. */
export class Patterns {
  readonly #maxLength: number;
  readonly #watch: Stopwatch;
  readonly #kept = new Map<string, Pattern>();
  #keptSize = 0;
  /** What those from rows took since others had their turn, and which turn that was. */
  #workOfTurn = 0;
  #turns = 0;

  constructor(maxLength: number, watch: Stopwatch) {
    this.#maxLength = maxLength;
    this.#watch = watch;
  }

  /**
   * Compiles a pattern, unless that was done just before.
   *
   * @param inRow Whether it comes from a row, within which nobody else gets a turn.
   * @throws {PatternError} When it is none, or too big.
   */
  compile(pattern: string, inRow: boolean): Pattern {
    const kept = this.#kept.get(pattern);
    if (kept !== undefined) return kept;
    if (pattern.length > this.#maxLength) {
      const problem = `a regular expression of ${pattern.length} characters`;
      throw new PatternError("limit", problem, `at most ${this.#maxLength}`);
    }
    const classes = pattern.match(/\\p/gi)?.length ?? 0;
    if (classes > MAX_UNICODE_CLASSES) {
      const problem = `a regular expression with ${classes} classes of Unicode characters`;
      throw new PatternError("limit", problem, `at most ${MAX_UNICODE_CLASSES}`);
    }
    const work = workOfPattern(pattern);
    this.#count(work, inRow);
    const compiled = compilePattern(pattern, work, classes);
    if (compiled.size > MAX_PROGRAM_SIZE) throw tooManyRepetitions();
    // Of those from rows there may be another in each.
    if (!inRow) this.#keep(pattern, compiled);
    return compiled;
  }

  #count({ size, folded }: PatternWork, inRow: boolean): void {
    this.#watch.isDue = true;
    if (size > MAX_WORK) throw tooManyRepetitions();
    const work = size + folded / FOLDED;
    if (work > MAX_WORK) {
      throw new PatternError(
        "limit",
        "a regular expression with too wide ranges under (?i)",
        "narrower ones",
      );
    }
    if (!inRow) return;
    const { turns } = this.#watch;
    this.#workOfTurn = work + (turns === this.#turns ? this.#workOfTurn : 0);
    this.#turns = turns;
    if (this.#workOfTurn <= MAX_WORK_OF_TURN) return;
    throw new PatternError("limit", "too many big regular expressions in one row", "smaller ones");
  }

  #keep(pattern: string, compiled: Pattern): void {
    if (this.#keptSize + compiled.size > MAX_KEPT) {
      this.#kept.clear();
      this.#keptSize = 0;
    }
    this.#kept.set(pattern, compiled);
    this.#keptSize += compiled.size;
  }
}

function tooManyRepetitions(): PatternError {
  return new PatternError("limit", "a regular expression with too many repetitions", "fewer");
}

function compilePattern(pattern: string, { size, folded }: PatternWork, classes: number): Pattern {
  const ranges = 2 * (pattern.length + folded) + UNICODE_RANGES * classes;
  if (size ** 2 * ranges > MAX_LOOK_AHEAD && /\^|\\A/.test(pattern)) {
    const shielded = shield(pattern);
    const regex = shielded && tryCompile(shielded);
    if (regex) return { regex, size: regex.programSize() - SHIELD_SIZE };
  }
  try {
    const regex = RE2JS.compile(pattern);
    return { regex, size: regex.programSize() };
  } catch (error) {
    const expected = "a pattern of the RE2 syntax, which has no look-around and no back-references";
    throw new PatternError("value", (error as Error).message, expected);
  }
}

/**
 * The same pattern with an empty group before it, which the engine does not look for choices behind; searches are hardly
 * slower. `undefined` where a repetition stands first, which would repeat the group.
 */
function shield(pattern: string): string | undefined {
  if (/^(?:[*+?]|\{\d+(?:,\d*)?\})/.test(pattern)) return undefined;
  return pattern.startsWith("{") ? `()\\${pattern}` : `()${pattern}`;
}

function tryCompile(pattern: string): RE2JS | undefined {
  try {
    return RE2JS.compile(pattern);
  } catch {
    // Compiled as it is, it tells of itself.
    return undefined;
  }
}
