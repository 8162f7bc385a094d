/**
 * Opening files of measurements for reading and writing.
 *
 * @module
 */
import type { MeasurementBatch } from "../../mod.ts";
import { readingFailed, writing } from "../exit_codes.ts";
import { checkNoDatabase } from "../files.ts";
import type { Output } from "../output.ts";
import { type ColumnName, essentialColumns } from "./columns.ts";
import { readCsv } from "./csv_reader.ts";
import type { MeasurementWriter, ReadableFormat, WritableFormat } from "./format.ts";
import { readNdjson } from "./ndjson_reader.ts";
import type { RowReader } from "./reader.ts";
import type { SignalNames } from "./signal_names.ts";
import { TextWriter } from "./text_writer.ts";

/**
 * Opens a file. What only one format needs is loaded when it is used.
 *
 * @throws {CommandError} When it can't be made; or a database is there, and the format is another.
 */
export async function openWriter(
  path: string,
  format: WritableFormat,
  columns: readonly ColumnName[] | undefined,
  names: SignalNames,
): Promise<MeasurementWriter> {
  const writer = await writing(path, () => openFile(path, format, columns, names));
  return {
    write: (batch) => writing(path, () => writer.write(batch)),
    finish: () => writing(path, () => writer.finish()),
    abandon: () => writing(path, () => writer.abandon()),
  };
}

async function openFile(
  path: string,
  format: WritableFormat,
  columns: readonly ColumnName[] | undefined,
  names: SignalNames,
): Promise<MeasurementWriter> {
  if (format !== "sqlite") await checkNoDatabase(path);
  switch (format) {
    case "sqlite": {
      const { SqliteWriter } = await import("./sqlite_writer.ts");
      return new SqliteWriter(path, names);
    }
    case "parquet": {
      const { ParquetWriter } = await import("./parquet_writer.ts");
      return new ParquetWriter(path, columns ?? [...essentialColumns, "ticks"], names);
    }
    case "csv":
    case "ndjson": {
      const file = await Deno.open(path, { write: true, create: true, truncate: true });
      const target = {
        async write(bytes: Uint8Array): Promise<void> {
          for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
        },
        close: (): Promise<void> => Promise.resolve(file.close()),
      };
      return new TextWriter(target, format, columns ?? essentialColumns, names);
    }
  }
}

/** Writes lines to standard output. */
export function writeTo(
  { out }: Output,
  format: "csv" | "ndjson",
  columns: readonly ColumnName[] | undefined,
  names: SignalNames,
): MeasurementWriter {
  const target = { write: (bytes: Uint8Array) => out.write(bytes), close: () => Promise.resolve() };
  return new TextWriter(target, format, columns ?? essentialColumns, names);
}

/**
 * Reads a file from its beginning to its end. Each batch is lent until the next one is asked for.
 *
 * @throws {CommandError} When something in it makes no sense, after what stands before that.
 */
export async function* readFile(
  path: string,
  format: ReadableFormat,
  rows: RowReader,
): AsyncGenerator<MeasurementBatch, void> {
  if (format !== "parquet") {
    const file = await Deno.open(path);
    yield* readStream(file.readable, format, rows);
    return;
  }
  const { readParquet } = await import("./parquet_reader.ts");
  yield* untilError(readParquet(path, rows), rows);
}

/** Reads a stream to its end, as {@linkcode readFile} does. */
export function readStream(
  bytes: ReadableStream<Uint8Array<ArrayBuffer>>,
  format: "csv" | "ndjson",
  rows: RowReader,
): AsyncGenerator<MeasurementBatch, void> {
  return untilError(format === "csv" ? readCsv(bytes, rows) : readNdjson(bytes, rows), rows);
}

async function* untilError(
  batches: AsyncIterable<MeasurementBatch>,
  rows: RowReader,
): AsyncGenerator<MeasurementBatch, void> {
  try {
    yield* batches;
  } catch (error) {
    yield* rows.taken();
    throw readingFailed(rows.where, error);
  }
}
