import { finish, type Steps } from "../steps.ts";
import { parseGuid } from "./convert.ts";
import { FilterError, type FilterErrorKind, type Span } from "./errors.ts";
import { binaryOperatorOf, BINDING, bindingOfOperator, RESERVED } from "./grammar.ts";
import { tokenize } from "./lexer.ts";
import { type FilterLimits, resolveLimits } from "./limits.ts";
import { isSign, type Token, type Tokens } from "./tokens.ts";
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
  return finish(parseFilterSteps(text, options));
}

/** {@linkcode parseFilter} in steps. */
export function parseFilterSteps(text: string, options: ParseOptions = {}): Steps<FilterStatement[]> {
  return new Parser(text, resolveLimits(options.limits)).statements();
}

/**
 * Parses one expression alone.
 *
 * @throws {FilterError} `syntax` or `limit`.
 */
export function parseExpression(text: string, options: ParseOptions = {}): ExpressionNode {
  return finish(new Parser(text, resolveLimits(options.limits)).soleExpression());
}

/** Words that say that no further operand follows, for finding where a condition ends. */
const TERMINATORS: ReadonlySet<string> = new Set(["AND", "OR", "ORDER"]);

/** So many tokens are a step: less than a millisecond. */
const STEP = 512;

/** What an operand is awaited for: an operator, a list, a bracket. */
interface Pending {
  /** Operators that bind no tighter than this end the operand. */
  readonly binding: number;
  /** Makes of the operand what it is a part of; `undefined` when that needs another operand first. */
  readonly take: (operand: ExpressionNode) => ExpressionNode | undefined;
}

/** An operator before a value, and where it stands. */
interface Prefix {
  readonly operator: "+" | "-" | "!";
  readonly start: number;
}

const NO_PREFIXES: readonly Prefix[] = [];

/**
 * Reads what is pending from a stack of its own, and not by functions that call each other: so it can stop anywhere, and
 * how deep an expression nests is limited by nothing but the limit.
 */
class Parser {
  readonly #text: string;
  readonly #limits: FilterLimits;
  #tokens!: Tokens;
  #index = 0;
  /** The token that stands at the index. */
  #token!: Token;
  /** The index at the last step. */
  #stepAt = 0;
  /** What operands are awaited for, the innermost last. */
  readonly #pending: Pending[] = [];
  /** How deep the operand read last nests. */
  #depth = 0;

  constructor(text: string, limits: FilterLimits) {
    this.#text = text;
    this.#limits = limits;
  }

  // --- statements

  *statements(): Steps<FilterStatement[]> {
    yield* this.#tokenize();
    const statements: FilterStatement[] = [];
    for (;;) {
      if (this.#isStep()) yield;
      if (this.#takeSign(";")) continue;
      if (this.#atEnd()) return statements;
      statements.push(this.#signal() ?? (yield* this.#statement()));
      if (!this.#atEnd() && !this.#isSign(";")) throw this.#unexpected("an operator, ; or the end");
    }
  }

  *soleExpression(): Steps<ExpressionNode> {
    yield* this.#tokenize();
    while (this.#takeSign(";"));
    const expression = yield* this.#expression();
    while (this.#takeSign(";"));
    if (!this.#atEnd()) throw this.#unexpected("an operator or the end of the expression");
    return expression;
  }

  /** A signal, if one stands here alone. */
  #signal(): SignalStatement | undefined {
    const next = this.#tokens.at(this.#index + 1);
    if (next === undefined || (next.kind !== "end" && !isSign(next, ";"))) return undefined;
    const signal = signalOf(this.#token);
    if (signal !== undefined) this.#goTo(this.#index + 1);
    return signal;
  }

  *#statement(): Steps<FilterStatement> {
    const next = this.#tokens.at(this.#index + 1);
    if (
      this.#token.keyword === "FILTER" && next !== undefined && ["word", "name", "end"].includes(next.kind)
    ) {
      return yield* this.#select();
    }
    const where = yield* this.#expression();
    return { kind: "condition", where, start: where.start, end: where.end };
  }

  *#select(): Steps<SelectStatement> {
    const { start } = this.#take();
    const top = this.#isTop() ? this.#top() : undefined;
    const table = this.#name("the name of a table");
    const where = this.#takeWord("WHERE") ? yield* this.#expression() : undefined;
    const orderBy: OrderTerm[] = [];
    if (this.#takeWord("ORDER")) {
      if (!this.#takeWord("BY")) throw this.#unexpected("BY");
      do {
        orderBy.push(this.#orderTerm());
        if (this.#isStep()) yield;
      } while (this.#takeSign(","));
    } else if (where === undefined && !this.#atEnd() && !this.#isSign(";")) {
      throw this.#unexpected("WHERE, ORDER BY, ; or the end");
    }
    return { kind: "filter", table: table.text, top, where, orderBy, start, end: this.#previous.end };
  }

  /** Whether TOP stands here as a keyword, and not as the name of a table. */
  #isTop(): boolean {
    const next = this.#tokens.at(this.#index + 1);
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
    const next = this.#tokens.at(this.#index + 1);
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

  *#expression(): Steps<ExpressionNode> {
    this.#await(BINDING.none, (operand) => operand);
    for (;;) {
      if (this.#isStep()) yield;
      const { binding } = this.#pending.at(-1)!;
      const isNegated = binding < BINDING.not && this.#token.keyword === "NOT" && (yield* this.#negation());
      let operand = isNegated ? undefined : this.#primary(this.#prefixes());
      while (operand !== undefined) {
        const pending: Pending = this.#pending.at(-1)!;
        if (this.#bindingOfNext() > pending.binding) {
          operand = this.#operation(operand);
          continue;
        }
        operand = pending.take(operand);
        if (operand === undefined) break;
        this.#pending.pop();
        if (this.#pending.length === 0) return operand;
      }
    }
  }

  /** Has the next operand go to `take`. */
  #await(binding: number, take: Pending["take"]): undefined {
    this.#pending.push({ binding, take });
    if (this.#pending.length > this.#limits.maxDepth) throw this.#tooDeep();
  }

  /** Says that the operand at hand holds one that nests this deep. */
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

  /** The operator that the next token is, or begins. */
  #operator(): string {
    const token = this.#token;
    return token.kind === "sign" ? token.text : token.keyword;
  }

  /** How tightly the operator binds that follows; none binds as loosely as nothing does. */
  #bindingOfNext(): number {
    const word = this.#operator();
    switch (word) {
      case "OR":
        return BINDING.or;
      case "AND":
        return BINDING.and;
      case "IS":
      case "IN":
      case "LIKE":
      case "NOT":
      case "!":
        return BINDING.predicate;
    }
    const operator = binaryOperatorOf(word);
    return operator === undefined ? BINDING.none : bindingOfOperator(operator);
  }

  /** `left` with the operator that follows it; `undefined` when that awaits its right side. */
  #operation(left: ExpressionNode): ExpressionNode | undefined {
    const word = this.#operator();
    if (word === "OR" || word === "AND") return this.#logical(word, left);
    const operator = binaryOperatorOf(word);
    if (operator === undefined) return this.#predicate(left);
    this.#take();
    const depth = this.#depth;
    return this.#await(bindingOfOperator(operator), (right) => {
      this.#nest(Math.max(depth, this.#depth));
      return { kind: "binary", operator, left, right, start: left.start, end: right.end };
    });
  }

  /** All of a chain of one logical operator at once, so that long ones do not nest. */
  #logical(operator: "AND" | "OR", first: ExpressionNode): undefined {
    const operands = [first];
    let depth = this.#depth;
    this.#take();
    return this.#await(operator === "OR" ? BINDING.or : BINDING.and, (operand) => {
      operands.push(operand);
      depth = Math.max(depth, this.#depth);
      if (this.#takeWordOrSign(operator)) return undefined;
      this.#nest(depth);
      return { kind: "logical", operator, operands, start: first.start, end: this.#previous.end };
    });
  }

  /** IS NULL, IN and LIKE. */
  #predicate(operand: ExpressionNode): ExpressionNode | undefined {
    const { start } = operand;
    const depth = this.#depth;
    if (this.#takeWord("IS")) {
      const negated = this.#takeNot();
      if (!this.#takeWord("NULL")) throw this.#unexpected(negated ? "NULL" : "NULL or NOT NULL");
      this.#nest(depth);
      return { kind: "isNull", operand, negated, start, end: this.#previous.end };
    }
    const negated = this.#takeNot();
    if (this.#takeWord("IN")) {
      const exact = this.#takeExact();
      if (!this.#isSign("(")) throw this.#unexpected("( and a list of values");
      return this.#list("IN", (list) => {
        if (list.length === 0) throw this.#unexpected("a value", this.#tokens.at(this.#index - 1));
        this.#nest(Math.max(depth, this.#depth));
        return { kind: "in", operand, list, negated, exact, start, end: this.#previous.end };
      });
    }
    if (!this.#takeWord("LIKE")) throw this.#unexpected("IN or LIKE");
    const exact = this.#takeExact();
    return this.#await(BINDING.predicate, (pattern) => {
      this.#nest(Math.max(depth, this.#depth));
      return { kind: "like", operand, pattern, negated, exact, start, end: pattern.end };
    });
  }

  #takeNot(): boolean {
    return this.#takeWord("NOT") || this.#takeSign("!");
  }

  #takeExact(): boolean {
    return this.#takeWord("BINARY") || this.#takeSign("===");
  }

  /** Takes NOT before a predicate, which it negates; before a value, NOT binds as a minus does and is left. */
  *#negation(): Steps<boolean> {
    const first = this.#index;
    const before: Prefix[] = [];
    while (this.#token.keyword === "NOT") {
      before.push({ operator: "!", start: this.#token.start });
      if (before.length > this.#limits.maxDepth) throw this.#tooDeep();
      this.#take();
    }
    if (!(yield* this.#beginsPredicate())) {
      this.#goTo(first);
      return false;
    }
    this.#await(BINDING.not, (operand) => this.#prefixed(before, operand));
    return true;
  }

  /** Whether a comparison, IN, LIKE or IS stands between here and the end of this condition, outside of brackets. */
  *#beginsPredicate(): Steps<boolean> {
    let count = 0;
    for (let i = this.#index;; i++) {
      if (++count % STEP === 0) yield;
      const { kind, keyword, text, match } = this.#tokens.at(i)!;
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

  /** The unary operators before a value. */
  #prefixes(): readonly Prefix[] {
    let before: Prefix[] | undefined;
    for (let token = this.#token;; token = this.#token) {
      const sign = token.keyword === "NOT" ? "!" : token.kind === "sign" ? token.text : "";
      if (sign !== "+" && sign !== "-" && sign !== "!") return before ?? NO_PREFIXES;
      before ??= [];
      before.push({ operator: sign, start: token.start });
      if (before.length > this.#limits.maxDepth) this.#nest(before.length);
      this.#take();
    }
  }

  /** A value with the unary operators before it. */
  #prefixed(before: readonly Prefix[], operand: ExpressionNode): ExpressionNode {
    for (let i = before.length - 1; i >= 0; i--) {
      const { operator, start } = before[i]!;
      operand = { kind: "unary", operator, operand, start, end: operand.end };
      this.#nest(this.#depth);
    }
    return operand;
  }

  /** The value that stands here, with what stood before it; `undefined` when it awaits what is in its brackets. */
  #primary(before: readonly Prefix[]): ExpressionNode | undefined {
    const token = this.#token;
    this.#depth = 0;
    switch (token.kind) {
      case "literal":
        return this.#prefixed(before, this.#literal(token.type, token.value));
      case "name":
        return this.#prefixed(before, this.#column());
      case "word":
        return this.#word(before, token);
      case "sign":
        if (token.text === "(") return this.#bracketed(before);
        break;
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

  #word(before: readonly Prefix[], token: Token): ExpressionNode | undefined {
    switch (token.keyword) {
      case "TRUE":
        return this.#prefixed(before, this.#literal("boolean", true));
      case "FALSE":
        return this.#prefixed(before, this.#literal("boolean", false));
      case "NULL":
        return this.#prefixed(before, this.#literal("undefined", null));
    }
    if (RESERVED.has(token.keyword)) throw this.#unexpected("a value");
    const next = this.#tokens.at(this.#index + 1);
    if (next === undefined || !isSign(next, "(")) return this.#prefixed(before, this.#column());
    this.#take();
    const { text: name, start } = token;
    return this.#list(
      name,
      (args) => this.#prefixed(before, { kind: "call", name, args, start, end: this.#previous.end }),
    );
  }

  #column(): ExpressionNode {
    const { text: name, start, end } = this.#take();
    return { kind: "column", name, start, end };
  }

  #literal(type: ValueType, value: FilterValue): ExpressionNode {
    const { start, end } = this.#take();
    return { kind: "literal", type, value, start, end };
  }

  #bracketed(before: readonly Prefix[]): undefined {
    const open = this.#take();
    return this.#await(BINDING.none, (inner) => {
      this.#close(open);
      this.#nest(this.#depth);
      return this.#prefixed(before, { ...inner, start: open.start, end: this.#previous.end });
    });
  }

  /** What `make` makes of a list in brackets, empty or with commas; `undefined` when that awaits its items. */
  #list(of: string, make: (items: ExpressionNode[]) => ExpressionNode): ExpressionNode | undefined {
    const open = this.#take();
    const items: ExpressionNode[] = [];
    let depth = 0;
    const end = (): ExpressionNode => {
      this.#close(open);
      this.#nest(depth);
      // A copy takes no more room than it needs: of arguments there are few, and array for array many.
      return make(items.slice());
    };
    if (this.#isSign(")")) return end();
    return this.#await(BINDING.none, (item) => {
      items.push(item);
      depth = Math.max(depth, this.#depth);
      if (!this.#takeSign(",")) return end();
      if (items.length < this.#limits.maxListSize) return undefined;
      throw this.#error(
        "limit",
        `${of} with too many values`,
        this.#token,
        `at most ${this.#limits.maxListSize}`,
      );
    });
  }

  #close(open: Token): void {
    if (this.#takeSign(")")) return;
    if (this.#atEnd()) throw this.#error("syntax", "( is not closed", open, ")");
    throw this.#unexpected("an operator, a comma or )");
  }

  // --- tokens

  *#tokenize(): Steps<void> {
    this.#tokens = yield* tokenize(this.#text, this.#limits);
    this.#goTo(0);
  }

  /** Whether so much was taken since the last step that there is another. */
  #isStep(): boolean {
    if (this.#index - this.#stepAt < STEP) return false;
    this.#stepAt = this.#index;
    return true;
  }

  #goTo(index: number): void {
    this.#index = index;
    this.#token = this.#tokens.at(index)!;
  }

  get #previous(): Token {
    return this.#tokens.at(this.#index - 1) ?? this.#token;
  }

  #take(): Token {
    const token = this.#token;
    if (token.kind !== "end") this.#goTo(this.#index + 1);
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
    this.#goTo(this.#index + 1);
    return true;
  }

  #takeWord(keyword: string): boolean {
    if (this.#token.keyword !== keyword) return false;
    this.#goTo(this.#index + 1);
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
