import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import fc from "fast-check";
import { SttpError } from "../transport/errors.ts";
import { DataSet } from "./data_set.ts";
import type { CellInput, CellValue, DataType } from "./data_type.ts";
import { DATA_TYPES, INTEGER_RANGES, LONG_RANGES } from "./data_type.ts";
import { formatDecimal } from "./decimal.ts";
import { decodeXmlName, encodeXmlName } from "./xml_names.ts";

function setOf(columns: readonly (readonly [string, DataType])[], ...rows: CellInput[][]): DataSet {
  const dataSet = new DataSet("Set");
  const table = dataSet.addTable("T");
  for (const [name, type] of columns) table.addColumn(name, type);
  for (const row of rows) table.addRow(row);
  return dataSet;
}

function plain(value: CellValue): unknown {
  return typeof value === "object" && value !== null ? formatDecimal(value) : value;
}

Deno.test("the layout is that of .NET", () => {
  const dataSet = setOf(
    [["Guid", "guid"], ["Text", "string"], ["Time", "dateTime"], ["Number", "single"]],
    ["9ae6dd95-bddb-5dd8-8717-57da1268b9ca", "a < b & c > d", new Date("2024-02-29T12:00:30.5Z"), 59.98],
    [null, "", null, -Infinity],
    [],
  );
  dataSet.table("T")!.addColumn("Twice", "double", "Number * 2 > 1");
  assertEquals(
    dataSet.toXml(),
    `<?xml version="1.0" standalone="yes"?>
<Set>
  <xs:schema id="Set" xmlns="" xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:msdata="urn:schemas-microsoft-com:xml-msdata">
    <xs:element name="Set" msdata:IsDataSet="true" msdata:UseCurrentLocale="true">
      <xs:complexType>
        <xs:choice minOccurs="0" maxOccurs="unbounded">
          <xs:element name="T">
            <xs:complexType>
              <xs:sequence>
                <xs:element name="Guid" msdata:DataType="System.Guid" type="xs:string" minOccurs="0"/>
                <xs:element name="Text" type="xs:string" minOccurs="0"/>
                <xs:element name="Time" type="xs:dateTime" minOccurs="0"/>
                <xs:element name="Number" type="xs:float" minOccurs="0"/>
                <xs:element name="Twice" msdata:ReadOnly="true" msdata:Expression="Number * 2 &gt; 1" type="xs:double" minOccurs="0"/>
              </xs:sequence>
            </xs:complexType>
          </xs:element>
        </xs:choice>
      </xs:complexType>
    </xs:element>
  </xs:schema>
  <T>
    <Guid>9ae6dd95-bddb-5dd8-8717-57da1268b9ca</Guid>
    <Text>a &lt; b &amp; c &gt; d</Text>
    <Time>2024-02-29T12:00:30.5+00:00</Time>
    <Number>59.98</Number>
  </T>
  <T>
    <Text />
    <Number>-INF</Number>
  </T>
  <T>
  </T>
</Set>
`,
  );
  const dense = dataSet.toXml({ indent: false });
  assert(!dense.includes("\n"));
  assertStringIncludes(dense, "<T><Text /><Number>-INF</Number></T><T></T></Set>");
  assertStringIncludes(dataSet.toXmlSchema(), '<?xml version="1.0" standalone="yes"?>\n<xs:schema id="Set"');
});

Deno.test("expressions keep their line breaks and signs", async () => {
  const dataSet = new DataSet("Set");
  const table = dataSet.addTable("T");
  table.addColumn("A", "int32");
  const expression = "IIF(A < 5 AND 'x\"' <> '&',\n\tA,\r\n 2)";
  table.addColumn("B", "int32", expression);
  table.addRow([7]);
  const copy = (await DataSet.fromXml(dataSet.toXml())).table("T")!;
  assertEquals(copy.column("B")?.expression, expression);
  assertEquals(copy.row(0).get("B"), 2);
});

Deno.test("what XML can't hold is replaced, or refused on request", async () => {
  const dataSet = setOf([["A", "string"]], ["bell \x07, half \ud800, none \uffff, all \u{1f600}"]);
  const copy = await DataSet.fromXml(dataSet.toXml());
  assertEquals(copy.table("T")?.row(0).get("A"), "bell \ufffd, half \ufffd, none \ufffd, all \u{1f600}");
  const error = assertThrows(() => dataSet.toXml({ invalidCharacters: "refuse" }), SttpError, "T.A of row 0");
  assertEquals(error.code, "InvalidMetadata");
  await assertRejects(
    () => new Response(dataSet.toXmlStream({ invalidCharacters: "refuse" })).bytes(),
    SttpError,
  );
  setOf([["A", "string"]], ["\u{1f600}"]).toXml({ invalidCharacters: "refuse" });
});

Deno.test("names that are no XML names survive, spelled as .NET does", async () => {
  const names = ["Base kV", "1st", "a:b", "_x0020_", "Z\u00fcrich", "\u{1f600}", "-", "x-1.2", "<&>"];
  const dataSet = new DataSet("my set");
  for (const name of names) dataSet.addTable(name).addColumn(name, "string");
  for (const table of dataSet.tables) table.addRow(["x"]);
  const copy = await DataSet.fromXml(dataSet.toXml());
  assertEquals(copy.name, "my set");
  assertEquals(copy.tables.map((table) => [table.name, table.columns[0]!.name, table.row(0).get(0)]), [
    ...names.map((name) => [name, name, "x"]),
  ]);
  assertEquals(encodeXmlName("Base kV"), "Base_x0020_kV");
  assertEquals(decodeXmlName("Base_x0020_kV"), "Base kV");
});

Deno.test("a stream that is not read to its end is let go", async () => {
  const dataSet = setOf([["A", "string"]], ...Array.from({ length: 5000 }, () => ["x".repeat(100)]));
  const reader = dataSet.toXmlStream().getReader();
  const { value } = await reader.read();
  assert(value !== undefined && value.length < 200_000);
  await reader.cancel();
});

function arbitraryOf(type: DataType): fc.Arbitrary<CellInput> {
  if (type in LONG_RANGES) return fc.bigInt({ min: LONG_RANGES[type]![0], max: LONG_RANGES[type]![1] });
  if (type in INTEGER_RANGES) {
    return fc.integer({ min: INTEGER_RANGES[type]![0], max: INTEGER_RANGES[type]![1] });
  }
  switch (type) {
    case "boolean":
      return fc.boolean();
    case "dateTime":
      return fc.bigInt({ min: 0n, max: 3_155_378_975_999_999_999n });
    case "single":
      return fc.float();
    case "double":
      return fc.double();
    case "decimal":
      return fc.tuple(fc.bigInt(), fc.nat(20)).map(([digits, scale]) => `${digits}E-${scale}`);
    case "guid":
      return fc.uuid();
  }
  // Without what XML can't hold, and so would not come back.
  // deno-lint-ignore no-control-regex
  const forbidden = /[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/g;
  return fc.string({ unit: "grapheme" }).map((text) => text.replace(forbidden, ""));
}

for (const type of DATA_TYPES) {
  Deno.test(`any ${type} is the same after writing and reading`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.option(arbitraryOf(type)), { maxLength: 30 }), async (values) => {
        const dataSet = setOf([["A", type]], ...values.map((value) => [value]));
        const expected = dataSet.table("T")!.column("A")!.values.map(plain);
        const copy = (await DataSet.fromXml(dataSet.toXml({ indent: false }))).table("T")!.column("A")!;
        assertEquals(copy.type, type);
        assertEquals(copy.values.map(plain), expected);
      }),
      { numRuns: 60 },
    );
  });
}
