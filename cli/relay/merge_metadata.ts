/**
 * The metadata of several publishers as that of one.
 *
 * @module
 */
import { type CellValue, DataSet, type DataTable } from "../../mod.ts";

/** What was left out. */
export interface MergeReport {
  /** Rows of each table that describe what an earlier data set describes already. */
  readonly repeated: Readonly<Record<string, number>>;
  /** Columns, as `Table.Column`, that are of another type in a later data set: its values are left out. */
  readonly typeConflicts: readonly string[];
}

/** The columns that tell the rows of a table apart, tables and columns in lower case. Rows of other tables add up. */
const keys: Readonly<Record<string, readonly string[]>> = {
  measurementdetail: ["signalid"],
  devicedetail: ["acronym"],
  phasordetail: ["deviceacronym", "sourceindex"],
  // One row, which says what the others are like.
  schemaversion: [],
};

/**
 * Puts data sets together: all tables, all columns, and the rows of each; of what several describe, the description of
 * the first. A single one is given back as it is.
 */
export function mergeMetadata(sets: readonly DataSet[]): { dataSet: DataSet; report: MergeReport } {
  const repeated: Record<string, number> = {};
  const typeConflicts = new Set<string>();
  if (sets.length === 1) return { dataSet: sets[0]!, report: { repeated, typeConflicts: [] } };
  const merged = new DataSet(sets[0]?.name);
  const names = new Set(sets.flatMap(({ tables }) => tables.map(({ name }) => name.toLowerCase())));
  for (const name of names) {
    const tables = sets.map((set) => set.table(name)).filter((table) => table !== undefined);
    const target = merged.addTable(tables[0]!.name);
    for (const { columns } of tables) {
      for (const { name, type, expression } of columns) {
        if (target.column(name) === undefined) target.addColumn(name, type, expression);
      }
    }
    const seen = new Set<string>();
    for (const table of tables) {
      const count = append(table, target, seen, typeConflicts);
      if (count > 0) repeated[target.name] = (repeated[target.name] ?? 0) + count;
    }
  }
  return { dataSet: merged, report: { repeated, typeConflicts: [...typeConflicts] } };
}

/** Appends the rows of a table that are not yet there. @returns How many were. */
function append(table: DataTable, target: DataTable, seen: Set<string>, typeConflicts: Set<string>): number {
  const rows = newRows(table, seen);
  const columns: Record<string, CellValue[]> = {};
  for (const { name, type, values } of table.columns.filter(({ computed }) => !computed)) {
    const column = target.column(name)!;
    if (column.computed || column.type !== type) typeConflicts.add(`${target.name}.${column.name}`);
    else columns[column.name] = rows.map((row) => values[row]!);
  }
  // Rows without a value that can be taken over are rows all the same.
  if (Object.keys(columns).length === 0) { for (const _ of rows) target.addRow(); }
  else target.addRows(columns);
  return table.rowCount - rows.length;
}

/** The indexes of the rows whose key was not seen before; rows without one are new. */
function newRows(table: DataTable, seen: Set<string>): number[] {
  const all = Array.from({ length: table.rowCount }, (_, row) => row);
  const key = keys[table.name.toLowerCase()];
  if (key === undefined) return all;
  const columns = key.map((name) => table.column(name)?.values);
  return all.filter((row) => {
    const parts = columns.map((values) => values?.[row]);
    if (parts.some((part) => part === null || part === undefined)) return true;
    const text = JSON.stringify(parts.map((part) => String(part).toLowerCase()));
    if (seen.has(text)) return false;
    seen.add(text);
    return true;
  });
}
