/**
 * From the arguments of the process to its exit code.
 *
 * @module
 */
import { SttpError } from "../mod.ts";
import { readArguments, readValues, suggestion } from "./arguments.ts";
import { type Command, commonOptions, type Context } from "./command.ts";
import { type CommandConfig, Config } from "./config.ts";
import { ExitCode, exitCodeOf, UsageError } from "./exit_codes.ts";
import { commandHelp, programHelp } from "./help.ts";
import { Output, type OutputOptions } from "./output.ts";
import { plain } from "./text.ts";
import { PROGRAM, VERSION } from "./version.ts";

/** What the process has. */
export interface World extends Omit<Context, "output">, Omit<OutputOptions, "json"> {
  /** Variables of the environment. */
  env(name: string): string | undefined;
}

/** Lines of help are not longer, however wide the terminal is. */
const WIDEST = 110;

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
    const given = readArguments(rest, command.operands, { ...command.options, ...commonOptions });
    if (given.get("help")?.at(-1) === "true") {
      await output.line(commandHelp(command, output.outStyles, width));
      return ExitCode.Ok;
    }
    const path = given.get("config")?.at(-1) ?? (world.env("STTP_CONFIG") || undefined);
    const config: CommandConfig = path === undefined
      ? new Map()
      : (await Config.read(path, commands)).for(command);
    const values = readValues(command.operands, { ...command.options, ...commonOptions }, (name) => {
      const texts = given.get(name);
      return texts === undefined ? config.get(name) : { texts };
    });
    if (values.json) output = new Output({ ...world, json: true });
    return await command.run(values, { output, signal: world.signal, input: world.input });
  } catch (error) {
    const known = commands.some(({ name }) => name === first);
    return await report(error, known ? first : undefined, output, world.signal);
  }
}

/** Says what went wrong. @returns The exit code. */
async function report(
  error: unknown,
  command: string | undefined,
  output: Output,
  signal: AbortSignal,
): Promise<ExitCode> {
  if (signal.aborted && error instanceof SttpError && error.code === "Aborted") return ExitCode.Ok;
  // Whoever read the output has seen enough, as `head` has.
  if (error instanceof Deno.errors.BrokenPipe) return ExitCode.Ok;
  const exitCode = exitCodeOf(error);
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  const code = error instanceof SttpError ? error.code : undefined;
  if (output.json) {
    await output.noteValue({ error: { exitCode: exitCode ?? ExitCode.Failed, code, message } });
  } else if (exitCode === undefined) {
    await output.note(`${PROGRAM}: a fault of the program: ${stack ?? message}`);
  } else {
    const lines = message.split("\n").map((line) => plain(line, 1000)).join("\n");
    await output.note(
      `${output.errStyles.red(`${PROGRAM}:`)} ${lines}${code === undefined ? "" : ` (${code})`}`,
    );
    if (exitCode === ExitCode.Usage) {
      await output.note(`Try "${PROGRAM} ${command === undefined ? "" : `${command} `}--help".`);
    }
  }
  return exitCode ?? ExitCode.Failed;
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
