import { inspectable, showRow, showRowBriefly } from "./inspect.ts";
import type { CellInput, CellValue } from "./data_type.ts";
import type { DataTable } from "./data_table.ts";
import { unknownColumn } from "./data_table.ts";
import type { DataColumn } from "./data_column.ts";
import { decimalToNumber, formatDecimal } from "./decimal.ts";

/**
 * One row of a {@linkcode DataTable}: a light view, made when asked for, that reads from the table's columns.
 *
 * @example
 * ```ts
 * import { DataTable } from "@sttp/sttp/metadata";
 * import { assertEquals } from "@std/assert";
 *
 * const table = new DataTable("DeviceDetail");
 * table.addColumn("Acronym", "string");
 * table.addColumn("Longitude", "decimal");
 * const row = table.addRow({ Acronym: "SHELBY", Longitude: "-89.803800" });
 *
 * assertEquals(row.get("ACRONYM"), "SHELBY");
 * assertEquals(String(row.get("Longitude")), "-89.803800");
 * assertEquals(row.number("Longitude"), -89.8038);
 * ```
 */
export class DataRow {
  /** The table that the row is in. */
  readonly table: DataTable;
  /** Its place in the table, from 0. */
  readonly index: number;

  /** Rows are made by {@linkcode DataTable.row} and by iterating a table. */
  constructor(table: DataTable, index: number) {
    this.table = table;
    this.index = index;
  }

  #column(column: string | number): DataColumn {
    const found = typeof column === "string" ? this.table.column(column) : this.table.columns[column];
    if (found === undefined) throw new RangeError(unknownColumn(this.table, String(column)));
    return found;
  }

  /**
   * The value in a column, by its name in any case or its index; see `DataType` for what it is.
   *
   * @throws {RangeError} When there is no such column.
   * @throws {SttpError} `InvalidFilter` when a computed value's expression fails.
   */
  get(column: string | number): CellValue {
    return this.#column(column).at(this.index);
  }

  /** Changes the value in a column; see {@linkcode DataTable.addRow} for what it takes and throws. */
  set(column: string | number, value: CellInput): void {
    this.table.set(this.index, column, value);
  }

  /** The text in a `string` or `guid` column. @throws {TypeError} When the column is of another type. */
  string(column: string | number): string | null {
    const found = this.#column(column);
    if (found.type !== "string" && found.type !== "guid") throw wrongType(found, "string or guid");
    return found.at(this.index) as string | null;
  }

  /**
   * The value in a column of any numeric type as a number; an `int64` or `decimal` loses what a double can't hold.
   *
   * @throws {TypeError} When the column is of another type.
   */
  number(column: string | number): number | null {
    const found = this.#column(column);
    const value = found.at(this.index);
    switch (found.type) {
      case "string":
      case "guid":
      case "boolean":
      case "dateTime":
        throw wrongType(found, "numeric");
    }
    if (value === null || typeof value === "number") return value;
    return typeof value === "object" ? decimalToNumber(value) : Number(value);
  }

  /** The value in a `boolean` column. @throws {TypeError} When the column is of another type. */
  boolean(column: string | number): boolean | null {
    const found = this.#column(column);
    if (found.type !== "boolean") throw wrongType(found, "boolean");
    return found.at(this.index) as boolean | null;
  }

  /** The time in a `dateTime` column in ticks (UTC). @throws {TypeError} When the column is of another type. */
  ticks(column: string | number): bigint | null {
    const found = this.#column(column);
    if (found.type !== "dateTime") throw wrongType(found, "dateTime");
    return found.at(this.index) as bigint | null;
  }

  /** All values by column name, in the schema's spelling. */
  toObject(): Record<string, CellValue> {
    const values: Record<string, CellValue> = {};
    for (const column of this.table.columns) {
      // Defined, not assigned: a hostile schema may name a column "__proto__".
      Object.defineProperty(values, column.name, {
        value: column.at(this.index),
        enumerable: true,
        writable: true,
        configurable: true,
      });
    }
    return values;
  }

  /**
   * What `JSON.stringify` makes of a row: {@linkcode DataRow.toObject}, with 64-bit integers, decimals and times in
   * ticks as text.
   */
  toJSON(): Record<string, string | number | boolean | null> {
    const entries = Object.entries(this.toObject());
    return Object.fromEntries(entries.map(([name, value]) => [name, toJsonValue(value)]));
  }
}

/** A value that JSON has: what it has no exact number for is text. */
function toJsonValue(value: CellValue): string | number | boolean | null {
  if (typeof value === "bigint") return String(value);
  return typeof value === "object" && value !== null ? formatDecimal(value) : value;
}

function wrongType(column: DataColumn, expected: string): TypeError {
  return new TypeError(`${column.table.name}.${column.name} is of type ${column.type}, expected ${expected}`);
}

inspectable(
  DataRow.prototype,
  (row) => showRow(row.table, row.index),
  (row) => showRowBriefly(row.table, row.index),
);
