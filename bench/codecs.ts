/**
 * How fast the codecs of the data path are: `deno run -A --v8-flags=--expose-gc bench/codecs.ts`.
 *
 * @module
 */
import { BaseTimes } from "../transport/wire/base_times.ts";
import { compactCases, tsscCases } from "./codecs/cases.ts";
import { sensorData } from "./codecs/data.ts";
import { measure } from "./harness/measure.ts";
import { formatTable } from "./harness/table.ts";

const batch = sensorData();
const start = batch.ticks[0]!;
const baseTimes = new BaseTimes(0, start - 1n, start + 4_200_000_000n);
const results = measure([
  ...tsscCases("TSSC", batch),
  ...tsscCases("TSSC, 10,000 signals", sensorData({ signals: 10_000, frames: 30 })),
  ...tsscCases("TSSC, each its own time", sensorData({ frames: 100, ownTimes: true })),
  ...compactCases("compact, 8-byte time", batch, { includeTime: true, useMillisecondResolution: false }),
  ...compactCases(
    "compact, 4-byte time",
    batch,
    { includeTime: true, useMillisecondResolution: false },
    baseTimes,
  ),
  ...compactCases(
    "compact, 2-byte time",
    batch,
    { includeTime: true, useMillisecondResolution: true },
    baseTimes,
  ),
  ...compactCases("compact, no time", batch, { includeTime: false, useMillisecondResolution: false }),
], Deno.args.includes("--quick") ? { turns: 5, duration: 150 } : {});

console.log(formatTable(
  ["codec", "M/s", "slowest", "fastest", "bytes", "allocated"],
  results.map((result) => [
    result.name,
    (result.rate / 1e6).toFixed(1),
    (result.slowest / 1e6).toFixed(1),
    (result.fastest / 1e6).toFixed(1),
    (result.bytesPerUnit ?? 0).toFixed(2),
    result.allocatedPerUnit.toFixed(3),
  ]),
));
console.log(
  "\n1,000 signals at 33 ms, values a sine with a sensor's noise. Millions of measurements for each second on the" +
    " processor (median, slowest and fastest turn); bytes on the wire and bytes allocated for each measurement.",
);
