/**
 * What a fuzz target is, and how one is run.
 *
 * @module
 */
import process from "node:process";
import fc from "fast-check";
import { SttpError } from "../../transport/errors.ts";

/** Something to be tried with input that nobody would send in good faith. */
export interface FuzzTarget {
  /** Its name on the command line. */
  readonly name: string;
  /** Inputs that the tests try: fewer where each takes long. */
  readonly shortRuns: number;
  /** Tries so many inputs, always the same ones for a seed. Stops early after so many milliseconds. */
  check(seed: number, runs: number, timeLimit?: number): Promise<FuzzResult>;
  /** Tries one input again, by the seed and path of a finding. */
  replay(seed: number, path: string): Promise<FuzzResult>;
}

// deno-lint-ignore no-explicit-any -- whatever its constructor takes
type ErrorKind = abstract new (...args: any[]) => Error;

/** How it went. */
export interface FuzzResult {
  /** Inputs tried. */
  readonly runs: number;
  /** How many of them were taken, not refused: where it is next to none, the inputs are too wild to get anywhere. */
  readonly accepted: number;
  /** What was found, with the smallest input that shows it; `undefined`: nothing. */
  readonly finding: string | undefined;
}

/**
 * What one input may take before it counts as a hang, in milliseconds of a machine that has nothing else to do: far
 * beyond what any should.
 */
export const HANG = 20_000;
const TURNS = 100;

/**
 * Makes a target.
 *
 * @param input What to try; made at the first use, as it may read recordings.
 * @param run Tries it. A return and a refusal are good outcomes; anything else thrown is a finding.
 * @param refusals The errors that say that the input can't be used.
 */
export function target<Input>(
  name: string,
  shortRuns: number,
  input: () => fc.Arbitrary<Input>,
  run: (input: Input) => unknown,
  refusals: readonly ErrorKind[] = [SttpError],
): FuzzTarget {
  let made: fc.Arbitrary<Input> | undefined;
  let accepted = 0;
  const property = (): fc.IAsyncProperty<[Input]> =>
    fc.asyncProperty(made ??= input(), async (value) => {
      const started = processorTime();
      try {
        await withinReason(run(value));
        accepted++;
      } catch (error) {
        const isRefusal = error instanceof Error && refusals.some((kind) => error instanceof kind);
        if (!isRefusal) throw error;
        if (error.message === "") throw new Error(`a refusal without a message: ${error.stack}`);
      }
      const took = processorTime() - started;
      if (took > HANG) throw new Error(`took ${Math.round(took)} ms`);
    });
  const check = async (parameters: fc.Parameters<[Input]>): Promise<FuzzResult> => {
    accepted = 0;
    const details = await fc.check(property(), parameters);
    return {
      runs: details.numRuns,
      accepted,
      finding: details.counterexample === null ? undefined : describe(name, details),
    };
  };
  return {
    name,
    shortRuns,
    check: (seed, numRuns, timeLimit) =>
      check({
        seed,
        numRuns,
        ...timeLimit !== undefined && { interruptAfterTimeLimit: timeLimit, markInterruptAsFailure: false },
      }),
    replay: (seed, path) => check({ seed, path, endOnFailure: true }),
  };
}

/** For what has to go well whatever is tried: there an `SttpError`, too, is a finding. */
export function mustSucceed<Input>(run: (input: Input) => Promise<void>): (input: Input) => Promise<void> {
  return async (input) => {
    try {
      await run(input);
    } catch (error) {
      throw error instanceof SttpError ? new Error(`${error.code}: ${error.stack}`) : error;
    }
  };
}

/** Fails what never settles; what never returns, only the main program can end. */
async function withinReason(outcome: unknown): Promise<void> {
  if (!(outcome instanceof Promise)) return;
  const { promise, reject } = Promise.withResolvers<never>();
  // Counted in turns: on a busy machine, on which they take longer, what was tried had to wait, too.
  let turns = 0;
  const timer = setInterval(() => {
    if (++turns === TURNS) reject(new Error(`did not settle within ${HANG} ms`));
  }, HANG / TURNS);
  try {
    await Promise.race([outcome, promise]);
  } finally {
    clearInterval(timer);
  }
}

/** Milliseconds of the processor that this process has taken. */
function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function describe<Input>(name: string, details: fc.RunDetails<[Input]>): string {
  const { errorInstance: error, seed, counterexamplePath, counterexample } = details;
  const input = fc.stringify(counterexample).slice(0, 4_000);
  return `${name}: ${error instanceof Error ? error.stack : error}\n` +
    `replay: deno task fuzz --target ${name} --seed ${seed} --path ${counterexamplePath}\ninput: ${input}`;
}
