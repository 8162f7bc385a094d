/**
 * Reads a DataSet from XML (§10), streaming, within limits.
 *
 * @module
 */
import { SttpError } from "../transport/errors.ts";
import { Breath } from "./breathe.ts";
import { CellBatch, ColumnSink } from "./cell_batch.ts";
import { DataSet } from "./data_set.ts";
import type { DataTable } from "./data_table.ts";
import { setRowCount } from "./data_table.ts";
import { decodeXmlName } from "./xml_names.ts";
import type { XmlName } from "./xml_scanner.ts";
import { XmlScanner, XmlToken } from "./xml_scanner.ts";
import type { XmlInput } from "./xml_source.ts";
import { openXmlSource } from "./xml_source.ts";
import { Namespaces, SchemaReader, XSD_NAMESPACE, XSI_NAMESPACE } from "./xsd_reader.ts";

/** How a DataSet is read. Each limit stops a document that was made to use up memory or time. */
export interface ReadOptions {
  /** Stops the reading. */
  signal?: AbortSignal;
  /**
   * What becomes of a cell whose text is not of its column's type: `"refuse"` (default) fails the reading, `"null"`
   * leaves the cell `null` and counts it in the report.
   */
  invalidValues?: "refuse" | "null";
  /** Bytes of the document, as UTF-8; default 1 GiB. */
  maxLength?: number;
  /** Rows of all tables; default 5,000,000. */
  maxRows?: number;
  /** Cells of all tables, `null` or not: a row of one short element costs a cell in every column. Default 64,000,000. */
  maxCells?: number;
  /** Tables and columns; default 10,000. */
  maxColumns?: number;
  /** Elements within elements; default 32. */
  maxDepth?: number;
  /** Different element names; default 16,384. */
  maxNames?: number;
  /** Bytes of a name; default 1,024. */
  maxNameLength?: number;
  /** Bytes of a tag with its attributes, expressions among them; default 65,536. */
  maxTagLength?: number;
  /** Bytes of a cell's text, and of a comment; default 1 MiB. */
  maxTextLength?: number;
}

/** What {@linkcode DataSet.fromXml} found in a document besides the tables. */
export interface ReadReport {
  /** Bytes of the document. */
  length: number;
  /** Rows read. */
  rows: number;
  /** Rows passed over because no table has their name. */
  unknownRows: number;
  /** Elements within rows passed over because no column has their name, or because they were inside a value. */
  unknownFields: number;
  /** Texts passed over because they stood where no value belongs. */
  strayTexts: number;
  /** Cells left `null` because their text was not of their column's type; see {@linkcode ReadOptions.invalidValues}. */
  invalidValues: number;
  /** Columns left out because their type is not among those of the protocol, as `Table.Column: type`. */
  skippedColumns: string[];
}

const DEFAULTS: Required<Omit<ReadOptions, "signal">> = {
  invalidValues: "refuse",
  maxLength: 2 ** 30,
  maxRows: 5_000_000,
  maxCells: 64_000_000,
  maxColumns: 10_000,
  maxDepth: 32,
  maxNames: 16_384,
  maxNameLength: 1024,
  maxTagLength: 64 * 1024,
  maxTextLength: 1024 * 1024,
};

function checkOptions(options: ReadOptions): Required<Omit<ReadOptions, "signal">> {
  const { signal: _, ...given } = options;
  const settings = { ...DEFAULTS, ...given };
  for (const [name, value] of Object.entries(settings)) {
    if (name === "invalidValues") continue;
    if (!Number.isSafeInteger(value) || (value as number) < 1) {
      throw new RangeError(`${name} ${value} is not a positive whole number`);
    }
  }
  if (settings.invalidValues !== "refuse" && settings.invalidValues !== "null") {
    throw new TypeError(`invalidValues "${settings.invalidValues}" is neither "refuse" nor "null"`);
  }
  return settings;
}

/**
 * Reads a DataSet from XML; see {@linkcode DataSet.fromXml}.
 *
 * @throws {SttpError} `InvalidMetadata`, `LimitExceeded` or `Aborted`.
 */
export async function readDataSet(
  input: XmlInput,
  options: ReadOptions = {},
): Promise<{ dataSet: DataSet; report: ReadReport }> {
  const settings = checkOptions(options);
  const source = openXmlSource(input);
  const scanner = new XmlScanner(settings);
  const reader = new DataSetReader(scanner, settings);
  const breath = new Breath();
  const { signal } = options;
  // A stream may have nothing to give for long: closing it ends the wait.
  const stop = (): void => void source.close();
  signal?.addEventListener("abort", stop);
  try {
    for (;;) {
      const filled = signal?.aborted ? 0 : source.read(scanner.room());
      const count = typeof filled === "number" ? filled : await filled;
      if (signal?.aborted) {
        throw new SttpError("Aborted", "reading the metadata was aborted", { cause: signal.reason });
      }
      if (count === 0) scanner.finish();
      else scanner.filled(count);
      if (scanner.ready) reader.read();
      if (count === 0) return { dataSet: reader.finish(), report: reader.report() };
      if (breath.spent) await breath.due();
    }
  } finally {
    signal?.removeEventListener("abort", stop);
    await source.close();
  }
}

/** A table that is being filled. */
class TableSink {
  readonly table: DataTable;
  readonly columns: ColumnSink[];
  readonly #byName = new Map<string, ColumnSink>();
  // By the number of an element's name; null where the name is known to be no column's.
  readonly #byId: (ColumnSink | null | undefined)[] = [];
  rows = 0;

  constructor(table: DataTable) {
    this.table = table;
    this.columns = table.columns.filter((column) => !column.computed).map((column) => new ColumnSink(column));
    for (const sink of this.columns) this.#byName.set(sink.column.name.toLowerCase(), sink);
  }

  column(name: XmlName): ColumnSink | null {
    const known = this.#byId[name.id];
    if (known !== undefined) return known;
    const found = find(this.#byName, name.text) ?? null;
    this.#byId[name.id] = found;
    return found;
  }
}

/** Looks a name up in any case, with its prefix or else without. */
function find<T>(map: ReadonlyMap<string, T>, name: string): T | undefined {
  const decoded = decodeXmlName(name).toLowerCase();
  return map.get(decoded) ?? map.get(decodeXmlName(name.slice(name.indexOf(":") + 1)).toLowerCase());
}

/** Where in the document the reader is. */
const Place = { Document: 0, Root: 1, Schema: 2, Row: 3, Cell: 4, Skipped: 5 } as const;
type Place = (typeof Place)[keyof typeof Place];

class DataSetReader {
  readonly #scanner: XmlScanner;
  readonly #settings: Required<Omit<ReadOptions, "signal">>;
  readonly #namespaces = new Namespaces();
  readonly #batch = new CellBatch();
  readonly #tables = new Map<string, TableSink>();
  // By the number of an element's name; null where the name is known to be no table's.
  readonly #tablesById: (TableSink | null | undefined)[] = [];
  #place: Place = Place.Document;
  #rootName = "";
  #schema: SchemaReader | undefined;
  #table!: TableSink;
  #column!: ColumnSink;
  #nil = false;
  // Where to go on, and at what depth, when the element that is passed over ends.
  #skipReturn: Place = Place.Root;
  #skipDepth = 0;
  #rows = 0;
  #cells = 0;
  #unknownRows = 0;
  #unknownFields = 0;
  #invalidValues = 0;

  constructor(scanner: XmlScanner, settings: Required<Omit<ReadOptions, "signal">>) {
    this.#scanner = scanner;
    this.#settings = settings;
  }

  /** Takes all tokens that the window holds. */
  read(): void {
    const scanner = this.#scanner;
    for (;;) {
      switch (scanner.next()) {
        case XmlToken.NeedMore:
          return;
        case XmlToken.Text:
          this.#text();
          break;
        case XmlToken.Open:
          this.#open();
          break;
        case XmlToken.Close:
          this.#close();
          break;
      }
    }
  }

  #text(): void {
    const { bytes, textStart, textEnd, plain, literal } = this.#scanner;
    const batch = this.#batch;
    if (batch.length + textEnd - textStart > this.#settings.maxTextLength) {
      throw this.#scanner.tooLong("text", this.#settings.maxTextLength, "maxTextLength");
    }
    if (plain) batch.append(bytes, textStart, textEnd);
    else {
      const wrong = batch.appendCooked(bytes, textStart, textEnd, literal);
      if (wrong !== undefined) {
        throw this.#scanner.invalid(`${wrong} is none of XML's five entities or a character reference`);
      }
    }
  }

  #open(): void {
    switch (this.#place) {
      case Place.Row:
        this.#openCell();
        break;
      case Place.Root:
        if (this.#schema === undefined) this.#openSchema();
        else this.#openRow();
        break;
      case Place.Schema:
        this.#schema!.open();
        break;
      case Place.Cell:
        this.#unknownFields++;
        this.#skip();
        break;
      case Place.Document:
        this.#openRoot();
        break;
    }
  }

  #close(): void {
    switch (this.#place) {
      case Place.Cell:
        this.#closeCell();
        break;
      case Place.Row:
        this.#closeRow();
        break;
      case Place.Schema:
        this.#schema!.close();
        if (this.#schema!.done) this.#endSchema();
        break;
      case Place.Skipped:
        if (this.#scanner.depth === this.#skipDepth) {
          this.#place = this.#skipReturn;
          this.#scanner.keepText = this.#place === Place.Cell;
        }
        break;
    }
  }

  /** Passes over the element that was just opened. */
  #skip(): void {
    this.#skipReturn = this.#place;
    this.#skipDepth = this.#scanner.depth - 1;
    this.#place = Place.Skipped;
    this.#scanner.keepText = false;
  }

  #openRoot(): void {
    const { name } = this.#scanner;
    const attributes = this.#scanner.attributes();
    this.#namespaces.enter(attributes);
    this.#place = Place.Root;
    const { namespace, local } = this.#namespaces.resolve(name.text);
    if (namespace === XSD_NAMESPACE && local === "schema") {
      this.#beginSchema(undefined);
    } else this.#rootName = local;
  }

  #openSchema(): void {
    const { name } = this.#scanner;
    this.#namespaces.enter(this.#scanner.attributes());
    const { namespace, local } = this.#namespaces.resolve(name.text);
    if (namespace !== XSD_NAMESPACE || local !== "schema") {
      throw this.#scanner.invalid(
        `expected the schema of <${this.#rootName}> (xs:schema), found <${name.text}>`,
      );
    }
    this.#beginSchema(this.#rootName);
  }

  #beginSchema(rootName: string | undefined): void {
    this.#schema = new SchemaReader(this.#scanner, this.#namespaces, rootName, this.#settings.maxColumns);
    this.#place = Place.Schema;
  }

  #endSchema(): void {
    const schema = this.#schema!;
    this.#place = Place.Root;
    if (schema.dataSetName === undefined) {
      throw this.#scanner.invalid(`the schema does not describe <${this.#rootName || "any data set"}>`);
    }
    for (const table of schema.tables) this.#tables.set(table.name.toLowerCase(), new TableSink(table));
  }

  #openRow(): void {
    const { name } = this.#scanner;
    let table = this.#tablesById[name.id];
    if (table === undefined) {
      table = find(this.#tables, name.text) ?? null;
      this.#tablesById[name.id] = table;
    }
    if (table === null) {
      this.#unknownRows++;
      this.#skip();
      return;
    }
    if (this.#rows >= this.#settings.maxRows) {
      throw this.#scanner.tooLong("number of rows", this.#settings.maxRows, "maxRows");
    }
    this.#cells += table.columns.length;
    if (this.#cells > this.#settings.maxCells) {
      throw this.#scanner.tooLong("number of cells", this.#settings.maxCells, "maxCells");
    }
    this.#rows++;
    this.#table = table;
    this.#place = Place.Row;
  }

  #closeRow(): void {
    const table = this.#table;
    const row = table.rows++;
    const { columns } = table;
    for (let i = 0; i < columns.length; i++) {
      const { values } = columns[i]!;
      if (values.length === row) values.push(null);
    }
    this.#place = Place.Root;
  }

  #openCell(): void {
    const scanner = this.#scanner;
    const column = this.#table.column(scanner.name);
    if (column === null) {
      this.#unknownFields++;
      this.#skip();
      return;
    }
    this.#nil = scanner.hasAttributes && this.#isNil();
    this.#column = column;
    this.#batch.begin();
    if (scanner.takeSimpleText()) {
      this.#batch.append(scanner.bytes, scanner.textStart, scanner.textEnd);
      this.#closeCell();
      return;
    }
    this.#place = Place.Cell;
    scanner.keepText = true;
  }

  #isNil(): boolean {
    const attributes = this.#scanner.attributes();
    this.#namespaces.enter(attributes);
    const nil = this.#namespaces.attribute(attributes, XSI_NAMESPACE, "nil");
    this.#namespaces.leave();
    return nil === "true" || nil === "1";
  }

  #closeCell(): void {
    const column = this.#column;
    const row = this.#table.rows;
    this.#scanner.keepText = false;
    this.#place = Place.Row;
    if (this.#nil) column.set(row, null);
    else if (!this.#batch.end(column, row)) {
      const { table, name, type } = column.column;
      if (this.#settings.invalidValues === "refuse") {
        const where = `${table.name}.${name} of row ${row}`;
        throw this.#scanner.invalid(`${where}: ${this.#batch.shown()} is not a value of type ${type}`);
      }
      this.#invalidValues++;
      column.set(row, null);
    }
  }

  /** The document has ended. */
  finish(): DataSet {
    const schema = this.#schema;
    if (schema === undefined) {
      throw this.#scanner.invalid(`<${this.#rootName}> has no schema (xs:schema)`);
    }
    this.#batch.flush();
    const dataSet = new DataSet(decodeXmlName(this.#rootName) || schema.dataSetName);
    for (const { table, rows } of this.#tables.values()) {
      setRowCount(table, rows);
      dataSet.addTable(table);
    }
    return dataSet;
  }

  report(): ReadReport {
    return {
      length: this.#scanner.offset,
      rows: this.#rows,
      unknownRows: this.#unknownRows,
      unknownFields: this.#unknownFields,
      strayTexts: this.#scanner.strayText,
      invalidValues: this.#invalidValues,
      skippedColumns: this.#schema?.skippedColumns ?? [],
    };
  }
}
