/**
 * Measurements out of NDJSON: an object a line.
 *
 * @module
 */
import type { MeasurementBatch } from "../../mod.ts";
import { LONGEST_RECORD, type Row, type RowReader } from "./reader.ts";

/**
 * Reads NDJSON; empty lines are passed over. Each batch has what came together, so that nothing waits for what comes
 * later.
 *
 * @throws {CommandError} When a line makes no sense, with its number.
 */
export async function* readNdjson(
  bytes: ReadableStream<Uint8Array<ArrayBuffer>>,
  rows: RowReader,
): AsyncGenerator<MeasurementBatch, void> {
  let number = 0;
  const add = (line: string): void => {
    number++;
    const place = (): string => `line ${number}`;
    if (line.length > LONGEST_RECORD) throw rows.wrong("the line is too long", place());
    if (/\S/.test(line)) rows.add(parse(line, rows, place), place);
  };
  let rest = "";
  for await (const text of bytes.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) add(line);
    if (rest.length > LONGEST_RECORD) add(rest);
    yield* rows.taken();
  }
  add(rest);
  yield* rows.taken();
}

function parse(line: string, rows: RowReader, place: () => string): Row {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw rows.wrong((error as Error).message, place(), error);
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    const row: Row = value;
    // JSON writes no such number: this one was too large.
    if (row.value !== Infinity && row.value !== -Infinity) return row;
    throw rows.wrong("the value is beyond what a float32 holds", place());
  }
  throw rows.wrong('an object such as {"signalId":...,"time":...,"value":...} expected', place());
}
