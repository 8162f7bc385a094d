/**
 * Splits a filter expression into its words, values and signs (§9).
 *
 * @module
 */
import { normalizeGuid } from "../../transport/wire/guid.ts";
import { decimalFromInteger, DIGITS, parseDecimal } from "../decimal.ts";
import type { Steps } from "../steps.ts";
import { FilterError, type FilterErrorKind } from "./errors.ts";
import type { FilterLimits } from "./limits.ts";
import { parseDateTime } from "./convert.ts";
import { type TokenKind, Tokens } from "./tokens.ts";
import type { FilterValue, ValueType } from "./types.ts";

const GUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}/iy;
const NUMBER = new RegExp(String.raw`0[xX][0-9a-fA-F]+|${DIGITS}(?:[eE][+-]?\d+)?`, "y");
const SPACE = /[\0-\x20\xa0\ufeff]*/y;
const LINE_END = /[\n\r]/g;
const SIGN = /===|!==|<<|>>|<=|>=|<>|!=|==|&&|\|\||[-+*/%&|^<>=!~(),;]/y;
const KEY = /[A-Za-z0-9\-!_.@#$]{1,200}:\d{1,20}(?=\s*(?:;|--|\/\*|$))/y;

/** Numbers of so many digits are exact, and most are. */
const FEW_DIGITS = 9;
/** No number has more digits, and no name more characters. */
const MAX_DIGITS = 1_000;
const MAX_NAME = 1_000;
/** So many tokens are a step, or so many characters: less than a millisecond. */
const STEP = 512;
const STEP_LENGTH = 32_768;

const MAX_INT32 = 0x7fff_ffff;
const MAX_INT64 = 0x7fff_ffff_ffff_ffffn;

/**
 * Splits a filter expression into tokens, the last of which is its end.
 *
 * @throws {FilterError} `syntax` for a character or literal that the language does not have; `limit` when the text is
 * too long, or has too many tokens or too deeply nested brackets.
 */
export function tokenize(text: string, limits: FilterLimits): Steps<Tokens> {
  return new Lexer(text, limits).tokens();
}

class Lexer {
  readonly #text: string;
  readonly #limits: FilterLimits;
  readonly #tokens: Tokens;
  readonly #open: number[] = [];
  #at = 0;

  constructor(text: string, limits: FilterLimits) {
    this.#text = text;
    this.#limits = limits;
    this.#tokens = new Tokens(text);
  }

  *tokens(): Steps<Tokens> {
    const { maxLength, maxTokens } = this.#limits;
    const length = this.#text.length;
    if (length > maxLength) {
      throw this.#error(
        "limit",
        `filter expression of ${length} characters`,
        0,
        length,
        `at most ${maxLength}`,
      );
    }
    let pause = STEP_LENGTH;
    while (this.#at < length) {
      if (this.#tokens.length % STEP === STEP - 1 || this.#at >= pause) {
        pause = this.#at + STEP_LENGTH;
        yield;
      }
      if (this.#skips()) continue;
      if (this.#tokens.length >= maxTokens) {
        throw this.#error(
          "limit",
          "too many words and signs",
          this.#at,
          this.#at + 1,
          `at most ${maxTokens}`,
        );
      }
      this.#next(this.#text.charCodeAt(this.#at));
    }
    this.#add("end", length);
    return this.#tokens;
  }

  #error(kind: FilterErrorKind, problem: string, start: number, end: number, expected?: string): FilterError {
    return new FilterError(kind, problem, this.#text, { start, end }, { expected });
  }

  #add(kind: Exclude<TokenKind, "literal">, end: number): void {
    this.#tokens.add(kind, this.#at, end);
    this.#at = end;
  }

  #addLiteral(end: number, type: ValueType, value: FilterValue): void {
    this.#tokens.addLiteral(this.#at, end, type, value);
    this.#at = end;
  }

  /** Skips space or a comment, if one is here. */
  #skips(): boolean {
    const text = this.#text;
    const code = text.charCodeAt(this.#at);
    if (code <= 0x20 || code === 0xa0 || code === 0xfeff) {
      const next = text.charCodeAt(this.#at + 1);
      const isLong = next <= 0x20 || next === 0xa0 || next === 0xfeff;
      this.#at = isLong ? this.#matchEnd(SPACE) : this.#at + 1;
    } else if (code === 0x2d && text.startsWith("--", this.#at)) {
      LINE_END.lastIndex = this.#at;
      this.#at = LINE_END.exec(text)?.index ?? text.length;
    } else if (code === 0x2f && text.startsWith("/*", this.#at)) {
      const close = text.indexOf("*/", this.#at + 2);
      if (close < 0) throw this.#error("syntax", "comment is not closed", this.#at, text.length, "*/");
      this.#at = close + 2;
    } else {
      return false;
    }
    return true;
  }

  /** Where the sticky pattern's match at this place ends, or -1. */
  #matchEnd(pattern: RegExp, at: number = this.#at): number {
    pattern.lastIndex = at;
    return pattern.test(this.#text) ? pattern.lastIndex : -1;
  }

  /** Where the word at this place ends, or -1. */
  #wordEnd(code: number): number {
    if (!isWordStart(code)) return -1;
    const text = this.#text;
    let end = this.#at + 1;
    while (isWordPart(text.charCodeAt(end))) end++;
    return end;
  }

  #next(code: number): void {
    const key = this.#keyEnd();
    if (key >= 0) return this.#add("key", key);
    switch (code) {
      case 0x27: // '
        return this.#string();
      case 0x22: // "
        return this.#quoted("tag", '"', "point tag");
      case 0x60: // `
        return this.#quoted("name", "`", "name");
      case 0x5b: // [
        return this.#quoted("name", "]", "name");
      case 0x7b: // {
        return this.#bracedGuid();
      case 0x23: // #
        return this.#dateTime();
    }
    const guid = isHexDigit(code) ? this.#matchEnd(GUID) : -1;
    const number = isDigit(code) || code === 0x2e ? this.#matchEnd(NUMBER) : -1;
    const word = this.#wordEnd(code);
    if (guid > Math.max(number, word)) return this.#guid(guid, this.#text.slice(this.#at, guid));
    if (number >= 0) return this.#number(number);
    if (word >= 0) return this.#name("word", word, word - this.#at);
    const sign = this.#matchEnd(SIGN);
    if (sign >= 0) return this.#sign(sign);
    const character = String.fromCodePoint(this.#text.codePointAt(this.#at)!);
    const end = this.#at + character.length;
    const expected = character === ":" ? "a measurement key only as a statement of its own" : undefined;
    throw this.#error("syntax", `${JSON.stringify(character)} has no meaning here`, this.#at, end, expected);
  }

  /**
   * The end of a measurement key such as `PPA:4`, or -1. It has characters in it that elsewhere are signs or the ends of
   * dates, but then it is a statement of its own.
   */
  #keyEnd(): number {
    return this.#tokens.length === 0 || this.#tokens.endWithSemicolon ? this.#matchEnd(KEY) : -1;
  }

  #string(): void {
    const text = this.#text;
    const { maxTextLength } = this.#limits;
    const start = this.#at + 1;
    /** What stands before each quote that is doubled. */
    const parts: string[] = [];
    let from = start;
    let end = start;
    for (;;) {
      end = text.indexOf("'", end);
      if (end < 0) {
        throw this.#error("syntax", "string without its closing quote", this.#at, text.length, "another '");
      }
      if (end - start > maxTextLength) {
        throw this.#error(
          "limit",
          "string too long",
          this.#at,
          end + 1,
          `at most ${maxTextLength} characters`,
        );
      }
      if (text[end + 1] !== "'") break;
      parts.push(text.slice(from, end + 1));
      end += 2;
      from = end;
    }
    const content = text.slice(this.#at + 1, end);
    // A GUID in quotes is a GUID literal, as a bare one is.
    if (content.length <= 36 && this.#matchEnd(GUID, this.#at + 1) === end) {
      return this.#guid(end + 1, content);
    }
    const value = parts.length === 0 ? content : parts.join("") + text.slice(from, end);
    this.#addLiteral(end + 1, "string", value);
  }

  #quoted(kind: "tag" | "name", close: string, what: string): void {
    const end = this.#text.indexOf(close, this.#at + 1);
    if (end < 0) {
      throw this.#error("syntax", `${what} is not closed`, this.#at, this.#text.length, `another ${close}`);
    }
    if (end === this.#at + 1) throw this.#error("syntax", `empty ${what}`, this.#at, end + 1);
    this.#name(kind, end + 1, end - this.#at - 1);
  }

  #name(kind: "word" | "name" | "tag", end: number, length: number): void {
    if (length <= MAX_NAME) return this.#add(kind, end);
    const problem = `name of ${length} characters`;
    throw this.#error("limit", problem, this.#at, end, `at most ${MAX_NAME}`);
  }

  #bracedGuid(): void {
    const end = this.#matchEnd(GUID, this.#at + 1);
    if (end < 0 || this.#text[end] !== "}") {
      throw this.#error(
        "syntax",
        "not a GUID",
        this.#at,
        Math.min(this.#at + 38, this.#text.length),
        "{GUID}",
      );
    }
    this.#guid(end + 1, this.#text.slice(this.#at + 1, end));
  }

  #guid(end: number, digits: string): void {
    this.#addLiteral(end, "guid", normalizeGuid(digits));
  }

  #dateTime(): void {
    const end = this.#text.indexOf("#", this.#at + 1);
    if (end < 0) {
      throw this.#error("syntax", "date and time is not closed", this.#at, this.#text.length, "another #");
    }
    const ticks = parseDateTime(this.#text.slice(this.#at + 1, end));
    if (ticks === undefined) {
      throw this.#error(
        "syntax",
        "not a date and time",
        this.#at,
        end + 1,
        "one such as #2024-02-29 12:34:56.789#",
      );
    }
    this.#addLiteral(end + 1, "datetime", ticks);
  }

  #number(end: number): void {
    if (end - this.#at > MAX_DIGITS) throw this.#tooManyDigits(end);
    const digits = this.#text.slice(this.#at, end);
    if (/^\d+$|^0x/i.test(digits)) {
      if (digits.length <= FEW_DIGITS) return this.#addLiteral(end, "int32", Number(digits));
      const value = BigInt(digits);
      if (value <= MAX_INT32) return this.#addLiteral(end, "int32", Number(value));
      if (value <= MAX_INT64) return this.#addLiteral(end, "int64", value);
      return this.#addLiteral(end, "decimal", decimalFromInteger(value));
    }
    if (/e/i.test(digits)) return this.#addLiteral(end, "double", Number(digits));
    const value = parseDecimal(digits);
    if (value === undefined) throw this.#tooManyDigits(end);
    this.#addLiteral(end, "decimal", value);
  }

  #tooManyDigits(end: number): FilterError {
    return this.#error("limit", `number of ${end - this.#at} digits`, this.#at, end, `at most ${MAX_DIGITS}`);
  }

  #sign(end: number): void {
    const code = this.#text.charCodeAt(this.#at);
    if (code === 0x28) { // (
      if (this.#open.length >= this.#limits.maxDepth) {
        throw this.#error(
          "limit",
          "brackets nested too deeply",
          this.#at,
          end,
          `at most ${this.#limits.maxDepth}`,
        );
      }
      this.#open.push(this.#tokens.length);
    } else if (code === 0x29) { // )
      const open = this.#open.pop();
      if (open !== undefined) this.#tokens.match(open, this.#tokens.length);
    }
    this.#add("sign", end);
  }
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

function isWordStart(code: number): boolean {
  const lower = code | 0x20;
  return (lower >= 0x61 && lower <= 0x7a) || code === 0x5f;
}

function isWordPart(code: number): boolean {
  return isWordStart(code) || isDigit(code);
}

function isHexDigit(code: number): boolean {
  const lower = code | 0x20;
  return isDigit(code) || (lower >= 0x61 && lower <= 0x66);
}
