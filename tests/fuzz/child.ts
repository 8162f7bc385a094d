/**
 * A process that tries one target, and tells its parent how it goes: a JSON object a line.
 *
 * @module
 */
import process from "node:process";
import type { FuzzTarget } from "./target.ts";

/** What a process may hold, in MiB: no target needs more than a fraction. */
const MAX_RSS = 1024;
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
  readonly finding?: string | undefined;
  /** Seconds of the processor that the process has taken so far. */
  readonly processorSeconds: number;
  /** The most memory that it has held so far, in MiB. */
  readonly peak: number;
}

function tell(progress: Omit<Progress, "processorSeconds" | "peak">): void {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  const line: Progress = {
    ...progress,
    processorSeconds: (userCPUTime + systemCPUTime) / 1e6,
    peak: Math.round(maxRSS / 1024),
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
    const { runs, accepted, finding } = await target.check(next, ROUND, end - performance.now());
    tell({ runs, accepted, finding });
    if (finding !== undefined) findings++;
    const inUse = Math.round(Deno.memoryUsage().rss / 1024 ** 2);
    if (inUse > MAX_RSS) {
      tell({ finding: `${target.name}: ${inUse} MiB in use, at most ${MAX_RSS} expected` });
      Deno.exit(1);
    }
  }
  Deno.exit(findings === 0 ? 0 : 1);
}
