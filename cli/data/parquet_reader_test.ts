import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { asyncBufferFromFile } from "hyparquet";
import { MeasurementBatch, SignalTable, Ticks } from "../../mod.ts";
import { filePath } from "../../tests/interop/partners.ts";
import { withFolder } from "../../tests/support/folder.ts";
import { CommandError } from "../exit_codes.ts";
import { readFile } from "./files.ts";
import { Bytes, checkStruct, readFooter } from "./parquet_footer.ts";
import { checkGroup } from "./parquet_pages.ts";
import { checkValues, countNulls } from "./parquet_values.ts";
import { RowReader } from "./reader.ts";
import { uncompressSnappy } from "./snappy.ts";

const folder = new URL("../testdata/parquet/", import.meta.url);
const ids = ["0d5a1c9e-6a3b-4f6e-9c52-000000000001", "0d5a1c9e-6a3b-4f6e-9c52-000000000002"];
const start = Ticks.parse("2024-03-01T12:30:00Z");

const files = [...Deno.readDirSync(folder)]
  .map(({ name }) => name)
  .filter((name) => name.endsWith(".parquet") && !name.startsWith("refused"));

for (const name of files) {
  Deno.test(`parquet: what pyarrow writes is read: ${name}`, async () => {
    const signals = new SignalTable();
    for (const id of ids) signals.add(id);
    const all = new MeasurementBatch();
    const rows = new RowReader(name, (name) => signals.handleOf(name));
    for await (const batch of readFile(filePath(new URL(name, folder)), "parquet", rows)) all.append(batch);
    assertEquals(all.length, 100);
    for (let i = 0; i < all.length; i++) {
      const isMissing = !name.startsWith("required") && i % 7 === 3;
      assertEquals(
        [all.signals[i], all.ticks[i], all.values[i], all.flags[i]],
        [
          Math.floor(i / 10) % 2,
          start + 200_000n * BigInt(i),
          isMissing ? NaN : 50 + i / 8,
          isMissing ? 0 : i % 3,
        ],
      );
    }
  });
}

/** What is said about a file of pyarrow, with or without a change. */
async function refusal(name: string, change?: (bytes: Uint8Array<ArrayBuffer>) => void): Promise<string> {
  const bytes = await Deno.readFile(new URL(`${name}.parquet`, folder));
  change?.(bytes);
  return withFolder(async (folder) => {
    const path = `${folder}/damaged.parquet`;
    await Deno.writeFile(path, bytes);
    const { message } = await assertRejects(async () => {
      for await (const _ of readFile(path, "parquet", new RowReader("a file", () => 0)));
    }, CommandError);
    return message;
  });
}

/** Where the length of the first page is: the third number of its header. */
function lengthOfPage(bytes: Uint8Array): number {
  let at = 4;
  for (let number = 0; number < 2; number++) {
    at++; // its type
    while (bytes[at++]! >= 0x80);
  }
  return at + 1;
}

Deno.test("parquet: a page of a length below zero, and of one beyond its column", async () => {
  const below = await refusal("plain_v1", (bytes) => bytes[lengthOfPage(bytes)]! |= 1);
  assertEquals(/^a file: column signalId: a page of -\d+ bytes$/.test(below), true, below);
  const beyond = await refusal("plain_v1", (bytes) => {
    const at = lengthOfPage(bytes);
    bytes.set([0xfe, 0xff, 0xff, 0xff, 0x0f], at);
  });
  assertEquals(/^a file: column signalId: a page of 2147483647 bytes$/.test(beyond), true, beyond);
});

Deno.test("parquet: a footer that is longer than the file, of more than there is room for, and a file that is none", async () => {
  const long = await refusal("plain_v1", (bytes) => bytes.set([0xff, 0xff, 0xff, 0x7f], bytes.length - 8));
  assertEquals(long, "a file: a footer of 2147483647 bytes, at most 4424 expected");
  const large = {
    byteLength: 1e9,
    slice: () => Promise.resolve(Uint8Array.of(1, 0, 0, 1, 80, 65, 82, 49).buffer),
  };
  await assertRejects(
    () => readFooter(large, {}),
    Error,
    "a footer of 16777217 bytes, at most 16777216 expected",
  );
  const none = await refusal("plain_v1", (bytes) => bytes.fill(0, bytes.length - 4));
  assertEquals(none, "a file: this is no Parquet file");
});

/** A number in groups of seven bits. */
function varint(number: number): number[] {
  return number < 0x80 ? [number] : [number & 0x7f | 0x80, ...varint(number >> 7)];
}

/** A file without rows, of as many columns. */
function withColumns(count: number): { byteLength: number; slice(start: number, end?: number): ArrayBuffer } {
  const column = [0x15, 2, 0x25, 0, 0x18, 1, 0x63, 0]; // an INT32 that is required, of the name "c"
  const root = [0x48, 1, 0x72, 0x15, ...varint(2 * count), 0];
  const schema = [0x19, 0xfc, ...varint(count + 1), ...root, ...Array(count).fill(column).flat()];
  const footer = [0x15, 2, ...schema, 0x16, 0, 0x19, 0x0c, 0];
  const tail = new Uint8Array(8);
  new DataView(tail.buffer).setUint32(0, footer.length, true);
  tail.set(new TextEncoder().encode("PAR1"), 4);
  const { buffer } = Uint8Array.from([...footer, ...tail]);
  return { byteLength: buffer.byteLength, slice: (start, end) => buffer.slice(start, end) };
}

Deno.test("parquet: a footer of 2,000 columns, and one more", async () => {
  // All of them together are a group, which counts, too.
  assertEquals((await readFooter(withColumns(1_999), {})).schema.length, 2_000);
  await assertRejects(() => readFooter(withColumns(2_000), {}), Error, "2001 columns, at most 2000 expected");
});

Deno.test("parquet: columns of lists, and compression that is not known", async () => {
  assertEquals(await refusal("refused_lists"), "a file: column value: lists and structs can't be read");
  assertEquals(await refusal("refused_zstd"), "a file: column signalId: compression by ZSTD can't be read");
});

Deno.test("parquet: a row group of more rows than values, and of more than there is room for", async () => {
  const file = await asyncBufferFromFile(filePath(new URL("plain_v1.parquet", folder)));
  const plain = await readFooter(file, {});
  const wanted = plain.schema.slice(1);
  const check = (rows: bigint) => checkGroup(file, { ...plain.row_groups[0]!, num_rows: rows }, wanted);
  await check(30n);
  await assertRejects(() => check(31n), Error, "column signalId: 30 values for 31 rows");
  await assertRejects(() => check(8_388_609n), Error, "of 8388609 rows, at most 8388608 can be read");
  await assertRejects(() => check(-1n), Error, "a row group of -1 rows");
});

Deno.test("parquet: a row group of more bytes than there is room for, in the file and uncompressed", async () => {
  const plain = await readFooter(
    await asyncBufferFromFile(filePath(new URL("plain_v1.parquet", folder))),
    {},
  );
  const wanted = plain.schema.slice(1, 2);
  const group = plain.row_groups[0]!;
  const [first] = group.columns;
  // A page of no bytes, 2,147,483,647 when it is uncompressed.
  const page = Uint8Array.of(0x15, 0, 0x15, 0xfe, 0xff, 0xff, 0xff, 0x0f, 0x15, 0, 0);
  const file = { byteLength: 2 ** 40, slice: () => page.slice().buffer };
  const inFile = checkGroup(file, {
    ...group,
    columns: [{ ...first!, meta_data: { ...first!.meta_data!, total_compressed_size: 2n ** 31n } }],
  }, wanted);
  await assertRejects(() => inFile, Error, "column signalId: 2147483648 bytes more, at most 1073741824");
  const uncompressed = checkGroup(file, group, wanted);
  await assertRejects(
    () => uncompressed,
    Error,
    "column signalId: 2147483647 bytes more, at most 1073741824",
  );
});

Deno.test("Thrift: lists without end, structs too deep in one another, numbers too long", () => {
  const check = (...bytes: number[]) => () => checkStruct(new Bytes(Uint8Array.from(bytes)));
  check(0x15, 0x02, 0x29, 0x25, 0x02, 0x04, 0)(); // 1, and a list of 1 and 2
  assertThrows(check(0x19, 0xf5, 0xff, 0xff, 0xff, 0xff, 0x07, 0), Error, "a list of 2147483647 in 1 bytes");
  assertThrows(check(...Array(100).fill(0x1c)), Error, "structs too deep");
  assertThrows(check(0x19, ...Array(100).fill(0x19)), Error, "lists too deep");
  assertThrows(check(0x16, ...Array(11).fill(0x80), 0, 0), Error, "more than 64 bits");
  assertThrows(check(0x18, 0xff, 0xff, 0xff, 0xff, 0x0f), Error, "-1 bytes expected");
  assertThrows(check(0x15, 0x02), Error, "1 bytes expected, 0 are left");
});

Deno.test("parquet: runs of values, whole and past their page", () => {
  const nulls = (...bytes: number[]) => countNulls(new Bytes(Uint8Array.from(bytes)), 10);
  assertEquals(nulls(20, 1), 0); // ten ones
  assertEquals(nulls(10, 0, 0b11, 0b10111), 6); // five zeros, eight bits
  assertThrows(
    () => nulls(0xfe, 0xff, 0xff, 0xff, 0x0f, 1),
    Error,
    "a run of 2147483647 values behind 0 of 10",
  );
  assertThrows(() => nulls(10, 0, 0xff, 0xff, 0xff, 0xff, 0x0f), Error, "behind 5 of 10");
  assertThrows(() => nulls(0, 1, 0, 1), Error, "1 bytes expected, 0 are left");
});

Deno.test("parquet: differences of numbers and texts that can't be", () => {
  const check = (encoding: string, type: "INT64" | "BYTE_ARRAY", ...bytes: number[]) => () =>
    checkValues(new Bytes(Uint8Array.from(bytes)), encoding, 3, { name: "time", type }, false);
  const numbers = (...bytes: number[]) => check("DELTA_BINARY_PACKED", "INT64", ...bytes);
  numbers(0x80, 1, 4, 3, 0, 2, 0, 0, 0, 0)();
  // Minus five parts lead back to the beginning of a block.
  assertThrows(numbers(0x80, 1, 0xfb, 0xff, 0xff, 0xff, 0x0f, 3, 0, 2, 0, 0, 0, 0), Error, "in -5 parts");
  assertThrows(numbers(0x80, 1, 4, 3, 0, 2, 65, 0, 0, 0), Error, "differences of 65 bits");
  const deltas = (...numbers: [number, number]) => [0x80, 1, 4, 3, numbers[0], numbers[1], 0, 0, 0, 0];
  const texts = (...bytes: number[]) => check("DELTA_BYTE_ARRAY", "BYTE_ARRAY", ...bytes);
  assertEquals(texts(...deltas(0, 0), ...deltas(4, 0))(), 6); // no prefixes, suffixes of two
  assertThrows(texts(...deltas(0, 0x7e), ...deltas(4, 0)), Error, "63 bytes of a text of 2 repeated");
});

Deno.test("Snappy: literals and copies, and what leads nowhere", () => {
  const text = (length: number, ...bytes: number[]) =>
    new TextDecoder().decode(uncompressSnappy(Uint8Array.from(bytes), length));
  assertEquals(text(0, 0), "");
  assertEquals(text(3, 3, 8, 97, 98, 99), "abc");
  assertEquals(text(10, 10, 4, 97, 98, 0b1_0001, 2), "ababababab");
  assertEquals(text(6, 6, 4, 97, 98, 0b1110, 2, 0), "ababab");
  assertEquals(text(6, 6, 0xf0, 1, 97, 98, 0b1111, 2, 0, 0, 0), "ababab");
  // A literal of minus five bytes, which leads back to itself.
  assertThrows(() => text(100, 100, 0xfc, 0xfa, 0xff, 0xff, 0xff, 0, 0), Error, "damaged Snappy data");
  assertThrows(() => text(4, 4, 0, 97, 0b1110, 2, 0), Error, "damaged"); // a copy from before the beginning
  assertThrows(() => text(4, 4, 12, 97), Error, "damaged");
  assertThrows(() => text(3, 3, 0, 97), Error, "damaged");
  assertThrows(() => text(1_000_000_000, 1), Error, "damaged");
});
