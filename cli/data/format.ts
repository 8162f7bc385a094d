/**
 * The formats of files of measurements.
 *
 * @module
 */
import type { MeasurementBatch } from "../../mod.ts";
import { UsageError } from "../exit_codes.ts";

/** Formats that can be read and written. */
export const readableFormats = ["csv", "ndjson", "parquet"] as const;
/** One of them. */
export type ReadableFormat = typeof readableFormats[number];

/** Formats that can be written. */
export const writableFormats = ["csv", "ndjson", "parquet", "sqlite"] as const;
/** One of them. */
export type WritableFormat = typeof writableFormats[number];

const endings: Readonly<Record<string, WritableFormat>> = {
  csv: "csv",
  ndjson: "ndjson",
  jsonl: "ndjson",
  parquet: "parquet",
  sqlite: "sqlite",
  sqlite3: "sqlite",
  db: "sqlite",
};

/** The format that a file's name tells; `undefined` when it tells none. */
export function toldFormatOf(path: string): WritableFormat | undefined {
  const ending = /\.([^./\\]+)$/.exec(path)?.[1]?.toLowerCase() ?? "";
  return Object.hasOwn(endings, ending) ? endings[ending] : undefined;
}

/**
 * The format that a file's name tells.
 *
 * @throws {UsageError} When it tells none, or none of these.
 */
export function formatOf<Format extends WritableFormat>(path: string, formats: readonly Format[]): Format {
  const told = toldFormatOf(path);
  const format = formats.find((candidate) => candidate === told);
  if (format !== undefined) return format;
  throw new UsageError(`"${path}": its name tells no format, say --format ${formats.join("|")}`);
}

/** Takes measurements, batch by batch. */
export interface MeasurementWriter {
  /** Writes what a batch holds; resolves when it may be used again. */
  write(batch: MeasurementBatch): Promise<void>;
  /** Writes what was held back, and the end. The file is complete only then. */
  finish(): Promise<void>;
  /** Gives up: what can't be used without its end is removed. */
  abandon(): Promise<void>;
}
