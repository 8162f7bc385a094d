import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { MeasurementBatch, SignalTable, Ticks } from "../../mod.ts";
import { withFolder } from "../../tests/support/folder.ts";
import { CommandError } from "../exit_codes.ts";
import { openWriter, readFile, readStream } from "./files.ts";
import type { ReadableFormat, WritableFormat } from "./format.ts";
import { RowReader } from "./reader.ts";
import { SignalNames } from "./signal_names.ts";

const ids = ["0d5a1c9e-6a3b-4f6e-9c52-000000000001", "0d5a1c9e-6a3b-4f6e-9c52-000000000002"];
const ticks = Ticks.parse("2024-03-01T12:30:00.0333333Z");

/** Every kind of value, time and flags. */
const measurements: readonly (readonly [number, bigint, number, number])[] = [
  [0, ticks, Math.fround(59.98), 0],
  [1, ticks, -0, 0xffff_ffff],
  [0, ticks + 1n, NaN, 1],
  [1, ticks, Infinity, 0],
  [0, Ticks.Max, -Infinity, 0],
  [1, Ticks.Max + 1n, 1.401298464324817e-45, 0],
  [0, 0n, 3.4028234663852886e38, 0],
  [1, Ticks.withLeapSecond(Ticks.parse("2016-12-31T23:59:59Z")), Math.fround(0.1), 0],
  [0, Ticks.withLeapSecond(ticks), 16_777_217, 0],
  [1, Ticks.withLeapSecond(ticks, true), -1e-7, 0],
  [0, -1n, 1 / 3, 8],
];

function sample(): { signals: SignalTable; batch: MeasurementBatch } {
  const signals = new SignalTable();
  for (const id of ids) signals.add(id);
  const batch = new MeasurementBatch();
  for (const measurement of measurements) batch.add(...measurement);
  return { signals, batch };
}

function rowsOf(batch: MeasurementBatch): unknown[][] {
  return Array.from({ length: batch.length }, (_, i) => [
    batch.signals[i],
    batch.ticks[i],
    batch.values[i],
    batch.flags[i],
  ]);
}

async function write(path: string, format: WritableFormat): Promise<void> {
  const { signals, batch } = sample();
  const writer = await openWriter(path, format, undefined, new SignalNames(signals, () => undefined));
  await writer.write(batch);
  await writer.finish();
}

async function read(path: string, format: ReadableFormat): Promise<MeasurementBatch> {
  const { signals } = sample();
  const all = new MeasurementBatch();
  const rows = new RowReader(path, (name) => signals.handleOf(name));
  for await (const batch of readFile(path, format, rows)) all.append(batch);
  return all;
}

for (const format of ["csv", "ndjson", "parquet"] as const) {
  Deno.test(`${format}: every value, time and flag comes back as it was`, () =>
    withFolder(async (folder) => {
      const path = `${folder}/data.${format}`;
      await write(path, format);
      const found = await read(path, format);
      assertEquals(rowsOf(found), rowsOf(sample().batch));
      assertEquals(Object.is(found.values[1], -0), true);
      if (format === "ndjson") assertStringIncludes(await Deno.readTextFile(path), '"value":-0.0,');
      assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), [`data.${format}`]);
    }));
}

Deno.test("sqlite: rows, a view that people can read, and more rows the next time", () =>
  withFolder(async (folder) => {
    const path = `${folder}/data.sqlite`;
    await write(path, "sqlite");
    await write(path, "sqlite");
    const database = new DatabaseSync(path);
    const all = database.prepare("SELECT signal, ticks, value, flags FROM measurements");
    all.setReadBigInts(true);
    const found = all.all().map(({ signal, ticks, value, flags }) => [
      Number(signal) - 1,
      ticks,
      value ?? NaN,
      Number(flags),
    ]);
    const expected = rowsOf(sample().batch).map((
      [signal, ticks, value, flags],
    ) => [signal, ticks, value, flags]);
    assertEquals(found, [...expected, ...expected]);
    const readable = database.prepare("SELECT time, signalId, value FROM readable LIMIT 1").get();
    assertEquals({ ...readable }, {
      time: "2024-03-01T12:30:00.0333333Z",
      signalId: ids[0],
      value: Math.fround(59.98),
    });
    database.close();
  }));

Deno.test("a file that is no database stays as it is", () =>
  withFolder(async (folder) => {
    const path = `${folder}/data.sqlite`;
    const text = "not a database, but a text that is long enough to be taken for one".repeat(20);
    await Deno.writeTextFile(path, text);
    const error = await assertRejects(() => write(path, "sqlite"), CommandError);
    assertStringIncludes(error.message, `${path} can't be used`);
    assertEquals(await Deno.readTextFile(path), text);
  }));

for (const format of ["csv", "ndjson", "parquet"] as const) {
  Deno.test(`${format}: a database is not written over`, () =>
    withFolder(async (folder) => {
      const path = `${folder}/keep.sqlite`;
      await write(path, "sqlite");
      const before = await Deno.readFile(path);
      const error = await assertRejects(() => write(path, format), CommandError);
      assertEquals([error.exitCode, error.message], [
        1,
        `${path} is a SQLite database: it is not written over`,
      ]);
      assertEquals(await Deno.readFile(path), before);
    }));
}

Deno.test("sqlite: why rows can't be written is told, and what came before stays", () =>
  withFolder(async (folder) => {
    const path = `${folder}/data.sqlite`;
    await write(path, "sqlite");
    const other = new DatabaseSync(path);
    other.exec(
      "CREATE TRIGGER full BEFORE INSERT ON measurements WHEN NEW.flags = 7 BEGIN SELECT RAISE(ROLLBACK, 'disk is full'); END",
    );
    other.close();
    const { signals, batch } = sample();
    const writer = await openWriter(path, "sqlite", undefined, new SignalNames(signals, () => undefined));
    await writer.write(batch);
    batch.add(0, ticks, 1, 7);
    const error = await assertRejects(() => writer.write(batch), CommandError);
    assertEquals([error.exitCode, error.message], [1, `${path} can't be written: disk is full`]);
    // The transaction is gone already; that is not what is told.
    await writer.abandon();
    const database = new DatabaseSync(path);
    assertEquals(database.prepare("SELECT count(*) AS n FROM measurements").get()!.n, measurements.length);
    database.close();
  }));

Deno.test({
  name: "a full disk is told with the file's name",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    withFolder(async (folder) => {
      for (const format of ["csv", "ndjson", "parquet"] as const) {
        // Parquet is written under another name first.
        await Deno.symlink("/dev/full", `${folder}/data.${format}${format === "parquet" ? ".part" : ""}`);
        const path = `${folder}/data.${format}`;
        const { signals, batch } = sample();
        const names = new SignalNames(signals, () => undefined);
        const writer = await openWriter(path, format, undefined, names);
        const writing = async (): Promise<void> => {
          await writer.write(batch);
          await writer.finish();
        };
        const error = await assertRejects(writing, CommandError);
        await writer.abandon();
        assertEquals(error.exitCode, 1);
        assertStringIncludes(error.message, `${path} can't be written: `);
        assertStringIncludes(error.message.toLowerCase(), "no space left");
      }
    }),
});

/** Reads a text in pieces of so many bytes. */
async function readText(text: string, format: "csv" | "ndjson", size = 7): Promise<[unknown[][], number]> {
  const bytes = new TextEncoder().encode(text);
  const pieces = Array.from(
    { length: Math.ceil(bytes.length / size) },
    (_, i) => bytes.slice(i * size, (i + 1) * size),
  );
  const rows = new RowReader("data", (name) => ["A", "B"].indexOf(name) < 0 ? undefined : "AB".indexOf(name));
  const all = new MeasurementBatch();
  for await (const batch of readStream(ReadableStream.from(pieces), format, rows)) all.append(batch);
  return [rowsOf(all), rows.unknown];
}

const second = Ticks.parse("2024-03-01T12:30:00Z");

Deno.test("csv: headings in any case and order, quotes, other columns, unknown signals", async () => {
  const text = '\ufeffTime,"note\nof two lines",POINTTAG,Value\r\n2024-03-01T12:30:00Z,"a, b",A,1.5\r\n\r\n' +
    '2024-03-01 12:30:01,,"B",-2e3\n638448786000000000,x,C,0\n2024-03-01 12:30:02,,A,';
  for (const size of [1, 7, 1000]) {
    assertEquals(await readText(text, "csv", size), [[
      [0, second, 1.5, 0],
      [1, second + Ticks.PerSecond, -2000, 0],
      [0, second + 2n * Ticks.PerSecond, NaN, 0],
    ], 1]);
  }
});

Deno.test("ndjson: numbers and texts, empty lines, no line end at the end", async () => {
  const text = '{"key":"A","time":"2024-03-01T12:30:00Z","value":1.5,"flags":3}\n\n' +
    '{"signalId":"B","ticks":"638448786000000000","value":"NaN","more":{}}\r\n{"key":"D","time":"2024-03-01","value":0}';
  for (const size of [1, 7, 1000]) {
    assertEquals(await readText(text, "ndjson", size), [[
      [0, second, 1.5, 3],
      [1, 638448786000000000n, NaN, 0],
    ], 1]);
  }
});

for (const format of ["csv", "ndjson"] as const) {
  Deno.test(`${format}: what has come does not wait for what comes later`, async () => {
    const lines = format === "csv"
      ? [
        'time,pointTag,value,note\n2024-03-01T12:30:00Z,A,1,"a ""b"""\n',
        '2024-03-01,B,2,"not yet\n',
        '"\n',
        "x,A,3,\n",
      ]
      : [
        '{"key":"A","time":"2024-03-01","value":1}\n',
        '{"key":"B","time":"2024-03-01",\t',
        '"value":2}\n',
        "x\n",
      ];
    const { readable, writable } = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>();
    const writer = writable.getWriter();
    const batches = readStream(readable, format, new RowReader("data", (name) => name === "A" ? 0 : 1));
    const send = (line: string): Promise<void> => writer.write(new TextEncoder().encode(line));
    const values = async (): Promise<number[]> => {
      const { value } = await batches.next();
      return [...value!.values.subarray(0, value!.length)];
    };
    send(lines[0]!);
    assertEquals(await values(), [1]);
    send(lines[1]!);
    send(lines[2]!);
    assertEquals(await values(), [2]);
    send(lines[3]!);
    const place = format === "csv" ? "data, line 5: " : "data, line 3: ";
    await assertRejects(() => batches.next(), CommandError, place);
    await writer.close().catch(() => {});
  });
}

Deno.test("what makes no sense is refused with its place", async () => {
  const cases: ["csv" | "ndjson", string, string][] = [
    [
      "csv",
      "signalId,time,value\nA,2024-03-01,1\nA,yesterday,1\n",
      'data, line 3: "yesterday" is not a time',
    ],
    ["csv", "signalId,time,value\nA,2024-03-01,one\n", 'data, line 2: "one" is not a number'],
    ["csv", "signalId,time,value,flags\nA,2024-03-01,1,-1\n", 'data, line 2: the flags are "-1"'],
    ["csv", "signalId,time,value\n,2024-03-01,1\n", "data, line 2: no signalId, key or pointTag"],
    ["csv", "signalId,time\nA,2024-03-01\n", "data: there is no column value"],
    ["csv", "id,time,value\nA,2024-03-01,1\n", "data: there is no column signalId, key or pointTag"],
    ["csv", "signalId,time,value\nA,2024-03-01\n", "data: Invalid Record Length"],
    ["csv", 'signalId,time,value\n"A,2024-03-01,1\n', "data: Quote Not Closed"],
    ["ndjson", '{"signalId":"A","time":"2024-03-01","value":1}\n{"signalId', "data, line 2: "],
    ["ndjson", "\n[1]", "data, line 2: an object such as"],
    ["ndjson", "null", "data, line 1: an object such as"],
    ["ndjson", '{"signalId":"A","time":638448786000000000,"value":1}', "data, line 1: the time is a number"],
    ["ndjson", '{"signalId":"A","value":1}', "data, line 1: no time"],
    ["csv", "", "data: there is no line of headings"],
    [
      "csv",
      "signalId,ticks,value\nA,18446744073709551616,1\n",
      "data, line 2: 18446744073709551616 is more than 64",
    ],
    [
      "csv",
      "signalId,time,value\nA,1709294400,1\n",
      "data, line 2: the time 1709294400 is before 1900: ticks count",
    ],
    [
      "ndjson",
      '{"key":"A","time":"1709294400000","value":1}',
      "data, line 1: the time 1709294400000 is before 1900",
    ],
    [
      "csv",
      "signalId,time,value\nA,2024-03-01,1e39\n",
      "data, line 2: the value 1e39 is beyond what a float32",
    ],
    ["csv", "signalId,time,value\nA,2024-03-01,-1e400\n", "data, line 2: the value -1e400 is beyond what a"],
    [
      "ndjson",
      '{"key":"A","time":"2024-03-01","value":1e39}',
      "data, line 1: the value 1e+39 is beyond what a",
    ],
    [
      "ndjson",
      '{"key":"A","time":"2024-03-01","value":1e400}',
      "data, line 1: the value is beyond what a float32",
    ],
    ["ndjson", '{"signalId":"A","time":"2024-03-01"}', "data, line 1: no value"],
    ["ndjson", '{"signalId":"A","time":"2024-03-01","value":{}}', "data, line 1: the value is a object"],
    ["ndjson", `{"signalId":"${"A".repeat(70_000)}"`, "data, line 1: the line is too long"],
    ["csv", `signalId,time,value\n"${"A".repeat(70_000)}"`, "data: Max Record Size"],
  ];
  for (const [format, text, message] of cases) {
    const error = await assertRejects(() => readText(text, format, 1000), CommandError);
    assertStringIncludes(error.message, message);
  }
});

Deno.test("a file that is no Parquet file", () =>
  withFolder(async (folder) => {
    const path = `${folder}/data.parquet`;
    await Deno.writeTextFile(path, "PAR1 this is none PAR1");
    const error = await assertRejects(() => read(path, "parquet"), CommandError);
    assertStringIncludes(error.message, `${path}: `);
  }));

Deno.test("a line of 65,536 characters is read, and one that is longer is refused", async () => {
  const ndjson = (length: number): string => '{"signalId":"A","time":"2024-03-01","value":1}'.padEnd(length);
  // What separates the fields does not count.
  const csv = (length: number): string =>
    `signalId,time,value,note\nA,2024-03-01,1,${"x".repeat(length - "A2024-03-011".length)}`;
  for (const end of ["", "\n"]) {
    for (const size of [1000, 1_000_000]) {
      for (const [format, line] of [["ndjson", ndjson], ["csv", csv]] as const) {
        const [{ length }] = await readText(line(65_536) + end, format, size);
        assertEquals(length, 1);
      }
      await assertRejects(
        () => readText(ndjson(65_537) + end, "ndjson", size),
        CommandError,
        "data, line 1: the line is too long",
      );
      // The parser looks before it takes a character, and not behind the last.
      await assertRejects(
        () => readText(csv(65_538) + end, "csv", size),
        CommandError,
        "data: Max Record Size",
      );
    }
  }
});
