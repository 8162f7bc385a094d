/**
 * Fuzzes for as long as one likes: `deno task fuzz --minutes 30 [--jobs 2] [--target name] [--seed number] [--report file]`.
 * The time is that of each target; `--jobs` says how many of them are tried at a time.
 *
 * Each target runs in a process of its own, which is ended when it says nothing for too long. What one input takes of
 * the processor and of memory is measured, and what the process holds at the most; so a hang, a leak and an allocation
 * that is too large are findings like any other. A finding says how to see it again: with `--seed` and `--path`. At the
 * end, and when it is interrupted, there is a table of what was tried, and with `--report` the same as JSON.
 *
 * @module
 */
import { optionsOrExit } from "../support/options.ts";
import { tryForLong } from "./child.ts";
import { runTargets } from "./fleet.ts";
import { readOptions } from "./options.ts";
import { type FuzzReport, tableOf } from "./report.ts";
import { targets } from "./targets/mod.ts";

const options = optionsOrExit(readOptions(Deno.args, targets.map(({ name }) => name)));
const { minutes, jobs, seed, path, report: reportFile } = options;
const chosen = targets.filter(({ name }) => options.targets.includes(name));

if (path !== undefined) await replay(path);
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
  if (reportFile !== undefined) {
    const report: FuzzReport = { seed, minutes, jobs, started, interrupted, targets: reports };
    await Deno.writeTextFile(reportFile, `${JSON.stringify(report, undefined, 2)}\n`);
  }
  Deno.exit(findings > 0 ? 1 : interrupted ? 130 : 0);
}
