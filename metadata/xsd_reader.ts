/**
 * The schema part of a DataSet's XML (§10): from its elements to empty tables with typed columns.
 *
 * @module
 */
import { DataTable } from "./data_table.ts";
import type { DataType } from "./data_type.ts";
import { decodeXmlName } from "./xml_names.ts";
import type { XmlScanner } from "./xml_scanner.ts";

/** The namespace of `xs:schema`. */
export const XSD_NAMESPACE = "http://www.w3.org/2001/XMLSchema";
/** The namespace of `msdata:DataType` and `msdata:Expression`. */
export const MSDATA_NAMESPACE = "urn:schemas-microsoft-com:xml-msdata";
/** The namespace of `xsi:nil`. */
export const XSI_NAMESPACE = "http://www.w3.org/2001/XMLSchema-instance";

const TYPES: ReadonlyMap<string, DataType> = new Map([
  ["string", "string"],
  ["boolean", "boolean"],
  ["dateTime", "dateTime"],
  ["float", "single"],
  ["double", "double"],
  ["decimal", "decimal"],
  ["byte", "int8"],
  ["short", "int16"],
  ["int", "int32"],
  ["long", "int64"],
  ["unsignedByte", "uint8"],
  ["unsignedShort", "uint16"],
  ["unsignedInt", "uint32"],
  ["unsignedLong", "uint64"],
]);

/** A name taken apart: the namespace that its prefix stands for, and the rest. */
export interface QualifiedName {
  /** The namespace; empty when there is none. */
  namespace: string;
  /** The name without prefix. */
  local: string;
}

/** Which namespace each prefix stands for, element by element. */
export class Namespaces {
  readonly #scopes: ReadonlyMap<string, string>[] = [
    new Map([["xml", "http://www.w3.org/XML/1998/namespace"]]),
  ];

  /** Enters an element; `leave` must follow at its end. */
  enter(attributes: ReadonlyMap<string, string>): void {
    let scope = this.#scopes.at(-1)!;
    for (const [name, value] of attributes) {
      if (name !== "xmlns" && !name.startsWith("xmlns:")) continue;
      scope = new Map(scope).set(name.slice("xmlns:".length), value);
    }
    this.#scopes.push(scope);
  }

  /** Leaves the element entered last. */
  leave(): void {
    this.#scopes.pop();
  }

  /** Takes an element's name apart, or that of a type. */
  resolve(name: string): QualifiedName {
    const colon = name.indexOf(":");
    const namespace = this.#scopes.at(-1)!.get(name.slice(0, Math.max(0, colon))) ?? "";
    return { namespace, local: name.slice(colon + 1) };
  }

  /** The value of an attribute in a namespace. */
  attribute(attributes: ReadonlyMap<string, string>, namespace: string, local: string): string | undefined {
    for (const [name, value] of attributes) {
      if (!name.endsWith(local) || !name.includes(":")) continue;
      const found = this.resolve(name);
      if (found.local === local && found.namespace === namespace) return value;
    }
    return undefined;
  }
}

/** Where in a schema an element stands. */
type Place =
  | "schema"
  | "dataSet"
  | "dataSetType"
  | "tables"
  | "table"
  | "tableType"
  | "columns"
  | "column"
  | "simpleType"
  | "elsewhere";

const GROUPS: readonly string[] = ["choice", "sequence", "all"];

/** Builds tables from the elements inside an `xs:schema`. */
export class SchemaReader {
  /** The tables found, in order. */
  readonly tables: DataTable[] = [];
  /** Columns left out because their type is not supported, as `Table.Column: type`. */
  readonly skippedColumns: string[] = [];
  /** The name of the element that describes the data set, or `undefined` when none does. */
  dataSetName: string | undefined;

  readonly #scanner: XmlScanner;
  readonly #namespaces: Namespaces;
  readonly #rootName: string | undefined;
  readonly #maxColumns: number;
  readonly #places: Place[] = ["schema"];
  readonly #known = new Set<string>();
  #table: DataTable | undefined;
  #column: { name: string; dataType: string | undefined; expression: string | undefined } | undefined;
  #columns = 0;

  /**
   * @param rootName The document's root element, whose description counts; `undefined` when the schema is the root.
   * @param maxColumns How many tables and columns there may be.
   */
  constructor(scanner: XmlScanner, namespaces: Namespaces, rootName: string | undefined, maxColumns: number) {
    this.#scanner = scanner;
    this.#namespaces = namespaces;
    this.#rootName = rootName;
    this.#maxColumns = maxColumns;
  }

  /** Whether the `xs:schema` element has ended. */
  get done(): boolean {
    return this.#places.length === 0;
  }

  /** The scanner found a start tag inside the schema. */
  open(): void {
    const attributes = this.#scanner.attributes();
    this.#namespaces.enter(attributes);
    const { namespace, local } = this.#namespaces.resolve(this.#scanner.name.text);
    const place = namespace === XSD_NAMESPACE ? this.#enter(local, attributes) : "elsewhere";
    this.#places.push(place);
  }

  /** The scanner found an end tag inside the schema, or the schema's own. */
  close(): void {
    this.#namespaces.leave();
    const place = this.#places.pop();
    if (place === "table") this.#table = undefined;
    if (place === "column" && this.#column !== undefined) {
      this.skippedColumns.push(`${this.#table!.name}.${this.#column.name}: no simple type`);
      this.#column = undefined;
    }
  }

  #enter(local: string, attributes: ReadonlyMap<string, string>): Place {
    const name = attributes.get("name");
    switch (this.#places.at(-1)) {
      case "schema":
        return local === "element" && name !== undefined && this.#describesDataSet(name, attributes)
          ? "dataSet"
          : "elsewhere";
      case "dataSet":
        return local === "complexType" ? "dataSetType" : "elsewhere";
      case "dataSetType":
        return GROUPS.includes(local) ? "tables" : "elsewhere";
      case "tables":
        if (local !== "element" || !name) return "elsewhere";
        this.#addTable(decodeXmlName(name));
        return "table";
      case "table":
        return local === "complexType" ? "tableType" : "elsewhere";
      case "tableType":
        return GROUPS.includes(local) ? "columns" : "elsewhere";
      case "columns":
        if (local !== "element" || !name) return "elsewhere";
        this.#beginColumn(decodeXmlName(name), attributes);
        return "column";
      case "column":
        return local === "simpleType" ? "simpleType" : "elsewhere";
      case "simpleType":
        // A string with a greatest length is written as a restriction of xs:string.
        if (local === "restriction") this.#endColumn(attributes.get("base"));
        return "elsewhere";
    }
    return "elsewhere";
  }

  #describesDataSet(name: string, attributes: ReadonlyMap<string, string>): boolean {
    if (this.dataSetName !== undefined) return false;
    const marked = this.#namespaces.attribute(attributes, MSDATA_NAMESPACE, "IsDataSet") === "true";
    const isRoot = this.#rootName === undefined || name.toLowerCase() === this.#rootName.toLowerCase();
    if (!marked && !isRoot) return false;
    this.dataSetName = decodeXmlName(name);
    return true;
  }

  #count(): void {
    if (++this.#columns > this.#maxColumns) {
      throw this.#scanner.tooLong("number of tables and columns", this.#maxColumns, "maxColumns");
    }
  }

  #addTable(name: string): void {
    this.#count();
    const key = name.toLowerCase();
    if (this.#known.has(key)) throw this.#scanner.invalid(`table ${name} is described twice`);
    this.#known.add(key);
    this.#table = new DataTable(name);
    this.tables.push(this.#table);
  }

  #beginColumn(name: string, attributes: ReadonlyMap<string, string>): void {
    this.#count();
    if (this.#table!.column(name) !== undefined) {
      throw this.#scanner.invalid(`column ${name} of ${this.#table!.name} is described twice`);
    }
    this.#column = {
      name,
      dataType: this.#namespaces.attribute(attributes, MSDATA_NAMESPACE, "DataType"),
      expression: this.#namespaces.attribute(attributes, MSDATA_NAMESPACE, "Expression"),
    };
    const type = attributes.get("type");
    if (type !== undefined) this.#endColumn(type);
  }

  #endColumn(typeName: string | undefined): void {
    const column = this.#column;
    if (column === undefined) return;
    this.#column = undefined;
    const { namespace, local } = this.#namespaces.resolve(typeName ?? "");
    let type = namespace === XSD_NAMESPACE ? TYPES.get(local) : undefined;
    if (type === undefined) {
      this.skippedColumns.push(`${this.#table!.name}.${column.name}: ${typeName ?? "no type"}`);
      return;
    }
    if (type === "string" && column.dataType?.startsWith("System.Guid")) type = "guid";
    this.#table!.addColumn(column.name, type, column.expression === "" ? undefined : column.expression);
  }
}
