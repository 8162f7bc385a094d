/**
 * Measurements out of a Parquet file.
 *
 * @module
 */
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects, parquetSchema } from "hyparquet";
import { type MeasurementBatch, Ticks } from "../../mod.ts";
import { CommandError } from "../exit_codes.ts";
import { readColumns, readHeadings, type Row, type RowReader } from "./reader.ts";

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
    const metadata = await parquetMetadataAsync(file, { parsers });
    const headings = parquetSchema(metadata).children.map(({ element }) => element.name);
    const names = readHeadings(headings);
    const wanted = headings.filter((_, i) => readColumns.some((column) => column === names[i]));
    let number = 0;
    for (const { num_rows } of metadata.row_groups) {
      const rowEnd = number + Number(num_rows);
      const group = await parquetReadObjects({
        file,
        metadata,
        parsers,
        columns: wanted,
        rowStart: number,
        rowEnd,
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
