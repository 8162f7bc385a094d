/**
 * Text for terminals.
 *
 * @module
 */

// What acts on a terminal, or turns the direction of writing: texts of peers and files are shown without it.
const ACTING = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu;

/** A text of unknown origin on one line, at most so many characters long. */
export function plain(text: string, width: number = 200): string {
  const shown = text.slice(0, width + 1).replace(ACTING, " ");
  return shown.length > width ? `${shown.slice(0, Math.max(0, width - 3))}...` : shown;
}

/** Breaks text into lines of at most so many characters, at spaces; a longer word stays whole. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/)) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line += line === "" ? word : ` ${word}`;
    }
  }
  return [...lines, line];
}

/** A number with separators, such as `12,345`. */
export function count(n: number): string {
  return n.toLocaleString("en");
}

/** A number of things, such as `1 signal` or `12,345 signals`. */
export function many(n: number, noun: string): string {
  return `${count(n)} ${noun}${n === 1 ? "" : "s"}`;
}

/** A column of a table of text. */
export interface TextColumn {
  readonly heading: string;
  /** Whether it holds numbers, which go to the right. */
  readonly right?: boolean;
}

/** Rows of texts as lines with aligned columns, the headings first. */
export function alignColumns(columns: readonly TextColumn[], rows: readonly (readonly string[])[]): string[] {
  const lines = [columns.map(({ heading }) => heading), ...rows];
  const widths = columns.map((_, i) => lines.reduce((widest, line) => Math.max(widest, line[i]!.length), 0));
  return lines.map((line) =>
    line.map((cell, i) => columns[i]!.right ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)).join("  ")
      .trimEnd()
  );
}
