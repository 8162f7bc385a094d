/**
 * Looking for a text in another, in time that grows with their lengths and not with the product of them.
 *
 * @module
 */
import { caseless } from "./caseless.ts";

/**
 * So long a part is left to the engine, which looks at the last 250 characters of a longer one only when it decides how
 * far it may go on, and then compares all of it anew.
 */
const SHORT = 250;

/** The same when it searches from the end, where it goes on by one character whatever it has compared. */
const SHORT_BACKWARDS = 8;

/** So many comparisons take the engine less time than to prepare a search that needs fewer. */
const FEW_COMPARISONS = 4_096;

/** So many places are left to the engine, which begins anew at each. */
const FEW_PLACES = 64;

/** Takes a place, and tells where to go on: one character further, behind the part, or nowhere when negative. */
type Take = (at: number) => number;

const STOP = -1;

/** The first place of a part in a text; -1 if it is not there. */
export function indexOf(text: string, part: string): number {
  if (part.length <= SHORT) return text.indexOf(part);
  let place = -1;
  searchLinearly(text, part, 0, (at) => {
    place = at;
    return STOP;
  });
  return place;
}

/** The last place of a part in a text; -1 if it is not there. */
export function lastIndexOf(text: string, part: string): number {
  if (part.length <= SHORT_BACKWARDS || part.length * text.length <= FEW_COMPARISONS) {
    return text.lastIndexOf(part);
  }
  let place = -1;
  searchLinearly(text, part, 0, (at) => (place = at) + 1);
  return place;
}

/** The place of occurrence n, from 0, which may overlap the one before; -1 if there are not so many. */
export function placeOf(text: string, part: string, n: number): number {
  let place = -1;
  let left = n;
  search(text, part, (at) => {
    if (left-- > 0) return at + 1;
    place = at;
    return STOP;
  });
  return place;
}

/** How often a part is in a text, one behind the other. */
export function countOf(text: string, part: string): number {
  let count = 0;
  search(text, part, (at) => {
    count++;
    return at + part.length;
  });
  return count;
}

/** What is between the occurrences of a part, one behind the other. */
export function splitBy(text: string, part: string): string[] {
  return part.length <= SHORT ? text.split(part) : cut(text, (take) => search(text, part, take), part.length);
}

/** The same without regard to case. */
export function splitByCaseless(text: string, part: string): string[] {
  const find = (take: Take) => {
    const takeWhole = (at: number) =>
      isWithinCharacter(text, at) || isWithinCharacter(text, at + part.length) ? at + 1 : take(at);
    search(caseless(text), caseless(part), takeWhole);
  };
  return cut(text, find, part.length);
}

function cut(text: string, find: (take: Take) => void, length: number): string[] {
  const pieces: string[] = [];
  let start = 0;
  find((at) => {
    pieces.push(text.slice(start, at));
    return start = at + length;
  });
  pieces.push(text.slice(start));
  return pieces;
}

/** Whether a place is between the two halves of a character beyond U+FFFF. */
export function isWithinCharacter(text: string, at: number): boolean {
  return (text.charCodeAt(at) & 0xfc00) === 0xdc00 && (text.charCodeAt(at - 1) & 0xfc00) === 0xd800;
}

/** Finds all places of a part that is not empty, from the left. */
function search(text: string, part: string, take: Take): void {
  let from = 0;
  if (part.length <= SHORT) {
    for (let i = 0; i < FEW_PLACES; i++) {
      const at = text.indexOf(part, from);
      if (at < 0) return;
      from = take(at);
      if (from < 0) return;
    }
  }
  searchLinearly(text, part, from, take);
}

/** By Knuth, Morris and Pratt: no character of the text is read twice. */
function searchLinearly(text: string, part: string, from: number, take: Take): void {
  const { length } = part;
  // One more, which no character equals, stands for the part as a whole.
  const wanted = new Int32Array(length + 1).fill(-1);
  for (let i = 0; i < length; i++) wanted[i] = part.charCodeAt(i);
  const fallbacks = fallbacksOf(wanted);
  const end = text.length;
  let matched = 0;
  for (let i = from; i < end; i++) {
    const code = text.charCodeAt(i);
    while (matched >= 0 && wanted[matched] !== code) matched = fallbacks[matched]!;
    if (++matched < length) continue;
    const next = take(i + 1 - length);
    if (next < 0) return;
    matched = next > i ? 0 : fallbacks[length]!;
  }
}

/**
 * With how many characters matched a search goes on when as many were and the next one is not: the longest beginning
 * that these end with, and that another character follows; -1 when there is none.
 */
function fallbacksOf(wanted: Int32Array): Int32Array {
  const fallbacks = new Int32Array(wanted.length);
  fallbacks[0] = -1;
  let matched = -1;
  for (let i = 1; i < wanted.length; i++) {
    // Of the characters before i, the longest beginning that they end with.
    matched++;
    fallbacks[i] = wanted[i] === wanted[matched] ? fallbacks[matched]! : matched;
    while (matched >= 0 && wanted[i] !== wanted[matched]) matched = fallbacks[matched]!;
  }
  return fallbacks;
}
