/**
 * Measurements as lines of text: CSV and NDJSON.
 *
 * @module
 */
import type { MeasurementBatch } from "../../mod.ts";
import { cellWriter, type ColumnName, isSignalColumn, SignalCells } from "./columns.ts";
import type { MeasurementWriter } from "./format.ts";
import type { SignalNames } from "./signal_names.ts";

/** Takes text. */
export interface ByteTarget {
  /** Resolves when all bytes are taken. */
  write(bytes: Uint8Array): Promise<void>;
  /** Called at the end. */
  close(): Promise<void>;
}

/** How a format looks. */
interface Layout {
  /** What stands first. */
  readonly head: string;
  /** What stands before the cells of each column, and after the last. */
  readonly between: readonly string[];
  /** A text about a signal. */
  signal(text: string): string;
  /** Any other cell. */
  cell(column: ColumnName, text: string): string;
}

function csvLayout(columns: readonly ColumnName[]): Layout {
  return {
    head: `${columns.join(",")}\n`,
    between: [...columns.map((_, i) => i === 0 ? "" : ","), "\n"],
    signal: (text) => /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text,
    cell: (_, text) => text,
  };
}

function ndjsonLayout(columns: readonly ColumnName[]): Layout {
  return {
    head: "",
    between: [...columns.map((name, i) => `${i === 0 ? "{" : ","}"${name}":`), "}\n"],
    signal: (text) => JSON.stringify(text),
    // Numbers, but for those that JSON has not and those that its readers would round.
    cell: (column, text) => {
      // A whole number -0 has lost its sign in many a language.
      if (column === "value" && text === "-0") return "-0.0";
      return column === "flags" || (column === "value" && /\d$/.test(text)) ? text : `"${text}"`;
    },
  };
}

const encoder = new TextEncoder();

/** Writes lines. Each batch goes out at once, so that a reader sees whole lines without delay. */
export class TextWriter implements MeasurementWriter {
  readonly #target: ByteTarget;
  readonly #between: readonly string[];
  readonly #cells: readonly ((batch: MeasurementBatch, i: number) => string)[];
  #head: string;

  /** A writer of CSV, with a line of headings, or of NDJSON, an object a line. */
  constructor(
    target: ByteTarget,
    format: "csv" | "ndjson",
    columns: readonly ColumnName[],
    names: SignalNames,
  ) {
    const layout = format === "csv" ? csvLayout(columns) : ndjsonLayout(columns);
    this.#target = target;
    this.#head = layout.head;
    this.#between = layout.between;
    this.#cells = columns.map((column) => {
      if (isSignalColumn(column)) {
        const cells = new SignalCells(names, column, layout.signal);
        return (batch, i) => cells.text(batch.signals[i]!);
      }
      const write = cellWriter(column);
      return (batch, i) => layout.cell(column, write(batch, i));
    });
  }

  /** Writes a line for each measurement. */
  async write(batch: MeasurementBatch): Promise<void> {
    let text = this.#head;
    this.#head = "";
    for (let i = 0; i < batch.length; i++) {
      for (let column = 0; column < this.#cells.length; column++) {
        text += this.#between[column]! + this.#cells[column]!(batch, i);
      }
      text += this.#between[this.#cells.length]!;
    }
    if (text !== "") await this.#target.write(encoder.encode(text));
  }

  /** Writes the headings, if nothing has come, and closes. */
  async finish(): Promise<void> {
    try {
      if (this.#head !== "") await this.#target.write(encoder.encode(this.#head));
    } finally {
      await this.#target.close();
    }
  }

  /** Lines that are written stay. */
  async abandon(): Promise<void> {
    await this.#target.close();
  }
}
