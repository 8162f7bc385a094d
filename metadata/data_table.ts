import { count, inspectable, oneLine, showTable } from "./inspect.ts";
import { DataColumn, storageOf } from "./data_column.ts";
import { DataRow } from "./data_row.ts";
import type { CellInput, CellValue, DataType } from "./data_type.ts";
import { DATA_TYPES, toCellValue } from "./data_type.ts";
import { nearest } from "./filter/errors.ts";
import { finish, type Steps } from "./steps.ts";

/** Tells a table that its columns' storage now holds this many rows, for the modules that fill tables in bulk. */
export let setRowCount: (table: DataTable, count: number) => void;
/** {@linkcode DataTable.pick} in steps. */
export let pickSteps: (table: DataTable, rows: ArrayLike<number>) => Steps<DataTable>;

/** So many cells are copied in a step: less than a millisecond. */
const STEP = 16_384;
/** Bytes that a cell takes in a copy, which shares what is longer. */
const CELL = 8;

/**
 * A table of a {@linkcode DataSet}: typed columns of equal length (§10). Names are looked up in any case.
 *
 * @example Rows for people, columns for bulk work
 * ```ts
 * import { DataTable } from "@sttp/sttp/metadata";
 * import { assertEquals } from "@std/assert";
 *
 * const table = new DataTable("PhasorDetail");
 * table.addColumn("ID", "int32");
 * table.addColumn("Label", "string");
 * table.addRow({ ID: 1, Label: "Bus 1" });
 * table.addRow([2, "Bus 2"]);
 *
 * assertEquals([...table].map((row) => row.get("label")), ["Bus 1", "Bus 2"]);
 * assertEquals(table.column("ID")?.values, [1, 2]);
 * ```
 */
export class DataTable {
  /** The name, in the spelling of the schema. */
  readonly name: string;
  readonly #columns: DataColumn[] = [];
  readonly #byName = new Map<string, DataColumn>();
  #rowCount = 0;
  #version = 0;

  /**
   * Makes a table without columns and rows.
   *
   * @param name The name.
   * @throws {TypeError} When the name is empty.
   */
  constructor(name: string) {
    if (name === "") throw new TypeError("a table needs a name");
    this.name = name;
  }

  /** The columns, in order. */
  get columns(): readonly DataColumn[] {
    return this.#columns;
  }

  /** How many rows there are. */
  get rowCount(): number {
    return this.#rowCount;
  }

  /**
   * Goes up when a cell changes or a column comes, so that what was derived from the rows can be known to be stale.
   * That rows were added shows in `rowCount`.
   */
  get version(): number {
    return this.#version;
  }

  /** The column of this name in any case, or `undefined`. */
  column(name: string): DataColumn | undefined {
    return this.#byName.get(name) ?? this.#byName.get(name.toLowerCase());
  }

  /**
   * Appends a column; the rows that there are get `null` in it.
   *
   * @param name Not empty, and not that of another column in any case.
   * @param type What the values are.
   * @param expression A filter expression, for a computed column.
   * @throws {TypeError} When the name is empty or taken, or the type is none.
   */
  addColumn(name: string, type: DataType, expression?: string): DataColumn {
    if (name === "") throw new TypeError(`a column of ${this.name} needs a name`);
    if (!DATA_TYPES.includes(type)) {
      throw new TypeError(
        `${this.name}.${name}: "${type}" is not a data type; expected ${DATA_TYPES.join(", ")}`,
      );
    }
    const key = name.toLowerCase();
    if (this.#byName.has(key)) throw new TypeError(`${this.name} already has a column ${name}`);
    const column = new DataColumn(this, name, type, this.#columns.length, expression);
    if (expression === undefined) {
      const values = storageOf(column);
      for (let row = 0; row < this.#rowCount; row++) values.push(null);
    }
    this.#columns.push(column);
    this.#byName.set(name, column);
    this.#byName.set(key, column);
    this.#version++;
    return column;
  }

  /**
   * Appends a row.
   *
   * @param values By column name in any case, or in column order; what is missing is `null`.
   * @throws {TypeError} When a value does not fit its column's type, or there is no such column to store it in.
   * @throws {RangeError} When a number is outside of its column's range.
   */
  addRow(values: Readonly<Record<string, CellInput>> | readonly CellInput[] = {}): DataRow {
    const cells: CellValue[] = new Array(this.#columns.length).fill(null);
    if (Array.isArray(values)) {
      if (values.length > cells.length) {
        throw new TypeError(`${this.name}: ${values.length} values for ${cells.length} columns`);
      }
      for (const [index, value] of values.entries()) this.#take(cells, this.#columns[index]!, value);
    } else {
      for (const [name, value] of Object.entries(values)) this.#take(cells, this.#need(name), value);
    }
    for (const column of this.#columns) {
      if (!column.computed) storageOf(column).push(cells[column.index]!);
    }
    return new DataRow(this, this.#rowCount++);
  }

  #take(cells: CellValue[], column: DataColumn, value: CellInput): void {
    const cell = toCellValue(column.type, value, `${this.name}.${column.name}`);
    if (column.computed && cell !== null) {
      throw new TypeError(`${this.name}.${column.name} is computed and can't be set`);
    }
    cells[column.index] = cell;
  }

  /** @throws {TypeError} When there is no column of this name. */
  #need(name: string): DataColumn {
    const column = this.column(name);
    if (column === undefined) throw new TypeError(unknownColumn(this, name));
    return column;
  }

  /**
   * Appends many rows at once from whole columns.
   *
   * @param columns Arrays of equal length by column name in any case; a column left out is `null` in all of these rows.
   * @throws {TypeError} As {@linkcode DataTable.addRow}, and when the lengths differ.
   * @throws {RangeError} As {@linkcode DataTable.addRow}.
   */
  addRows(columns: Readonly<Record<string, readonly CellInput[]>>): void {
    const given = new Map<DataColumn, readonly CellInput[]>();
    let count = -1;
    for (const [name, values] of Object.entries(columns)) {
      const column = this.#need(name);
      if (column.computed) throw new TypeError(`${this.name}.${column.name} is computed and can't be set`);
      if (count >= 0 && values.length !== count) {
        throw new TypeError(
          `${this.name}.${column.name}: ${values.length} values, ${count} in the columns before it`,
        );
      }
      count = values.length;
      const where = `${this.name}.${column.name}`;
      given.set(column, values.map((value) => toCellValue(column.type, value, where)));
    }
    if (count <= 0) return;
    const checked = this.#columns.filter((column) => !column.computed);
    for (const column of checked) {
      const stored = storageOf(column);
      const values = given.get(column) as CellValue[] | undefined;
      for (let i = 0; i < count; i++) stored.push(values === undefined ? null : values[i]!);
    }
    this.#rowCount += count;
  }

  /** Changes one cell; see {@linkcode DataTable.addRow} for what it takes and throws. */
  set(row: number, column: string | number, value: CellInput): void {
    this.#checkRow(row);
    const target = typeof column === "string" ? this.#need(column) : this.#columns[column];
    if (target === undefined) throw new RangeError(`${this.name} has no column ${column}`);
    if (target.computed) throw new TypeError(`${this.name}.${target.name} is computed and can't be set`);
    storageOf(target)[row] = toCellValue(target.type, value, `${this.name}.${target.name}`);
    this.#version++;
  }

  /** The row at an index from 0. @throws {RangeError} When there is none. */
  row(index: number): DataRow {
    this.#checkRow(index);
    return new DataRow(this, index);
  }

  #checkRow(index: number): void {
    if (!Number.isInteger(index) || index < 0 || index >= this.#rowCount) {
      throw new RangeError(`${this.name} has no row ${index}; it has ${this.#rowCount}`);
    }
  }

  /** The rows in order. */
  *[Symbol.iterator](): Iterator<DataRow> {
    for (let index = 0; index < this.#rowCount; index++) yield new DataRow(this, index);
  }

  /** A table of the same name and columns with only the rows at these indexes, in this order. */
  pick(rows: ArrayLike<number>): DataTable {
    return finish(this.#pick(rows));
  }

  *#pick(rows: ArrayLike<number>): Steps<DataTable> {
    const result = this.emptyCopy();
    for (let i = 0; i < rows.length; i++) this.#checkRow(rows[i]!);
    for (const column of this.#columns) {
      if (column.computed) continue;
      const from = storageOf(column);
      const to = storageOf(result.#columns[column.index]!);
      for (let i = 0; i < rows.length; i++) {
        to.push(from[rows[i]!]!);
        if (i % STEP === STEP - 1) yield STEP * CELL;
      }
    }
    result.#rowCount = rows.length;
    return result;
  }

  /** A table of the same name and columns without rows. */
  emptyCopy(): DataTable {
    const copy = new DataTable(this.name);
    for (const { name, type, expression } of this.#columns) copy.addColumn(name, type, expression);
    return copy;
  }

  /** The name and size in a line. */
  toString(): string {
    return `${this.name} (${count(this.#rowCount, "row")}, ${count(this.#columns.length, "column")})`;
  }

  static {
    pickSteps = (table, rows) => table.#pick(rows);
    setRowCount = (table, count) => {
      table.#rowCount = count;
      table.#version++;
    };
  }
}

/** The message for a name that is no column's: the table, and what it has instead. */
export function unknownColumn(table: DataTable, name: string): string {
  const names = table.columns.map((column) => column.name);
  const meant = nearest(name, names);
  if (meant !== undefined) return `${table.name} has no column ${name}; did you mean ${meant}?`;
  return `${table.name} has no column ${name}; it has ${names.join(", ")}`;
}

inspectable(DataTable.prototype, showTable, (table) => oneLine(`DataTable ${table}`, 120));
