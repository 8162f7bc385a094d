/**
 * What `deno task fuzz` is told.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { type Answer, answering } from "../support/options.ts";

/** What it is told. */
export interface FuzzOptions {
  readonly minutes: number;
  readonly jobs: number;
  readonly seed: number;
  /** Names. */
  readonly targets: readonly string[];
  /** Of a finding that is to be seen again. */
  readonly path: string | undefined;
  readonly report: string | undefined;
  /** Whether it is a process that tries one target. */
  readonly child: boolean;
}

const USAGE = `deno task fuzz [options]

Tries damaged input on every decoder, both sessions, TLS and files.

  --minutes <number>  for each target; default 1
  --jobs <number>     targets that are tried at a time; default: as there are processors
  --target <name>     a target, again for another one; default: all
  --seed <number>     where to begin; default: anywhere
  --path <path>       sees a finding again, with its --target and --seed
  --report <file>     writes what came of each target as JSON
  --help              this text

Exit codes: 0 nothing found, 1 findings, 2 options that are wrong, 130 interrupted.`;

const OPTIONS = {
  minutes: { type: "string", default: "1" },
  jobs: { type: "string", default: String(navigator.hardwareConcurrency) },
  seed: { type: "string" },
  target: { type: "string", multiple: true },
  path: { type: "string" },
  report: { type: "string" },
  child: { type: "boolean", default: false },
  help: { type: "boolean", short: "h", default: false },
} as const;

/**
 * Reads options.
 *
 * @param names Of all targets.
 */
export function readOptions(args: readonly string[], names: readonly string[]): FuzzOptions | Answer {
  return answering(USAGE, () => {
    const { values } = parseArgs({ args: [...args], options: OPTIONS });
    if (values.help) return { exitCode: 0, text: `${USAGE}\n\nTargets: ${names.join(", ")}` };
    const { path, report, child, target: targets = names } = values;
    const seed = values.seed === undefined ? Math.floor(Math.random() * 0x7fffffff) : Number(values.seed);
    const [minutes, jobs] = [Number(values.minutes), Number(values.jobs)];
    if (!(minutes > 0) || !Number.isInteger(seed) || !(Number.isInteger(jobs) && jobs > 0)) {
      throw new TypeError(
        "--minutes takes a number over 0, --seed a whole number, --jobs a whole number over 0",
      );
    }
    const unknown = targets.filter((name) => !names.includes(name));
    if (unknown.length > 0) {
      throw new TypeError(`no target ${unknown.join(", ")}; there are ${names.join(", ")}`);
    }
    if (path !== undefined && (values.seed === undefined || new Set(targets).size !== 1)) {
      throw new TypeError("--path takes the --target and --seed of its finding");
    }
    return { minutes, jobs, seed, targets, path, report, child };
  });
}
