/**
 * Metadata from wherever it is: a file, standard input, or a publisher.
 *
 * @module
 */
import { DataSet, parseHostPort, SttpError, Subscriber } from "../mod.ts";
import type { Context } from "./command.ts";
import { type ConnectionValues, subscriberOptions } from "./connection.ts";
import { CommandError, ExitCode, readingFailed, UsageError } from "./exit_codes.ts";

/** Metadata, and where it is from. */
export interface FoundMetadata {
  readonly dataSet: DataSet;
  /** The publisher that it is from; `undefined` for a file. */
  readonly publisher: string | undefined;
}

/** How to get metadata. */
export interface MetadataRequest {
  /** A file; `-` for standard input; or, where there is no such file, a publisher's address. */
  readonly source: string;
  /** How to connect. */
  readonly connection: ConnectionValues;
  /** What a publisher is to narrow it to (§3). */
  readonly filters?: readonly string[];
}

/**
 * Gets metadata.
 *
 * @throws {UsageError} When the source is neither a file nor an address.
 * @throws {SttpError} `InvalidMetadata`; and as `Subscriber.connect()` and `Subscriber.refreshMetadata()`.
 */
export async function findMetadata(
  request: MetadataRequest,
  { input, signal }: Context,
): Promise<FoundMetadata> {
  const { source, connection, filters = [] } = request;
  if (source === "-") return { dataSet: await DataSet.fromXml(input, { signal }), publisher: undefined };
  const file = await openIfThere(source);
  if (file !== undefined) return { dataSet: await read(file, source, signal), publisher: undefined };
  try {
    if (/[\\/]/.test(source)) throw new TypeError("no host has such a name");
    parseHostPort(source, 0);
  } catch {
    throw new UsageError(`"${source}" is neither a file nor an address such as localhost:7165`);
  }
  await using subscriber = new Subscriber({
    ...await subscriberOptions(connection),
    reconnect: false,
    autoRequestMetadata: false,
    autoSubscribe: false,
  });
  await subscriber.connect(source, { signal });
  return { dataSet: await subscriber.refreshMetadata(filters, { signal }), publisher: source };
}

/**
 * Checks that options for publishers are not typed where there is none. Those of the configuration file are for the
 * times when there is one.
 *
 * @param found All metadata that was found.
 * @param options The names of the options.
 * @throws {UsageError} When one of them is on the command line, and the metadata is from elsewhere.
 */
export function checkUse(
  found: readonly FoundMetadata[],
  options: readonly string[],
  { given }: Pick<Context, "given">,
): void {
  if (found.some(({ publisher }) => publisher !== undefined)) return;
  const idle = options.map((name) => given.get(name)).find((option) => option?.from === "line");
  if (idle === undefined) return;
  throw new UsageError(`${idle.name} is for publishers, and no metadata is from one`);
}

/**
 * Reads metadata from a file.
 *
 * @throws {CommandError} When it is no metadata.
 * @throws {Deno.errors.NotFound} And its like.
 */
export async function readMetadataFile(path: string, { signal }: Pick<Context, "signal">): Promise<DataSet> {
  return await read(await Deno.open(path), path, signal);
}

async function read(file: Deno.FsFile, path: string, signal: AbortSignal): Promise<DataSet> {
  try {
    return await DataSet.fromXml(file.readable, { signal });
  } catch (error) {
    if (!(error instanceof SttpError)) throw readingFailed(path, error);
    if (error.code === "Aborted") throw error;
    throw new CommandError(ExitCode.BadInput, `${path}: ${error.message}`, { cause: error });
  }
}

async function openIfThere(path: string): Promise<Deno.FsFile | undefined> {
  try {
    return await Deno.open(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
