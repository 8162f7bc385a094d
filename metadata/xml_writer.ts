/**
 * Writes a DataSet as XML in the layout of .NET's `DataSet.WriteXml(..., WriteSchema)` (§10).
 *
 * @module
 */
import { SttpError } from "../transport/errors.ts";
import { Breath } from "./breathe.ts";
import { formatCell } from "./cell_text.ts";
import type { DataColumn } from "./data_column.ts";
import type { DataSet } from "./data_set.ts";
import type { DataTable } from "./data_table.ts";
import type { CellValue } from "./data_type.ts";
import { encodeXmlName } from "./xml_names.ts";
import { replaceForbidden } from "./xml_text.ts";
import { schemaText } from "./xsd_writer.ts";

/** How a DataSet is written. */
export interface WriteOptions {
  /** Whether each element stands on a line of its own, indented; default `true`, as .NET writes it. */
  indent?: boolean;
  /**
   * What becomes of characters that XML can't hold, control characters and lone surrogates, in strings: `"replace"`
   * (default) writes U+FFFD, so that one odd description does not keep a grid's metadata from its subscribers;
   * `"refuse"` throws `InvalidMetadata`.
   */
  invalidCharacters?: "replace" | "refuse";
}

const DECLARATION = '<?xml version="1.0" standalone="yes"?>';

/** The schema by itself, as a document; see {@linkcode DataSet.toXmlSchema}. */
export function writeXmlSchema(dataSet: DataSet, options: WriteOptions = {}): string {
  const { indent = true } = options;
  const newline = indent ? "\n" : "";
  return `${DECLARATION}${newline}${schemaText(dataSet, indent)}${newline}`;
}

/** How long the pieces of a document are, in bytes. */
const PIECE = 64 * 1024;

// Characters that stand for themselves and are one byte long.
const PLAIN = new Uint8Array(128).fill(1, 0x20);
PLAIN[0x09] = PLAIN[0x0a] = 1;
for (const char of "&<>") PLAIN[char.charCodeAt(0)] = 0;

const ESCAPED = /[&<>\r]/g;
const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;" };

const encoder = new TextEncoder();

/** UTF-8 that grows: nearly all of it is ASCII, which is copied character by character without any string being made. */
class Utf8Builder {
  #bytes = new Uint8Array(2 * PIECE);
  #length = 0;
  readonly #refuse: boolean;

  constructor(refuse: boolean) {
    this.#refuse = refuse;
  }

  get length(): number {
    return this.#length;
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length + count));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }

  /** Appends markup. */
  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    const target = this.#bytes;
    let at = this.#length;
    for (let i = 0; i < bytes.length; i++) target[at++] = bytes[i]!;
    this.#length = at;
  }

  /** Appends text, escaped. Returns `false`, with nothing appended, when it has characters to be refused. */
  text(text: string): boolean {
    this.#reserve(text.length);
    const target = this.#bytes;
    let at = this.#length;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code >= 128 || PLAIN[code] === 0) return this.#escape(text);
      target[at++] = code;
    }
    this.#length = at;
    return true;
  }

  #escape(text: string): boolean {
    const clean = replaceForbidden(text);
    if (this.#refuse && clean !== text) return false;
    const escaped = clean.replace(ESCAPED, (char) => ENTITIES[char]!);
    this.#reserve(3 * escaped.length);
    this.#length += encoder.encodeInto(escaped, this.#bytes.subarray(this.#length)).written;
    return true;
  }

  /** Gives away what there is. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = this.#bytes.slice(0, this.#length);
    this.#length = 0;
    return taken;
  }
}

/** A column and the markup around its cells. */
interface ColumnMarkup {
  column: DataColumn;
  values: readonly CellValue[];
  open: Uint8Array;
  close: Uint8Array;
  empty: Uint8Array;
}

/** Writes the rows of a table. */
class RowWriter {
  readonly #out: Utf8Builder;
  readonly #columns: ColumnMarkup[];
  readonly #open: Uint8Array;
  readonly #close: Uint8Array;
  // Neighbouring rows often have the same time, and its text is the dearest to make.
  #lastTicks: bigint | undefined;
  #lastTime = "";

  constructor(out: Utf8Builder, table: DataTable, indent: boolean) {
    const name = encodeXmlName(table.name);
    const newline = indent ? "\n" : "";
    const outer = indent ? "  " : "";
    const inner = outer + outer;
    this.#out = out;
    this.#open = encoder.encode(`${outer}<${name}>${newline}`);
    this.#close = encoder.encode(`${outer}</${name}>${newline}`);
    this.#columns = table.columns.filter((column) => !column.computed).map((column) => {
      const tag = encodeXmlName(column.name);
      return {
        column,
        values: column.values,
        open: encoder.encode(`${inner}<${tag}>`),
        close: encoder.encode(`</${tag}>${newline}`),
        empty: encoder.encode(`${inner}<${tag} />${newline}`),
      };
    });
  }

  /** @throws {SttpError} `InvalidMetadata` when a text has characters to be refused. */
  write(row: number): void {
    const out = this.#out;
    out.raw(this.#open);
    for (const { column, values, open, close, empty } of this.#columns) {
      const value = values[row];
      if (value === null || value === undefined) continue;
      if (value === "") {
        out.raw(empty);
        continue;
      }
      out.raw(open);
      if (!out.text(this.#textOf(column, value))) {
        const where = `${column.table.name}.${column.name} of row ${row}`;
        throw new SttpError(
          "InvalidMetadata",
          `${where} has characters that XML can't hold: ${JSON.stringify(value)}`,
        );
      }
      out.raw(close);
    }
    out.raw(this.#close);
  }

  #textOf(column: DataColumn, value: NonNullable<CellValue>): string {
    if (typeof value === "string") return value;
    if (column.type !== "dateTime" || typeof value !== "bigint") return formatCell(column.type, value);
    if (value !== this.#lastTicks) {
      this.#lastTicks = value;
      this.#lastTime = formatCell("dateTime", value);
    }
    return this.#lastTime;
  }
}

/** The document in pieces of some 64 KB, in UTF-8: each takes less than a millisecond. */
export function* xmlPieces(
  dataSet: DataSet,
  options: WriteOptions = {},
): Generator<Uint8Array<ArrayBuffer>, void> {
  const { indent = true, invalidCharacters = "replace" } = options;
  const newline = indent ? "\n" : "";
  const name = encodeXmlName(dataSet.name);
  const schema = schemaText(dataSet, indent);
  const out = new Utf8Builder(invalidCharacters === "refuse");
  out.raw(encoder.encode(`${DECLARATION}${newline}<${name}>${newline}`));
  out.raw(encoder.encode((indent ? schema.replace(/^/gm, "  ") : schema) + newline));
  for (const table of dataSet.tables) {
    const writer = new RowWriter(out, table, indent);
    const { rowCount } = table;
    for (let row = 0; row < rowCount; row++) {
      writer.write(row);
      if (out.length >= PIECE) yield out.take();
    }
  }
  out.raw(encoder.encode(`</${name}>${newline}`));
  yield out.take();
}

/** The document as text; see {@linkcode DataSet.toXml}. */
export function writeXml(dataSet: DataSet, options: WriteOptions = {}): string {
  const decoder = new TextDecoder();
  const parts: string[] = [];
  for (const piece of xmlPieces(dataSet, options)) parts.push(decoder.decode(piece, { stream: true }));
  return parts.join("");
}

/** The document as a stream; see {@linkcode DataSet.toXmlStream}. */
export function writeXmlStream(
  dataSet: DataSet,
  options: WriteOptions = {},
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const pieces = xmlPieces(dataSet, options);
  const breath = new Breath();
  return new ReadableStream({
    async pull(controller): Promise<void> {
      await breath.due();
      const next = pieces.next();
      if (next.done) controller.close();
      else controller.enqueue(next.value);
    },
    cancel(): void {
      pieces.return();
    },
  }, { highWaterMark: 0 });
}
