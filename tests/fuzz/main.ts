/**
 * Fuzzes for as long as one likes: `deno task fuzz --minutes 30 [--jobs 2] [--target name] [--seed number] [--report file]`.
 * The time is that of each target; `--jobs` says how many of them are tried at a time.
 *
 * Each target runs in a process of its own with little memory, which is ended when it says nothing for too long; so a
 * hang and a leak are findings like any other. A finding says how to see it again: with `--seed` and `--path`. At the
 * end, and when it is interrupted, there is a table of what was tried, and with `--report` the same as JSON.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { tryForLong } from "./child.ts";
import { runTargets } from "./fleet.ts";
import { type FuzzReport, tableOf } from "./report.ts";
import { targets } from "./targets/mod.ts";

const { values: options } = parseArgs({
  args: Deno.args,
  options: {
    minutes: { type: "string", default: "1" },
    jobs: { type: "string", default: String(navigator.hardwareConcurrency) },
    seed: { type: "string" },
    target: { type: "string", multiple: true },
    path: { type: "string" },
    report: { type: "string" },
    child: { type: "boolean", default: false },
  },
});
const seed = options.seed === undefined ? Math.floor(Math.random() * 0x7fffffff) : Number(options.seed);
const minutes = Number(options.minutes);
const jobs = Number(options.jobs);
const chosen = targets.filter(({ name }) => options.target === undefined || options.target.includes(name));
if (!(minutes > 0) || !Number.isInteger(seed) || !(Number.isInteger(jobs) && jobs > 0)) {
  console.error("--minutes takes a number over 0, --seed a whole number, --jobs a whole number over 0");
  Deno.exit(2);
}
const unknown = options.target?.filter((name) => !targets.some((target) => target.name === name)) ?? [];
if (unknown.length > 0) {
  console.error(`no target ${unknown.join(", ")}; there are ${targets.map(({ name }) => name).join(", ")}`);
  Deno.exit(2);
}
if (options.path !== undefined && (options.seed === undefined || chosen.length !== 1)) {
  console.error("--path takes the --target and --seed of its finding");
  Deno.exit(2);
}

if (options.path !== undefined) await replay(options.path);
else if (options.child) await tryForLong(chosen[0]!, seed, minutes);
else await parent();

/** Tries the input of a finding again. */
async function replay(path: string): Promise<void> {
  const { finding } = await chosen[0]!.replay(seed, path);
  console.log(finding ?? "nothing found");
  Deno.exit(finding === undefined ? 0 : 1);
}

/** All targets, so many at a time. */
async function parent(): Promise<void> {
  console.log(`seed ${seed}, ${minutes} minutes for each of ${chosen.length} targets, ${jobs} at a time`);
  const stop = new AbortController();
  // Windows knows no SIGTERM.
  const signals: Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM"];
  for (const name of signals) Deno.addSignalListener(name, () => stop.abort());
  const started = new Date().toISOString();
  const reports = await runTargets(chosen.map(({ name }) => name), {
    seed,
    minutes,
    jobs,
    signal: stop.signal,
  });
  const interrupted = stop.signal.aborted;
  for (const { findings } of reports) for (const finding of findings) console.log(`\nFINDING ${finding}`);
  const findings = reports.reduce((sum, report) => sum + report.findings.length, 0);
  console.log(`\n${tableOf(reports)}\n\n${findings} findings${interrupted ? "; interrupted" : ""}`);
  if (options.report !== undefined) {
    const report: FuzzReport = { seed, minutes, jobs, started, interrupted, targets: reports };
    await Deno.writeTextFile(options.report, `${JSON.stringify(report, undefined, 2)}\n`);
  }
  Deno.exit(findings > 0 ? 1 : interrupted ? 130 : 0);
}
