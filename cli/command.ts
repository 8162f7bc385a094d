/**
 * What a command is.
 *
 * @module
 */
import type { ExitCode } from "./exit_codes.ts";
import type { Settled, Settlement } from "./given.ts";
import { flag, type Option, type Options, text, type ValuesOf } from "./option.ts";
import type { Output } from "./output.ts";

/** What a command has of the world. */
export interface Context {
  /** Where it writes to. */
  readonly output: Output;
  /** Fires when the process is asked to end (SIGINT, SIGTERM): finish in order, and return. */
  readonly signal: AbortSignal;
  /** Standard input. */
  readonly input: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** The operands and options in force that were given, on the command line or in the configuration file. */
  readonly given: Settled;
}

/** Where a command runs, as far as it matters to what its options mean. */
export interface Surroundings {
  /** Whether standard output goes to a terminal. */
  readonly isTerminal: boolean;
}

/** A command line that does something, and what it does. */
export interface Example {
  /** Without the `sttp` in front. */
  readonly line: string;
  /** What it does. */
  readonly explanation: string;
}

/** A command, as everything but itself sees it. */
export interface Command {
  readonly name: string;
  /** What it does, in a line. */
  readonly summary: string;
  /** What else there is to know, in paragraphs; may be empty. */
  readonly description: string;
  /** What stands on the line without an option, in this order. Only the last may be `multiple`. */
  readonly operands: Options;
  /** Its options, besides the {@linkcode commonOptions}. */
  readonly options: Options;
  /** At least one. */
  readonly examples: readonly Example[];
  /** Settles what goes together by its values, before they are read; default nothing. */
  settle?(given: Settlement, surroundings: Surroundings): void;
  /** Does it, with the values of operands and options by their names. */
  run(values: Readonly<Record<string, unknown>>, context: Context): Promise<ExitCode>;
}

/** A command with the types of its values. */
export interface CommandDefinition<Operands extends Options, Own extends Options>
  extends Omit<Command, "run" | "operands" | "options"> {
  readonly operands: Operands;
  readonly options: Own;
  run(values: ValuesOf<Operands> & ValuesOf<Own>, context: Context): Promise<ExitCode>;
}

/** Defines a command: types follow from the declarations of its operands and options. */
export function defineCommand<Operands extends Options, Own extends Options>(
  definition: CommandDefinition<Operands, Own>,
): Command {
  return definition as unknown as Command;
}

/** What every command can be told. */
export const commonOptions: {
  readonly config: Option<string | undefined>;
  readonly json: Option<boolean>;
  readonly help: Option<boolean>;
} = {
  config: text({
    group: "General",
    summary: "take options from this file, YAML or JSON; else from the one that $STTP_CONFIG names",
    placeholder: "FILE",
    completion: "file",
  }),
  json: flag({ group: "General", summary: "write results, progress and errors as JSON, for programs" }),
  help: flag({ group: "General", summary: "show this text", short: "h" }),
};
