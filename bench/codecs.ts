/**
 * How fast the codecs of the data path are: `deno task bench --only codecs`.
 *
 * @module
 */
import { BaseTimes } from "../transport/wire/base_times.ts";
import { compactCases, tsscCases } from "./codecs/cases.ts";
import { sensorData } from "./codecs/data.ts";
import { fixed, millions } from "./harness/format.ts";
import { measure } from "./harness/measure.ts";
import type { Findings, Section, Settings } from "./harness/report.ts";

function run({ quick }: Settings): Findings {
  const batch = sensorData();
  const start = batch.ticks[0]!;
  const baseTimes = new BaseTimes(0, start - 1n, start + 4_200_000_000n);
  const inTicks = { includeTime: true, useMillisecondResolution: false };
  const inMilliseconds = { includeTime: true, useMillisecondResolution: true };
  const results = measure([
    ...tsscCases("TSSC", batch),
    ...tsscCases("TSSC, 10,000 signals", sensorData({ signals: 10_000, frames: 30 })),
    ...tsscCases("TSSC, each its own time", sensorData({ frames: 100, ownTimes: true })),
    ...compactCases("compact, 8-byte time", batch, inTicks),
    ...compactCases("compact, 4-byte time", batch, inTicks, baseTimes),
    ...compactCases("compact, 2-byte time", batch, inMilliseconds, baseTimes),
    ...compactCases("compact, no time", batch, { includeTime: false, useMillisecondResolution: false }),
  ], quick ? { turns: 5, duration: 150 } : {});
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
    }],
    figures: {
      tsscEncode: rateOf("TSSC encode"),
      tsscDecode: rateOf("TSSC decode"),
      // In full, as cppapi writes it between two rotations of the base times.
      compactEncode: rateOf("compact, 8-byte time encode"),
      compactDecode: rateOf("compact, 8-byte time decode"),
      codecAllocated: Math.max(...results.map(({ allocatedPerUnit }) => allocatedPerUnit)),
      tsscBytes: results[0]!.bytesPerUnit!,
    },
    notes: [
      "Millions of measurements for each second on the processor (median, slowest and fastest turn); bytes on the wire",
      "and bytes allocated for each measurement.",
    ],
  };
}

/** TSSC and compact measurements, in memory. */
export const codecs: Section = { name: "codecs", title: "Codecs", run };
