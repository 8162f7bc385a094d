/**
 * Characters that case can't be told of one by one, and texts in which those are the same that differ in case only.
 *
 * @module
 */

/**
 * Characters that are several in upper or lower case, which takes the engine ten times as long as others; and the
 * dotless i, which is not the same as i though both are I in upper case.
 */
const UNUSUAL =
  /[\xdf\u0130\u0131\u0149\u01f0\u0390\u03b0\u0587\u1e96-\u1e9a\u1e9e\u1f50\u1f52\u1f54\u1f56\u1f80-\u1faf\u1fb2-\u1fb4\u1fb6\u1fb7\u1fbc\u1fc2-\u1fc4\u1fc6\u1fc7\u1fcc\u1fd2\u1fd3\u1fd6\u1fd7\u1fe2-\u1fe4\u1fe6\u1fe7\u1ff2-\u1ff4\u1ff6\u1ff7\u1ffc\ufb00-\ufb06\ufb13-\ufb17]/g;

/** How many characters of a text are several in another case. */
export function countUnusual(text: string): number {
  return text.search(UNUSUAL) < 0 ? 0 : text.length - text.replaceAll(UNUSUAL, "").length;
}

/**
 * A text in which characters are the same that differ in case only, as regular expressions see it: each by itself, so
 * that it stays as long as it was.
 */
export function caseless(text: string): string {
  const plain = text.replace(UNUSUAL, "\0");
  const usual = sameCase(plain);
  if (plain === text) return usual;
  let result = "";
  let start = 0;
  for (let at = usual.indexOf("\0"); at >= 0; at = usual.indexOf("\0", start)) {
    result += usual.slice(start, at) + standInOf(text[at]!);
    start = at + 1;
  }
  return result + usual.slice(start);
}

/** In upper case, by way of lower case: so all are the same that have either in common. */
function sameCase(text: string): string {
  return text.toLowerCase().toUpperCase();
}

/** Each unusual character that was met, with the first of those that differ from it in case only. */
const STAND_INS = new Map<string, string>();

/** What stands for an unusual character: one that is left out wherever case is made the same. */
function standInOf(character: string): string {
  let standIn = STAND_INS.get(character);
  if (standIn === undefined) {
    const same = sameCase(character);
    const known = STAND_INS.keys().find((other) => sameCase(other) === same);
    standIn = known === undefined ? character : STAND_INS.get(known)!;
    STAND_INS.set(character, standIn);
  }
  return standIn;
}
