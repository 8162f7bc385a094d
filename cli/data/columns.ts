/**
 * The columns that measurements have in files.
 *
 * @module
 */
import type { MeasurementBatch } from "../../mod.ts";
import { timeText, valueText } from "./cell_text.ts";
import type { SignalNames } from "./signal_names.ts";

/** All columns. */
export const columnNames = [
  "signalId",
  "time",
  "value",
  "flags",
  "ticks",
  "key",
  "pointTag",
  "device",
  "signalType",
  "unit",
] as const;

/** A column of a file of measurements. */
export type ColumnName = typeof columnNames[number];

/** Those without which a measurement can't be read again. */
export const essentialColumns: readonly ColumnName[] = ["signalId", "time", "value", "flags"];

/** The columns that are texts about the signal. */
export type SignalColumn = Exclude<ColumnName, "time" | "ticks" | "value" | "flags">;

/** Whether a column is about the signal, and the same for all of its measurements. */
export function isSignalColumn(name: ColumnName): name is SignalColumn {
  return name !== "time" && name !== "ticks" && name !== "value" && name !== "flags";
}

/** The numbers of one column in text. */
export type CellWriter = (batch: MeasurementBatch, i: number) => string;

/** Writes a column that is not about the signal, without quotes. */
export function cellWriter(name: Exclude<ColumnName, SignalColumn>): CellWriter {
  if (name === "value") return (batch, i) => valueText(batch.values[i]!);
  if (name === "flags") return (batch, i) => String(batch.flags[i]!);
  if (name === "ticks") return (batch, i) => String(batch.ticks[i]!);
  // Neighbours are mostly of the same time.
  let last = -1n;
  let text = "";
  return (batch, i) => {
    const ticks = batch.ticks[i]!;
    if (text === "" || ticks !== last) text = timeText(last = ticks);
    return text;
  };
}

/** Texts of signals, as a format wants them: made once for each signal. */
export class SignalCells {
  readonly #names: SignalNames;
  readonly #column: SignalColumn;
  readonly #format: (text: string) => string;
  #texts: string[] = [];
  #generation = -1;

  /** @param format Quotes a text. */
  constructor(names: SignalNames, column: SignalColumn, format: (text: string) => string) {
    this.#names = names;
    this.#column = column;
    this.#format = format;
  }

  /** The text for a signal. */
  text(handle: number): string {
    if (this.#generation !== this.#names.generation) {
      this.#texts = [];
      this.#generation = this.#names.generation;
    }
    return this.#texts[handle] ??= this.#format(this.#names.of(handle)[this.#column]);
  }
}
