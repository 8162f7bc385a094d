/**
 * Text without regard to case, and by code points where UTF-16 would tell otherwise.
 *
 * Case is ignored by comparing in upper case. A constant is folded once; a row's text is compared with it character by
 * character, which mostly ends at the first, and is folded only if it is long or something outside of ASCII is met.
 *
 * @module
 */
import { indexOf, isWithinCharacter } from "./text_search.ts";

/** Text as it is compared when case is ignored. */
export function fold(text: string): string {
  return text.toUpperCase();
}

const ASCII_END = 0x80;

/** An ASCII letter's code in upper case; any other code as it is. */
function upper(code: number): number {
  return code >= 0x61 && code <= 0x7a ? code - 0x20 : code;
}

/** Whether `text` in upper case equals `folded`, which is in upper case. */
export function equalsFolded(text: string, folded: string): boolean {
  return tellFolded(text, folded) ?? fold(text) === folded;
}

/** Whether `text` in upper case equals one of several texts, which are in upper case. */
export function equalsOneFolded(text: string, several: readonly string[]): boolean {
  for (const folded of several) {
    const equal = tellFolded(text, folded);
    if (equal === undefined) return several.includes(fold(text));
    if (equal) return true;
  }
  return false;
}

/** So many characters are compared one by one; to compare long texts whole takes the engine less time. */
const FEW = 64;

/** The same as far as it can be told without putting `text` in upper case; else `undefined`. */
function tellFolded(text: string, folded: string): boolean | undefined {
  // Nothing becomes shorter in upper case, and only letters outside of ASCII become longer.
  const { length } = text;
  if (length > folded.length) return false;
  const few = Math.min(length, FEW);
  for (let i = 0; i < few; i++) {
    const code = text.charCodeAt(i);
    if (code === folded.charCodeAt(i)) continue;
    if (code >= ASCII_END) return undefined;
    if (upper(code) !== folded.charCodeAt(i)) return false;
  }
  return length > FEW ? undefined : length === folded.length;
}

/** Whether `text` in upper case begins with `folded`. */
export function startsWithFolded(text: string, folded: string): boolean {
  const length = Math.min(text.length, folded.length);
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    if (code === folded.charCodeAt(i)) continue;
    if (code >= ASCII_END) return text.toUpperCase().startsWith(folded);
    if (upper(code) !== folded.charCodeAt(i)) return false;
  }
  return length === folded.length;
}

/** Whether `text` in upper case ends with `folded`. */
export function endsWithFolded(text: string, folded: string): boolean {
  const length = Math.min(text.length, folded.length);
  for (let i = 1; i <= length; i++) {
    const code = text.charCodeAt(text.length - i);
    const wanted = folded.charCodeAt(folded.length - i);
    if (code === wanted) continue;
    if (code >= ASCII_END) return text.toUpperCase().endsWith(folded);
    if (upper(code) !== wanted) return false;
  }
  return length === folded.length;
}

const SURROGATE = /[\ud800-\udfff]/;

/** Whether a text has characters that take two UTF-16 code units. */
export function hasSurrogates(text: string): boolean {
  return SURROGATE.test(text);
}

/**
 * Below zero, zero or above as the first text comes before the second by code points. UTF-16 puts characters beyond
 * U+FFFF before those from U+E000 on.
 */
export function compareText(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  for (let i = 0; i < length; i++) {
    const a = left.charCodeAt(i);
    const b = right.charCodeAt(i);
    if (a !== b) return codePointOrder(a) - codePointOrder(b);
  }
  return left.length - right.length;
}

/** A UTF-16 code unit's place if surrogates came after all others. */
function codePointOrder(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

/** How many code points a text has. */
export function lengthOf(text: string): number {
  if (!hasSurrogates(text)) return text.length;
  let count = text.length;
  for (let i = 1; i < text.length; i++) if (isWithinCharacter(text, i)) count--;
  return count;
}

/** A place in code units as one in code points; -1 stays. */
export function toCodePoints(text: string, index: number): number {
  return index < 0 ? -1 : lengthOf(text.slice(0, index));
}

/** Part of a text, both places in code points. */
export function sliceOf(text: string, start: number, end: number): string {
  if (!hasSurrogates(text)) return text.slice(start, end);
  const first = toCodeUnits(text, start, 0);
  return text.slice(first, toCodeUnits(text, end - start, first));
}

/** The place that is so many code points behind another, both in code units. */
function toCodeUnits(text: string, count: number, from: number): number {
  let at = from;
  for (let i = 0; i < count && at < text.length; i++) at += isWithinCharacter(text, at + 1) ? 2 : 1;
  return at;
}

/** A text from its last code point to its first. */
export function reverseOf(text: string): string {
  return Array.from(text).reverse().join("");
}

/** Whether a text fits a LIKE pattern that was read once. */
export type LikeTest = (text: string) => boolean;

/**
 * Reads a LIKE pattern: `%` and `*` at its ends stand for anything.
 *
 * @returns `undefined` when there is a wildcard within.
 */
export function likeTest(pattern: string, exact: boolean): LikeTest | undefined {
  const plain = pattern.replaceAll("%", "*");
  const open = plain.startsWith("*");
  const rest = open ? plain.slice(1) : plain;
  const close = rest.endsWith("*");
  const core = close ? rest.slice(0, -1) : rest;
  if (core.includes("*")) return undefined;
  if (core === "" && (open || close)) return () => true;
  if (exact) {
    if (open && close) return (text) => indexOf(text, core) >= 0;
    if (open) return (text) => text.endsWith(core);
    return close ? (text) => text.startsWith(core) : (text) => text === core;
  }
  const folded = fold(core);
  if (open && close) return (text) => indexOf(fold(text), folded) >= 0;
  if (open) return (text) => endsWithFolded(text, folded);
  return close ? (text) => startsWithFolded(text, folded) : (text) => equalsFolded(text, folded);
}
