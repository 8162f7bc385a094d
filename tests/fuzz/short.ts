/**
 * Tries every target briefly, one after the other, for `deno task test`: in a process of its own, as time and memory are
 * those of a process. Tells its parent how it goes: a JSON object a line.
 *
 * @module
 */
import { targets } from "./targets/mod.ts";
import { memoryProblem } from "./usage.ts";

/** One line. */
export interface ShortResult {
  readonly target: string;
  readonly finding?: string | undefined;
  /** The share of its inputs that was taken, not refused. */
  readonly taken: number;
}

const SEED = 20_221_122;

for (const { name, shortRuns, check } of targets) {
  const { runs, accepted, finding = memoryProblem() } = await check(SEED, shortRuns);
  const result: ShortResult = { target: name, finding, taken: accepted / runs };
  console.log(JSON.stringify(result));
  // It would be said of all that follow.
  if (memoryProblem() !== undefined) Deno.exit(1);
}
