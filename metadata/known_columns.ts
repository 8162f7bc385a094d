/**
 * Reads the columns of the known tables (§10), which may be missing, or of another type than the usual one.
 *
 * @module
 */
import { SttpError } from "../transport/errors.ts";
import { isGuid, normalizeGuid } from "../transport/wire/guid.ts";
import type { CellValue } from "./data_type.ts";
import { DataTable } from "./data_table.ts";
import { decimalToNumber, formatDecimal } from "./decimal.ts";

/** The values of one column by row, or of none. */
export type Values = readonly CellValue[];

const EMPTY = new DataTable("Empty");

/** The columns of one table, for reading it in bulk. */
export class KnownColumns {
  readonly #table: DataTable;

  /** @param table The table; with none, all columns are missing. */
  constructor(table: DataTable | undefined) {
    this.#table = table ?? EMPTY;
  }

  /** How many rows there are. */
  get rowCount(): number {
    return this.#table.rowCount;
  }

  /** The values of a column, or nothing at all where it is missing. */
  values(name: string): Values {
    return this.#table.column(name)?.values ?? [];
  }

  /**
   * A column of GUIDs; text that reads as a GUID is taken too.
   *
   * @throws {SttpError} `InvalidMetadata` when the column is missing although there are rows.
   */
  requiredGuids(name: string): readonly (string | null)[] {
    const column = this.#table.column(name);
    if (column === undefined && this.rowCount > 0) {
      throw new SttpError("InvalidMetadata", `${this.#table.name} has no column ${name}`);
    }
    return this.guids(name);
  }

  /** A column of GUIDs; text that reads as a GUID is taken too, other text as none. */
  guids(name: string): readonly (string | null)[] {
    const column = this.#table.column(name);
    if (column === undefined) return [];
    if (column.type === "guid") return column.values as readonly (string | null)[];
    return column.values.map((value) =>
      typeof value === "string" && isGuid(value) ? normalizeGuid(value) : null
    );
  }
}

/** A cell as text; `null` is empty. */
export function textOf(value: CellValue | undefined): string {
  if (value === null || value === undefined) return "";
  return typeof value === "object" ? formatDecimal(value) : String(value);
}

/** A name, in the one spelling in which it is looked up: case does not count. */
export function nameOf(value: CellValue | undefined): string {
  return textOf(value).toLowerCase();
}

/** A cell as a number; `undefined` where there is none. */
export function numberOf(value: CellValue | undefined): number | undefined {
  switch (typeof value) {
    case "number":
      return value;
    case "bigint":
    case "boolean":
      return Number(value);
    case "string":
      return value.trim() === "" || Number.isNaN(Number(value)) ? undefined : Number(value);
  }
  return value === null || value === undefined ? undefined : decimalToNumber(value);
}

/** A cell as a truth value: `true`, a number other than 0, or such text. */
export function truthOf(value: CellValue | undefined, otherwise: boolean): boolean {
  if (value === null || value === undefined) return otherwise;
  if (typeof value === "boolean") return value;
  if (typeof value === "string") return /^\s*(?:true|yes|[1-9][0-9]*)\s*$/i.test(value);
  return numberOf(value) !== 0;
}

/** Reads a table row by row, by column names that may be missing. */
export class RowReader {
  /** Which row is read. */
  row = 0;
  readonly #columns: KnownColumns;
  readonly #values = new Map<string, Values>();

  /** @param columns The table's columns. */
  constructor(columns: KnownColumns) {
    this.#columns = columns;
  }

  #at(name: string): CellValue | undefined {
    let values = this.#values.get(name);
    if (values === undefined) this.#values.set(name, values = this.#columns.values(name));
    return values[this.row];
  }

  /** As text; empty where there is none. */
  text(name: string): string {
    return textOf(this.#at(name));
  }

  /** As a number. */
  number(name: string): number | undefined {
    return numberOf(this.#at(name));
  }

  /** As a truth value. */
  truth(name: string, otherwise: boolean): boolean {
    return truthOf(this.#at(name), otherwise);
  }

  /** As ticks. */
  ticks(name: string): bigint | undefined {
    const value = this.#at(name);
    return typeof value === "bigint" ? value : undefined;
  }

  /** As a GUID. */
  guid(name: string): string | undefined {
    const text = textOf(this.#at(name));
    return isGuid(text) ? normalizeGuid(text) : undefined;
  }
}
