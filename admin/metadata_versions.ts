import { type ChangedRow, compareDataSetsSteps, type TableChanges } from "../metadata/changes.ts";
import type { DataRow } from "../metadata/data_row.ts";
import type { DataSet } from "../metadata/data_set.ts";
import { inSlices } from "../metadata/steps.ts";
import type { Clock } from "../transport/clock.ts";
import { cellOf, type JsonCell } from "./tables.ts";

/** A row that differs from one version of metadata to the next. */
export interface RowChange {
  /** What became of it. */
  readonly change: "added" | "removed" | "changed";
  /** What it is called: its point tag, acronym or label, else what it is recognised by. */
  readonly row: string;
  /** The cells that differ; none for rows that were added or removed. */
  readonly cells: readonly { readonly column: string; readonly before: JsonCell; readonly after: JsonCell }[];
}

/** What changed in a table. */
export interface TableChangeView {
  readonly name: string;
  readonly presence: TableChanges["presence"];
  readonly addedColumns: readonly string[];
  readonly removedColumns: readonly string[];
  /** How many rows were added. */
  readonly added: number;
  /** How many rows were removed. */
  readonly removed: number;
  /** How many rows have other values. */
  readonly changed: number;
  /** How many rows are as they were. */
  readonly unchanged: number;
  /** These rows, at most 500. */
  readonly rows: readonly RowChange[];
}

/** What changed in a system's metadata when it was replaced last. */
export interface MetadataChangeView {
  /** When the admin saw the present metadata first, in milliseconds since 1970. */
  readonly at: number;
  /** When it saw the previous metadata first; `null` when there was none. */
  readonly previousAt: number | null;
  /** The tables in which anything changed; none when there was no previous metadata. */
  readonly tables: readonly TableChangeView[];
}

/** Rows of a table that are shown. */
const MOST_ROWS = 500;

interface Version {
  readonly at: number;
  readonly dataSet: DataSet;
}

interface Versions {
  present: Version;
  /** Kept until somebody asks what changed. */
  previous?: Version | undefined;
  changes?: Promise<MetadataChangeView> | undefined;
}

/** Remembers of each system what its metadata was before, for the difference. */
export class MetadataVersions {
  readonly #clock: Clock;
  readonly #versions = new Map<string, Versions>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes note of a system's metadata, which may be the same as before. */
  note(system: string, dataSet: DataSet): void {
    const known = this.#versions.get(system);
    if (known?.present.dataSet === dataSet) return;
    const present = { at: this.#clock.now(), dataSet };
    this.#versions.set(system, { present, previous: known?.present });
  }

  /** What changed when a system's metadata was replaced last; found out once, while others have their turn. */
  changes(system: string): Promise<MetadataChangeView> | undefined {
    const versions = this.#versions.get(system);
    if (versions === undefined) return undefined;
    versions.changes ??= this.#compare(versions);
    versions.previous = undefined;
    return versions.changes;
  }

  async #compare({ present, previous }: Versions): Promise<MetadataChangeView> {
    const view = { at: present.at, previousAt: previous?.at ?? null };
    if (previous === undefined) return { ...view, tables: [] };
    const { tables } = await inSlices(compareDataSetsSteps(previous.dataSet, present.dataSet), this.#clock);
    return { ...view, tables: tables.filter((table) => !isUnchanged(table)).map(viewTable) };
  }
}

function isUnchanged(table: TableChanges): boolean {
  return table.presence === "both" && table.addedColumns.length === 0 && table.removedColumns.length === 0 &&
    table.added.length === 0 && table.removed.length === 0 && table.changed.length === 0;
}

function viewTable(table: TableChanges): TableChangeView {
  const { name, presence, key, addedColumns, removedColumns, added, removed, changed, unchanged } = table;
  const whole = (change: "added" | "removed") => (row: DataRow): RowChange => ({
    change,
    row: nameOf(row, key),
    cells: [],
  });
  const rows = [
    ...changed.slice(0, MOST_ROWS).map((row) => viewChanged(row, key)),
    ...added.slice(0, MOST_ROWS).map(whole("added")),
    ...removed.slice(0, MOST_ROWS).map(whole("removed")),
  ].slice(0, MOST_ROWS);
  return {
    name,
    presence,
    addedColumns,
    removedColumns,
    added: added.length,
    removed: removed.length,
    changed: changed.length,
    unchanged,
    rows,
  };
}

function viewChanged({ before, after, columns }: ChangedRow, key: readonly string[]): RowChange {
  return {
    change: "changed",
    row: nameOf(after, key),
    cells: columns.map((column) => ({
      column,
      before: cellOf(before, column),
      after: cellOf(after, column),
    })),
  };
}

function nameOf(row: DataRow, key: readonly string[]): string {
  for (const column of ["PointTag", "Acronym", "Label", "Name"]) {
    const found = row.table.column(column);
    if (found?.type === "string" && !found.computed && row.get(column)) return String(row.get(column));
  }
  const columns = key.length > 0 ? key : row.table.columns.slice(0, 3).map(({ name }) => name);
  return columns.map((column) => cellOf(row, column) ?? "").join(" ");
}
