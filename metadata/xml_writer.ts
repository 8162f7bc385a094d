/**
 * Writes a DataSet as XML in the layout of .NET's `DataSet.WriteXml(..., WriteSchema)` (§10).
 *
 * @module
 */
import { stringify } from "@libs/xml";
import { SttpError } from "../transport/errors.ts";
import { Breath } from "./breathe.ts";
import { formatCell } from "./cell_text.ts";
import type { DataColumn } from "./data_column.ts";
import type { DataSet } from "./data_set.ts";
import type { DataTable } from "./data_table.ts";
import type { CellValue, DataType } from "./data_type.ts";
import { encodeXmlName } from "./xml_names.ts";
import { MSDATA_NAMESPACE, XSD_NAMESPACE } from "./xsd_reader.ts";

/** How a DataSet is written. */
export interface WriteOptions {
  /** Whether each element stands on a line of its own, indented; default `true`, as .NET writes it. */
  indent?: boolean;
  /**
   * What becomes of characters that XML can't hold, control characters and lone surrogates, in strings: `"replace"`
   * (default) writes U+FFFD, so that one odd description does not keep a grid's metadata from its subscribers;
   * `"refuse"` throws `InvalidMetadata`.
   */
  invalidCharacters?: "replace" | "refuse";
}

const TYPE_NAMES: Readonly<Record<DataType, string>> = {
  string: "xs:string",
  guid: "xs:string",
  boolean: "xs:boolean",
  dateTime: "xs:dateTime",
  single: "xs:float",
  double: "xs:double",
  decimal: "xs:decimal",
  int8: "xs:byte",
  int16: "xs:short",
  int32: "xs:int",
  int64: "xs:long",
  uint8: "xs:unsignedByte",
  uint16: "xs:unsignedShort",
  uint32: "xs:unsignedInt",
  uint64: "xs:unsignedLong",
};

const DECLARATION = '<?xml version="1.0" standalone="yes"?>';

/** How long the pieces are, in characters. */
const PIECE = 64 * 1024;

type Node = Record<string, unknown>;

function columnNode({ name, type, expression }: DataColumn): Node {
  return {
    "@name": encodeXmlName(name),
    ...(type === "guid" ? { "@msdata:DataType": "System.Guid" } : {}),
    ...(expression === undefined ? {} : { "@msdata:ReadOnly": "true", "@msdata:Expression": expression }),
    "@type": TYPE_NAMES[type],
    "@minOccurs": "0",
  };
}

function tableNode(table: DataTable): Node {
  const columns = table.columns.map(columnNode);
  return {
    "@name": encodeXmlName(table.name),
    "xs:complexType": { "xs:sequence": { "xs:element": columns } },
  };
}

function schemaNode(dataSet: DataSet): Node {
  const name = encodeXmlName(dataSet.name);
  return {
    "@id": name,
    "@xmlns": "",
    "@xmlns:xs": XSD_NAMESPACE,
    "@xmlns:msdata": MSDATA_NAMESPACE,
    "xs:element": {
      "@name": name,
      "@msdata:IsDataSet": "true",
      "@msdata:UseCurrentLocale": "true",
      "xs:complexType": {
        "xs:choice": {
          "@minOccurs": "0",
          "@maxOccurs": "unbounded",
          "xs:element": dataSet.tables.map(tableNode),
        },
      },
    },
  };
}

// Line breaks in an expression would be read as spaces, and `<` may not stand in an attribute.
const IN_ATTRIBUTE: Readonly<Record<string, string>> = {
  "<": "&lt;",
  ">": "&gt;",
  "\n": "&#10;",
  "\r": "&#13;",
  "\t": "&#9;",
};

function schemaText(dataSet: DataSet, indent: boolean): string {
  const document = { "@version": "1.0", "@standalone": "yes", "xs:schema": schemaNode(dataSet) };
  const text = stringify(document, {
    format: { indent: indent ? "  " : "" },
    replace: {
      custom: ({ key, value }) =>
        key === null
          ? ""
          : replaceForbidden(value ?? "").replace(/[<>\n\r\t]/g, (char) => IN_ATTRIBUTE[char]!),
    },
  });
  return text.slice(text.indexOf("<xs:schema"));
}

/** The schema by itself, as a document; see {@linkcode DataSet.toXmlSchema}. */
export function writeXmlSchema(dataSet: DataSet, options: WriteOptions = {}): string {
  const { indent = true } = options;
  const newline = indent ? "\n" : "";
  return `${DECLARATION}${newline}${schemaText(dataSet, indent)}${newline}`;
}

// Control characters and others that XML 1.0 has no way to write; surrogates are dealt with on the way.
// deno-lint-ignore no-control-regex
const FORBIDDEN = /[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g;
// deno-lint-ignore no-control-regex
const SPECIAL = /[&<>\r\0-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]/;
const ESCAPED = /[&<>\r]/g;
const IN_TEXT: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;" };

function replaceForbidden(text: string): string {
  return text.toWellFormed().replace(FORBIDDEN, "\ufffd");
}

/** What the rows of a table are written with. */
class RowWriter {
  readonly #columns: {
    column: DataColumn;
    values: readonly CellValue[];
    open: string;
    close: string;
    empty: string;
  }[];
  readonly #open: string;
  readonly #close: string;
  readonly #refuse: boolean;
  // Neighbouring rows often have the same time; making its text is the dearest part of a row.
  #lastTicks: bigint | undefined;
  #lastTime = "";

  constructor(table: DataTable, options: Required<WriteOptions>) {
    const name = encodeXmlName(table.name);
    const newline = options.indent ? "\n" : "";
    const outer = options.indent ? "  " : "";
    const inner = outer + outer;
    this.#open = `${outer}<${name}>${newline}`;
    this.#close = `${outer}</${name}>${newline}`;
    this.#refuse = options.invalidCharacters === "refuse";
    this.#columns = table.columns.filter((column) => !column.computed).map((column) => {
      const tag = encodeXmlName(column.name);
      return {
        column,
        values: column.values,
        open: `${inner}<${tag}>`,
        close: `</${tag}>${newline}`,
        empty: `${inner}<${tag} />${newline}`,
      };
    });
  }

  write(row: number): string {
    let text = this.#open;
    for (const { column, values, open, close, empty } of this.#columns) {
      const value = values[row];
      if (value === null || value === undefined) continue;
      if (typeof value === "string") {
        if (value === "") text += empty;
        else text += open + (SPECIAL.test(value) ? this.#escape(value, column, row) : value) + close;
      } else if (typeof value === "bigint" && column.type === "dateTime") {
        if (value !== this.#lastTicks) {
          this.#lastTicks = value;
          this.#lastTime = formatCell("dateTime", value);
        }
        text += open + this.#lastTime + close;
      } else text += open + formatCell(column.type, value) + close;
    }
    return text + this.#close;
  }

  #escape(value: string, column: DataColumn, row: number): string {
    const clean = replaceForbidden(value);
    if (this.#refuse && clean !== value) {
      throw new SttpError(
        "InvalidMetadata",
        `${column.table.name}.${column.name} of row ${row} has characters that XML can't hold: ${
          JSON.stringify(value)
        }`,
      );
    }
    return clean.replace(ESCAPED, (char) => IN_TEXT[char]!);
  }
}

/** The document in pieces of some 64,000 characters. */
export function* xmlPieces(dataSet: DataSet, options: WriteOptions = {}): Generator<string, void> {
  const { indent = true, invalidCharacters = "replace" } = options;
  const newline = indent ? "\n" : "";
  const name = encodeXmlName(dataSet.name);
  const schema = schemaText(dataSet, indent);
  let piece = `${DECLARATION}${newline}<${name}>${newline}`;
  piece += (indent ? schema.replace(/^/gm, "  ") : schema) + newline;
  for (const table of dataSet.tables) {
    const writer = new RowWriter(table, { indent, invalidCharacters });
    const { rowCount } = table;
    for (let row = 0; row < rowCount; row++) {
      piece += writer.write(row);
      if (piece.length >= PIECE) {
        yield piece;
        piece = "";
      }
    }
  }
  yield `${piece}</${name}>${newline}`;
}

/** The document as a stream; see {@linkcode DataSet.toXmlStream}. */
export function writeXmlStream(
  dataSet: DataSet,
  options: WriteOptions = {},
): ReadableStream<Uint8Array<ArrayBuffer>> {
  const pieces = xmlPieces(dataSet, options);
  const encoder = new TextEncoder();
  const breath = new Breath();
  return new ReadableStream({
    async pull(controller): Promise<void> {
      await breath.due();
      const next = pieces.next();
      if (next.done) controller.close();
      else controller.enqueue(encoder.encode(next.value));
    },
    cancel(): void {
      pieces.return();
    },
  }, { highWaterMark: 0 });
}
