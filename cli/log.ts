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
 * @param show Is offered each line first, to show it in another way; what it does not take goes to standard error.
 */
export function createLog(
  { logLevel, logFormat }: Pick<ValuesOf<LogOptionTable>, "logLevel" | "logFormat">,
  { output }: Context,
  show?: (line: string) => true | undefined,
): Logger {
  const writer = new LineWriter({
    async write(bytes: Uint8Array): Promise<number> {
      await output.noteBytes(bytes);
      return bytes.length;
    },
  });
  return new Logger({
    level: logLevel,
    format: logFormat ?? (output.json ? "ndjson" : "text"),
    output: {
      write: (line) => {
        if (!show?.(line)) writer.write(line);
      },
      get lost(): number {
        return writer.lost;
      },
      flush: () => writer.flush(),
    },
  });
}
