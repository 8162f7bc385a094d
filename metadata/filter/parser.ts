import { parseGuid } from "./convert.ts";
import { FilterError, type FilterErrorKind, type Span } from "./errors.ts";
import { binaryOperatorOf, BINDING, bindingOfOperator, RESERVED } from "./grammar.ts";
import { isSign, type Token, tokenize } from "./lexer.ts";
import { type FilterLimits, resolveLimits } from "./limits.ts";
import type { ExpressionNode, FilterStatement, OrderTerm, SelectStatement, SignalStatement } from "./tree.ts";
import type { FilterValue, ValueType } from "./types.ts";

/** How a filter expression is parsed. */
export interface ParseOptions {
  /** How big it may be; the defaults for those left out. */
  readonly limits?: Partial<FilterLimits> | undefined;
}

/**
 * Parses a filter expression into its statements (§9): `FILTER` statements, conditions for the primary table, and
 * signals named directly, with `;` between them. An empty text has none.
 *
 * Names of tables, columns and functions are not looked up yet.
 *
 * @throws {FilterError} `syntax` or `limit`.
 *
 * @example
 * ```ts
 * import { parseFilter } from "@sttp/sttp/metadata";
 * import { assertEquals } from "@std/assert";
 *
 * const [statement] = parseFilter("FILTER TOP 10 ActiveMeasurements WHERE SignalType = 'FREQ' ORDER BY PointTag");
 * assertEquals(statement?.kind === "filter" && [statement.table, statement.top], ["ActiveMeasurements", 10]);
 * ```
 */
export function parseFilter(text: string, options: ParseOptions = {}): FilterStatement[] {
  return new Parser(text, resolveLimits(options.limits)).statements();
}

/**
 * Parses one expression alone.
 *
 * @throws {FilterError} `syntax` or `limit`.
 */
export function parseExpression(text: string, options: ParseOptions = {}): ExpressionNode {
  return new Parser(text, resolveLimits(options.limits)).soleExpression();
}

/** Words that say that no further operand follows, for finding where a condition ends. */
const TERMINATORS: ReadonlySet<string> = new Set(["AND", "OR", "ORDER"]);

class Parser {
  readonly #text: string;
  readonly #limits: FilterLimits;
  readonly #tokens: readonly Token[];
  #index = 0;
  /** How deep the expression parsed last nests. */
  #depth = 0;
  /** How many expressions are being parsed, one within the other. */
  #level = 0;

  constructor(text: string, limits: FilterLimits) {
    this.#text = text;
    this.#limits = limits;
    this.#tokens = tokenize(text, limits);
  }

  // --- statements

  statements(): FilterStatement[] {
    const statements: FilterStatement[] = [];
    for (;;) {
      while (this.#takeSign(";"));
      if (this.#atEnd()) return statements;
      statements.push(this.#statement());
      if (!this.#atEnd() && !this.#isSign(";")) throw this.#unexpected("an operator, ; or the end");
    }
  }

  soleExpression(): ExpressionNode {
    while (this.#takeSign(";"));
    const expression = this.#expression(BINDING.none);
    while (this.#takeSign(";"));
    if (!this.#atEnd()) throw this.#unexpected("an operator or the end of the expression");
    return expression;
  }

  #statement(): FilterStatement {
    const token = this.#token;
    const next = this.#tokens[this.#index + 1];
    if (token.keyword === "FILTER" && next !== undefined && ["word", "name", "end"].includes(next.kind)) {
      return this.#select();
    }
    if (next?.kind === "end" || (next !== undefined && isSign(next, ";"))) {
      const signal = signalOf(token);
      if (signal !== undefined) {
        this.#index++;
        return signal;
      }
    }
    const where = this.#expression(BINDING.none);
    return { kind: "condition", where, start: where.start, end: where.end };
  }

  #select(): SelectStatement {
    const { start } = this.#take();
    const top = this.#isTop() ? this.#top() : undefined;
    const table = this.#name("the name of a table");
    const where = this.#takeWord("WHERE") ? this.#expression(BINDING.none) : undefined;
    const orderBy: OrderTerm[] = [];
    if (this.#takeWord("ORDER")) {
      if (!this.#takeWord("BY")) throw this.#unexpected("BY");
      do orderBy.push(this.#orderTerm()); while (this.#takeSign(","));
    } else if (where === undefined && !this.#atEnd() && !this.#isSign(";")) {
      throw this.#unexpected("WHERE, ORDER BY, ; or the end");
    }
    return { kind: "filter", table: table.text, top, where, orderBy, start, end: this.#previous.end };
  }

  /** Whether TOP stands here as a keyword, and not as the name of a table. */
  #isTop(): boolean {
    const next = this.#tokens[this.#index + 1];
    return this.#token.keyword === "TOP" && next !== undefined && next.kind !== "end" &&
      !["WHERE", "ORDER"].includes(next.keyword) && !isSign(next, ";");
  }

  #top(): number | undefined {
    this.#take();
    const negative = this.#takeSign("-");
    if (!negative) this.#takeSign("+");
    const { type, value } = this.#token;
    if (type !== "int32" && type !== "int64") throw this.#unexpected("a whole number of rows");
    this.#take();
    return negative ? undefined : Number(value);
  }

  #orderTerm(): OrderTerm {
    const { start } = this.#token;
    const next = this.#tokens[this.#index + 1];
    const followed = next?.kind === "name" ||
      (next?.kind === "word" && !["ASC", "DESC"].includes(next.keyword));
    const exact = this.#takeSign("===") || (followed && this.#takeWord("BINARY"));
    const column = this.#name("the name of a column");
    const descending = this.#takeWord("DESC");
    if (!descending) this.#takeWord("ASC");
    return { column: column.text, descending, exact, start, end: this.#previous.end };
  }

  #name(expected: string): Token {
    const { kind, keyword } = this.#token;
    if (kind === "name" || (kind === "word" && !RESERVED.has(keyword))) return this.#take();
    throw this.#unexpected(expected);
  }

  // --- expressions

  /** An expression whose operators all bind tighter than `binding`. */
  #expression(binding: number): ExpressionNode {
    if (++this.#level > this.#limits.maxDepth) throw this.#tooDeep();
    let left = binding < BINDING.not && this.#token.keyword === "NOT" ? this.#negation() : this.#unary();
    for (;;) {
      const depth = this.#depth;
      const next = this.#operation(left, binding);
      if (next === undefined) break;
      left = next;
      this.#nest(Math.max(depth, this.#depth));
    }
    this.#level--;
    return left;
  }

  /** Says that the expression at hand holds one that nests this deep. */
  #nest(depth: number): void {
    this.#depth = depth + 1;
    if (depth >= this.#limits.maxDepth) throw this.#tooDeep();
  }

  #tooDeep(): FilterError {
    return this.#error(
      "limit",
      "expression nested too deeply",
      this.#previous,
      `at most ${this.#limits.maxDepth}`,
    );
  }

  /** `left` with the operator that follows it and that operator's right side, if it binds tighter than `binding`. */
  #operation(left: ExpressionNode, binding: number): ExpressionNode | undefined {
    const token = this.#token;
    const word = token.kind === "sign" ? token.text : token.keyword;
    switch (word) {
      case "OR":
        return binding < BINDING.or ? this.#logical("OR", left, BINDING.or) : undefined;
      case "AND":
        return binding < BINDING.and ? this.#logical("AND", left, BINDING.and) : undefined;
      case "IS":
      case "IN":
      case "LIKE":
      case "NOT":
      case "!":
        return binding < BINDING.predicate ? this.#predicate(left) : undefined;
    }
    const operator = binaryOperatorOf(word);
    if (operator === undefined || bindingOfOperator(operator) <= binding) return undefined;
    this.#take();
    const right = this.#expression(bindingOfOperator(operator));
    return { kind: "binary", operator, left, right, start: left.start, end: right.end };
  }

  /** All of a chain of one logical operator at once, so that long ones do not nest. */
  #logical(operator: "AND" | "OR", first: ExpressionNode, binding: number): ExpressionNode {
    const operands = [first];
    let depth = 0;
    while (this.#takeWordOrSign(operator)) {
      operands.push(this.#expression(binding));
      depth = Math.max(depth, this.#depth);
    }
    this.#depth = depth;
    return { kind: "logical", operator, operands, start: first.start, end: this.#previous.end };
  }

  /** IS NULL, IN and LIKE. */
  #predicate(operand: ExpressionNode): ExpressionNode {
    const { start } = operand;
    if (this.#takeWord("IS")) {
      const negated = this.#takeNot();
      if (!this.#takeWord("NULL")) throw this.#unexpected(negated ? "NULL" : "NULL or NOT NULL");
      this.#depth = 0;
      return { kind: "isNull", operand, negated, start, end: this.#previous.end };
    }
    const negated = this.#takeNot();
    if (this.#takeWord("IN")) {
      const exact = this.#takeExact();
      if (!this.#isSign("(")) throw this.#unexpected("( and a list of values");
      const list = this.#list("IN");
      if (list.length === 0) throw this.#unexpected("a value", this.#tokens[this.#index - 1]);
      return { kind: "in", operand, list, negated, exact, start, end: this.#previous.end };
    }
    if (!this.#takeWord("LIKE")) throw this.#unexpected("IN or LIKE");
    const exact = this.#takeExact();
    const pattern = this.#expression(BINDING.predicate);
    return { kind: "like", operand, pattern, negated, exact, start, end: pattern.end };
  }

  #takeNot(): boolean {
    return this.#takeWord("NOT") || this.#takeSign("!");
  }

  #takeExact(): boolean {
    return this.#takeWord("BINARY") || this.#takeSign("===");
  }

  /** What begins with NOT: the negation of a predicate, or a value whose NOT binds as a minus does. */
  #negation(): ExpressionNode {
    const first = this.#index;
    const starts: number[] = [];
    while (this.#token.keyword === "NOT") starts.push(this.#take().start);
    if (!this.#beginsPredicate()) {
      this.#index = first;
      return this.#unary();
    }
    let operand = this.#expression(BINDING.not);
    for (const start of starts.reverse()) {
      operand = { kind: "unary", operator: "!", operand, start, end: operand.end };
      this.#nest(this.#depth);
    }
    return operand;
  }

  /** Whether a comparison, IN, LIKE or IS stands between here and the end of this condition, outside of brackets. */
  #beginsPredicate(): boolean {
    for (let i = this.#index;; i++) {
      const { kind, keyword, text, match } = this.#tokens[i]!;
      if (kind === "end" || TERMINATORS.has(keyword)) return false;
      if (keyword === "IN" || keyword === "LIKE" || keyword === "IS") return true;
      if (kind !== "sign") continue;
      if (text === ")" || text === "," || text === ";" || text === "AND" || text === "OR") return false;
      if (text === "(") {
        if (match === 0) return false;
        i = match;
        continue;
      }
      const operator = binaryOperatorOf(text);
      if (operator !== undefined && bindingOfOperator(operator) <= BINDING.order) return true;
    }
  }

  /** A value with the unary operators before it. */
  #unary(): ExpressionNode {
    const before: { operator: "+" | "-" | "!"; start: number }[] = [];
    for (let token = this.#token;; token = this.#token) {
      const sign = token.keyword === "NOT" ? "!" : token.kind === "sign" ? token.text : "";
      if (sign !== "+" && sign !== "-" && sign !== "!") break;
      before.push({ operator: sign, start: token.start });
      if (before.length > this.#limits.maxDepth) this.#nest(before.length);
      this.#take();
    }
    let operand = this.#primary();
    for (const { operator, start } of before.reverse()) {
      operand = { kind: "unary", operator, operand, start, end: operand.end };
      this.#nest(this.#depth);
    }
    return operand;
  }

  #primary(): ExpressionNode {
    const token = this.#token;
    this.#depth = 0;
    switch (token.kind) {
      case "literal":
        return this.#literal(token.type, token.value);
      case "name":
        this.#take();
        return { kind: "column", name: token.text, start: token.start, end: token.end };
      case "word":
        return this.#word(token);
      case "sign":
        if (token.text !== "(") break;
        return this.#bracketed();
      case "tag":
        throw this.#error(
          "syntax",
          "a point tag can't be part of an expression",
          token,
          "a statement of its own, or a string in single quotes",
        );
    }
    throw this.#unexpected("a value");
  }

  #word(token: Token): ExpressionNode {
    switch (token.keyword) {
      case "TRUE":
        return this.#literal("boolean", true);
      case "FALSE":
        return this.#literal("boolean", false);
      case "NULL":
        return this.#literal("undefined", null);
    }
    if (RESERVED.has(token.keyword)) throw this.#unexpected("a value");
    this.#take();
    if (!this.#isSign("(")) return { kind: "column", name: token.text, start: token.start, end: token.end };
    const args = this.#list(token.text);
    return { kind: "call", name: token.text, args, start: token.start, end: this.#previous.end };
  }

  #literal(type: ValueType, value: FilterValue): ExpressionNode {
    const { start, end } = this.#take();
    return { kind: "literal", type, value, start, end };
  }

  #bracketed(): ExpressionNode {
    const open = this.#take();
    const inner = this.#expression(BINDING.none);
    this.#close(open);
    this.#nest(this.#depth);
    return { ...inner, start: open.start, end: this.#previous.end };
  }

  /** A list in brackets, empty or with commas. */
  #list(of: string): ExpressionNode[] {
    const open = this.#take();
    const items: ExpressionNode[] = [];
    let depth = 0;
    if (!this.#isSign(")")) {
      do {
        if (items.length >= this.#limits.maxListSize) {
          throw this.#error(
            "limit",
            `${of} with too many values`,
            this.#token,
            `at most ${this.#limits.maxListSize}`,
          );
        }
        items.push(this.#expression(BINDING.none));
        depth = Math.max(depth, this.#depth);
      } while (this.#takeSign(","));
    }
    this.#close(open);
    this.#nest(depth);
    return items;
  }

  #close(open: Token): void {
    if (this.#takeSign(")")) return;
    if (this.#atEnd()) throw this.#error("syntax", "( is not closed", open, ")");
    throw this.#unexpected("an operator, a comma or )");
  }

  // --- tokens

  get #token(): Token {
    return this.#tokens[this.#index]!;
  }

  get #previous(): Token {
    return this.#tokens[this.#index - 1] ?? this.#token;
  }

  #take(): Token {
    const token = this.#token;
    if (token.kind !== "end") this.#index++;
    return token;
  }

  #atEnd(): boolean {
    return this.#token.kind === "end";
  }

  #isSign(sign: string): boolean {
    return isSign(this.#token, sign);
  }

  #takeSign(sign: string): boolean {
    if (!this.#isSign(sign)) return false;
    this.#index++;
    return true;
  }

  #takeWord(keyword: string): boolean {
    if (this.#token.keyword !== keyword) return false;
    this.#index++;
    return true;
  }

  #takeWordOrSign(operator: string): boolean {
    return this.#takeWord(operator) || this.#takeSign(operator);
  }

  #error(kind: FilterErrorKind, problem: string, span: Span, expected?: string): FilterError {
    return new FilterError(kind, problem, this.#text, { start: span.start, end: span.end }, { expected });
  }

  #unexpected(expected: string, token: Token = this.#token): FilterError {
    if (token.kind === "end") return this.#error("syntax", "the expression ends too early", token, expected);
    return this.#error("syntax", "unexpected text", token, expected);
  }
}

/** The statement that a token alone makes, if it names a signal. */
function signalOf(token: Token): SignalStatement | undefined {
  const { start, end, kind, text, type, value } = token;
  if (kind === "key" || kind === "tag") return { kind: "signal", by: kind, value: text, start, end };
  if (type === "guid") return { kind: "signal", by: "guid", value: value as string, start, end };
  // A GUID in braces and quotes is a string within conditions.
  const guid = type === "string" ? parseGuid(value as string) : undefined;
  if (guid !== undefined) return { kind: "signal", by: "guid", value: guid, start, end };
  return undefined;
}
