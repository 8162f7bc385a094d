/**
 * Measurements out of CSV with a line of headings.
 *
 * @module
 */
import { type CsvError, parse } from "csv-parse";
import type { MeasurementBatch } from "../../mod.ts";
import { CommandError } from "../exit_codes.ts";
import { LONGEST_RECORD, readHeadings, type Row, type RowReader } from "./reader.ts";

/**
 * Reads CSV. Each batch has what came together, so that nothing waits for what comes later.
 *
 * @throws {CommandError} When a line makes no sense, with its number.
 */
export async function* readCsv(
  bytes: ReadableStream<Uint8Array>,
  rows: RowReader,
): AsyncGenerator<MeasurementBatch, void> {
  let failure: Error | undefined;
  const parser = parse({
    columns: readHeadings,
    bom: true,
    skip_empty_lines: true,
    record_delimiter: ["\r\n", "\n"],
    max_record_size: LONGEST_RECORD,
    on_record: (record: Row, { lines }) => {
      rows.add(record, () => `line ${lines}`);
      // Nothing is left for the stream to hand on.
      return null;
    },
  });
  const ended = Promise.withResolvers<void>();
  parser.on("error", (error: CsvError | Error) => {
    failure ??= error instanceof CommandError ? error : rows.wrong(error.message);
    ended.resolve();
  });
  parser.on("end", ended.resolve);
  parser.resume();
  for await (const chunk of bytes) {
    // The parser takes a chunk at once: its records are there when the call returns.
    parser.write(chunk);
    yield* rows.taken();
    if (failure !== undefined) throw failure;
  }
  parser.end();
  await ended.promise;
  yield* rows.taken();
  if (failure !== undefined) throw failure;
}
