import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import type { SttpErrorCode } from "../transport/errors.ts";
import { SttpError } from "../transport/errors.ts";
import { DataSet } from "./data_set.ts";
import type { ReadOptions } from "./xml_reader.ts";

const HEAD = '<Set><xs:schema id="Set" xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="Set">' +
  '<xs:complexType><xs:choice maxOccurs="unbounded"><xs:element name="T"><xs:complexType><xs:sequence>' +
  '<xs:element name="A" type="xs:string"/></xs:sequence></xs:complexType></xs:element></xs:choice></xs:complexType>' +
  "</xs:element></xs:schema>";

async function refused(xml: string | ReadableStream<Uint8Array>, options?: ReadOptions): Promise<SttpError> {
  return await assertRejects(() => DataSet.fromXml(xml, options), SttpError);
}

async function check(xml: string, code: SttpErrorCode, part: string, options?: ReadOptions): Promise<void> {
  const error = await refused(xml, options);
  assertEquals(error.code, code, error.message);
  assertStringIncludes(error.message, part);
}

/** A head, then one text again and again; `taken` is how many bytes were asked for before the reader gave up. */
function endless(
  head: string,
  repeated: string,
): { stream: ReadableStream<Uint8Array>; taken: () => number } {
  let taken = 0;
  let first = true;
  const piece = new TextEncoder().encode(repeated.repeat(Math.ceil(65536 / repeated.length)));
  const stream = new ReadableStream<Uint8Array>({
    pull(controller): void {
      const bytes = first ? new TextEncoder().encode(head) : piece;
      first = false;
      taken += bytes.length;
      controller.enqueue(bytes);
    },
  }, { highWaterMark: 0 });
  return { stream, taken: (): number => taken };
}

Deno.test("what is not well-formed is refused with its place", async () => {
  const cases: [string, string][] = [
    ["", "the document has no root element (line 1, column 1)"],
    ["   \n ", "no root element"],
    ["hello", "text outside of the root element"],
    [HEAD, "the document ends within <Set>"],
    [HEAD + "<T><A>x", "the document ends within <A>"],
    [HEAD + "<T><A>x</A></T", "the document ends within <T>"],
    [HEAD + "\n <T>\n  <A>x</B></T></Set>", "expected </A>, found </B> (line 3, column 7)"],
    [HEAD + "</Set></Set>", "an end tag without its start tag"],
    [HEAD + "</Set><Set/>", "a second root element"],
    [HEAD + "</Set>tail", "text outside of the root element"],
    [HEAD + "<T><A>\x01</A></T></Set>", "character 0x01"],
    [HEAD + "<T><A>&nbsp;</A></T></Set>", "&nbsp; is none of XML's five entities"],
    [HEAD + "<T><A>&#0;</A></T></Set>", "&#0; is none of"],
    [HEAD + "<T><A>&#xD800;</A></T></Set>", "&#xD800; is none of"],
    [HEAD + "<T><A>&lt</A></T></Set>", "is none of"],
    [HEAD + "<T><A>a & b</A></T></Set>", "is none of"],
    [HEAD + "<T><1A/></T></Set>", "expected a name after <"],
    [HEAD + "<T>< A/></T></Set>", "expected a name after <"],
    [HEAD + '<T><A b="<"/></T></Set>', "< inside a tag"],
    [HEAD + "<T><A$/></T></Set>", "a name ends with a character that is not allowed"],
    [HEAD + "<T><![IGNORE[x]]></T></Set>", "only CDATA sections"],
    ["<Set", "the document ends within markup"],
    ['<Set a="1" a="2"/>', "attribute a twice"],
    ["<Set a=1/>", "malformed attributes in <Set>"],
    ['<Set a="&bad;"/>', "none of XML's five entities"],
    ["<!-- only -->", "no root element"],
  ];
  for (const [xml, part] of cases) await check(xml, "InvalidMetadata", part);
  for (
    const [xml, part] of [["<A>x?</A>", "T.A of row 0 is not UTF-8"], ["<A?/>", "not UTF-8 (line "]] as const
  ) {
    const bytes = new TextEncoder().encode(`${HEAD}<T>${xml}</T></Set>`);
    bytes[bytes.indexOf(0x3f, HEAD.length)] = 0xff;
    const error = await assertRejects(() => DataSet.fromXml(bytes), SttpError);
    assertEquals(error.code, "InvalidMetadata");
    assertStringIncludes(error.message, part);
  }
});

Deno.test("what is no data set is refused with what was expected", async () => {
  const cases: [string, string][] = [
    ["<Set/>", "<Set> has no schema"],
    ["<Set><T><A>1</A></T></Set>", "expected the schema of <Set> (xs:schema), found <T>"],
    ['<html><body class="x">404</body></html>', "expected the schema of <html>"],
    ['<Set><schema id="Set"/></Set>', "expected the schema"],
    [
      '<Set><xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"/></Set>',
      "the schema does not describe <Set>",
    ],
    [
      HEAD.replace('<xs:element name="A"', '<xs:element name="a" type="xs:int"/><xs:element name="A"'),
      "twice",
    ],
    [
      HEAD.replace('<xs:element name="T">', '<xs:element name="t"/><xs:element name="T">'),
      "table T is described twice",
    ],
  ];
  for (const [xml, part] of cases) await check(xml, "InvalidMetadata", part);
});

Deno.test("a document type is refused, and with it entities that multiply", async () => {
  let entities = '<!ENTITY a0 "lol">';
  for (let i = 1; i < 30; i++) entities += `<!ENTITY a${i} "&a${i - 1};&a${i - 1};&a${i - 1};">`;
  const bomb = `<?xml version="1.0"?><!DOCTYPE Set [${entities}]>` + HEAD + "<T><A>&a29;</A></T></Set>";
  await check(bomb, "InvalidMetadata", "a document type or declaration (<!...) is not allowed");
  const external = '<!DOCTYPE Set SYSTEM "file:///etc/passwd">' + HEAD + "</Set>";
  await check(external, "InvalidMetadata", "document type");
});

Deno.test("endless parts are refused after little of them was read", async () => {
  const mega = 1024 * 1024;
  const cases: [string, string, string, number][] = [
    ["an attribute", '<Set a="', "x", 65_536],
    ["a tag's space", "<Set", " ", 65_536],
    ["a name", "<", "x", 1024],
    ["an end tag", HEAD + "<T><A>x</A></T", " ", 65_536],
    ["a text", HEAD + "<T><A>", "x", mega],
    ["a text of references", HEAD + "<T><A>", "&amp;", mega],
    ["a text of many sections", HEAD + "<T><A>", "<![CDATA[xxxxxxxx]]>", mega],
    ["a CDATA section", HEAD + "<T><A><![CDATA[", "x", mega],
    ["a comment", "<!--", "x", mega],
    ["an instruction", "<?x ", "x", mega],
    ["elements within elements", HEAD, "<T>", 100],
    ["elements within a value", HEAD + "<T><A>", "<b>", 100],
    ["elements within the schema", HEAD.slice(0, HEAD.indexOf('<xs:element name="A"')), "<xs:any>", 1000],
  ];
  for (const [what, head, repeated, limit] of cases) {
    const { stream, taken } = endless(head, repeated);
    const error = await refused(stream);
    assertEquals(error.code, "LimitExceeded", `${what}: ${error.message}`);
    assert(taken() < 4 * limit + 512 * 1024, `${what}: read ${taken()} bytes`);
  }
});

Deno.test("numbers of things have limits", async () => {
  const rows = HEAD + "<T><A>x</A></T>".repeat(5) + "</Set>";
  const text = HEAD + "<T><A>four</A></T></Set>";
  const reference = HEAD + "<T><A>&lt;our</A></T></Set>";
  const names = Array.from({ length: 50 }, (_, i) => `<N${i}/>`).join("");
  const deep = HEAD + `<T><A>x</A>${"<b>".repeat(20)}${"</b>".repeat(20)}</T></Set>`;
  const cases: [keyof ReadOptions, number, string][] = [
    ["maxRows", 5, rows],
    ["maxCells", 5, rows],
    // A table and a column.
    ["maxColumns", 2, rows],
    ["maxLength", rows.length, rows],
    ["maxTextLength", 4, text],
    ["maxTextLength", 7, reference],
    ["maxTextLength", 57, HEAD + `<!--${"x".repeat(50)}--></Set>`],
    ["maxTextLength", 57, HEAD + `<T><A><![CDATA[${"x".repeat(45)}]]></A></T></Set>`],
    // The schema's nine, and those of the rows.
    ["maxDepth", 9, rows],
    ["maxDepth", 22, deep],
    // Set, T and five of the schema.
    ["maxNames", 57, HEAD + `<T>${names}</T></Set>`],
  ];
  for (const [option, most, xml] of cases) {
    for (const document of [xml, bytewise(xml)]) {
      const exact = await DataSet.fromXml(document, { [option]: most });
      assertEquals(exact.table("T")?.columns.length, 1, option);
    }
    const part = `${option} = ${most - 1}`;
    await check(xml, "LimitExceeded", part, { [option]: most - 1 });
    assertStringIncludes((await refused(bytewise(xml), { [option]: most - 1 })).message, part);
  }
});

/** A document that comes byte by byte. */
function bytewise(xml: string): ReadableStream<Uint8Array> {
  return ReadableStream.from(Array.from(new TextEncoder().encode(xml), (byte) => Uint8Array.of(byte)));
}

Deno.test("wrong options are the caller's error", async () => {
  await assertRejects(() => DataSet.fromXml(HEAD, { maxRows: 0 }), RangeError, "maxRows 0");
  await assertRejects(() => DataSet.fromXml(HEAD, { maxDepth: 1.5 }), RangeError, "maxDepth 1.5");
  await assertRejects(
    () => DataSet.fromXml(HEAD, { invalidValues: "ignore" as "null" }),
    TypeError,
    'neither "refuse" nor "null"',
  );
  await assertRejects(() => DataSet.fromXml(7 as unknown as string), TypeError, "expected the XML as");
});

Deno.test("names that JavaScript knows are names like any other", async () => {
  const xml = HEAD.replaceAll('name="A"', 'name="__proto__"') +
    "<T><__proto__>x</__proto__><constructor>y</constructor></T><toString/></Set>";
  const dataSet = await DataSet.fromXml(xml);
  const row = dataSet.table("T")!.row(0);
  assertEquals(Object.entries(row.toObject()), [["__proto__", "x"]]);
  assertEquals(dataSet.report?.unknownFields, 1);
  assertEquals(dataSet.report?.unknownRows, 1);
  assertEquals(dataSet.table("constructor"), undefined);
});

Deno.test("whatever is cut, doubled or changed: data, or an SttpError", async () => {
  const sample = Deno.readFileSync(new URL("./testdata/pyapi.xml", import.meta.url));
  const damage = fc.array(
    fc.record({ at: fc.nat(sample.length - 1), length: fc.nat(40), byte: fc.nat(255), kind: fc.nat(2) }),
    { minLength: 1, maxLength: 4 },
  );
  await fc.assert(
    fc.asyncProperty(damage, async (changes) => {
      let bytes: Uint8Array = sample.slice();
      for (const { at, length, byte, kind } of changes) {
        const start = Math.min(at, bytes.length);
        if (kind === 0) bytes[start] = byte;
        else {
          const head = bytes.subarray(0, start);
          const tail = bytes.subarray(
            kind === 1 ? Math.min(start + length, bytes.length) : Math.max(0, start - length),
          );
          const changed = new Uint8Array(head.length + tail.length);
          changed.set(head);
          changed.set(tail, head.length);
          bytes = changed;
        }
      }
      try {
        await DataSet.fromXml(bytes);
      } catch (error) {
        if (!(error instanceof SttpError)) throw error;
      }
    }),
    { numRuns: 400 },
  );
});
