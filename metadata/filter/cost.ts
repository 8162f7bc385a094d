/**
 * What expressions cost, in comparisons of two short values: reckoned beforehand to refuse what would take too long,
 * and counted while they are evaluated.
 *
 * @module
 */
import type { DataColumn } from "../data_column.ts";
import { formatDecimal } from "../decimal.ts";
import type { Steps } from "../steps.ts";
import { countUnusual } from "./caseless.ts";
import type { Compilation } from "./code.ts";
import { decimalCost, digitsOf } from "./decimal_cost.ts";
import type { Span } from "./errors.ts";
import type { CallNode, ColumnNode, ExpressionNode, LiteralNode, SelectStatement } from "./tree.ts";

/** So many characters of a text cost as much as one short value. */
export const CHARACTERS = 64;

/** What a function call costs, and each of its arguments. */
const CALL = 10;

/** So many characters of a text cost as much as one short value where each of them is looked at. */
export const CHARACTERS_LOOKED_AT = 16;

/** So many where the function takes the text to pieces. */
const CHARACTERS_TAKEN_APART = 1;

const TAKES_APART: ReadonlySet<string> = new Set(["REPLACE", "REVERSE", "SPLIT"]);

/** What each condition of AND or OR costs besides its own cost. */
const TERM = 2;

/** What arithmetic by repeated multiplication costs. */
const POWER = 500;

/** What it costs to compile a regular expression anew in a row. */
const PATTERN = 20_000;

/** So many instructions of a regular expression, each looked at once, cost as much as a comparison. */
const INSTRUCTIONS = 4;

/** So many digits of a factor, with as many of the other one, cost as much as one short value. */
const DIGITS_OF_FACTOR = 16;

/** What ordering by one term costs for each row: as often as it is compared in a long table. */
const ORDER_TERM = 20;

/** What a call of a function costs, without its arguments and their lengths. */
export function callCost(name: string, args: number): number {
  return name === "POWER" ? POWER : CALL * Math.max(1, args);
}

/** How many characters of a function's texts cost as much as one short value. */
export function charactersOfCall(name: string): number {
  return TAKES_APART.has(name) ? CHARACTERS_TAKEN_APART : CHARACTERS_LOOKED_AT;
}

/** How long the values are together that are texts. */
export function textLength(values: readonly unknown[]): number {
  let length = 0;
  for (const value of values) if (typeof value === "string") length += value.length;
  return length;
}

/** What the lengths of values cost that are texts. */
export function textCost(values: readonly unknown[]): number {
  return textLength(values) / CHARACTERS;
}

/** What it costs to search a text by a regular expression of so many instructions. */
export function stepCost(programSize: number, length: number): number {
  return (programSize * length) / INSTRUCTIONS;
}

/** What an expression costs in a row, and how long its value may be as text. */
interface Cost {
  readonly work: number;
  readonly length: number;
  /** How many of its characters may be unusual: each costs as much as a short value where case is ignored or changed. */
  readonly unusual: number;
  /** How many digits it may have if it is a decimal. */
  readonly digits: number;
  /** Whether it is a double for certain. */
  readonly isDouble: boolean;
}

const NOTHING: Cost = { work: 0, length: 0, unusual: 0, digits: 0, isDouble: false };

/** The length of what is no text, as text. */
const SHORT_LENGTH = 32;

/** So many nodes are a step: less than a millisecond. */
const STEP = 1_024;

/** A node with parts, as far as they are reckoned. */
interface Sum {
  readonly node: Exclude<ExpressionNode, LiteralNode | ColumnNode>;
  readonly parts: readonly ExpressionNode[];
  /** How many parts are in it. */
  done: number;
  work: number;
  /** Of all parts together. */
  length: number;
  /** Of all parts together. */
  unusual: number;
  /** Of all parts together. */
  digits: number;
  /** Whether one of the parts is a double: of numbers, any with a double becomes one. */
  hasDouble: boolean;
  /** Of the last part. */
  lastLength: number;
  /** What comparing the first part with a short value costs beside. */
  firstFolding: number;
}

/** The parts of a node. */
function partsOf(node: Sum["node"]): readonly ExpressionNode[] {
  switch (node.kind) {
    case "unary":
    case "isNull":
      return [node.operand];
    case "binary":
      return [node.left, node.right];
    case "logical":
      return node.operands;
    case "in":
      // Not spread: lists may be long.
      return [node.operand].concat(node.list);
    case "like":
      return [node.operand, node.pattern];
    case "call":
      return node.args;
  }
}

class Reckoning {
  /** What searching for constant patterns costs. */
  searches = 0;
  readonly #context: Compilation | undefined;
  readonly #maxTextLength: number;
  readonly #maxPatternLength: number;
  readonly #lengths = new Map<string, number>();
  /** Whether something took longer than a node mostly does. */
  #isDue = false;

  /** @param context Tells the lengths of texts; without it they and patterns are left out. */
  constructor(context?: Compilation) {
    this.#context = context;
    this.#maxTextLength = context?.limits.maxTextLength ?? 0;
    this.#maxPatternLength = context?.limits.maxPatternLength ?? 0;
  }

  /** What an expression costs, from its leaves to its root. */
  *of(root: ExpressionNode): Steps<Cost> {
    const sums: Sum[] = [];
    let node = root;
    for (let count = 1;; count++) {
      if (this.#isDue || count % STEP === 0) {
        this.#isDue = false;
        yield;
      }
      let cost: Cost | undefined;
      const parent: Sum | undefined = sums.at(-1);
      // What IN looks for is looked up in all constants at once.
      if (parent?.node.kind === "in" && parent.done > 0 && isConstant(node)) {
        cost = NOTHING;
      } else if (node.kind === "literal") {
        cost = literalCost(node);
        this.#isDue ||= typeof node.value === "object" || cost.unusual > STEP;
      } else if (node.kind === "column") {
        cost = this.#columnCost(node.name);
      } else {
        sums.push({
          node,
          parts: partsOf(node),
          done: 0,
          work: 0,
          length: 0,
          unusual: 0,
          digits: 0,
          hasDouble: false,
          lastLength: 0,
          firstFolding: 0,
        });
      }
      for (;;) {
        const sum: Sum | undefined = sums.at(-1);
        if (cost !== undefined) {
          if (sum === undefined) return cost;
          sum.work += cost.work;
          sum.length += cost.length;
          sum.unusual += cost.unusual;
          sum.digits += cost.digits;
          sum.hasDouble ||= cost.isDouble;
          if (sum.done === 0) sum.firstFolding = cost.length / CHARACTERS_LOOKED_AT + cost.unusual;
          // What is not looked up is compared one by one.
          else if (sum.node.kind === "in" && cost !== NOTHING) sum.work += sum.firstFolding;
          sum.lastLength = cost.length;
          sum.done++;
        }
        const next: ExpressionNode | undefined = sum!.parts[sum!.done];
        if (next !== undefined) {
          node = next;
          break;
        }
        cost = this.#whole(sum!);
        sums.pop();
        // A pattern takes some milliseconds, and patterns may stand in one another's calls.
        if (this.#isDue) {
          this.#isDue = false;
          yield;
        }
      }
    }
  }

  #whole(sum: Sum): Cost {
    const { node, digits, hasDouble, length } = sum;
    const isDouble = hasDouble && isArithmetic(node);
    sum.work += decimalCost(node, digits, length, isDouble);
    return { ...this.#wholeText(sum), digits: isDouble ? 0 : digitsOf(node, digits), isDouble };
  }

  #wholeText(sum: Sum): Pick<Cost, "work" | "length" | "unusual"> {
    const { node, work, unusual } = sum;
    const made = Math.max(sum.length, SHORT_LENGTH);
    switch (node.kind) {
      case "unary":
      case "isNull":
        return { work: work + 1, length: made, unusual: 0 };
      case "binary": {
        const whole = work + 1 + made / CHARACTERS;
        if (node.operator === "+") return { work: whole, length: made, unusual };
        const exact = node.operator === "===" || node.operator === "!==";
        return { work: whole + (exact ? 0 : unusual), length: made, unusual: 0 };
      }
      case "logical":
        return { work: work + TERM * node.operands.length, length: SHORT_LENGTH, unusual: 0 };
      case "in":
        return { work: work + 1 + (node.exact ? 0 : unusual), length: SHORT_LENGTH, unusual: 0 };
      case "like": {
        const whole = work + 1 + made / CHARACTERS;
        return { work: whole + (node.exact ? 0 : unusual), length: SHORT_LENGTH, unusual: 0 };
      }
      case "call":
        return this.#call(node, sum, made);
    }
  }

  /** @param length Of all arguments together, at least that of a short value. */
  #call(
    node: CallNode,
    { work, unusual, lastLength }: Sum,
    length: number,
  ): Pick<Cost, "work" | "length" | "unusual"> {
    const name = node.name.toUpperCase();
    const call = work + callCost(name, node.args.length);
    if ((name === "REGEXMATCH" || name === "REGEXVAL") && node.args.length === 2) {
      const pattern = node.args[0]!;
      const constant = pattern.kind === "literal" && typeof pattern.value === "string";
      const size = constant ? this.#programSize(pattern.value as string, pattern) : this.#maxPatternLength;
      const search = stepCost(size, lastLength);
      if (constant) this.searches += search;
      return { work: call + search + (constant ? 0 : PATTERN), length, unusual };
    }
    if (name !== "REPLACE") {
      return { work: call + length / charactersOfCall(name) + unusual, length, unusual };
    }
    const longest = Math.max(length, this.#maxTextLength);
    // What is replaced is not in the result; what is left and put in may be there many times.
    const replaced = node.args[1];
    const stays = unusual - (replaced?.kind === "literal" ? literalCost(replaced).unusual : 0) > 0;
    return {
      work: call + longest / charactersOfCall(name) + unusual,
      length: longest,
      unusual: stays ? longest : 0,
    };
  }

  /** How many instructions a constant pattern has; one that is none is refused when it is compiled. */
  #programSize(pattern: string, span: Span): number {
    if (this.#context === undefined) return pattern.length;
    this.#isDue = true;
    try {
      return this.#context.patterns.compile(pattern, false).size;
    } catch {
      return pattern.length;
    } finally {
      this.#context.checkTime(span);
    }
  }

  #columnCost(name: string): Cost {
    const column = this.#context?.table?.column(name);
    const isDouble = column?.type === "double" || column?.type === "single";
    return {
      ...NOTHING,
      work: 1,
      length: column === undefined ? SHORT_LENGTH : this.#columnLength(column),
      isDouble,
    };
  }

  /** How long a column's texts are, on the average: what they cost, they cost all together. */
  #columnLength(column: DataColumn): number {
    if (column.type !== "string") return SHORT_LENGTH;
    if (column.computed) return this.#maxTextLength;
    let length = this.#lengths.get(column.name);
    if (length === undefined) {
      let sum = 0;
      for (const value of column.values) if (typeof value === "string") sum += value.length;
      length = Math.ceil(sum / Math.max(1, column.values.length));
      this.#lengths.set(column.name, length);
      this.#isDue = true;
    }
    return length;
  }
}

function literalCost({ type, value }: LiteralNode): Cost {
  if (typeof value === "string") {
    const { length } = value;
    return { ...NOTHING, work: length / CHARACTERS, length, unusual: countUnusual(value) };
  }
  if (typeof value !== "object" || value === null) {
    return { ...NOTHING, length: SHORT_LENGTH, isDouble: type === "double" };
  }
  const { length } = formatDecimal(value);
  return { ...NOTHING, work: workOfFactor(length), length, digits: length };
}

/** What multiplying by so many digits costs: the square of them. */
export function workOfFactor(digits: number): number {
  return (digits / DIGITS_OF_FACTOR) ** 2;
}

/** Whether a node is a constant, signed or not. */
function isConstant(node: ExpressionNode): boolean {
  return node.kind === "literal" || (node.kind === "unary" && node.operand.kind === "literal");
}

/** Whether a whole of numbers is of the widest type that one of them has. */
function isArithmetic(node: Sum["node"]): boolean {
  switch (node.kind) {
    case "unary":
      return node.operator !== "!";
    case "binary":
      return "+-*/".includes(node.operator);
    case "call":
      return node.name.toUpperCase() === "POWER";
    default:
      return false;
  }
}

/** Roughly what a condition costs in a row. */
export interface RowCost {
  readonly work: number;
  /** The same where regular expressions take longest: all their instructions are in play. */
  readonly most: number;
}

/**
 * Roughly what a condition costs in a row.
 *
 * @param context Tells the lengths of texts; without it they and patterns are left out: they are counted as they come.
 * @throws {FilterError} `limit` when time is up.
 */
export function* costOfRow(where: ExpressionNode | undefined, context?: Compilation): Steps<RowCost> {
  if (where === undefined) return { work: 1, most: 1 };
  const reckoning = new Reckoning(context);
  const work = 1 + (yield* reckoning.of(where)).work;
  return { work, most: work + reckoning.searches };
}

/** Roughly what ordering costs for each row. */
export function costOfOrder(orderBy: SelectStatement["orderBy"]): number {
  return ORDER_TERM * orderBy.length;
}
