/**
 * Runs targets in processes of their own, and watches them.
 *
 * @module
 */
import { TextLineStream } from "@std/streams";
import type { Progress } from "./child.ts";
import type { TargetReport } from "./report.ts";
import { PATIENCE } from "./target.ts";

/** How targets are run. */
export interface FleetOptions {
  /** Where each target begins. */
  readonly seed: number;
  /** The time of each target. */
  readonly minutes: number;
  /** How many at a time. */
  readonly jobs: number;
  /** Ends them all. */
  readonly signal: AbortSignal;
}

/** V8's heap of a process, in MiB. */
const MAX_HEAP = 512;
/** A process that says nothing while it uses the processor for so long hangs; in milliseconds. */
const SILENCE = 3 * PATIENCE;
/** Silences of one that does not use the processor, and may be waiting for its turn, until that is a hang, too. */
const MOST_SILENCES = 10;

/** Runs targets. @returns What each came to, in their order. */
export async function runTargets(names: readonly string[], options: FleetOptions): Promise<TargetReport[]> {
  const reports: TargetReport[] = names.map((target) => ({
    target,
    inputs: 0,
    accepted: 0,
    wallSeconds: 0,
    processorSeconds: 0,
    longestInput: 0,
    peakMemory: 0,
    findings: [],
    complete: false,
  }));
  const queue = [...names.keys()];
  await Promise.all(Array.from({ length: Math.min(options.jobs, names.length) }, async () => {
    while (!options.signal.aborted) {
      const index = queue.shift();
      if (index === undefined) return;
      const { target, ...report } = reports[index] = await runTarget(names[index]!, options);
      console.log(
        `${target.padEnd(20)} ${report.inputs} inputs in ${
          report.processorSeconds.toFixed(0)
        } s of the processor` +
          `${report.findings.length === 0 ? "" : `, ${report.findings.length} findings`}`,
      );
    }
  }));
  return reports;
}

/** Runs one target. */
async function runTarget(name: string, { seed, minutes, signal }: FleetOptions): Promise<TargetReport> {
  const started = performance.now();
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", "--no-check", `--v8-flags=--max-old-space-size=${MAX_HEAP}`],
      new URL("./main.ts", import.meta.url).href,
      ...["--child", "--target", name, "--seed", String(seed), "--minutes", String(minutes)],
    ],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const stop = (): void => child.kill("SIGKILL");
  signal.addEventListener("abort", stop, { once: true });
  const findings: string[] = [];
  let last = seed;
  let inputs = 0;
  let accepted = 0;
  let processorSeconds = 0;
  let longestInput = 0;
  let peakMemory = 0;
  const hangs = (): void => {
    findings.push(`${name}: nothing for a while, it hangs; deno task fuzz --target ${name} --seed ${last}`);
    stop();
  };
  const watchdog = new Watchdog(child.pid, hangs);
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
  for await (const line of lines) {
    watchdog.reset();
    const progress = read(line);
    if (progress === undefined) continue;
    last = progress.seed ?? last;
    inputs += progress.runs ?? 0;
    accepted += progress.accepted ?? 0;
    longestInput = Math.max(longestInput, Math.round(progress.longest ?? 0));
    ({ processorSeconds, peak: peakMemory } = progress);
    if (progress.finding !== undefined) findings.push(progress.finding);
  }
  watchdog.stop();
  const { code } = await child.status;
  signal.removeEventListener("abort", stop);
  if (code !== 0 && findings.length === 0 && !signal.aborted) {
    findings.push(`${name}: its process ended with ${code}; deno task fuzz --target ${name} --seed ${last}`);
  }
  const wallSeconds = (performance.now() - started) / 1000;
  const complete = code === 0 && !signal.aborted;
  return {
    target: name,
    inputs,
    accepted,
    wallSeconds,
    processorSeconds,
    longestInput,
    peakMemory,
    findings,
    complete,
  };
}

/** What a line says; `undefined` when it is cut, as the process was killed. */
function read(line: string): Progress | undefined {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** Notices a process that says nothing for too long. On a busy machine one whose turn it hardly ever is may do so. */
export class Watchdog {
  readonly #pid: number;
  readonly #onSilence: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #used: number | undefined;
  #silences = 0;

  /** @param onSilence Called once. */
  constructor(pid: number, onSilence: () => void) {
    this.#pid = pid;
    this.#onSilence = onSilence;
    this.reset();
  }

  reset(): void {
    this.#used = processorTime(this.#pid);
    this.#silences = 0;
    this.#arm();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #arm(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#look(), SILENCE);
  }

  #look(): void {
    const used = processorTime(this.#pid);
    const isBusy = used === undefined || this.#used === undefined || used - this.#used > SILENCE / 2;
    if (isBusy || ++this.#silences === MOST_SILENCES) this.#onSilence();
    else this.#arm();
  }
}

/** Milliseconds of the processor that a process has taken; `undefined` where the system does not tell. */
function processorTime(pid: number): number | undefined {
  if (Deno.build.os !== "linux") return undefined;
  try {
    // Behind the name, which may hold anything, the fields of proc(5) from the third on.
    const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return 10 * (Number(fields[11]) + Number(fields[12]));
  } catch {
    return undefined;
  }
}
