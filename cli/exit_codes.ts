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
  /** A fault of the program. Of `probe`, which is for monitoring: also whatever kept it from telling how a publisher is. */
  Fault: 3,
  /** The peer refused the connection or the request. */
  Refused: 4,
  /** What was read is wrong: metadata, a filter, measurements, a recording. */
  BadInput: 5,
  /** Two things that were compared differ. */
  Different: 6,
  /** The peer can't be reached or does not answer, TLS was not agreed on, or the connection was lost. */
  Unreachable: 7,
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
  /** What programs are told of it beside the message, or in its place. */
  readonly details: Readonly<Record<string, unknown>>;

  /**
   * An error for people.
   *
   * @param exitCode What the process ends with.
   * @param message What is wrong, where, and what was expected.
   */
  constructor(
    exitCode: ExitCode,
    message: string,
    { details = {}, ...options }: ErrorOptions & { readonly details?: Readonly<Record<string, unknown>> } =
      {},
  ) {
    super(message, options);
    this.name = "CommandError";
    this.exitCode = exitCode;
    this.details = details;
  }
}

/**
 * Does something whose arguments came from the command line: what is wrong about them is the user's to mend.
 *
 * @throws {UsageError} In place of a `TypeError` or `RangeError`.
 */
export function checked<T>(make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) throw new UsageError(error.message);
    throw error;
  }
}

/**
 * Has something listen. That it can't is no matter of a peer.
 *
 * @throws {CommandError} `Failed` in place of an {@linkcode SttpError} `ConnectFailed`.
 */
export async function listening<T>(start: () => T | Promise<T>): Promise<T> {
  try {
    return await start();
  } catch (error) {
    if (!(error instanceof SttpError) || error.code !== "ConnectFailed") throw error;
    const { code, message } = error;
    throw new CommandError(ExitCode.Failed, message, { cause: error, details: { code } });
  }
}

/** The exit code for an error: `Fault` when it is no kind of error that there is a reason to expect. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof UsageError) return ExitCode.Usage;
  if (error instanceof CommandError) return error.exitCode;
  if (error instanceof SttpError) return codes[error.code] ?? ExitCode.Failed;
  return isOfSystem(error) ? ExitCode.Failed : ExitCode.Fault;
}

/** What the system says of files, streams and the network, where Deno has no class for it. */
const SYSTEM_CODES: ReadonlySet<unknown> = new Set(
  ("EACCES EAGAIN EBUSY EDQUOT EFBIG EHOSTDOWN EHOSTUNREACH EIO EISDIR ELOOP EMFILE ENAMETOOLONG ENETDOWN " +
    "ENETUNREACH ENFILE ENOBUFS ENODEV ENOENT ENOMEM ENOSPC ENOTDIR ENOTEMPTY ENXIO EPERM EPIPE EROFS ESTALE " +
    "ETIMEDOUT ETXTBSY ERR_SQLITE_ERROR").split(" "),
);

/** Whether something failed that is not in the hands of a program: a disk, a stream, a database. */
function isOfSystem(error: unknown): boolean {
  if (Object.values(Deno.errors).some((kind) => error instanceof kind)) return true;
  if (!(error instanceof Error)) return false;
  const { code, message } = error as Error & { readonly code?: unknown };
  return SYSTEM_CODES.has(code) || /\(os error \d+\)/.test(message);
}

/**
 * Writes to something that has a name.
 *
 * @param name Such as the path of a file.
 * @throws {CommandError} `Failed`, with the name, in place of what the system says; but for a broken pipe.
 */
export async function writing<T>(name: string, write: () => T | Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (cause) {
    const isKnown = cause instanceof CommandError || cause instanceof Deno.errors.BrokenPipe;
    if (isKnown || !isOfSystem(cause)) throw cause;
    throw new CommandError(ExitCode.Failed, `${name} can't be written: ${(cause as Error).message}`, {
      cause,
    });
  }
}

/**
 * What to throw when something that has a name can't be read.
 *
 * @param name Such as the path of a file.
 * @returns `Failed`, with the name, in place of what the system says without it, as of a folder; else the error itself.
 */
export function readingFailed(name: string, cause: unknown): unknown {
  if (cause instanceof CommandError || !isOfSystem(cause)) return cause;
  const { message } = cause as Error;
  if ([`'${name}'`, `"${name}"`].some((quoted) => message.includes(quoted))) return cause;
  return new CommandError(ExitCode.Failed, `${name} can't be read: ${message}`, { cause });
}
