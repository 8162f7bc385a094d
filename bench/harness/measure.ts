/**
 * Rates of pieces of work, measured side by side: the cases take turns, so that whatever else the machine does
 * meets them all alike, and each is judged by the median of its turns. Time is the process's own time on the
 * processor: what other processes take does not count.
 *
 * @module
 */
import process from "node:process";

/** A piece of work to measure. */
export interface Case {
  /** What the table calls it. */
  readonly name: string;
  /** Does the work once and says how many units (measurements, rows) it was. */
  readonly run: () => number;
  /** Bytes on the wire for each unit, where that says something. */
  readonly bytesPerUnit?: number;
}

/** How one case did. */
export interface Result {
  readonly name: string;
  /** Units for each second on the processor: the median of all turns. */
  readonly rate: number;
  /** The lowest and highest turn. */
  readonly slowest: number;
  readonly fastest: number;
  readonly bytesPerUnit?: number;
  /** Bytes of heap and of array buffers left behind by each unit, with no collection in between. */
  readonly allocatedPerUnit: number;
}

/** How long to measure. */
export interface Settings {
  /** Turns of each case; default 9. */
  readonly turns?: number;
  /** Milliseconds of each turn; default 300. */
  readonly duration?: number;
}

/** Measures all cases. Run with `--v8-flags=--expose-gc` for true figures of allocation. */
export function measure(cases: readonly Case[], settings: Settings = {}): Result[] {
  const { turns = 9, duration = 300 } = settings;
  for (const { run } of cases) runFor(run, duration);
  const rates = cases.map((): number[] => []);
  for (let turn = 0; turn < turns; turn++) {
    cases.forEach(({ run }, i) => rates[i]!.push(runFor(run, duration)));
  }
  return cases.map(({ name, run, bytesPerUnit }, i) => {
    const sorted = rates[i]!.sort((a, b) => a - b);
    return {
      name,
      rate: sorted[sorted.length >> 1]!,
      slowest: sorted[0]!,
      fastest: sorted[sorted.length - 1]!,
      ...(bytesPerUnit === undefined ? {} : { bytesPerUnit }),
      allocatedPerUnit: allocation(run),
    };
  });
}

function runFor(run: () => number, duration: number): number {
  const start = processorTime();
  let units = 0;
  let elapsed = 0;
  do {
    units += run();
    elapsed = processorTime() - start;
  } while (elapsed < duration);
  return units / elapsed * 1000;
}

/** Milliseconds that this process's threads have had. */
function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** The least of several tries: what the engine does on the side (compiling, tiering up) is not the work's. */
function allocation(run: () => number): number {
  const { gc } = globalThis as { gc?: () => void };
  let least = Infinity;
  for (let attempt = 0; attempt < 5; attempt++) {
    gc?.();
    const before = Deno.memoryUsage();
    let units = 0;
    for (let i = 0; i < 4; i++) units += run();
    const after = Deno.memoryUsage();
    const bytes = after.heapUsed - before.heapUsed + after.external - before.external;
    // A collection in between shows as a negative figure and says nothing.
    if (bytes >= 0) least = Math.min(least, bytes / units);
  }
  return least;
}
