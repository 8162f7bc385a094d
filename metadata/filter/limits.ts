/**
 * How big a filter expression may be. Expressions come from remote subscribers, so each limit stands against a way to
 * make a publisher spend time or memory; what is over one is refused with a `FilterError` of kind `limit`.
 */
export interface FilterLimits {
  /** Characters of the whole text, against sheer volume. Default 4,194,304; a list of 100,000 GUIDs fits. */
  readonly maxLength: number;
  /** Words, values and signs of the whole text, against volume after parsing. Default 500,000. */
  readonly maxTokens: number;
  /**
   * How deep brackets and operators may nest, against exhausting the stack; AND and OR chains count once, however long.
   * Default 500, at most 1,000.
   */
  readonly maxDepth: number;
  /** Entries of one IN list and arguments of one function. Default 200,000. */
  readonly maxListSize: number;
  /** Characters of a text that is written out, or made by `+` or REPLACE: against texts that multiply. Default 65,536. */
  readonly maxTextLength: number;
  /** Characters of a regular expression. Default 1,000. */
  readonly maxPatternLength: number;
  /**
   * What a selection may cost: for each statement the rows of its table times its operators, a function counting for
   * several; against filters that occupy the publisher for minutes. Signals named directly cost nothing. Default
   * 500,000,000: some seconds; a condition with 500 operators on a million rows.
   */
  readonly maxWork: number;
  /**
   * What a condition may cost in one row, by its operators and the lengths of texts and patterns; against rows during
   * which nothing else runs, as a selection can stop between rows only. Default 250,000: some milliseconds; 50,000
   * comparisons, some 10,000 functions, or 2,000 divisions.
   */
  readonly maxRowWork: number;
  /**
   * Milliseconds that a selection may take, or the evaluation of an expression in one row: what is slower than
   * `maxWork` reckons stops then. Default 2,000.
   */
  readonly maxMilliseconds: number;
}

/** The {@linkcode FilterLimits} in force where an option does not say otherwise. */
export const DEFAULT_FILTER_LIMITS: FilterLimits = Object.freeze({
  maxLength: 4_194_304,
  maxTokens: 500_000,
  maxDepth: 500,
  maxListSize: 200_000,
  maxTextLength: 65_536,
  maxPatternLength: 1_000,
  maxWork: 500_000_000,
  maxRowWork: 250_000,
  maxMilliseconds: 2_000,
});

/** The greatest {@linkcode FilterLimits.maxDepth}: what fits the stack with room for the caller. */
const DEEPEST = 1_000;

/**
 * Fills in the limits that were left out.
 *
 * @throws {RangeError} When a limit is not a positive integer, or the depth is more than the stack can hold.
 */
export function resolveLimits(limits: Partial<FilterLimits> | undefined): FilterLimits {
  if (limits === undefined) return DEFAULT_FILTER_LIMITS;
  const resolved = { ...DEFAULT_FILTER_LIMITS };
  for (const name of Object.keys(resolved) as (keyof FilterLimits)[]) {
    const value = limits[name];
    if (value === undefined) continue;
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new RangeError(`${name} is ${value}, a positive integer expected`);
    }
    resolved[name] = value;
  }
  if (resolved.maxDepth > DEEPEST) {
    throw new RangeError(`maxDepth is ${resolved.maxDepth}, at most ${DEEPEST} expected`);
  }
  return resolved;
}
