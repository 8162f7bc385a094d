/**
 * The metadata of several publishers as that of one.
 *
 * @module
 */
import type { Steps } from "../../metadata/steps.ts";
import { type CellValue, DataSet, type DataTable } from "../../mod.ts";

/** What was left out. */
export interface MergeReport {
  /** Rows of each table that describe what an earlier data set describes already. */
  readonly repeated: Readonly<Record<string, number>>;
  /** Columns, as `Table.Column`, that are of another type in a later data set: its values are left out. */
  readonly typeConflicts: readonly string[];
}

/**
 * The columns that tell the rows of a table apart, tables and columns in lower case. Rows of other tables add up. A map,
 * as a table may be called `constructor`.
 */
const keys: ReadonlyMap<string, readonly string[]> = new Map([
  ["measurementdetail", ["signalid"]],
  ["devicedetail", ["acronym"]],
  ["phasordetail", ["deviceacronym", "sourceindex"]],
  // One row, which says what the others are like.
  ["schemaversion", []],
]);

/** So many keys are looked up in a step, and so many cells taken over: less than a millisecond. */
const STEP = 256;
const STEP_CELLS = 4_096;

/**
 * Puts data sets together, in steps: all tables, all columns, and the rows of each; of what several describe, the
 * description of the first. A single one is given back as it is.
 */
export function* mergeMetadata(
  sets: readonly DataSet[],
): Steps<{ dataSet: DataSet; report: MergeReport }> {
  const repeated = new Map<string, number>();
  const typeConflicts = new Set<string>();
  if (sets.length === 1) return { dataSet: sets[0]!, report: { repeated: {}, typeConflicts: [] } };
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
      const count = yield* append(table, target, seen, typeConflicts);
      if (count > 0) repeated.set(target.name, (repeated.get(target.name) ?? 0) + count);
    }
  }
  const report = { repeated: Object.fromEntries(repeated), typeConflicts: [...typeConflicts] };
  return { dataSet: merged, report };
}

/** Appends the rows of a table that are not yet there. @returns How many were. */
function* append(
  table: DataTable,
  target: DataTable,
  seen: Set<string>,
  typeConflicts: Set<string>,
): Steps<number> {
  const rows = yield* newRows(table, seen);
  const taken: [string, readonly CellValue[]][] = [];
  for (const { name, type, values } of table.columns.filter(({ computed }) => !computed)) {
    const column = target.column(name)!;
    if (column.computed || column.type !== type) typeConflicts.add(`${target.name}.${column.name}`);
    else taken.push([column.name, values]);
  }
  const step = Math.ceil(STEP_CELLS / (taken.length + 1));
  for (let start = 0; start < rows.length; start += step) {
    const part = rows.slice(start, start + step);
    // Rows without a value that can be taken over are rows all the same.
    if (taken.length === 0) { for (const _ of part) target.addRow(); }
    else {
      target.addRows(
        Object.fromEntries(taken.map(([name, values]) => [name, part.map((row) => values[row]!)])),
      );
    }
    yield;
  }
  return table.rowCount - rows.length;
}

/** The indexes of the rows whose key was not seen before; rows without one are new. */
function* newRows(table: DataTable, seen: Set<string>): Steps<number[]> {
  const columns = keys.get(table.name.toLowerCase())?.map((name) => {
    const column = table.column(name);
    // What is computed follows from the rest, once that is all there.
    return column === undefined || column.computed ? [] : column.values;
  });
  const rows: number[] = [];
  for (let row = 0; row < table.rowCount; row++) {
    if (columns === undefined || isNew(columns.map((values) => values[row]), seen)) rows.push(row);
    if (row % STEP === STEP - 1) yield;
  }
  return rows;
}

/** Whether a key was not seen before, or lacks a part; it is from now on. */
function isNew(parts: readonly (CellValue | undefined)[], seen: Set<string>): boolean {
  if (parts.some((part) => part === null || part === undefined)) return true;
  const text = JSON.stringify(parts.map((part) => String(part).toLowerCase()));
  if (seen.has(text)) return false;
  seen.add(text);
  return true;
}
