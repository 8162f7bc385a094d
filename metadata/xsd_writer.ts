/**
 * The schema part of a DataSet's XML (§10), as .NET writes it.
 *
 * @module
 */
import { stringify } from "@libs/xml";
import type { DataColumn } from "./data_column.ts";
import type { DataSet } from "./data_set.ts";
import type { DataTable } from "./data_table.ts";
import type { DataType } from "./data_type.ts";
import { encodeXmlName } from "./xml_names.ts";
import { replaceForbidden } from "./xml_text.ts";
import { MSDATA_NAMESPACE, XSD_NAMESPACE } from "./xsd_reader.ts";

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

/** The `xs:schema` element. */
export function schemaText(dataSet: DataSet, indent: boolean): string {
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
