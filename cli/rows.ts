/**
 * Rows of metadata for people.
 *
 * @module
 */
import { type DataColumn, type DataRow, type DataTable, Ticks } from "../mod.ts";
import { UsageError } from "./exit_codes.ts";
import type { Output } from "./output.ts";
import { alignColumns, plain } from "./text.ts";

/** Characters of a cell that are shown. */
const WIDEST = 48;

/** A value as people read it, in so many characters at most: times in UTC, nothing for `null`. */
export function cellText(row: DataRow, column: DataColumn, width: number = WIDEST): string {
  const value = row.get(column.name);
  if (value === null) return "";
  const text = column.type === "dateTime" && typeof value === "bigint" && Ticks.timeOf(value) <= Ticks.Max
    ? Ticks.format(value)
    : String(value);
  return plain(text, width);
}

/**
 * A row for programs.
 *
 * @param wanted The names of its columns; all when there are none.
 * @throws {UsageError} When the table has no such column.
 */
export function rowValue(row: DataRow, wanted: readonly string[]): Record<string, unknown> {
  const whole = row.toJSON();
  if (wanted.length === 0) return whole;
  return Object.fromEntries(columnsToShow(row.table, wanted).map(({ name }) => [name, whole[name]]));
}

/** Writes rows of one table as lines with aligned columns. */
export async function writeRows(
  rows: readonly DataRow[],
  columns: readonly DataColumn[],
  output: Output,
): Promise<void> {
  const cells = rows.map((row) => columns.map((column) => cellText(row, column)));
  const headings = columns.map(({ name }) => ({ heading: plain(name, WIDEST) }));
  const [heading, ...lines] = alignColumns(headings, cells);
  await output.line(output.outStyles.bold(heading!));
  for (const line of lines) await output.line(line);
}

/** What rows of this table are recognised by. */
const usual: readonly string[] = [
  "SignalID",
  "ID",
  "PointTag",
  "SignalType",
  "SignalAcronym",
  "Device",
  "DeviceAcronym",
  "Acronym",
  "Name",
  "Label",
  "Type",
  "Phase",
  "SourceIndex",
  "CompanyAcronym",
  "FramesPerSecond",
  "Description",
];

/**
 * The columns of a table to show.
 *
 * @param wanted Their names; when there are none, those that rows are recognised by, or else all.
 * @throws {UsageError} When the table has no such column.
 */
export function columnsToShow(table: DataTable, wanted: readonly string[]): DataColumn[] {
  if (wanted.length === 0) {
    const found = usual.map((name) => table.column(name)).filter((column) => column !== undefined);
    return found.length > 0 ? found : [...table.columns];
  }
  return wanted.map((name) => {
    const column = table.column(name);
    if (column !== undefined) return column;
    const known = table.columns.map((column) => column.name).join(", ");
    throw new UsageError(`${table.name} has no column "${name}", it has ${known}`);
  });
}
