import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { SttpError } from "../transport/errors.ts";
import { parseTicks } from "../transport/wire/ticks.ts";
import { DataSet } from "./data_set.ts";
import { formatDecimal } from "./decimal.ts";
import type { CellValue } from "./data_type.ts";
import type { ReadOptions } from "./xml_reader.ts";

const XSD = 'xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:msdata="urn:schemas-microsoft-com:xml-msdata"';

/** A document with one table T of the given columns (`xs:element` tags) and rows. */
function documentOf(columns: string, rows: string): string {
  return `<Set><xs:schema id="Set" ${XSD}><xs:element name="Set" msdata:IsDataSet="true"><xs:complexType>` +
    '<xs:choice minOccurs="0" maxOccurs="unbounded"><xs:element name="T"><xs:complexType><xs:sequence>' +
    `${columns}</xs:sequence></xs:complexType></xs:element></xs:choice></xs:complexType></xs:element></xs:schema>` +
    `${rows}</Set>`;
}

const TEXT_COLUMN = '<xs:element name="A" type="xs:string"/>';

function fixture(name: string): Uint8Array<ArrayBuffer> {
  return Deno.readFileSync(new URL(`./testdata/${name}`, import.meta.url));
}

function plain(value: CellValue): unknown {
  return typeof value === "object" && value !== null ? formatDecimal(value) : value;
}

/** Everything in a data set, for comparing. */
function contents(dataSet: DataSet): unknown {
  return dataSet.tables.map((table) => ({
    name: table.name,
    columns: table.columns.map((column) => ({
      name: column.name,
      type: column.type,
      values: column.expression ?? column.values.map(plain),
    })),
  }));
}

async function refused(xml: string, options?: ReadOptions): Promise<SttpError> {
  return await assertRejects(() => DataSet.fromXml(xml, options), SttpError);
}

/** A document in pieces of so many bytes. */
function streamOf(bytes: Uint8Array, size: number): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller): void {
      if (at >= bytes.length) controller.close();
      else controller.enqueue(bytes.slice(at, at += size));
    },
  });
}

for (const name of ["openpdc.xml", "other_prefix.xml", "grid.xml", "pyapi.xml"]) {
  Deno.test(`${name} is the same after writing and reading`, async () => {
    const first = await DataSet.fromXml(fixture(name));
    const text = first.toXml();
    const second = await DataSet.fromXml(text);
    assertEquals(contents(second), contents(first));
    assertEquals(second.toXml(), text);
    const streamed = await new Response(first.toXmlStream({ indent: false })).bytes();
    assertEquals(contents(await DataSet.fromXml(streamed)), contents(first));
  });

  Deno.test(`${name} reads alike in pieces of any size`, async () => {
    const bytes = fixture(name);
    const whole = contents(await DataSet.fromXml(bytes));
    for (const size of [1, 2, 3, 7, 61, 1000, 100_000]) {
      assertEquals(contents(await DataSet.fromXml(streamOf(bytes, size))), whole, `pieces of ${size}`);
    }
    assertEquals(contents(await DataSet.fromXml(new TextDecoder().decode(bytes))), whole);
  });
}

Deno.test("a document of .NET's: names, types, values", async () => {
  const dataSet = await DataSet.fromXml(fixture("openpdc.xml"));
  assertEquals(dataSet.name, "NewDataSet");
  assertEquals(dataSet.tables.map((table) => table.name), [
    "DeviceDetail",
    "MeasurementDetail",
    "PhasorDetail",
    "SchemaVersion",
  ]);
  const device = dataSet.table("DEVICEDETAIL")!.row(0);
  assertEquals(device.get("uniqueid"), "b9650400-d17c-41df-b974-83a6662afab6");
  assertEquals(device.get("OriginalSource"), null);
  assertEquals(device.get("ParentAcronym"), "");
  assertEquals(device.get("IsConcentrator"), false);
  assertEquals(device.get("AccessID"), 2);
  assertEquals(plain(device.get("Longitude")), "-89.803800");
  assertEquals(device.get("UpdatedOn"), parseTicks("2019-01-04T08:00:52.73Z"));
  const schemaVersion = dataSet.table("SchemaVersion")!;
  assertEquals([...schemaVersion].map((row) => row.toObject()), [{ VersionNumber: 9 }]);
  assertEquals(dataSet.report?.unknownRows, 0);

  const other = await DataSet.fromXml(fixture("other_prefix.xml"));
  assertEquals(other.name, "DataSet");
  for (const table of dataSet.tables) {
    for (const { name, type, values } of table.columns) {
      const column = other.table(table.name)?.column(name);
      assertEquals(column?.type, type);
      assertEquals(column?.values.map(plain), values.map(plain));
    }
  }
  const computed = other.tables.flatMap((table) => table.columns.filter((column) => column.computed));
  assertEquals(computed.map((column) => column.name), ["ComputedCol"]);
});

Deno.test("a document of pyapi's: all types at their ends", async () => {
  const table = (await DataSet.fromXml(fixture("pyapi.xml"))).table("AllTypes")!;
  const row = table.row(0);
  const expected: [string, string, unknown][] = [
    ["String", "string", "a < b & \"c\" 'd' Z\u00fcrich"],
    ["Boolean", "boolean", true],
    ["Datetime", "dateTime", parseTicks("2024-02-29T12:00:30Z")],
    ["Single", "single", Math.fround(59.98)],
    ["Double", "double", 1e-7],
    ["Decimal", "decimal", "-89.803800"],
    ["Guid", "guid", "9ae6dd95-bddb-5dd8-8717-57da1268b9ca"],
    ["Int8", "int8", -128],
    ["Int16", "int16", -32768],
    ["Int32", "int32", -2147483648],
    ["Int64", "int64", -9223372036854775808n],
    ["Uint8", "uint8", 255],
    ["Uint16", "uint16", 65535],
    ["Uint32", "uint32", 4294967295],
    ["Uint64", "uint64", 18446744073709551615n],
  ];
  for (const [name, type, value] of expected) {
    assertEquals(table.column(name)?.type, type);
    assertEquals(plain(row.get(name)), value);
  }
  assertEquals(table.column("Computed")?.expression, "Int16 * 2");
  assertEquals(table.row(1).get("String"), "");
  assertEquals(table.row(2).get("String"), null);
  assertEquals(table.row(2).get("Datetime"), parseTicks("2024-02-29T12:00:30.125Z"));
});

Deno.test("an absent element is null, an empty one the empty string, in other columns null", async () => {
  const columns = TEXT_COLUMN + '<xs:element name="N" type="xs:int"/>';
  const dataSet = await DataSet.fromXml(
    documentOf(
      columns,
      "<T/><T><A/><N/></T><T><A></A><N> </N></T><T><A> </A><N> 7\n</N></T><T><n>8</n><a>x</a></T>",
    ),
  );
  const table = dataSet.table("T")!;
  assertEquals(table.column("A")?.values, [null, "", "", " ", "x"]);
  assertEquals(table.column("N")?.values, [null, null, null, 7, 8]);
});

Deno.test("text: references, CDATA, comments, line ends, characters outside of ASCII", async () => {
  const cases: [string, string][] = [
    ["a&lt;b&gt;c&amp;d&quot;e&apos;f", "a<b>c&d\"e'f"],
    ["&#65;&#x42;&#x20AC;&#x1F600;", "AB\u20ac\u{1f600}"],
    ["x<![CDATA[<&amp;>]]>y", "x<&amp;>y"],
    ["one<!-- two - three -->four<?five?>six", "onefoursix"],
    ["a\r\nb\rc\nd", "a\nb\nc\nd"],
    ["a&#13;&#10;b", "a\r\nb"],
    ["Z\u00fcrich \u{1f600} \u6771\u4eac", "Z\u00fcrich \u{1f600} \u6771\u4eac"],
    ["&#27;", "\x1b"],
  ];
  const rows = cases.map(([xml]) => `<T><A>${xml}</A></T>`).join("\n");
  const bytes = new TextEncoder().encode(documentOf(TEXT_COLUMN, rows));
  for (const size of [1, 5, bytes.length]) {
    const dataSet = await DataSet.fromXml(streamOf(bytes, size));
    assertEquals(dataSet.table("T")?.column("A")?.values, cases.map(([, text]) => text));
  }
});

Deno.test("texts that repeat, and long ones, across many batches", async () => {
  const texts: string[] = [];
  for (let i = 0; i < 2000; i++) {
    texts.push(i % 3 === 0 ? "same" : i % 100 === 1 ? "x".repeat(5 * i) : `text ${i >> 1}`);
  }
  const rows = texts.map((text) => `<T><A>${text}</A></T>`).join("");
  const dataSet = await DataSet.fromXml(documentOf(TEXT_COLUMN, rows));
  assertEquals(dataSet.table("T")?.column("A")?.values, texts);
});

Deno.test("GUIDs in any spelling come out in one", async () => {
  const column = '<xs:element name="G" msdata:DataType="System.Guid, mscorlib" type="xs:string"/>';
  const guid = "9ae6dd95-bddb-5dd8-8717-57da1268b9ca";
  const spellings = [guid, guid.toUpperCase(), `{${guid}}`, guid.replaceAll("-", ""), guid, guid];
  const dataSet = await DataSet.fromXml(
    documentOf(column, spellings.map((text) => `<T><G>${text}</G></T>`).join("")),
  );
  assertEquals(dataSet.table("T")?.column("G")?.values, spellings.map(() => guid));
});

Deno.test("times: offsets, fractions, and what peers make of them", async () => {
  const column = '<xs:element name="D" type="xs:dateTime"/>';
  const cases: [string, string][] = [
    ["2019-01-04T03:00:52.73-05:00", "2019-01-04T08:00:52.73Z"],
    ["2019-01-04T03:00:30.Z", "2019-01-04T03:00:30Z"],
    ["2019-01-04T03:00:30", "2019-01-04T03:00:30Z"],
    ["2019-01-04T03:00:30.1234567+00:00", "2019-01-04T03:00:30.1234567Z"],
    ["2019-01-04T03:00:30.123456789Z", "2019-01-04T03:00:30.1234567Z"],
    ["2019-01-04T23:30:00+14:00", "2019-01-04T09:30:00Z"],
    ["2019-01-04 03:00:30", "2019-01-04T03:00:30Z"],
    ["2019-01-04", "2019-01-04T00:00:00Z"],
    ["2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z"],
    ["0001-01-01T00:00:00+01:00", "0001-01-01T00:00:00Z"],
    ["9999-12-31T23:59:59.9999999", "9999-12-31T23:59:59.9999999Z"],
    ["9999-12-31T23:59:59.9999999-05:00", "9999-12-31T23:59:59.9999999Z"],
    ["9999-12-31T10:00:00-14:00", "9999-12-31T23:59:59.9999999Z"],
    ["9999-12-31T09:59:59.5-14:00", "9999-12-31T23:59:59.5Z"],
    ["2000-02-29T00:00:00", "2000-02-29T00:00:00Z"],
  ];
  const rows = cases.map(([text]) => `<T><D>${text}</D></T>`).join("");
  const dataSet = await DataSet.fromXml(documentOf(column, rows));
  assertEquals(dataSet.table("T")?.column("D")?.values, cases.map(([, text]) => parseTicks(text)));
  // What can be read can be written.
  const again = await DataSet.fromXml(dataSet.toXml());
  assertEquals(again.table("T")?.column("D")?.values, dataSet.table("T")?.column("D")?.values);
  for (
    const text of [
      "2019-02-29T00:00:00",
      "1900-02-29T00:00:00",
      "2019-13-01T00:00:00",
      "soon",
      "2019-01-04T24:00:00",
    ]
  ) {
    assertEquals((await refused(documentOf(column, `<T><D>${text}</D></T>`))).code, "InvalidMetadata", text);
  }
});

Deno.test("numbers and booleans as XML Schema and peers write them", async () => {
  const cases: [string, string, unknown][] = [
    ["boolean", "true", true],
    ["boolean", "1", true],
    ["boolean", "False", false],
    ["int", "+7", 7],
    ["int", "-0", 0],
    ["int", "0000000000000012", undefined],
    ["int", "2147483648", undefined],
    ["byte", "-129", undefined],
    ["unsignedByte", "-1", undefined],
    ["unsignedInt", "4294967295", 4294967295],
    ["long", "9223372036854775808", undefined],
    ["unsignedLong", "+18446744073709551615", 18446744073709551615n],
    ["double", "INF", Infinity],
    ["double", "-INF", -Infinity],
    ["double", "NaN", NaN],
    ["double", "-0", -0],
    ["double", "1.5E3", 1500],
    ["double", "0x10", undefined],
    ["float", "0.1", Math.fround(0.1)],
    ["decimal", "1E2", "100"],
    ["decimal", "1,5", undefined],
    ["decimal", "1".repeat(3000), undefined],
    ["int", "", null],
  ];
  for (const [type, text, expected] of cases) {
    const xml = documentOf(`<xs:element name="V" type="xs:${type}"/>`, `<T><V>${text}</V></T>`);
    if (expected === undefined) {
      const { message } = await refused(xml);
      assertStringIncludes(message, "T.V of row 0");
      const dataSet = await DataSet.fromXml(xml, { invalidValues: "null" });
      assertEquals(dataSet.table("T")?.column("V")?.values, [null]);
      assertEquals(dataSet.report?.invalidValues, 1);
    } else {
      const value = (await DataSet.fromXml(xml)).table("T")!.row(0).get("V");
      assert(Object.is(plain(value), expected), `${type} ${text}: ${plain(value)}`);
    }
  }
});

Deno.test("what the schema does not know is passed over and counted", async () => {
  const columns = TEXT_COLUMN + '<xs:element name="B" type="xs:base64Binary"/><xs:element name="C"/>';
  const rows = "<U><A>1</A></U> stray <T><A>2<b>in<b>side</b></b>3</A><B>AA==</B><Z>4</Z></T><!-- <T/> -->";
  const dataSet = await DataSet.fromXml(documentOf(columns, rows));
  assertEquals(dataSet.table("T")?.rowCount, 1);
  assertEquals(dataSet.table("T")?.row(0).toObject(), { A: "23" });
  const { unknownRows, unknownFields, skippedColumns, strayTexts } = dataSet.report!;
  assertEquals({ unknownRows, unknownFields, skippedColumns }, {
    unknownRows: 1,
    unknownFields: 3,
    skippedColumns: ["T.B: xs:base64Binary", "T.C: no simple type"],
  });
  assert(strayTexts >= 1);
});

Deno.test("xsi:nil is null, other attributes are passed over", async () => {
  const rows =
    '<T><A i:nil="true"/></T><T><A i:nil="1">x</A></T><T order="1"><A xml:space="preserve"> </A></T>' +
    '<T><A note="a > b">y</A></T>';
  const xml = documentOf(TEXT_COLUMN, rows).replace(
    "<Set>",
    '<Set xmlns:i="http://www.w3.org/2001/XMLSchema-instance">',
  );
  const dataSet = await DataSet.fromXml(xml);
  assertEquals(dataSet.table("T")?.column("A")?.values, [null, null, " ", "y"]);
});

Deno.test("schema: restrictions, escaped names, a default namespace, nothing but a schema", async () => {
  const restricted = '<xs:element name="Base_x0020_kV"><xs:simpleType><xs:restriction base="xs:string">' +
    '<xs:maxLength value="20"/></xs:restriction></xs:simpleType></xs:element>';
  const dataSet = await DataSet.fromXml(documentOf(restricted, "<T><Base_x0020_kV>500</Base_x0020_kV></T>"));
  assertEquals(dataSet.table("T")?.row(0).get("base kv"), "500");

  const unprefixed =
    '<Set xmlns="http://www.w3.org/2001/XMLSchema"><schema id="Set"><element name="Set"><complexType>' +
    '<choice><element name="T"><complexType><sequence><element name="A" type="string"/></sequence></complexType>' +
    "</element></choice></complexType></element></schema><T><A>x</A></T></Set>";
  assertEquals((await DataSet.fromXml(unprefixed)).table("T")?.row(0).get("A"), "x");

  const full = await DataSet.fromXml(fixture("grid.xml"));
  const schema = await DataSet.fromXml(full.toXmlSchema());
  assertEquals(schema.name, full.name);
  assertEquals(schema.tables.map((table) => [table.name, table.rowCount, table.columns.map((c) => c.type)]), [
    ...full.tables.map((table) => [table.name, 0, table.columns.map((c) => c.type)]),
  ]);
});

Deno.test("other encodings, by mark and by declaration", async () => {
  const xml = documentOf(TEXT_COLUMN, "<T><A>Z\u00fcrich \u20ac \u{1f600}</A></T>");
  const expected = "Z\u00fcrich \u20ac \u{1f600}";
  const units = (littleEndian: boolean, text: string): Uint8Array => {
    const bytes = new Uint8Array(2 * text.length);
    const view = new DataView(bytes.buffer);
    for (let i = 0; i < text.length; i++) view.setUint16(2 * i, text.charCodeAt(i), littleEndian);
    return bytes;
  };
  const inputs: [string, Uint8Array | string][] = [
    ["UTF-8 with mark", new TextEncoder().encode("\ufeff" + xml)],
    ["text with mark", "\ufeff" + xml],
    ["text that names another encoding", '<?xml version="1.0" encoding="utf-16"?>' + xml],
    ["UTF-16 little-endian", units(true, "\ufeff" + xml)],
    ["UTF-16 big-endian", units(false, "\ufeff" + xml)],
    ["UTF-16 without mark", units(true, xml)],
  ];
  for (const [name, input] of inputs) {
    const dataSet = await DataSet.fromXml(input);
    assertEquals(dataSet.table("T")?.row(0).get("A"), expected, name);
    if (typeof input === "string") continue;
    assertEquals((await DataSet.fromXml(streamOf(input, 3))).table("T")?.row(0).get("A"), expected, name);
  }
  const latin = new Uint8Array(
    [...'<?xml version="1.0" encoding="ISO-8859-1"?>' + documentOf(TEXT_COLUMN, "<T><A>Z\u00fcrich</A></T>")]
      .map((char) => char.charCodeAt(0)),
  );
  assertEquals((await DataSet.fromXml(latin)).table("T")?.row(0).get("A"), "Z\u00fcrich");
});

/** A stream that gives one piece, then nothing, or the same without end. */
function unending(silent: boolean): { stream: ReadableStream<Uint8Array>; cancelled: () => boolean } {
  let cancelled = false;
  let pulls = 0;
  const stream = new ReadableStream<Uint8Array>({
    pull(controller): void | Promise<void> {
      if (silent && pulls++ > 0) return new Promise(() => {});
      controller.enqueue(new TextEncoder().encode(" ".repeat(1000)));
    },
    cancel(): void {
      cancelled = true;
    },
  });
  return { stream, cancelled: () => cancelled };
}

for (const silent of [false, true]) {
  Deno.test(`an aborted reading of a stream that ${silent ? "is silent" : "never ends"} stops and lets go of it`, async () => {
    const { stream, cancelled } = unending(silent);
    const abort = new AbortController();
    const reading = assertRejects(() => DataSet.fromXml(stream, { signal: abort.signal }), SttpError);
    setTimeout(() => abort.abort(new Error("enough")), 0);
    const error = await reading;
    assertEquals([error.code, (error.cause as Error).message], ["Aborted", "enough"]);
    assert(cancelled());
  });
}

Deno.test("a signal that fired before stops everything", async () => {
  const { stream, cancelled } = unending(true);
  await assertRejects(() => DataSet.fromXml(stream, { signal: AbortSignal.abort() }), SttpError, "aborted");
  assert(cancelled());
  await assertRejects(() => DataSet.fromXml("", { signal: AbortSignal.abort() }), SttpError, "aborted");
});

Deno.test("a stream's own error comes through", async () => {
  const failing = new ReadableStream<Uint8Array>({
    start: (controller): void => controller.error(new SttpError("LimitExceeded", "gzip output")),
  });
  await assertRejects(() => DataSet.fromXml(failing), SttpError, "gzip output");
});
