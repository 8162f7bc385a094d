/**
 * A process that is none: what a command line writes is kept.
 *
 * @module
 */
import type { Command } from "../command.ts";
import type { Sink } from "../output.ts";
import { run } from "../run.ts";

/** What came of a command line. */
export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** What the process has. */
export interface TestWorldOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly isTerminal?: boolean;
  readonly colours?: boolean;
  readonly columns?: number;
  readonly input?: string;
  /** Fires when the process is told to end; default never. */
  readonly signal?: AbortSignal;
}

/** Carries out a command line. */
export async function runWith(
  args: readonly string[],
  commands: readonly Command[],
  options: TestWorldOptions = {},
): Promise<Outcome> {
  const { env = {}, isTerminal = false, colours = true, columns = 80, input = "" } = options;
  const { signal = new AbortController().signal } = options;
  const written = { out: "", err: "" };
  const sink = (name: "out" | "err"): Sink => ({
    isTerminal,
    size: () => ({ columns, rows: 24 }),
    write: (bytes) => {
      written[name] += new TextDecoder().decode(bytes);
      return Promise.resolve();
    },
  });
  const code = await run(args, commands, {
    signal,
    input: ReadableStream.from([new TextEncoder().encode(input)]),
    out: sink("out"),
    err: sink("err"),
    colours,
    env: (name) => env[name],
  });
  return { code, ...written };
}
