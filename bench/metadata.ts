/**
 * How fast metadata is read, derived from, selected from and written:
 * `deno run -A bench/metadata.ts [--measurements 100000] [--turns 7] [--python PATH]`.
 *
 * With a Python that has sttpapi, the same is done by it, once, and set beside. Time is that of the process on the
 * processor, all of its threads together; reading has a column of its own for the time that passed.
 *
 * @module
 */
import process from "node:process";
import { DataSet, deriveActiveMeasurements, Metadata, selectRows } from "../metadata/mod.ts";
import { formatTable } from "./harness/table.ts";
import { generateMetadata } from "./metadata/generate.ts";

const EXPRESSION =
  "FILTER TOP 1000 ActiveMeasurements WHERE SignalType IN ('FREQ','VPHM') AND Device LIKE 'A%' " +
  "ORDER BY PointTag";

function option(name: string): string | undefined {
  const at = Deno.args.indexOf(`--${name}`);
  return at < 0 ? undefined : Deno.args[at + 1];
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

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
    const script = new URL("metadata/partner.py", import.meta.url).pathname;
    const { stdout, success } = await new Deno.Command(python, { args: [script, path, EXPRESSION] }).output();
    if (!success) throw new Error(`${python} failed`);
    return JSON.parse(new TextDecoder().decode(stdout).trim().split("\n").at(-1)!);
  } finally {
    await Deno.remove(path);
  }
}

const measurements = Number(option("measurements") ?? 100_000);
const turns = Number(option("turns") ?? 7);
const python = option("python");

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
if (partner !== undefined && partner.rows !== selected) {
  console.warn(`selected ${selected} rows, sttpapi ${partner.rows}`);
}

console.log(
  `${measurements.toLocaleString("en")} measurements, ${
    (xml.length / 1e6).toFixed(1)
  } MB of XML, medians of ${turns}`,
);
console.log(formatTable(
  ["", "CPU ms", "elapsed ms", "rows/s", ...(partner === undefined ? [] : ["sttpapi ms", "times as fast"])],
  steps.map(([key, name]) => {
    const own = timings.get(key)!;
    const cpu = median(own.map((timing) => timing.cpu));
    const elapsed = median(own.map((timing) => timing.elapsed));
    const theirs = partner?.times[key];
    const row = [
      name,
      cpu.toFixed(1),
      elapsed.toFixed(1),
      Math.round(measurements / elapsed * 1000).toLocaleString("en"),
    ];
    if (partner === undefined) return row;
    return [...row, theirs?.toFixed(0) ?? "", theirs === undefined ? "" : (theirs / cpu).toFixed(0)];
  }),
));
