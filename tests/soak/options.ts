/**
 * What `deno task soak` is told.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { type Answer, answering } from "../support/options.ts";

/** What it is told. */
export interface SoakOptions {
  readonly minutes: number;
  /** A folder. */
  readonly report: string;
}

const USAGE = `deno task soak [options]

A long run under a mixed load, with a report and a plot.

  --minutes <number>  how long; default 30
  --report <folder>   where the report, the plot and the samples go; default dist/soak
  --help              this text

Exit codes: 0 no complaints, 1 complaints, 2 options that are wrong.`;

const OPTIONS = {
  minutes: { type: "string", default: "30" },
  report: { type: "string", default: "dist/soak" },
  help: { type: "boolean", short: "h", default: false },
} as const;

/** Reads options. */
export function readOptions(args: readonly string[]): SoakOptions | Answer {
  return answering(USAGE, () => {
    const { values: { help, report, ...values } } = parseArgs({ args: [...args], options: OPTIONS });
    if (help) return { exitCode: 0, text: USAGE };
    const minutes = Number(values.minutes);
    if (!(minutes > 0 && Number.isFinite(minutes))) throw new TypeError("--minutes takes a number over 0");
    if (report === "") throw new TypeError("--report takes a folder");
    return { minutes, report };
  });
}
