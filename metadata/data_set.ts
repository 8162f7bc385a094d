import { DataTable } from "./data_table.ts";

/**
 * Metadata: a set of tables with typed columns (§10).
 *
 * Tables are looked up by name in any case. A DataSet is read from the XML that a publisher sends, or made here and
 * given to a publisher.
 */
export class DataSet {
  /** The name: the root element of the XML. */
  readonly name: string;
  readonly #tables: DataTable[] = [];
  readonly #byName = new Map<string, DataTable>();

  /** @param name The name; default `DataSet`. */
  constructor(name: string = "DataSet") {
    if (name === "") throw new TypeError("a data set needs a name");
    this.name = name;
  }

  /** The tables, in order. */
  get tables(): readonly DataTable[] {
    return this.#tables;
  }

  /** The table of this name in any case, or `undefined`. */
  table(name: string): DataTable | undefined {
    return this.#byName.get(name) ?? this.#byName.get(name.toLowerCase());
  }

  /**
   * Appends a table.
   *
   * @param table The table, which may be in several data sets at a time, or the name of a new one.
   * @throws {TypeError} When a table of this name is there already.
   */
  addTable(table: DataTable | string): DataTable {
    const added = typeof table === "string" ? new DataTable(table) : table;
    const key = added.name.toLowerCase();
    if (this.#byName.has(key)) throw new TypeError(`${this.name} already has a table ${added.name}`);
    this.#tables.push(added);
    this.#byName.set(added.name, added);
    this.#byName.set(key, added);
    return added;
  }
}
