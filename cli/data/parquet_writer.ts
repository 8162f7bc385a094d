/**
 * Measurements in a Parquet file.
 *
 * @module
 */
import type { SchemaElement } from "hyparquet";
import { fileWriter, ParquetWriter as FileWriter } from "hyparquet-writer";
import { MeasurementBatch, Ticks } from "../../mod.ts";
import type { ColumnName } from "./columns.ts";
import type { MeasurementWriter } from "./format.ts";
import type { SignalNames } from "./signal_names.ts";

/** Rows of a group: so many are held in memory. */
const GROUP = 131_072;
/** The times that 64 bits of nanoseconds since 1970 hold. */
const FIRST_NANOSECOND: bigint = Ticks.UnixEpoch - 92_233_720_368_547_758n;
const LAST_NANOSECOND: bigint = Ticks.UnixEpoch + 92_233_720_368_547_758n;

/** How a column is stored. */
function schemaOf(name: ColumnName): SchemaElement {
  const required = { name, repetition_type: "REQUIRED" } as const;
  if (name === "value") return { ...required, type: "FLOAT" };
  // Flags have 32 bits and no sign.
  if (name === "ticks" || name === "flags") return { ...required, type: "INT64" };
  if (name === "time") {
    return {
      name,
      repetition_type: "OPTIONAL",
      type: "INT64",
      logical_type: { type: "TIMESTAMP", isAdjustedToUTC: true, unit: "NANOS" },
    };
  }
  return { ...required, type: "BYTE_ARRAY", converted_type: "UTF8" };
}

/**
 * Writes a Parquet file, group by group. Times are nanoseconds since 1970, with `null` for those that these have no
 * room for; ticks are exact. The file has its name only when it is complete.
 */
export class ParquetWriter implements MeasurementWriter {
  readonly #path: string;
  readonly #columns: readonly ColumnName[];
  readonly #names: SignalNames;
  readonly #file: FileWriter;
  readonly #group = new MeasurementBatch(GROUP);

  /** @throws {Deno.errors} When the file can't be made. */
  constructor(path: string, columns: readonly ColumnName[], names: SignalNames) {
    this.#path = path;
    this.#columns = columns;
    this.#names = names;
    const schema: SchemaElement[] = [
      { name: "measurements", num_children: columns.length },
      ...columns.map(schemaOf),
    ];
    this.#file = new FileWriter({ writer: fileWriter(this.#unfinished), schema, createdBy: "sttp" });
  }

  get #unfinished(): string {
    return `${this.#path}.part`;
  }

  /** Keeps a batch until the group is full. */
  async write(batch: MeasurementBatch): Promise<void> {
    for (let from = 0; from < batch.length;) {
      const to = Math.min(batch.length, from + GROUP - this.#group.length);
      this.#group.append(batch, from, to);
      from = to;
      if (this.#group.length === GROUP) await this.#writeGroup();
    }
  }

  async #writeGroup(): Promise<void> {
    const { length } = this.#group;
    if (length === 0) return;
    const columnData = this.#columns.map((name) => ({ name, data: this.#column(name) }));
    await this.#file.write({ columnData, rowGroupSize: length });
    this.#group.clear();
  }

  #column(name: ColumnName): unknown[] | Float32Array | BigInt64Array {
    const { signals, ticks, values, flags, length } = this.#group;
    if (name === "value") return values.slice(0, length);
    if (name === "ticks") return ticks.slice(0, length);
    if (name === "flags") return BigInt64Array.from(flags.subarray(0, length), BigInt);
    if (name === "time") return Array.from(ticks.subarray(0, length), nanoseconds);
    return Array.from(signals.subarray(0, length), (handle) => this.#names.of(handle)[name]);
  }

  /** Writes the last group and the directory at the end, and gives the file its name. */
  async finish(): Promise<void> {
    await this.#writeGroup();
    await this.#file.finish();
    await Deno.rename(this.#unfinished, this.#path);
  }

  /** Removes the file: without its end nobody could read it. */
  async abandon(): Promise<void> {
    await Deno.remove(this.#unfinished);
  }
}

function nanoseconds(ticks: bigint): bigint | null {
  const time = Ticks.timeOf(ticks);
  return time < FIRST_NANOSECOND || time > LAST_NANOSECOND ? null : (time - Ticks.UnixEpoch) * 100n;
}
