/**
 * What expressions cost, in comparisons of two short values: reckoned beforehand to refuse what would take too long,
 * and counted while they are evaluated.
 *
 * @module
 */
import { RE2JS } from "re2js";
import type { DataTable } from "../data_table.ts";
import { formatDecimal } from "../decimal.ts";
import type { FilterLimits } from "./limits.ts";
import type { CallNode, ExpressionNode, SelectStatement } from "./tree.ts";

/** So many characters of a text cost as much as one short value. */
export const CHARACTERS = 64;

/** What a function call costs. */
const CALL = 10;

/** What arithmetic by repeated multiplication costs. */
const POWER = 500;

/** What it costs to compile a regular expression anew in a row. */
const PATTERN = 20_000;

/** So many instructions of a regular expression, each looked at once, cost as much as a comparison. */
const INSTRUCTIONS = 4;

/** So many digits of a decimal cost as much as one short value. */
const DIGITS = 16;

/** What ordering by one term costs for each row: as often as it is compared in a long table. */
const ORDER_TERM = 20;

/** What a call of a function costs, without its arguments and their lengths. */
export function callCost(name: string): number {
  return name === "POWER" ? POWER : CALL;
}

/** What the lengths of values cost that are texts. */
export function textCost(values: readonly unknown[]): number {
  let length = 0;
  for (const value of values) if (typeof value === "string") length += value.length;
  return length / CHARACTERS;
}

/** What it costs to search a text by a regular expression of so many instructions. */
export function stepCost(programSize: number, length: number): number {
  return (programSize * length) / INSTRUCTIONS;
}

/** What an expression costs in a row, and how long its value may be as text. */
interface Cost {
  readonly work: number;
  readonly length: number;
}

/** The length of what is no text, as text. */
const SHORT_LENGTH = 32;

class Reckoning {
  readonly #table: DataTable | undefined;
  readonly #maxTextLength: number;
  readonly #maxPatternLength: number;
  readonly #lengths = new Map<string, number>();

  constructor(table?: DataTable, limits?: FilterLimits) {
    this.#table = table;
    this.#maxTextLength = limits?.maxTextLength ?? 0;
    this.#maxPatternLength = limits?.maxPatternLength ?? 0;
  }

  of(node: ExpressionNode): Cost {
    switch (node.kind) {
      case "literal":
        return literalCost(node.value);
      case "column":
        return { work: 1, length: this.#columnLength(node.name) };
      case "unary":
      case "isNull":
        return this.#sum(1, [node.operand]);
      case "binary": {
        const sum = this.#sum(1, [node.left, node.right]);
        return { work: sum.work + sum.length / CHARACTERS, length: sum.length };
      }
      case "logical":
        return { ...this.#sum(0, node.operands), length: SHORT_LENGTH };
      case "in": {
        // Constants are looked up all at once.
        const others = node.list.filter((item) => item.kind !== "literal");
        return { ...this.#sum(1, [node.operand, ...others]), length: SHORT_LENGTH };
      }
      case "like": {
        const sum = this.#sum(1, [node.operand, node.pattern]);
        return { work: sum.work + sum.length / CHARACTERS, length: SHORT_LENGTH };
      }
      case "call":
        return this.#call(node);
    }
  }

  #sum(work: number, nodes: readonly ExpressionNode[]): Cost {
    let length = 0;
    for (const node of nodes) {
      const cost = this.of(node);
      work += cost.work;
      length += cost.length;
    }
    return { work, length: Math.max(length, SHORT_LENGTH) };
  }

  #call(node: CallNode): Cost {
    const name = node.name.toUpperCase();
    const { work, length } = this.#sum(callCost(name), node.args);
    if ((name === "REGEXMATCH" || name === "REGEXVAL") && node.args.length === 2) {
      const [pattern, text] = node.args as [ExpressionNode, ExpressionNode];
      const constant = pattern.kind === "literal" && typeof pattern.value === "string";
      const size = constant ? this.#programSize(pattern.value as string) : this.#maxPatternLength;
      const search = stepCost(size, this.of(text).length);
      return { work: work + search + (constant ? 0 : PATTERN), length };
    }
    const longest = name === "REPLACE" ? Math.max(length, this.#maxTextLength) : length;
    return { work: work + longest / CHARACTERS, length: longest };
  }

  /** How many instructions a constant pattern has; one that is none is refused when it is compiled. */
  #programSize(pattern: string): number {
    if (this.#maxPatternLength === 0 || pattern.length > this.#maxPatternLength) return pattern.length;
    try {
      return RE2JS.compile(pattern).programSize();
    } catch {
      return pattern.length;
    }
  }

  /** How long a column's texts are, on the average: what they cost, they cost all together. */
  #columnLength(name: string): number {
    const column = this.#table?.column(name);
    if (column === undefined || column.type !== "string") return SHORT_LENGTH;
    if (column.computed) return this.#maxTextLength;
    let length = this.#lengths.get(column.name);
    if (length === undefined) {
      let sum = 0;
      for (const value of column.values) if (typeof value === "string") sum += value.length;
      length = Math.ceil(sum / Math.max(1, column.values.length));
      this.#lengths.set(column.name, length);
    }
    return length;
  }
}

function literalCost(value: unknown): Cost {
  if (typeof value === "string") return { work: value.length / CHARACTERS, length: value.length };
  if (typeof value !== "object" || value === null) return { work: 0, length: SHORT_LENGTH };
  const { length } = formatDecimal(value as Parameters<typeof formatDecimal>[0]);
  // Multiplying takes the square of the digits.
  return { work: (length / DIGITS) ** 2, length };
}

/** Roughly what a condition costs in a row, lengths of texts and patterns aside: those are counted as they come. */
export function costOfRow(where: ExpressionNode | undefined): number {
  return 1 + (where === undefined ? 0 : new Reckoning().of(where).work);
}

/** Roughly what a statement costs for each row of its table. */
export function costOfSelect(
  { where, orderBy }: Pick<SelectStatement, "where" | "orderBy">,
  table: DataTable,
  limits: FilterLimits,
): number {
  const work = where === undefined ? 0 : new Reckoning(table, limits).of(where).work;
  return 1 + work + ORDER_TERM * orderBy.length;
}
