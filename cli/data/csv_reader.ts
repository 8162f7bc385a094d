/**
 * Measurements out of CSV with a line of headings.
 *
 * @module
 */
import { type CsvError, parse } from "csv-parse";
import type { MeasurementBatch } from "../../mod.ts";
import { CommandError } from "../exit_codes.ts";
import { LONGEST_RECORD, readHeadings, type Row, type RowReader } from "./reader.ts";

const QUOTE = 0x22;
const LINE_END = 0x0a;
/** The parser looks up to three characters ahead: without these, the last line would wait for what comes after it. */
const PADDING: readonly number[] = [LINE_END, LINE_END, LINE_END, LINE_END];

/**
 * Reads CSV. Each batch has what came together, so that nothing waits for what comes later.
 *
 * @throws {CommandError} When a line makes no sense, with its number, or there is none.
 */
export async function* readCsv(
  bytes: ReadableStream<Uint8Array>,
  rows: RowReader,
): AsyncGenerator<MeasurementBatch, void> {
  let failure: Error | undefined;
  let quotes = 0;
  let hasHeadings = false;
  // Empty lines that are not in the data.
  let added = 0;
  const parser = parse({
    columns: (headings) => {
      hasHeadings = true;
      return readHeadings(headings);
    },
    bom: true,
    skip_empty_lines: true,
    record_delimiter: ["\r\n", "\n"],
    max_record_size: LONGEST_RECORD,
    on_record: (record: Row, { lines }) => {
      rows.add(record, () => `line ${lines - added}`);
      // Nothing is left for the stream to hand on.
      return null;
    },
  });
  const ended = Promise.withResolvers<void>();
  parser.on("error", (error: CsvError | Error) => {
    failure ??= error instanceof CommandError ? error : rows.wrong(inOurLines(error.message, added));
    ended.resolve();
  });
  parser.on("end", ended.resolve);
  parser.resume();
  for await (const chunk of bytes) {
    for (const byte of chunk) if (byte === QUOTE) quotes++;
    const isWhole = chunk.at(-1) === LINE_END && quotes % 2 === 0;
    await new Promise((taken) => parser.write(isWhole ? padded(chunk) : chunk, taken));
    if (isWhole) added += PADDING.length;
    yield* rows.taken();
    if (failure !== undefined) throw failure;
  }
  parser.end();
  await ended.promise;
  yield* rows.taken();
  if (failure !== undefined) throw failure;
  if (!hasHeadings) throw rows.wrong("there is no line of headings");
}

/** A message of the parser, which counts the empty lines that were added, too. */
function inOurLines(message: string, added: number): string {
  return message.replace(/\bline (\d+)/, (_, line) => `line ${Number(line) - added}`);
}

function padded(chunk: Uint8Array): Uint8Array {
  const longer = new Uint8Array(chunk.length + PADDING.length);
  longer.set(chunk);
  longer.set(PADDING, chunk.length);
  return longer;
}
