import { SttpError } from "../transport/errors.ts";
import type { DataColumn } from "./data_column.ts";
import { storageOf } from "./data_column.ts";
import type { CellValue } from "./data_type.ts";
import type { CellParser } from "./cell_text.ts";
import { CELL_PARSERS } from "./cell_text.ts";
import { referenceTarget } from "./xml_text.ts";

/** When the texts gathered are turned into strings: before the next cell once they come to this many bytes. */
const BATCH = 32 * 1024;
/** Or to this many texts. */
const MOST_CELLS = 8 * 1024;

const AMP = 0x26;
const SEMICOLON = 0x3b;
const RETURN = 0x0d;
const NEWLINE = 0x0a;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A column that is being filled, and what its last cell was: neighbours in metadata are often equal. */
export class ColumnSink {
  /** The column. */
  readonly column: DataColumn;
  /** Its storage. */
  readonly values: CellValue[];
  /** Reads a cell's text; `undefined` for strings. */
  readonly parse: CellParser | undefined;
  /** Where the last cell's text lies in the batch; -1 when it is gone. */
  lastStart = -1;
  /** Where it ends. */
  lastEnd = -1;
  /** Which row it was in. */
  lastRow = -1;
  /** What it was read as; `undefined` while the string is still to be made. */
  lastValue: CellValue | undefined = undefined;

  /** @param column A column that stores its values. */
  constructor(column: DataColumn) {
    this.column = column;
    this.values = storageOf(column);
    this.parse = column.type === "string" ? undefined : CELL_PARSERS[column.type];
  }

  /** Sets the value of a row, the last one or the one after it. */
  set(row: number, value: CellValue): void {
    if (this.values.length === row) this.values.push(value);
    else this.values[row] = value;
  }
}

/**
 * Gathers the texts of many cells and makes strings of them together: one call of the decoder for some 30 KB, of
 * which each string is a slice. That is several times as fast as decoding each on its own, and what is kept of the
 * document is the text of its cells, once.
 */
export class CellBatch {
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(2 * BATCH);
  #used = 0;
  #cellStart = 0;
  readonly #touched = new Set<ColumnSink>();
  // Strings to be made: into which column and row, from where to where. A start of -1 stands for the same as in row `end`.
  readonly #sinks: ColumnSink[] = [];
  readonly #rows: number[] = [];
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];

  /** Bytes of the current cell's text so far. */
  get length(): number {
    return this.#used - this.#cellStart;
  }

  /** Begins a cell. */
  begin(): void {
    if (this.#used >= BATCH || this.#sinks.length >= MOST_CELLS) this.flush();
    this.#cellStart = this.#used;
  }

  /** Appends text that stands for itself to the cell. */
  append(bytes: Uint8Array, start: number, end: number): void {
    this.#reserve(end - start);
    const target = this.#bytes;
    let at = this.#used;
    if (end - start > 128) {
      target.set(bytes.subarray(start, end), at);
      at += end - start;
    } else {
      for (let i = start; i < end; i++) target[at++] = bytes[i]!;
    }
    this.#used = at;
  }

  /**
   * Appends text in which references are replaced, unless it is a CDATA section's, and line ends made one character.
   *
   * @returns The reference that is not allowed, if there is one.
   */
  appendCooked(bytes: Uint8Array, start: number, end: number, literal: boolean): string | undefined {
    this.#reserve(end - start);
    const target = this.#bytes;
    let at = this.#used;
    for (let i = start; i < end; i++) {
      const byte = bytes[i]!;
      if (byte === RETURN) {
        if (bytes[i + 1] !== NEWLINE || i + 1 === end) target[at++] = NEWLINE;
      } else if (byte !== AMP || literal) target[at++] = byte;
      else {
        let close = i + 1;
        while (close < end && close < i + 12 && bytes[close] !== SEMICOLON) close++;
        const point = close < end && bytes[close] === SEMICOLON ? referenceAt(bytes, i + 1, close) : -1;
        if (point < 0) return `&${String.fromCharCode(...bytes.subarray(i + 1, close))};`;
        // No reference is shorter than the UTF-8 that it stands for.
        at += utf8(point, target, at);
        i = close;
      }
    }
    this.#used = at;
    return undefined;
  }

  #reserve(count: number): void {
    if (this.#used + count <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(2 * this.#bytes.length, this.#used + count));
    larger.set(this.#bytes.subarray(0, this.#used));
    this.#bytes = larger;
  }

  /** Ends a cell: its text becomes the value of a row. Returns whether it was one of the column's type. */
  end(sink: ColumnSink, row: number): boolean {
    let start = this.#cellStart;
    let end = this.#used;
    if (sink.parse !== undefined) {
      while (start < end && this.#bytes[start]! <= 0x20) start++;
      while (end > start && this.#bytes[end - 1]! <= 0x20) end--;
    }
    if (start === end) {
      this.#used = this.#cellStart;
      sink.set(row, sink.parse === undefined ? "" : null);
      return true;
    }
    if (this.#isRepetition(sink, start, end)) {
      this.#used = this.#cellStart;
      if (sink.lastValue === undefined) this.#want(sink, row, -1, sink.lastRow);
      else sink.set(row, sink.lastValue);
      return true;
    }
    let value: CellValue | undefined;
    if (sink.parse === undefined || (sink.column.type === "guid" && this.#canonicalGuid(start, end))) {
      this.#want(sink, row, start, end);
    } else {
      value = sink.parse(this.#bytes, start, end);
      if (value === undefined) return false;
      sink.set(row, value);
    }
    sink.lastValue = value;
    sink.lastStart = start;
    sink.lastEnd = end;
    sink.lastRow = row;
    this.#touched.add(sink);
    return true;
  }

  /** The text of the current cell, shortened for an error. */
  shown(): string {
    const text = new TextDecoder().decode(this.#bytes.subarray(this.#cellStart, this.#used));
    return JSON.stringify(text.length > 60 ? text.slice(0, 60) + "..." : text);
  }

  #want(sink: ColumnSink, row: number, start: number, end: number): void {
    sink.set(row, null);
    this.#sinks.push(sink);
    this.#rows.push(row);
    this.#starts.push(start);
    this.#ends.push(end);
  }

  #isRepetition(sink: ColumnSink, start: number, end: number): boolean {
    const shift = sink.lastStart - start;
    if (sink.lastStart < 0 || sink.lastEnd - sink.lastStart !== end - start) return false;
    const bytes = this.#bytes;
    for (let i = start; i < end; i++) if (bytes[i] !== bytes[i + shift]) return false;
    return true;
  }

  /** Whether a text is a GUID of 36 characters; makes it lower case where it stands. */
  #canonicalGuid(start: number, end: number): boolean {
    if (end - start !== 36) return false;
    const bytes = this.#bytes;
    for (let i = 0; i < 36; i++) {
      const byte = bytes[start + i]!;
      if (i === 8 || i === 13 || i === 18 || i === 23) {
        if (byte !== 0x2d) return false;
      } else if (byte >= 0x41 && byte <= 0x46) bytes[start + i] = byte | 0x20;
      else if (!((byte >= 0x30 && byte <= 0x39) || (byte >= 0x61 && byte <= 0x66))) return false;
    }
    return true;
  }

  /**
   * Makes the strings that are still wanted.
   *
   * @throws {SttpError} `InvalidMetadata` when the text is not UTF-8.
   */
  flush(): void {
    const bytes = this.#bytes.subarray(0, this.#used);
    const text = this.#decode(bytes);
    // Characters outside of ASCII take several bytes: then each string has to be decoded by itself.
    const ascii = text?.length === bytes.length;
    for (let i = 0; i < this.#sinks.length; i++) {
      const sink = this.#sinks[i]!;
      const row = this.#rows[i]!;
      const start = this.#starts[i]!;
      const end = this.#ends[i]!;
      if (start < 0) sink.values[row] = sink.values[end]!;
      else if (ascii) sink.values[row] = text.slice(start, end);
      else {
        const single = this.#decode(bytes.subarray(start, end));
        if (single === undefined) {
          const { table, name } = sink.column;
          throw new SttpError("InvalidMetadata", `${table.name}.${name} of row ${row} is not UTF-8`);
        }
        sink.values[row] = single;
      }
    }
    this.#sinks.length =
      this.#rows.length =
      this.#starts.length =
      this.#ends.length =
        0;
    for (const sink of this.#touched) sink.lastStart = -1;
    this.#touched.clear();
    this.#used = this.#cellStart = 0;
  }

  #decode(bytes: Uint8Array): string | undefined {
    try {
      return decoder.decode(bytes);
    } catch {
      return undefined;
    }
  }
}

/** The code point of a reference, given where what is between `&` and `;` stands; -1 when it is none. */
function referenceAt(bytes: Uint8Array, start: number, end: number): number {
  if (end - start === 2 && bytes[start + 1] === 0x74) {
    if (bytes[start] === 0x6c) return 0x3c;
    if (bytes[start] === 0x67) return 0x3e;
  }
  if (end - start === 3 && bytes[start] === 0x61 && bytes[start + 1] === 0x6d && bytes[start + 2] === 0x70) {
    return AMP;
  }
  return referenceTarget(String.fromCharCode(...bytes.subarray(start, end)));
}

/** Writes a code point as UTF-8. Returns how many bytes that took. */
function utf8(point: number, target: Uint8Array, at: number): number {
  if (point < 0x80) {
    target[at] = point;
    return 1;
  }
  const length = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  for (let i = length - 1; i > 0; i--) {
    target[at + i] = 0x80 | (point & 0x3f);
    point >>= 6;
  }
  target[at] = (0xf00 >> length) & 0xff | point;
  return length;
}
