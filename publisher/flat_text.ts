const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * A copy of a text that has nothing else in memory. What is kept of a longer one must be such a copy: a slice keeps the
 * whole, and a single character beyond Latin-1 in it makes each of the others take two bytes.
 */
export function flatCopy(text: string): string {
  return decoder.decode(encoder.encode(text));
}

/** A copy of a text for people to see: of one that is longer than `most`, the beginning with three dots behind it. */
export function clipped(text: string, most: number = CLIPPED_LENGTH): string {
  return flatCopy(text.length <= most ? text : text.slice(0, Math.max(most - 3, 0)) + "...");
}

/** How many characters are kept of a text that is only shown. */
export const CLIPPED_LENGTH = 1024;
