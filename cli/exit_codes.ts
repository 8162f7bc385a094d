/**
 * What the command tells the program that started it.
 *
 * @module
 */
import { SttpError, type SttpErrorCode } from "../mod.ts";

/** Exit codes; docs/cli.md has the same list. */
export const ExitCode = {
  /** It did what it was asked; also when it ran until it was told to stop. */
  Ok: 0,
  /** It failed for a reason that has no code of its own, such as a file that can't be written. */
  Failed: 1,
  /** The command line or the configuration file is wrong. */
  Usage: 2,
  /** The peer can't be reached or does not answer, TLS was not agreed on, or the connection was lost. */
  Unreachable: 3,
  /** The peer refused the connection or the request. */
  Refused: 4,
  /** What was read is wrong: metadata, a filter, measurements, a recording. */
  BadInput: 5,
  /** Two things that were compared differ. */
  Different: 6,
} as const;
/** One of the {@linkcode ExitCode}s. */
export type ExitCode = typeof ExitCode[keyof typeof ExitCode];

const codes: Readonly<Partial<Record<SttpErrorCode, ExitCode>>> = {
  ConnectFailed: ExitCode.Unreachable,
  HandshakeFailed: ExitCode.Unreachable,
  ConnectionLost: ExitCode.Unreachable,
  TimedOut: ExitCode.Unreachable,
  Refused: ExitCode.Refused,
  UnsupportedVersion: ExitCode.Refused,
  MalformedFrame: ExitCode.BadInput,
  FrameTooLong: ExitCode.BadInput,
  MalformedPacket: ExitCode.BadInput,
  MalformedCache: ExitCode.BadInput,
  MalformedText: ExitCode.BadInput,
  LimitExceeded: ExitCode.BadInput,
  InvalidFilter: ExitCode.BadInput,
  InvalidMetadata: ExitCode.BadInput,
};

/** What is wrong with the command line or the configuration file: said without a stack, with a hint at `--help`. */
export class UsageError extends Error {
  /** @param message What is wrong, where, and what was expected. */
  constructor(message: string) {
    super(message);
    this.name = "UsageError";
  }
}

/** What is wrong with something that was read, or another failure that is no fault of the program. */
export class CommandError extends Error {
  /** What the process ends with. */
  readonly exitCode: ExitCode;

  /**
   * An error for people.
   *
   * @param exitCode What the process ends with.
   * @param message What is wrong, where, and what was expected.
   */
  constructor(exitCode: ExitCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "CommandError";
    this.exitCode = exitCode;
  }
}

/** The exit code for an error; `undefined` when it is a fault of the program, which deserves its stack. */
export function exitCodeOf(error: unknown): ExitCode | undefined {
  if (error instanceof UsageError) return ExitCode.Usage;
  if (error instanceof CommandError) return error.exitCode;
  if (error instanceof SttpError) return codes[error.code] ?? ExitCode.Failed;
  // Files and the network, through Deno's own interfaces.
  const deno = Object.values(Deno.errors).some((kind) => error instanceof kind);
  return deno ? ExitCode.Failed : undefined;
}
