/**
 * Fuzzes for as long as one likes: `deno task fuzz --minutes 30 [--target name] [--seed number]`. The time is that of all
 * targets together.
 *
 * Each target runs in a process of its own with little memory, which is ended when it says nothing for too long; so a
 * hang and a leak are findings like any other. A finding says how to see it again: with `--seed` and `--path`.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { TextLineStream } from "@std/streams";
import { HANG } from "./target.ts";
import { targets } from "./targets/mod.ts";

/** What a process may hold, in MiB: no target needs more than a fraction. */
const MAX_HEAP = 512;
const MAX_RSS = 1024;
/** Inputs between two lines of a process. */
const ROUND = 100;

const { values: options } = parseArgs({
  args: Deno.args,
  options: {
    minutes: { type: "string", default: "1" },
    seed: { type: "string" },
    target: { type: "string", multiple: true },
    path: { type: "string" },
    child: { type: "boolean", default: false },
  },
});
const seed = options.seed === undefined ? Math.floor(Math.random() * 0x7fffffff) : Number(options.seed);
const minutes = Number(options.minutes);
const milliseconds = minutes * 60_000;
const chosen = targets.filter(({ name }) => options.target === undefined || options.target.includes(name));
if (!(minutes > 0) || !Number.isInteger(seed)) {
  console.error("--minutes takes a number over 0, --seed a whole number");
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
else if (options.child) await child();
else await parent();

/** Tries the input of a finding again. */
async function replay(path: string): Promise<void> {
  const { finding } = await chosen[0]!.replay(seed, path);
  console.log(finding ?? "nothing found");
  Deno.exit(finding === undefined ? 0 : 1);
}

/** One target, round by round. */
async function child(): Promise<void> {
  const [target] = chosen;
  const end = performance.now() + milliseconds;
  // What nobody caught is a finding, too.
  globalThis.addEventListener("unhandledrejection", (event) => {
    console.log(JSON.stringify({ finding: `unhandled: ${event.reason?.stack ?? event.reason}` }));
    Deno.exit(1);
  });
  for (let next = seed; performance.now() < end; next++) {
    console.log(JSON.stringify({ seed: next }));
    const { runs, accepted, finding } = await target!.check(next, ROUND, end - performance.now());
    const rss = Math.round(Deno.memoryUsage().rss / 1024 ** 2);
    console.log(JSON.stringify({ runs, accepted, finding, rss }));
    if (finding !== undefined) Deno.exit(1);
    if (rss > MAX_RSS) {
      console.log(JSON.stringify({ finding: `${rss} MiB in use, at most ${MAX_RSS} expected` }));
      Deno.exit(1);
    }
  }
  Deno.exit(0);
}

/** All targets, as many at a time as there are processors but one. */
async function parent(): Promise<void> {
  console.log(`seed ${seed}, ${options.minutes} minutes over ${chosen.length} targets`);
  const queue = [...chosen.keys()];
  const workers = Math.max(1, Math.min(queue.length, navigator.hardwareConcurrency - 1));
  const share = minutes * workers / chosen.length;
  const findings: string[] = [];
  await Promise.all(Array.from({ length: workers }, async () => {
    for (let index = queue.shift(); index !== undefined; index = queue.shift()) {
      const finding = await watch(chosen[index]!.name, share);
      if (finding !== undefined) findings.push(finding);
    }
  }));
  for (const finding of findings) console.log(`\nFINDING ${finding}`);
  console.log(`${findings.length} findings`);
  Deno.exit(findings.length === 0 ? 0 : 1);
}

/** Runs a target in a process. @returns What was found. */
async function watch(name: string, share: number): Promise<string | undefined> {
  const process = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      `--v8-flags=--max-old-space-size=${MAX_HEAP}`,
      import.meta.filename!,
      ...["--child", "--target", name, "--seed", String(seed), "--minutes", String(share)],
    ],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let finding: string | undefined;
  let last = seed;
  let runs = 0;
  let accepted = 0;
  let rss = 0;
  const stop = (): void => {
    finding ??= `${name}: nothing for a while, it hangs; deno task fuzz --target ${name} --seed ${last}`;
    process.kill("SIGKILL");
  };
  let watchdog = setTimeout(stop, 6 * HANG);
  const lines = process.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
  for await (const line of lines) {
    clearTimeout(watchdog);
    watchdog = setTimeout(stop, 6 * HANG);
    const report = JSON.parse(line);
    last = report.seed ?? last;
    runs += report.runs ?? 0;
    accepted += report.accepted ?? 0;
    rss = Math.max(rss, report.rss ?? 0);
    finding ??= report.finding;
  }
  clearTimeout(watchdog);
  const { code } = await process.status;
  if (code !== 0) {
    finding ??= `${name}: its process ended with ${code}; deno task fuzz --target ${name} --seed ${last}`;
  }
  const taken = runs === 0 ? 0 : Math.round(100 * accepted / runs);
  console.log(
    `${name.padEnd(20)} ${String(runs).padStart(9)} inputs, ${taken} % taken, ${rss} MiB at most` +
      `${finding === undefined ? "" : ", FINDING"}`,
  );
  return finding;
}
