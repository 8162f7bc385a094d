/**
 * What is different between two data sets, for people and programs.
 *
 * @module
 */
import { compareDataSets, type DataRow, type DataSet } from "../mod.ts";
import type { Styles } from "./output.ts";
import { cellText } from "./rows.ts";
import { count, plain } from "./text.ts";

/** A value that changed. */
export interface ChangedCell {
  readonly column: string;
  readonly before: string;
  readonly after: string;
}

/** What is different in a table. */
export interface ChangedTable {
  readonly name: string;
  readonly presence: "added" | "removed" | "both";
  readonly addedColumns: readonly string[];
  readonly removedColumns: readonly string[];
  /** Rows by what they are recognised by. */
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly { readonly row: string; readonly cells: readonly ChangedCell[] }[];
  readonly unchanged: number;
}

/** What is different: turns into JSON. */
export interface Changes {
  readonly isEmpty: boolean;
  readonly tables: readonly ChangedTable[];
}

/** Compares; rows are recognised as `compareDataSets` does it. */
export function compare(before: DataSet, after: DataSet): Changes {
  const { isEmpty, tables } = compareDataSets(before, after);
  return {
    isEmpty,
    tables: tables.map(({ name, presence, key, addedColumns, removedColumns, ...rows }) => ({
      name,
      presence,
      addedColumns,
      removedColumns,
      added: rows.added.map((row) => nameOf(row, key)),
      removed: rows.removed.map((row) => nameOf(row, key)),
      changed: rows.changed.map(({ before, after, columns }) => ({
        row: nameOf(after, key),
        cells: columns.map((column) => ({
          column,
          before: textOf(before, column),
          after: textOf(after, column),
        })),
      })),
      unchanged: rows.unchanged,
    })),
  };
}

/** What people call a row: its tag or acronym, and what it is recognised by. */
function nameOf(row: DataRow, key: readonly string[]): string {
  const name = ["PointTag", "Acronym", "Label", "Name"].find((column) =>
    row.table.column(column) !== undefined
  );
  const columns = [...new Set([...name === undefined ? [] : [name], ...key])];
  const shown = columns.length > 0 ? columns : row.table.columns.slice(0, 4).map((column) => column.name);
  return shown.map((column) => textOf(row, column)).filter((text) => text !== "").join("  ");
}

function textOf(row: DataRow, name: string): string {
  const column = row.table.column(name);
  return column === undefined ? "" : cellText(row, column, 200);
}

/** The changes in lines, `+` for what is new and `-` for what is gone. */
export function describeChanges(
  { isEmpty, tables }: Changes,
  { bold, green, red, yellow }: Styles,
): string[] {
  if (isEmpty) return ["No difference."];
  const lines: string[] = [];
  for (const table of tables) {
    const { added, removed, changed, addedColumns, removedColumns } = table;
    const differences = [
      ...addedColumns.map((name) => green(`  + column ${plain(name)}`)),
      ...removedColumns.map((name) => red(`  - column ${plain(name)}`)),
      ...added.map((row) => green(`  + ${row}`)),
      ...removed.map((row) => red(`  - ${row}`)),
      ...changed.flatMap(({ row, cells }) => [
        yellow(`  ~ ${row}`),
        ...cells.map(({ column, before, after }) => `      ${plain(column)}: ${before} -> ${after}`),
      ]),
    ];
    if (differences.length === 0 && table.presence === "both") continue;
    const presence = table.presence === "both" ? "" : ` (${table.presence})`;
    const counts = `${count(added.length)} added, ${count(removed.length)} removed, ` +
      `${count(changed.length)} changed, ${count(table.unchanged)} the same`;
    lines.push(`${bold(plain(table.name))}${presence}: ${counts}`, ...differences);
  }
  return lines;
}
