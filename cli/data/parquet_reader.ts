/**
 * Measurements out of a Parquet file.
 *
 * @module
 */
import { asyncBufferFromFile, parquetReadObjects, parquetSchema } from "hyparquet";
import { type MeasurementBatch, Ticks } from "../../mod.ts";
import { CommandError } from "../exit_codes.ts";
import { readFooter } from "./parquet_footer.ts";
import { checkGroup } from "./parquet_pages.ts";
import { readColumns, readHeadings, type Row, type RowReader } from "./reader.ts";
import { uncompressSnappy } from "./snappy.ts";

// Times exactly, where a Date would round.
const parsers = {
  timestampFromMilliseconds: (milliseconds: bigint): bigint => Ticks.UnixEpoch + milliseconds * 10_000n,
  timestampFromMicroseconds: (microseconds: bigint): bigint => Ticks.UnixEpoch + microseconds * 10n,
  timestampFromNanoseconds: (nanoseconds: bigint): bigint => Ticks.UnixEpoch + nanoseconds / 100n,
};

/**
 * Reads a Parquet file, row group by row group.
 *
 * @throws {CommandError} When it is none, or a row makes no sense, with its number.
 */
export async function* readParquet(path: string, rows: RowReader): AsyncGenerator<MeasurementBatch, void> {
  try {
    const file = await asyncBufferFromFile(path);
    const metadata = await readFooter(file, parsers);
    const elements = parquetSchema(metadata).children.map(({ element }) => element);
    const headings = elements.map(({ name }) => name);
    const names = readHeadings(headings);
    const wanted = elements.filter((_, i) => readColumns.some((column) => column === names[i]));
    let number = 0;
    for (const rowGroup of metadata.row_groups) {
      await checkGroup(file, rowGroup, wanted);
      const group = await parquetReadObjects({
        file,
        // hyparquet would look at all groups for each.
        metadata: { ...metadata, row_groups: [rowGroup] },
        parsers,
        compressors: { SNAPPY: uncompressSnappy },
        columns: wanted.map(({ name }) => name),
      });
      for (const found of group) {
        number++;
        const row = Object.fromEntries(headings.map((heading, i) => [names[i]!, found[heading]]));
        rows.add(row as Row, () => `row ${number}`);
      }
      yield* rows.taken();
    }
  } catch (error) {
    if (error instanceof CommandError || error instanceof Deno.errors.NotFound) throw error;
    throw rows.wrong((error as Error).message, undefined, error);
  }
}
