import type { ChangedRow, DataSetChanges, TableChanges } from "./changes.ts";
import type { DataRow } from "./data_row.ts";
import { count, displayCell, oneLine } from "./inspect.ts";

/** How many rows of each kind are shown of a table. */
const ROWS = 5;

/**
 * What changed, as people read it: a line for each table that differs, below it its columns and first rows. It is what
 * `console.log` shows of it, too.
 *
 * @example
 * ```ts
 * import { compareDataSets, DataSet, formatChanges } from "@sttp/sttp/metadata";
 * import { assertEquals } from "@std/assert";
 *
 * function metadata(acronym: string): DataSet {
 *   const dataSet = new DataSet();
 *   const devices = dataSet.addTable("DeviceDetail");
 *   devices.addColumn("UniqueID", "guid");
 *   devices.addColumn("Acronym", "string");
 *   devices.addRow(["b9650400-d17c-41df-b974-83a6662afab6", acronym]);
 *   return dataSet;
 * }
 *
 * const changes = compareDataSets(metadata("SHELBY"), metadata("SHELBY2"));
 * assertEquals(
 *   formatChanges(changes),
 *   `DataSetChanges
 *   DeviceDetail: 1 row changed
 *     ~ b9650400-d17c-41df-b974-83a6662afab6: Acronym SHELBY -> SHELBY2`,
 * );
 * ```
 */
export function formatChanges({ isEmpty, tables }: DataSetChanges): string {
  if (isEmpty) return "DataSetChanges: none";
  return ["DataSetChanges", ...tables.flatMap(showTable)].join("\n");
}

/** The same in a line. */
export function formatChangesBriefly({ tables }: DataSetChanges): string {
  const sum = (kind: "added" | "removed" | "changed"): number =>
    tables.reduce((total, table) => total + table[kind].length, 0);
  return `DataSetChanges { ${sum("added")} added, ${sum("removed")} removed, ${sum("changed")} changed }`;
}

function showTable(table: TableChanges): string[] {
  const { name, presence, addedColumns, removedColumns, added, removed, changed, unchanged } = table;
  const what = [
    ...presence === "both" ? [] : [presence],
    ...added.length > 0 ? [`${count(added.length, "row")} added`] : [],
    ...removed.length > 0 ? [`${count(removed.length, "row")} removed`] : [],
    ...changed.length > 0 ? [`${count(changed.length, "row")} changed`] : [],
  ];
  const columns = [...addedColumns.map((name) => `+ ${name}`), ...removedColumns.map((name) => `- ${name}`)];
  if (what.length === 0 && columns.length === 0) return [];
  if (unchanged > 0) what.push(`${unchanged} the same`);
  return [
    `  ${oneLine(name)}: ${what.join(", ")}`,
    ...columns.length > 0 ? [`    columns: ${oneLine(columns.join(", "), 100)}`] : [],
    ...some(added, (row) => `+ ${label(row, table)}`),
    ...some(removed, (row) => `- ${label(row, table)}`),
    ...some(changed, (row) => `~ ${label(row.after, table)}: ${differences(row)}`),
  ];
}

function some<T>(rows: readonly T[], show: (row: T) => string): string[] {
  const lines = rows.slice(0, ROWS).map((row) => `    ${show(row)}`);
  if (rows.length > ROWS) lines.push(`    ... ${count(rows.length - ROWS, "more row")}`);
  return lines;
}

/** What a row is recognised by; without a key, its first values. */
function label(row: DataRow, { key }: TableChanges): string {
  const columns = key.length > 0 ? key : row.table.columns.slice(0, 3).map(({ name }) => name);
  return oneLine(columns.map((name) => cell(row, name)).join(" "), 80);
}

function differences({ before, after, columns }: ChangedRow): string {
  const texts = columns.map((name) => `${name} ${cell(before, name)} -> ${cell(after, name)}`);
  return oneLine(texts.join(", "), 120);
}

/** Never fails, though the expression of a computed column may. */
function cell(row: DataRow, name: string): string {
  const column = row.table.column(name)!;
  try {
    return oneLine(displayCell(column.type, row.get(name))) || "(empty)";
  } catch {
    return "(error)";
  }
}
