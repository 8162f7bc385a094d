/**
 * What it takes to compile a regular expression, reckoned from its text: counted repetitions are written out, and ranges
 * under `(?i)` gone through character by character, before the engine can tell how big the program is.
 *
 * @module
 */

/** What compiling a pattern takes at most. */
export interface PatternWork {
  /** Instructions, those that are written out only to be simplified away included; none of a pattern that is wrong. */
  readonly size: number;
  /** Characters whose other cases are looked up. */
  readonly folded: number;
}

/** One of the things in a sequence. */
interface Item {
  readonly size: number;
  /** The character that it stands for, if it is a letter; else negative. */
  readonly letter: number;
  /** Whether it is one character of some sort: alternatives of which each is become one class. */
  readonly single: boolean;
}

/** One of the things between `|`. */
interface Alternative {
  readonly size: number;
  /** The letters that it begins with: the engine takes out what alternatives have in common. */
  readonly letters: readonly number[];
  readonly single: boolean;
}

/** What is in a pair of brackets. */
interface Group {
  readonly captures: boolean;
  /** Whether `(?i)` holds outside. */
  readonly folds: boolean;
  readonly alternatives: Alternative[];
  /** Of the last alternative. */
  items: Item[];
}

const CLASS: Alternative = { size: 1, letters: [], single: true };
const SINGLE: Item = { size: 1, letter: -1, single: true };
const ASSERTION: Item = { size: 1, letter: -1, single: false };

/** The first and the last character that the engine looks for other cases of. */
const FIRST_FOLDED = 0x41;
const LAST_FOLDED = 0x1e943;

/** A class such as `\w` has fewer of them. Those of Unicode have theirs at hand. */
const FOLDED_IN_CLASS = 64;

/** A letter under `(?i)` is another than the same without. */
const UNDER_FOLD = 1 << 21;

/** More are no repetition to the engine, but an error. */
const MAX_COUNT = 1_000;

const OPENING = /\((?:\?P?<[^>]*>|\?([imsU]*)(?:-([imsU]+))?([:)])|(?!\?))/y;
const REPETITION = /(?:[*+?]|\{(0|[1-9]\d*)(?:(,)(0|[1-9]\d*)?)?\})\??/y;
const ASSERTIONS = /\\[AbBz]/y;
const UNICODE_CLASS = /\\p(?:\{[^}]*\}?|[^])/iuy;
const PERL_CLASS = /\\[dsw]/iy;
const CHARACTER = /\\x\{([\da-f]+)\}|\\x([\da-f]{2})|\\(0[0-7]{0,2}|[1-7][0-7]{1,2})|(\\?)([^])/iuy;

const COUNTS: Readonly<Record<string, readonly [number, number]>> = {
  "*": [0, Infinity],
  "+": [1, Infinity],
  "?": [0, 1],
};

const CONTROLS: Readonly<Record<string, string>> = {
  a: "\x07",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};

/** What compiling a pattern takes at most; if it is wrong, what it takes until the engine finds out. */
export function workOfPattern(pattern: string): PatternWork {
  return new Reckoning(pattern).work();
}

class Reckoning {
  readonly #pattern: string;
  #at = 0;
  #folds = false;
  #folded = 0;
  readonly #outer: Group[] = [];
  #group: Group = { captures: false, folds: false, alternatives: [], items: [] };

  constructor(pattern: string) {
    this.#pattern = pattern;
  }

  work(): PatternWork {
    while (this.#at < this.#pattern.length) if (!this.#next()) return this.#wrong();
    if (this.#outer.length > 0) return this.#wrong();
    // The program begins with a failure and ends with a match.
    return { size: inAll(this.#group).size + 2, folded: this.#folded };
  }

  #wrong(): PatternWork {
    return { size: 0, folded: this.#folded };
  }

  /** @returns Whether the engine goes on, too. */
  #next(): boolean {
    switch (this.#pattern[this.#at]) {
      case "(":
        return this.#open();
      case ")":
        return this.#close();
      case "|":
        this.#at++;
        this.#group.alternatives.push(inSequence(this.#group.items));
        this.#group.items = [];
        return true;
      case "[":
        this.#class();
        this.#group.items.push(SINGLE);
        return true;
      case "*":
      case "+":
      case "?":
      case "{":
        return this.#repeat();
      case ".":
        this.#at++;
        this.#group.items.push(SINGLE);
        return true;
      case "^":
      case "$":
        this.#at++;
        this.#group.items.push(ASSERTION);
        return true;
      case "\\":
        this.#escape();
        return true;
      default:
        this.#letter();
        return true;
    }
  }

  #open(): boolean {
    const opening = this.#take(OPENING);
    if (opening === undefined) return false;
    const [, on, off, end] = opening;
    const folds = this.#folds;
    if (on?.includes("i")) this.#folds = true;
    if (off?.includes("i")) this.#folds = false;
    if (end === ")") return true;
    this.#outer.push(this.#group);
    this.#group = { captures: end === undefined, folds, alternatives: [], items: [] };
    return true;
  }

  #close(): boolean {
    this.#at++;
    const outer = this.#outer.pop();
    if (outer === undefined) return false;
    const { captures, folds } = this.#group;
    const { size, single } = inAll(this.#group);
    outer.items.push({ size: captures ? size + 2 : size, letter: -1, single: single && !captures });
    this.#folds = folds;
    this.#group = outer;
    return true;
  }

  #repeat(): boolean {
    const sign = this.#pattern[this.#at]!;
    const repetition = this.#take(REPETITION);
    if (repetition === undefined) {
      this.#letter();
      return true;
    }
    const { items } = this.#group;
    const repeated = items.pop();
    if (repeated === undefined) return false;
    const [, least, comma, most] = repetition;
    const [from, to] = sign === "{"
      ? [Number(least), comma === undefined ? Number(least) : Number(most ?? Infinity)]
      : COUNTS[sign]!;
    if (from > MAX_COUNT || (to > MAX_COUNT && to < Infinity)) return false;
    if (this.#take(REPETITION) !== undefined) return false;
    items.push({ size: repeatedSize(repeated.size, from, to), letter: -1, single: false });
    return true;
  }

  #escape(): void {
    const { items } = this.#group;
    if (this.#pattern.startsWith("\\Q", this.#at)) {
      const start = this.#at + 2;
      const end = this.#pattern.indexOf("\\E", start);
      for (const character of this.#pattern.slice(start, end < 0 ? undefined : end)) {
        items.push(this.#item(character.codePointAt(0)!));
      }
      this.#at = end < 0 ? this.#pattern.length : end + 2;
    } else if (this.#take(ASSERTIONS) !== undefined) {
      items.push(ASSERTION);
    } else if (this.#takeClass()) {
      items.push(SINGLE);
    } else {
      this.#letter();
    }
  }

  /** A class in square brackets. */
  #class(): void {
    const pattern = this.#pattern;
    this.#at++;
    if (pattern[this.#at] === "^") this.#at++;
    for (let first = true; this.#at < pattern.length && (first || pattern[this.#at] !== "]"); first = false) {
      if (this.#takeClass(true)) continue;
      const from = this.#character();
      let to = from;
      if (pattern[this.#at] === "-" && this.#at + 1 < pattern.length && pattern[this.#at + 1] !== "]") {
        this.#at++;
        to = this.#character();
      }
      if (this.#folds && !(from <= FIRST_FOLDED && to >= LAST_FOLDED)) {
        this.#folded += Math.max(0, Math.min(to, LAST_FOLDED) - Math.max(from, FIRST_FOLDED) + 1);
      }
    }
    this.#at++;
  }

  /** Reads a class by name, if there is one. */
  #takeClass(inBrackets = false): boolean {
    if (this.#take(UNICODE_CLASS) !== undefined) return true;
    if (this.#take(PERL_CLASS) === undefined) {
      if (!inBrackets || !this.#pattern.startsWith("[:", this.#at)) return false;
      const end = this.#pattern.indexOf(":]", this.#at);
      if (end < 0) return false;
      this.#at = end + 2;
    }
    if (this.#folds) this.#folded += FOLDED_IN_CLASS;
    return true;
  }

  #letter(): void {
    this.#group.items.push(this.#item(this.#character()));
  }

  #item(character: number): Item {
    return { size: 1, letter: this.#folds ? character | UNDER_FOLD : character, single: true };
  }

  /** Reads one character, which may be an escape. */
  #character(): number {
    const [, long, short, octal, slash, plain] = this.#take(CHARACTER)!;
    const hexadecimal = long ?? short;
    if (hexadecimal !== undefined) return parseInt(hexadecimal, 16);
    if (octal !== undefined) return parseInt(octal, 8);
    return (slash === "" ? plain! : CONTROLS[plain!] ?? plain!).codePointAt(0)!;
  }

  /** Reads what stands here, if it is this. */
  #take(what: RegExp): RegExpExecArray | undefined {
    what.lastIndex = this.#at;
    const taken = what.exec(this.#pattern) ?? undefined;
    if (taken !== undefined) this.#at = what.lastIndex;
    return taken;
  }
}

function repeatedSize(size: number, from: number, to: number): number {
  // Of `*` as if the repeated could be empty, which takes one more.
  if (to === Infinity) return from === 0 ? size + 2 : from * size + 1;
  return Math.max(1, from * size + (to - from) * (size + 1));
}

function inSequence(items: readonly Item[]): Alternative {
  let size = 0;
  for (const item of items) size += item.size;
  const letters: number[] = [];
  for (const { letter } of items) {
    if (letter < 0) break;
    letters.push(letter);
  }
  return { size: Math.max(1, size), letters, single: items.length === 1 && items[0]!.single };
}

function inAll({ alternatives, items }: Group): Pick<Alternative, "size" | "single"> {
  const all = withClasses([...alternatives, inSequence(items)]);
  return all.length === 1 ? all[0]! : { size: factored(all), single: false };
}

/** Alternatives of which those in a row that are one character each have become a class. */
function withClasses(alternatives: readonly Alternative[]): Alternative[] {
  const result: Alternative[] = [];
  for (const alternative of alternatives) {
    if (alternative.single && result.at(-1)?.single) result[result.length - 1] = CLASS;
    else result.push(alternative);
  }
  return result;
}

/** The size of alternatives, without the letters that those in a row begin with in common. */
function factored(alternatives: readonly Alternative[]): number {
  const parts: Alternative[] = [];
  let end = 0;
  for (let start = 0; start < alternatives.length; start = end) {
    let { letters } = alternatives[start]!;
    for (end = start + 1; end < alternatives.length; end++) {
      const common = commonLength(letters, alternatives[end]!.letters);
      if (common === 0) break;
      letters = letters.slice(0, common);
    }
    if (end === start + 1) {
      parts.push(alternatives[start]!);
    } else {
      const rests = alternatives.slice(start, end).map((alternative) => without(alternative, letters.length));
      parts.push({ size: letters.length + factored(rests), letters: [], single: false });
    }
  }
  const all = withClasses(parts);
  return all.reduce((size, part) => size + part.size, all.length - 1);
}

function without({ size, letters }: Alternative, count: number): Alternative {
  const rest = letters.slice(count);
  return { size: Math.max(1, size - count), letters: rest, single: size - count === 1 && rest.length === 1 };
}

function commonLength(one: readonly number[], other: readonly number[]): number {
  let length = 0;
  while (length < one.length && length < other.length && one[length] === other[length]) length++;
  return length;
}
