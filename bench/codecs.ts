/**
 * How fast the codecs of the data path are: `deno task bench --only codecs`.
 *
 * @module
 */
import { BaseTimes } from "../transport/wire/base_times.ts";
import { compactCases, tsscCases } from "./codecs/cases.ts";
import { sensorData } from "./codecs/data.ts";
import { fixed, millions, whole } from "./harness/format.ts";
import { profileAllocations } from "./harness/heap.ts";
import { type Case, measure } from "./harness/measure.ts";
import type { Findings, Section, Settings, Table } from "./harness/report.ts";

/** What a profile that can see it shows: work that makes an object for each measurement. */
const CONTROL: Case = {
  name: "for comparison: an object for each measurement",
  run: () => {
    const objects: object[] = [];
    for (let i = 0; i < 300_000; i++) objects[i & 1023] = { value: i };
    return 300_000;
  },
};

/** The heap profile of cases that have been measured. */
async function profile(cases: readonly Case[]): Promise<{ table: Table; most: number }> {
  const rows: string[][] = [];
  let most = 0;
  CONTROL.run();
  for (const { name, run } of [...cases, CONTROL]) {
    let measurements = 0;
    const { bytes, places: [first] } = await profileAllocations(() => {
      while (measurements < 10_000_000) measurements += run();
    });
    if (run !== CONTROL.run) most = Math.max(most, bytes / measurements);
    rows.push([name, whole(bytes), fixed(bytes / measurements, 4), first?.[0] ?? "-"]);
  }
  const title = "Codecs: the heap profile of ten million measurements each";
  return { table: { title, header: ["", "bytes", "for each", "most of them in"], rows }, most };
}

async function run({ quick }: Settings): Promise<Findings> {
  const batch = sensorData();
  const start = batch.ticks[0]!;
  const baseTimes = new BaseTimes(0, start - 1n, start + 4_200_000_000n);
  const inTicks = { includeTime: true, useMillisecondResolution: false };
  const inMilliseconds = { includeTime: true, useMillisecondResolution: true };
  const cases = [
    ...tsscCases("TSSC", batch),
    ...tsscCases("TSSC, 10,000 signals", sensorData({ signals: 10_000, frames: 30 })),
    ...tsscCases("TSSC, each its own time", sensorData({ frames: 100, ownTimes: true })),
    ...compactCases("compact, 8-byte time", batch, inTicks),
    ...compactCases("compact, 4-byte time", batch, inTicks, baseTimes),
    ...compactCases("compact, 2-byte time", batch, inMilliseconds, baseTimes),
    ...compactCases("compact, no time", batch, { includeTime: false, useMillisecondResolution: false }),
  ];
  const results = measure(cases, quick ? { turns: 5, duration: 150 } : {});
  const heap = await profile(cases);
  const rateOf = (name: string): number => results.find((result) => result.name === name)!.rate;
  return {
    tables: [{
      title: "Codecs: 1,000 signals at 33 ms, values a sine with a sensor's noise",
      header: ["", "M/s", "slowest", "fastest", "bytes", "allocated"],
      rows: results.map((result) => [
        result.name,
        millions(result.rate, 1),
        millions(result.slowest, 1),
        millions(result.fastest, 1),
        fixed(result.bytesPerUnit ?? 0, 2),
        fixed(result.allocatedPerUnit, 3),
      ]),
    }, heap.table],
    figures: {
      tsscEncode: rateOf("TSSC encode"),
      tsscDecode: rateOf("TSSC decode"),
      // In full, as cppapi writes it between two rotations of the base times.
      compactEncode: rateOf("compact, 8-byte time encode"),
      compactDecode: rateOf("compact, 8-byte time decode"),
      codecAllocated: Math.max(heap.most, ...results.map(({ allocatedPerUnit }) => allocatedPerUnit)),
      tsscBytes: results[0]!.bytesPerUnit!,
    },
    notes: [
      "Millions of measurements for each second on the processor (median, slowest and fastest turn); bytes on the wire",
      "and bytes of memory left behind by each measurement while nothing is collected. Heap profile: what was collected",
      "meanwhile counts. Decoding makes a view of each packet, and nothing for a measurement.",
    ],
  };
}

/** TSSC and compact measurements, in memory. */
export const codecs: Section = { name: "codecs", title: "Codecs", run };
