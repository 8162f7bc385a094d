/**
 * What `deno task soak` is told.
 *
 * @module
 */
import { parseArgs } from "node:util";

/** What it is told. */
export interface SoakOptions {
  readonly minutes: number;
  /** A folder. */
  readonly report: string;
}

/** What to say instead, and with which exit code. */
export interface Answer {
  readonly exitCode: 0 | 2;
  readonly text: string;
}

const USAGE = `deno task soak [options]

A long run under a mixed load, with a report and a plot.

  --minutes <number>  how long; default 30
  --report <folder>   where the report, the plot and the samples go; default dist/soak
  --help              this text

Exit codes: 0 no complaints, 1 complaints, 2 options that are wrong.`;

/** Reads options. */
export function readOptions(args: readonly string[]): SoakOptions | Answer {
  const refuse = (problem: string): Answer => ({ exitCode: 2, text: `${problem}\n\n${USAGE}` });
  let values;
  try {
    ({ values } = parse(args));
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return refuse(error.message);
  }
  if (values.help) return { exitCode: 0, text: USAGE };
  const { report } = values;
  const minutes = Number(values.minutes);
  if (!(minutes > 0 && Number.isFinite(minutes))) return refuse("--minutes takes a number over 0");
  if (report === "") return refuse("--report takes a folder");
  return { minutes, report };
}

// deno-lint-ignore explicit-function-return-type -- What it is follows from the options.
function parse(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    options: {
      minutes: { type: "string", default: "30" },
      report: { type: "string", default: "dist/soak" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
}
