/**
 * What changed between two data sets.
 *
 * @module
 */
import { formatChanges, formatChangesBriefly } from "./changes_text.ts";
import type { DataRow } from "./data_row.ts";
import type { DataSet } from "./data_set.ts";
import { DataTable } from "./data_table.ts";
import type { CellValue, DataType } from "./data_type.ts";
import { sameCell } from "./data_type.ts";
import { formatDecimal } from "./decimal.ts";
import { inspectable } from "./inspect.ts";
import { finish, type Steps } from "./steps.ts";

/** A row that is in both data sets with different values. */
export interface ChangedRow {
  /** The row as it was. */
  before: DataRow;
  /** The row as it is. */
  after: DataRow;
  /** The columns whose values differ, in the later spelling. */
  columns: string[];
}

/** What changed in one table. */
export interface TableChanges {
  /** The table's name, in the later spelling. */
  name: string;
  /** Whether the table was there before, is there now, or both. */
  presence: "added" | "removed" | "both";
  /** The columns that rows are recognised by; empty when a row is recognised by all of its values. */
  key: string[];
  /** Columns that are new, or of another type than before. */
  addedColumns: string[];
  /** Columns that are gone, or of another type now. */
  removedColumns: string[];
  /** Rows that were not there before. */
  added: DataRow[];
  /** Rows that are there no more. */
  removed: DataRow[];
  /** Rows with the same key and other values. */
  changed: ChangedRow[];
  /** How many rows are the same in all columns that both tables have. */
  unchanged: number;
}

/** What changed between two data sets; see {@linkcode compareDataSets}. */
export interface DataSetChanges {
  /** Whether nothing changed at all: no table, column, row or value. */
  isEmpty: boolean;
  /** The tables of both, those with no changes too; in the later order, then the removed ones. */
  tables: TableChanges[];
}

/** How {@linkcode compareDataSets} recognises rows. */
export interface CompareOptions {
  /**
   * The columns that make up the key, by table name, in any case. What is not given:
   *
   * | table | key |
   * | --- | --- |
   * | MeasurementDetail, ActiveMeasurements | SignalID |
   * | DeviceDetail | UniqueID, else Acronym |
   * | PhasorDetail | DeviceAcronym and SourceIndex, else ID |
   * | any other | the first GUID column, else all columns |
   */
  keys?: Readonly<Record<string, string | readonly string[]>>;
}

/** A map, as a table may be called `constructor`. */
const KNOWN_KEYS: ReadonlyMap<string, readonly (readonly string[])[]> = new Map([
  ["measurementdetail", [["SignalID"]]],
  ["activemeasurements", [["SignalID"]]],
  ["devicedetail", [["UniqueID"], ["Acronym"]]],
  ["phasordetail", [["DeviceAcronym", "SourceIndex"], ["ID"]]],
]);

/** So many rows are compared in a step: less than a millisecond. */
const STEP = 256;

/**
 * Finds what was added, removed and changed from one data set to another.
 *
 * Rows are recognised by their keys, GUIDs where there are any: a device or a signal that was renamed is a changed row,
 * not one removed and another added. Rows without a key, or with that of another row, are matched in order. The order of
 * rows and columns does not count. Computed columns are not compared: they follow from the others.
 *
 * @throws {TypeError} When `keys` names a column that a table of that name does not have.
 *
 * @example
 * ```ts
 * import { compareDataSets, DataSet } from "@sttp/sttp/metadata";
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
 * const [devices] = compareDataSets(metadata("SHELBY"), metadata("SHELBY2")).tables;
 * assertEquals(devices?.added.length, 0);
 * assertEquals(devices?.changed[0]?.columns, ["Acronym"]);
 * ```
 */
export function compareDataSets(
  before: DataSet,
  after: DataSet,
  options: CompareOptions = {},
): DataSetChanges {
  return finish(compareDataSetsSteps(before, after, options));
}

/** The same in steps. */
export function* compareDataSetsSteps(
  before: DataSet,
  after: DataSet,
  options: CompareOptions = {},
): Steps<DataSetChanges> {
  const given = new Map(
    Object.entries(options.keys ?? {}).map((
      [name, key],
    ) => [name.toLowerCase(), typeof key === "string" ? [key] : key]),
  );
  const tables: TableChanges[] = [];
  for (const table of after.tables) tables.push(yield* compareTables(before.table(table.name), table, given));
  for (const table of before.tables) {
    if (after.table(table.name) === undefined) tables.push(yield* compareTables(table, undefined, given));
  }
  const changes: DataSetChanges = { isEmpty: tables.every(isUnchanged), tables };
  inspectable(changes, formatChanges, formatChangesBriefly);
  return changes;
}

function isUnchanged(table: TableChanges): boolean {
  return table.presence === "both" && table.addedColumns.length === 0 && table.removedColumns.length === 0 &&
    table.added.length === 0 && table.removed.length === 0 && table.changed.length === 0;
}

/** Columns that both tables store, with the same type. */
interface Pair {
  name: string;
  before: readonly CellValue[];
  after: readonly CellValue[];
}

function* compareTables(
  before: DataTable | undefined,
  after: DataTable | undefined,
  given: ReadonlyMap<string, readonly string[]>,
): Steps<TableChanges> {
  const { name } = after ?? before!;
  const older = before ?? new DataTable(name);
  const newer = after ?? new DataTable(name);
  const pairs: Pair[] = [];
  for (const column of newer.columns) {
    const match = counterpart(older, column.name, column.type, column.expression);
    if (match === undefined || column.computed) continue;
    pairs.push({ name: column.name, before: match.values, after: column.values });
  }
  const missing = (from: DataTable, other: DataTable): string[] =>
    from.columns.filter((column) =>
      counterpart(other, column.name, column.type, column.expression) === undefined
    )
      .map((column) => column.name);
  const key = before !== undefined && after !== undefined ? chooseKey(before, after, given) : [];
  const changes: TableChanges = {
    name,
    presence: before === undefined ? "added" : after === undefined ? "removed" : "both",
    key: [...key],
    addedColumns: missing(newer, older),
    removedColumns: missing(older, newer),
    added: [],
    removed: [],
    changed: [],
    unchanged: 0,
  };
  yield* compareRows(older, newer, key.length === 0 ? pairs : pairsOf(key, older, newer), pairs, changes);
  return changes;
}

function counterpart(
  table: DataTable,
  name: string,
  type: DataType,
  expression: string | undefined,
): { values: readonly CellValue[] } | undefined {
  const column = table.column(name);
  if (column === undefined || column.type !== type || column.expression !== expression) return undefined;
  // The values of a computed column are not asked for: that would evaluate it.
  return { values: column.computed ? [] : column.values };
}

function pairsOf(key: readonly string[], before: DataTable, after: DataTable): Pair[] {
  return key.map((name) => ({
    name,
    before: before.column(name)!.values,
    after: after.column(name)!.values,
  }));
}

function chooseKey(
  before: DataTable,
  after: DataTable,
  given: ReadonlyMap<string, readonly string[]>,
): readonly string[] {
  const inBoth = (name: string): boolean => {
    const column = after.column(name);
    return column !== undefined && !column.computed && before.column(name)?.computed === false;
  };
  const name = after.name.toLowerCase();
  const wanted = given.get(name);
  if (wanted !== undefined) {
    const unknown = wanted.find((column) => !inBoth(column));
    if (unknown !== undefined) {
      throw new TypeError(`${after.name} has no column ${unknown} in both data sets to recognise rows by`);
    }
    return wanted;
  }
  const known = KNOWN_KEYS.get(name)?.find((columns) => columns.every(inBoth));
  if (known !== undefined) return known;
  const guid = after.columns.find((column) => column.type === "guid" && inBoth(column.name));
  return guid === undefined ? [] : [guid.name];
}

function keyOf(pairs: readonly Pair[], side: "before" | "after", row: number): string {
  let key = "";
  for (const pair of pairs) {
    const value = pair[side][row] ?? null;
    // Lengths keep the parts of different keys from running into each other.
    const text = value === null
      ? ""
      : typeof value === "object"
      ? formatDecimal(value.stripTrailingZeros())
      : String(value);
    key += `${value === null ? "-" : text.length}:${text}`;
  }
  return key;
}

function* compareRows(
  before: DataTable,
  after: DataTable,
  key: readonly Pair[],
  pairs: readonly Pair[],
  changes: TableChanges,
): Steps<void> {
  // Rows of the same key wait in the order of the table.
  const waiting = new Map<string, number[]>();
  for (let row = before.rowCount - 1; row >= 0; row--) {
    const value = keyOf(key, "before", row);
    const rows = waiting.get(value);
    if (rows === undefined) waiting.set(value, [row]);
    else rows.push(row);
    if (row % STEP === 0) yield;
  }
  const isMatched = new Uint8Array(before.rowCount);
  for (let row = 0; row < after.rowCount; row++) {
    if (row % STEP === STEP - 1) yield;
    const match = waiting.get(keyOf(key, "after", row))?.pop();
    if (match === undefined) {
      changes.added.push(after.row(row));
      continue;
    }
    isMatched[match] = 1;
    const columns = pairs.filter((pair) => !sameCell(pair.before[match]!, pair.after[row]!)).map((pair) =>
      pair.name
    );
    if (columns.length === 0) changes.unchanged++;
    else changes.changed.push({ before: before.row(match), after: after.row(row), columns });
  }
  for (let row = 0; row < before.rowCount; row++) {
    if (row % STEP === STEP - 1) yield;
    if (isMatched[row] === 0) changes.removed.push(before.row(row));
  }
}
