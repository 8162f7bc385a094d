import type { FilterValue, ValueType } from "./types.ts";

/**
 * What a token is: a `word` (a keyword, column, table or function), a `name` in backquotes or brackets, a `literal`, a
 * measurement `key`, a point `tag`, a `sign`, or the `end` of the text.
 */
export type TokenKind = "word" | "name" | "literal" | "key" | "tag" | "sign" | "end";

/** A word, value or sign and where it stands. */
export interface Token {
  readonly index: number;
  readonly kind: TokenKind;
  readonly start: number;
  readonly end: number;
  /** A word, name, key or tag as written, without quotes; a sign in its plainest spelling. */
  readonly text: string;
  /** A word in upper case, for comparison with keywords; empty for what is none. */
  readonly keyword: string;
  /** The type of a literal. */
  readonly type: ValueType;
  /** The value of a literal. */
  readonly value: FilterValue;
  /** For an opening bracket, the index of the token that closes it, or 0 if none does. */
  readonly match: number;
}

const KINDS: readonly TokenKind[] = ["word", "name", "literal", "key", "tag", "sign", "end"];
const SIGN = KINDS.indexOf("sign");

/** Signs of one meaning that are spelled in several ways. */
const PLAIN: Readonly<Record<string, string>> = { "==": "=", "<>": "!=", "&&": "AND", "||": "OR", "~": "!" };

/** No keyword has more characters. */
const LONGEST_KEYWORD = 6;
/** How many tokens there is room for to begin with, and how many were last asked for that are at hand; powers of two. */
const FIRST_ROOM = 64;
const AT_HAND = 4;

/**
 * The tokens of a text, in columns; each is made an object when it is asked for. Long filter expressions have hundreds of
 * thousands of them: as objects, these would keep the garbage collector busy while all others wait.
 */
export class Tokens {
  readonly #text: string;
  #kinds = new Uint8Array(FIRST_ROOM);
  #starts = new Int32Array(FIRST_ROOM);
  #ends = new Int32Array(FIRST_ROOM);
  /** Of a literal, its place among the literals; of an opening bracket, the token that closes it. */
  #links = new Int32Array(FIRST_ROOM);
  readonly #types: ValueType[] = [];
  readonly #values: FilterValue[] = [];
  readonly #atHand: (Token | undefined)[] = new Array(AT_HAND).fill(undefined);
  /** How many there are. */
  length = 0;

  /** @param text Where the tokens stand. */
  constructor(text: string) {
    this.#text = text;
  }

  /** Adds a token that is no literal. */
  add(kind: Exclude<TokenKind, "literal">, start: number, end: number): void {
    this.#add(kind, start, end, 0);
  }

  /** Adds a literal. */
  addLiteral(start: number, end: number, type: ValueType, value: FilterValue): void {
    this.#add("literal", start, end, this.#types.length);
    this.#types.push(type);
    this.#values.push(value);
  }

  #add(kind: TokenKind, start: number, end: number, link: number): void {
    const index = this.length++;
    if (index === this.#kinds.length) this.#grow();
    this.#kinds[index] = KINDS.indexOf(kind);
    this.#starts[index] = start;
    this.#ends[index] = end;
    this.#links[index] = link;
  }

  #grow(): void {
    const room = 2 * this.#kinds.length;
    const kinds = new Uint8Array(room);
    kinds.set(this.#kinds);
    this.#kinds = kinds;
    this.#starts = grown(this.#starts, room);
    this.#ends = grown(this.#ends, room);
    this.#links = grown(this.#links, room);
  }

  /** An opening bracket is closed by another token. */
  match(open: number, close: number): void {
    this.#links[open] = close;
  }

  /** Whether a statement has just ended. */
  get endWithSemicolon(): boolean {
    const last = this.length - 1;
    return this.#kinds[last] === SIGN && this.#text[this.#starts[last]!] === ";";
  }

  /** The token at an index; `undefined` where there is none. */
  at(index: number): Token | undefined {
    if (index < 0 || index >= this.length) return undefined;
    const place = index & (AT_HAND - 1);
    const known = this.#atHand[place];
    if (known !== undefined && known.index === index) return known;
    return this.#atHand[place] = this.#make(index);
  }

  #make(index: number): Token {
    const kind = KINDS[this.#kinds[index]!]!;
    const start = this.#starts[index]!;
    const end = this.#ends[index]!;
    const isLiteral = kind === "literal";
    const link = this.#links[index]!;
    const text = this.#textOf(kind, start, end);
    return {
      index,
      kind,
      start,
      end,
      text,
      keyword: kind === "word" && text.length <= LONGEST_KEYWORD ? text.toUpperCase() : "",
      type: isLiteral ? this.#types[link]! : "undefined",
      value: isLiteral ? this.#values[link]! : null,
      match: isLiteral ? 0 : link,
    };
  }

  #textOf(kind: TokenKind, start: number, end: number): string {
    switch (kind) {
      case "literal":
      case "end":
        return "";
      case "name":
      case "tag":
        return this.#text.slice(start + 1, end - 1);
      case "sign": {
        const written = this.#text.slice(start, end);
        return PLAIN[written] ?? written;
      }
      default:
        return this.#text.slice(start, end);
    }
  }
}

function grown(column: Int32Array<ArrayBuffer>, room: number): Int32Array<ArrayBuffer> {
  const copy = new Int32Array(room);
  copy.set(column);
  return copy;
}

/** Whether a token is this sign. */
export function isSign(token: Token, sign: string): boolean {
  return token.kind === "sign" && token.text === sign;
}
