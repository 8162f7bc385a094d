/**
 * From the arguments of the process to its exit code.
 *
 * @module
 */
import { SttpError } from "../mod.ts";
import { readArguments, readValues, suggestion } from "./arguments.ts";
import { type Command, commonOptions, type Context } from "./command.ts";
import { Config } from "./config.ts";
import { CommandError, ExitCode, exitCodeOf, UsageError } from "./exit_codes.ts";
import { settle, Settlement } from "./given.ts";
import { commandHelp, programHelp } from "./help.ts";
import { Output, type OutputOptions } from "./output.ts";
import { plain } from "./text.ts";
import { PROGRAM, VERSION } from "./version.ts";

/** What the process has. */
export interface World extends Omit<Context, "output" | "given">, Omit<OutputOptions, "json"> {
  /** Variables of the environment. */
  env(name: string): string | undefined;
}

/** Lines of help are not longer, however wide the terminal is. */
const WIDEST = 110;

/** What a configuration file says that there is none of. */
const nothing = { section: new Map(), defaults: new Map() };

/**
 * Carries out a command line.
 *
 * @param args What comes after the program's name.
 * @returns The exit code; messages have been written.
 */
export async function run(
  args: readonly string[],
  commands: readonly Command[],
  world: World,
): Promise<number> {
  let output = new Output({ ...world, json: asksForJson(args) });
  const [first, ...rest] = args;
  const width = Math.min(WIDEST, world.out.size().columns);
  try {
    if (first === undefined || first === "--help" || first === "-h" || first === "help") {
      const named = first === "help" ? rest[0] : undefined;
      const help = named === undefined
        ? programHelp(commands, output.outStyles, width)
        : commandHelp(find(named, commands), output.outStyles, width);
      await output.line(help);
      return first === undefined ? ExitCode.Usage : ExitCode.Ok;
    }
    if (first === "--version" || first === "-V") {
      await output.line(`${PROGRAM} ${VERSION}`);
      return ExitCode.Ok;
    }
    const command = find(first, commands);
    const { operands } = command;
    const options = { ...command.options, ...commonOptions };
    const line = readArguments(rest, operands, options);
    if (line.get("help")?.texts.at(-1) === "true") {
      await output.line(commandHelp(command, output.outStyles, width));
      return ExitCode.Ok;
    }
    const path = line.get("config")?.texts.at(-1) ?? (world.env("STTP_CONFIG") || undefined);
    const config = path === undefined ? nothing : (await Config.read(path, commands)).for(command);
    const given = settle(operands, options, { line, ...config });
    command.settle?.(new Settlement(given), { isTerminal: world.out.isTerminal });
    const values = readValues(operands, options, given);
    if (values.json) output = new Output({ ...world, json: true });
    return await command.run(values, { output, signal: world.signal, input: world.input, given });
  } catch (error) {
    const isEnd = world.signal.aborted && error instanceof SttpError && error.code === "Aborted";
    // Whoever read the output has seen enough, as `head` has.
    if (isEnd || error instanceof Deno.errors.BrokenPipe) return ExitCode.Ok;
    const known = commands.some(({ name }) => name === first);
    return await report(error, known ? first : undefined, output, exitCodeOf(error));
  }
}

/**
 * Says that something went wrong which no command waits for.
 *
 * @param args As for {@linkcode run}.
 * @returns The exit code.
 */
export async function reportFault(
  error: unknown,
  args: readonly string[],
  streams: Omit<OutputOptions, "json">,
): Promise<number> {
  const output = new Output({ ...streams, json: asksForJson(args) });
  if (error instanceof Deno.errors.BrokenPipe) return ExitCode.Ok;
  return await report(error, undefined, output, ExitCode.Fault);
}

/** Says what went wrong, if somebody reads it. @returns The exit code. */
async function report(
  error: unknown,
  command: string | undefined,
  output: Output,
  exitCode: ExitCode,
): Promise<ExitCode> {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  const code = error instanceof SttpError ? error.code : undefined;
  const isFault = exitCode === ExitCode.Fault && !(error instanceof CommandError);
  const details = error instanceof CommandError ? error.details : isFault ? { stack } : {};
  const value = { error: { exitCode, code, message, ...details } };
  const lines = isFault ? [`${PROGRAM}: a fault of the program: ${stack ?? message}`] : [
    `${output.errStyles.red(`${PROGRAM}:`)} ${manyLines(message)}${code === undefined ? "" : ` (${code})`}`,
  ];
  if (exitCode === ExitCode.Usage) {
    lines.push(`Try "${PROGRAM} ${command === undefined ? "" : `${command} `}--help".`);
  }
  try {
    await output.status("");
    await output.note(lines.join("\n"), value);
  } catch {
    // Then the exit code alone has to tell.
  }
  return exitCode;
}

/** A text of unknown origin on the lines that it has. */
function manyLines(text: string): string {
  return text.split("\n").map((line) => plain(line, 1000)).join("\n");
}

function asksForJson(args: readonly string[]): boolean {
  const end = args.indexOf("--");
  return args.slice(0, end < 0 ? args.length : end).includes("--json");
}

function find(name: string, commands: readonly Command[]): Command {
  const command = commands.find((candidate) => candidate.name === name);
  if (command !== undefined) return command;
  const meant = name.startsWith("-") ? undefined : suggestion(name, commands.map(({ name }) => name));
  throw new UsageError(
    `there is no command "${name}"${meant === undefined ? "" : `; did you mean ${meant}?`}`,
  );
}
