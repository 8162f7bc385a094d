/**
 * How fast metadata is read, derived from, selected from and written: `deno task bench --only metadata`.
 *
 * With a Python that has sttpapi, the same is done by it, once, and set beside. Time is that of the process on the
 * processor, all of its threads together; reading has a column of its own for the time that passed.
 *
 * @module
 */
import process from "node:process";
import { DataSet, deriveActiveMeasurements, Metadata, selectRows } from "../metadata/mod.ts";
import { fixed, millions, whole } from "./harness/format.ts";
import type { Findings, Section, Settings } from "./harness/report.ts";
import { median } from "./harness/statistics.ts";
import { generateMetadata } from "./metadata/generate.ts";

const EXPRESSION =
  "FILTER TOP 1000 ActiveMeasurements WHERE SignalType IN ('FREQ','VPHM') AND Device LIKE 'A%' " +
  "ORDER BY PointTag";

/** What one piece of work took, in milliseconds. */
interface Timing {
  cpu: number;
  elapsed: number;
}

async function timed(work: () => unknown): Promise<Timing> {
  const start = performance.now();
  const usage = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(usage);
  return { cpu: (user + system) / 1000, elapsed: performance.now() - start };
}

async function partnerTimes(
  python: string,
  xml: Uint8Array,
): Promise<{ times: Record<string, number>; rows: number }> {
  const path = await Deno.makeTempFile({ suffix: ".xml" });
  try {
    await Deno.writeFile(path, xml);
    const script = new URL("sttpapi/metadata.py", import.meta.url).pathname;
    const { stdout, success } = await new Deno.Command(python, { args: [script, path, EXPRESSION] }).output();
    if (!success) throw new Error(`${python} failed`);
    return JSON.parse(new TextDecoder().decode(stdout).trim().split("\n").at(-1)!);
  } finally {
    await Deno.remove(path);
  }
}

async function run({ quick, python }: Settings): Promise<Findings> {
  const measurements = quick ? 10_000 : 100_000;
  const turns = quick ? 3 : 7;
  const generated = generateMetadata(measurements);
  const xml = await new Response(generated.toXmlStream()).bytes();
  const dataSet = await DataSet.fromXml(xml);
  const active = deriveActiveMeasurements(dataSet);
  let selected = 0;

  const steps: [string, string, () => unknown][] = [
    ["read", "read XML", () => DataSet.fromXml(xml)],
    ["derive", "derive ActiveMeasurements", () => deriveActiveMeasurements(dataSet)],
    ["records", "make records", () => new Metadata(dataSet)],
    ["select", "TOP 1000 ... ORDER BY", () => {
      selected = selectRows(active, EXPRESSION, { primaryTable: "ActiveMeasurements" }).length;
    }],
    ["write", "write XML", () => dataSet.toXml()],
    ["stream", "write XML as a stream", () => new Response(dataSet.toXmlStream()).bytes()],
  ];

  const timings = new Map<string, Timing[]>(steps.map(([key]) => [key, []]));
  for (let turn = -2; turn < turns; turn++) {
    for (const [key, , work] of steps) {
      const timing = await timed(work);
      if (turn >= 0) timings.get(key)!.push(timing);
    }
  }

  const partner = python === undefined ? undefined : await partnerTimes(python, xml);
  const notes = ["Milliseconds of the process's time on the processor, and of time that passed."];
  if (partner !== undefined && partner.rows !== selected) {
    notes.push(`Selected ${selected} rows, sttpapi ${partner.rows}!`);
  }
  const figures: Record<string, number> = {};
  const rows = steps.map(([key, name]) => {
    const own = timings.get(key)!;
    const cpu = median(own.map((timing) => timing.cpu));
    const elapsed = median(own.map((timing) => timing.elapsed));
    const theirs = partner?.times[key] ?? NaN;
    figures[`metadata.${key}`] = cpu;
    if (key === "read") figures.metadataReadElapsed = elapsed;
    if (Number.isFinite(theirs)) figures[`metadata.${key}.sttpapi`] = theirs;
    return [
      name,
      fixed(cpu, 1),
      fixed(elapsed, 1),
      whole(measurements / elapsed * 1000),
      fixed(theirs, 0),
      fixed(theirs / cpu, 0),
    ];
  });
  return {
    tables: [{
      title: `Metadata of ${whole(measurements)} measurements, ${millions(xml.length, 1)} MB of XML`,
      header: ["", "CPU ms", "elapsed ms", "rows/s", "sttpapi ms", "times as fast"],
      rows,
    }],
    figures,
    notes,
  };
}

/** Reading, deriving, selecting, writing. */
export const metadata: Section = { name: "metadata", title: "Metadata", run };
