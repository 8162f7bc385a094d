/**
 * What a fuzz target is, and how one is run.
 *
 * @module
 */
import fc from "fast-check";
import { SttpError } from "../../transport/errors.ts";
import { measure, MOST_GROWTH, MOST_TIME, type Taken } from "./usage.ts";

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
  /** What the longest input took, in milliseconds of the processor. */
  readonly longest: number;
  /** What was found, with the smallest input that shows it; `undefined`: nothing. */
  readonly finding: string | undefined;
}

/** After how long what does not settle counts as a hang, in milliseconds: it may have to wait for its turn. */
export const PATIENCE = 20_000;
const TURNS = 100;

/** One input took far too much time or memory. */
class TooMuch extends Error {}

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
  let longest = 0;
  let failed = false;
  let tookTooMuch = false;
  const property = (): fc.IAsyncProperty<[Input]> =>
    fc.asyncProperty(made ??= input(), async (value) => {
      // To look for a smaller one would take as much again and again.
      if (tookTooMuch) return;
      const taken = measure();
      try {
        const isAccepted = await attempt(run, value, refusals);
        const took = taken();
        longest = Math.max(longest, took.time);
        checkTaken(took);
        if (isAccepted && !failed) accepted++;
      } catch (error) {
        failed = true;
        tookTooMuch = error instanceof TooMuch;
        throw error;
      }
    });
  const check = async (parameters: fc.Parameters<[Input]>): Promise<FuzzResult> => {
    accepted = longest = 0;
    failed = tookTooMuch = false;
    const details = await fc.check(property(), parameters);
    return {
      runs: details.numRuns,
      accepted,
      longest,
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

/** Tries one input. @returns Whether it was taken, not refused. @throws What is a finding. */
async function attempt<Input>(
  run: (input: Input) => unknown,
  input: Input,
  refusals: readonly ErrorKind[],
): Promise<boolean> {
  try {
    await withinReason(run(input));
    return true;
  } catch (error) {
    const isRefusal = error instanceof Error && refusals.some((kind) => error instanceof kind);
    if (!isRefusal) throw error;
    if (error.message === "") throw new Error(`a refusal without a message: ${error.stack}`);
    return false;
  }
}

function checkTaken({ time, growth }: Taken): void {
  if (time > MOST_TIME) {
    throw new TooMuch(`took ${Math.round(time)} ms of the processor, at most ${MOST_TIME} expected`);
  }
  if (growth > MOST_GROWTH) {
    throw new TooMuch(`memory grew by ${Math.round(growth)} MiB, by at most ${MOST_GROWTH} expected`);
  }
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
    if (++turns === TURNS) reject(new TooMuch(`did not settle within ${PATIENCE} ms`));
  }, PATIENCE / TURNS);
  try {
    await Promise.race([outcome, promise]);
  } finally {
    clearInterval(timer);
  }
}

function describe<Input>(name: string, details: fc.RunDetails<[Input]>): string {
  const { errorInstance: error, seed, counterexamplePath, counterexample } = details;
  const input = fc.stringify(counterexample).slice(0, 4_000);
  return `${name}: ${error instanceof Error ? error.stack : error}\n` +
    `replay: deno task fuzz --target ${name} --seed ${seed} --path ${counterexamplePath}\ninput: ${input}`;
}
