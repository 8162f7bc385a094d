import { count, inspectable, oneLine } from "./inspect.ts";
import type { CellValue, DataType } from "./data_type.ts";
import type { DataTable } from "./data_table.ts";
import { compileColumn, recursion } from "./computed.ts";

/** The array behind a column that stores its values, for the modules that fill tables in bulk. */
export let storageOf: (column: DataColumn) => CellValue[];
/** Gives a column that no one has seen yet an array for its values. */
export let adoptStorage: (column: DataColumn, values: CellValue[]) => void;

/**
 * A typed column of a {@linkcode DataTable}: its values stand in one array, row by row.
 *
 * A column with an `expression` is computed: its values follow from the row's other columns by a filter expression
 * (§9), worked out when first asked for and again after the table changed.
 *
 * @example
 * ```ts
 * import { DataTable } from "@sttp/sttp/metadata";
 * import { assertEquals } from "@std/assert";
 *
 * const table = new DataTable("DeviceDetail");
 * table.addColumn("Acronym", "string");
 * table.addColumn("FramesPerSecond", "int32");
 * table.addRow({ Acronym: "SHELBY", FramesPerSecond: 30 });
 * assertEquals(table.column("framespersecond")?.values, [30]);
 * ```
 */
export class DataColumn {
  /** The table that the column belongs to. */
  readonly table: DataTable;
  /** The name, in the spelling of the schema. */
  readonly name: string;
  /** What the values are. */
  readonly type: DataType;
  /** Its place among the table's columns, from 0. */
  readonly index: number;
  /** The filter expression that computes the values, or `undefined` for a column that stores them. */
  readonly expression: string | undefined;
  #values: CellValue[] = [];
  #evaluate: ((row: number) => CellValue) | undefined;
  /** The results so far, and the version of the table that they belong to. */
  #computed: (CellValue | undefined)[] = [];
  #version = -1;
  #evaluating = false;

  /** Columns are made by {@linkcode DataTable.addColumn}. */
  constructor(table: DataTable, name: string, type: DataType, index: number, expression?: string) {
    this.table = table;
    this.name = name;
    this.type = type;
    this.index = index;
    this.expression = expression;
  }

  /** Whether the values follow from an expression. */
  get computed(): boolean {
    return this.expression !== undefined;
  }

  /**
   * The values of all rows, for bulk work; to be read only. Of a column that stores its values it is always the same
   * array, which grows with the table; of a computed one it is made anew.
   *
   * @throws {SttpError} `InvalidFilter` when the expression of a computed column can't be parsed or evaluated.
   */
  get values(): readonly CellValue[] {
    if (this.expression === undefined) return this.#values;
    return Array.from({ length: this.table.rowCount }, (_, row) => this.#compute(row));
  }

  /**
   * The value in one row; `null` where there is none. A computed value is worked out for this row alone.
   *
   * @throws {SttpError} `InvalidFilter` when the expression of a computed column can't be parsed or evaluated.
   */
  at(row: number): CellValue {
    if (this.expression === undefined) return this.#values[row] ?? null;
    return this.#compute(row);
  }

  /** Computes each value once, however often and deep other expressions refer to it. */
  #compute(row: number): CellValue {
    const { version, rowCount } = this.table;
    if (this.#version !== version) {
      this.#version = version;
      this.#computed = [];
    }
    const computed = this.#computed;
    if (computed[row] !== undefined) return computed[row];
    if (row >= rowCount) return null;
    if (this.#evaluating) throw recursion(this);
    this.#evaluating = true;
    try {
      this.#evaluate ??= compileColumn(this);
      const value = this.#evaluate(row);
      while (computed.length <= row) computed.push(undefined);
      computed[row] = value;
      return value;
    } finally {
      this.#evaluating = false;
    }
  }

  static {
    storageOf = (column) => column.#values;
    adoptStorage = (column, values) => {
      column.#values = values;
    };
  }
}

function describe({ table, name, type, expression }: DataColumn): string {
  const source = expression === undefined ? count(table.rowCount, "row") : `= ${expression}`;
  return oneLine(`DataColumn ${table.name}.${name}: ${type} (${source})`, 120);
}

inspectable(DataColumn.prototype, describe, describe);
