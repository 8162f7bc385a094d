import { inspectable, oneLine } from "./inspect.ts";
import { DataTable } from "./data_table.ts";
import type { XmlInput } from "./xml_source.ts";
import type { ReadOptions, ReadReport } from "./xml_reader.ts";
import { readDataSet } from "./xml_reader.ts";
import type { WriteOptions } from "./xml_writer.ts";
import { writeXml, writeXmlSchema, writeXmlStream } from "./xml_writer.ts";

/**
 * Metadata: a set of tables with typed columns (§10).
 *
 * Tables are looked up by name in any case. A DataSet is read from the XML that a publisher sends, or made here and
 * given to a publisher.
 *
 * @example Made, written and read again
 * ```ts
 * import { DataSet } from "@sttp/sttp/metadata";
 * import { assertEquals } from "@std/assert";
 *
 * const metadata = new DataSet();
 * const devices = metadata.addTable("DeviceDetail");
 * devices.addColumn("Acronym", "string");
 * devices.addColumn("FramesPerSecond", "int32");
 * devices.addRow({ Acronym: "SHELBY", FramesPerSecond: 30 });
 *
 * const copy = await DataSet.fromXml(metadata.toXml());
 * assertEquals(copy.table("devicedetail")?.row(0).get("FramesPerSecond"), 30);
 * ```
 */
export class DataSet {
  /** The name: the root element of the XML. */
  readonly name: string;
  /** What else was in the document that this was read from; `undefined` when it was not read from one. */
  report: ReadReport | undefined;
  readonly #tables: DataTable[] = [];
  readonly #byName = new Map<string, DataTable>();

  /**
   * Makes an empty data set.
   *
   * @param name The name; default `DataSet`.
   * @throws {TypeError} When the name is empty.
   */
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

  /**
   * Takes a table out.
   *
   * @param name Its name in any case.
   * @returns The table, or `undefined` when there is none of this name.
   */
  removeTable(name: string): DataTable | undefined {
    const table = this.table(name);
    if (table === undefined) return undefined;
    this.#tables.splice(this.#tables.indexOf(table), 1);
    this.#byName.delete(table.name);
    this.#byName.delete(table.name.toLowerCase());
    return table;
  }

  /**
   * Reads a DataSet from XML: a root element, an `xs:schema` that lists its tables, then the rows (§10).
   *
   * A missing element is `null`; an empty one is the empty string, or `null` in a column that is not a string. Rows and
   * elements that the schema does not know are passed over and counted in `report`. The document is read piece by
   * piece, within the limits of the options, and other work gets its turn every 10 ms. Document types are refused, and
   * of entities only XML's five and character references are known.
   *
   * @param xml The document: text, bytes (UTF-8, or what its mark or declaration says) or a stream of them, which is
   * read to its end or cancelled.
   * @throws {SttpError} `InvalidMetadata`, with line and column, when it is no such document; `LimitExceeded` when a
   * limit is in the way; `Aborted` when the signal fired.
   */
  static async fromXml(xml: XmlInput, options: ReadOptions = {}): Promise<DataSet> {
    const { dataSet, report } = await readDataSet(xml, options);
    dataSet.report = report;
    return dataSet;
  }

  /**
   * The DataSet as an XML document, schema and rows. Computed columns are written as their expression, not as values.
   *
   * @throws {SttpError} `InvalidMetadata` when a character can't be written and the options say to refuse it.
   */
  toXml(options: WriteOptions = {}): string {
    return writeXml(this, options);
  }

  /**
   * {@linkcode DataSet.toXml} as a stream of UTF-8, made piece by piece as it is read; other work gets its turn every
   * 10 ms. The tables should not be changed in the meantime.
   */
  toXmlStream(options: WriteOptions = {}): ReadableStream<Uint8Array<ArrayBuffer>> {
    return writeXmlStream(this, options);
  }

  /** The schema alone, as an XML document with `xs:schema` for its root. {@linkcode DataSet.fromXml} reads it too. */
  toXmlSchema(options: WriteOptions = {}): string {
    return writeXmlSchema(this, options);
  }

  /** The name and the names of the tables in a line. */
  toString(): string {
    return `${this.name} [${this.#tables.map((table) => table.name).join(", ")}]`;
  }
}

inspectable(
  DataSet.prototype,
  (dataSet) =>
    [`DataSet ${dataSet.name}`, ...dataSet.tables.map((table) => `  ${table}`)].map((line) =>
      oneLine(line, 120)
    ).join("\n"),
  (dataSet) => oneLine(`DataSet ${dataSet}`, 120),
);
