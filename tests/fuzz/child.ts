/**
 * A process that tries one target, and tells its parent how it goes: a JSON object a line.
 *
 * @module
 */
import type { FuzzTarget } from "./target.ts";
import { memoryProblem, peakMemory, processorTime } from "./usage.ts";

/** Inputs between two lines. */
const ROUND = 100;
/** After so many findings there is no point in going on: they are mostly one and the same. */
const MOST_FINDINGS = 5;

/** One line. */
export interface Progress {
  /** The round that begins. */
  readonly seed?: number;
  /** Inputs tried in the round. */
  readonly runs?: number;
  /** How many of them were taken. */
  readonly accepted?: number;
  /** What the longest of them took, in milliseconds of the processor. */
  readonly longest?: number;
  readonly finding?: string | undefined;
  /** Seconds of the processor that the process has taken so far. */
  readonly processorSeconds: number;
  /** The most memory that it has held so far, in MiB. */
  readonly peak: number;
}

function tell(progress: Omit<Progress, "processorSeconds" | "peak">): void {
  const line: Progress = {
    ...progress,
    processorSeconds: processorTime() / 1000,
    peak: Math.round(peakMemory()),
  };
  console.log(JSON.stringify(line));
}

/** Tries a target, round by round, each with the seed after that of the one before. Ends the process. */
export async function tryForLong(target: FuzzTarget, seed: number, minutes: number): Promise<never> {
  const end = performance.now() + minutes * 60_000;
  // What nobody caught is a finding, too.
  globalThis.addEventListener("unhandledrejection", (event) => {
    tell({ finding: `${target.name}: unhandled: ${event.reason?.stack ?? event.reason}` });
    Deno.exit(1);
  });
  let findings = 0;
  for (let next = seed; performance.now() < end && findings < MOST_FINDINGS; next++) {
    tell({ seed: next });
    const { finding, ...progress } = await target.check(next, ROUND, end - performance.now());
    tell({ ...progress, finding });
    if (finding !== undefined) findings++;
    // What one process held shows in all rounds to come, so it does not go on.
    const problem = memoryProblem();
    if (problem !== undefined) {
      const replay = `deno task fuzz --target ${target.name} --seed ${next}`;
      if (finding === undefined) tell({ finding: `${target.name}: ${problem}\nreplay: ${replay}` });
      Deno.exit(1);
    }
  }
  Deno.exit(findings === 0 ? 0 : 1);
}
