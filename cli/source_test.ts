import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { type MeasurementBatch, Publisher, Ticks } from "../mod.ts";
import { metadataOf } from "../tests/integration/support.ts";
import { withFolder } from "../tests/support/folder.ts";
import { CommandError } from "./exit_codes.ts";
import { FileSource, type FileSourceOptions } from "./source.ts";

const start = Ticks.parse("2024-03-01T12:30:00Z");

/** Three measurements at one time: by an ID, by a tag, and of a signal that is not among the first four. */
const csv = `signalId,pointTag,time,value
0d5a1c9e-6a3b-4f6e-9c52-000000000001,,2024-03-01T12:30:00Z,1
,DEVICE0:2,2024-03-01T12:30:00Z,2
,DEVICE0:5,2024-03-01T12:30:00Z,5
`;

function withSource(
  options: Partial<FileSourceOptions>,
  test: (source: FileSource, publisher: Publisher) => Promise<void>,
  text: string = csv,
): Promise<void> {
  return withFolder(async (folder) => {
    const path = `${folder}/data.csv`;
    await Deno.writeTextFile(path, text);
    const publisher = new Publisher({ listen: false });
    publisher.defineMetadata(metadataOf(4));
    const given = { path, format: "csv", speed: Infinity, retime: false, loop: false, ...options } as const;
    await test(new FileSource(given, publisher), publisher);
  });
}

function valuesOf({ values, length }: MeasurementBatch): number[] {
  return [...values.subarray(0, length)];
}

Deno.test("a file by ID and tag; what is not known is left out and counted", () =>
  withSource({}, async (source, publisher) => {
    const batches: [number[], bigint[]][] = [];
    for await (const batch of source.batches(new AbortController().signal)) {
      batches.push([valuesOf(batch), [...batch.ticks.subarray(0, batch.length)]]);
      assertEquals(publisher.signals.idOf(batch.signals[1]!), "0d5a1c9e-6a3b-4f6e-9c52-000000000002");
    }
    assertEquals(batches, [[[1, 2], [start, start]]]);
    assertEquals(source.unknown, 1);
  }));

Deno.test("again and again; after a change of metadata more is known", () =>
  withSource({ loop: true }, async (source, publisher) => {
    const rounds: number[][] = [];
    for await (const batch of source.batches(new AbortController().signal)) {
      rounds.push(valuesOf(batch));
      if (rounds.length === 2) {
        publisher.defineMetadata(metadataOf(8));
        source.metadataChanged();
      }
      if (rounds.length === 3) break;
    }
    assertEquals(rounds, [[1, 2], [1, 2], [1, 2, 5]]);
    assertEquals(source.unknown, 2);
  }));

Deno.test("a file without measurements is not read for ever", () =>
  withSource({ loop: true }, async (source) => {
    for await (const _ of source.batches(new AbortController().signal)) throw new Error("there are none");
  }, csv.split("\n")[0]));

Deno.test("a file of which no signal is known is wrong", () =>
  withSource(
    {},
    async (source) => {
      const reading = Array.fromAsync(source.batches(new AbortController().signal));
      const error = await assertRejects(() => reading, CommandError);
      assertEquals(error.exitCode, 5);
      assertMatch(error.message, /data\.csv: the metadata has none of the signals of its 2 measurements$/);
    },
    "pointTag,time,value\nX,2024-03-01,1\nY,2024-03-01,2\n",
  ));

Deno.test("times are moved to the present", () =>
  withSource({ retime: true }, async (source) => {
    const before = Ticks.now();
    for await (const { ticks } of source.batches(new AbortController().signal)) {
      assertEquals(ticks[0]! >= before && ticks[0]! <= Ticks.now(), true);
    }
  }));
