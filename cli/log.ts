/**
 * The log of commands that run for long.
 *
 * @module
 */
import { LineWriter, type LogFormat, Logger, type LogThreshold, logThresholds } from "../log/mod.ts";
import type { Context } from "./command.ts";
import { choice, type Option, type ValuesOf } from "./option.ts";

/** The options. */
export interface LogOptionTable {
  readonly logLevel: Option<LogThreshold>;
  readonly logFormat: Option<LogFormat | undefined>;
  readonly [name: string]: Option<unknown>;
}

/** Their declarations. @param level The least level that is logged when nothing else is said. */
export function logOptions(level: LogThreshold): LogOptionTable {
  return {
    logLevel: choice(...logThresholds)({
      group: "Log",
      summary: "log to standard error what is at least so important",
      default: level,
    }),
    logFormat: choice<LogFormat>("text", "ndjson")({
      group: "Log",
      summary: "how log lines look; default text, with --json ndjson",
    }),
  };
}

/**
 * Makes the log; to be disposed of, so that the last lines are written.
 *
 * @param write Takes the lines; default: they go to standard error.
 */
export function createLog(
  { logLevel, logFormat }: Pick<ValuesOf<LogOptionTable>, "logLevel" | "logFormat">,
  { output }: Context,
  write?: (line: string) => void,
): Logger {
  const sink = {
    async write(bytes: Uint8Array): Promise<number> {
      await output.noteBytes(bytes);
      return bytes.length;
    },
  };
  const format = logFormat ?? (output.json ? "ndjson" : "text");
  return new Logger({ level: logLevel, format, output: write ?? new LineWriter(sink) });
}
