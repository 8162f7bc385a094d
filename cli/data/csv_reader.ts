/**
 * Measurements out of CSV with a line of headings.
 *
 * @module
 */
import { type CsvError, type Info, parse, type Parser } from "csv-parse";
import type { MeasurementBatch } from "../../mod.ts";
import { CommandError } from "../exit_codes.ts";
import { LONGEST_RECORD, readHeadings, type Row, type RowReader } from "./reader.ts";

/** A record, and where it ends. */
interface Found {
  readonly record: Row;
  readonly info: Info;
}

/**
 * Reads CSV. Each batch has what came together, so that nothing waits for what comes later.
 *
 * @throws {CommandError} When a line makes no sense, with its number.
 */
export async function* readCsv(
  bytes: ReadableStream<Uint8Array>,
  rows: RowReader,
): AsyncGenerator<MeasurementBatch, void> {
  const parser = parse({
    columns: readHeadings,
    info: true,
    bom: true,
    skip_empty_lines: true,
    record_delimiter: ["\r\n", "\n"],
    max_record_size: LONGEST_RECORD,
  });
  const wrong = (error: Error): Error => error instanceof CommandError ? error : rows.wrong(error.message);
  let failure: Error | undefined;
  parser.on("error", (error: CsvError | Error) => failure ??= wrong(error));
  for await (const chunk of bytes) {
    // The parser takes a chunk at once: its records are there when the call returns.
    parser.write(chunk);
    takeRecords(parser, rows);
    yield* rows.taken();
    if (failure !== undefined) throw failure;
  }
  parser.end();
  try {
    for await (const found of parser) add(rows, found);
  } catch (error) {
    throw failure ?? wrong(error as Error);
  }
  yield* rows.taken();
}

function takeRecords(parser: Parser, rows: RowReader): void {
  for (let found: Found | null; (found = parser.read()) !== null;) add(rows, found);
}

function add(rows: RowReader, { record, info }: Found): void {
  rows.add(record, () => `line ${info.lines}`);
}
