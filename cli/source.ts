/**
 * Where a publisher's measurements come from.
 *
 * @module
 */
import type { Grid } from "../grid/mod.ts";
import { isGuid, MeasurementBatch, type Publisher } from "../mod.ts";
import { readFile, readStream } from "./data/files.ts";
import type { ReadableFormat } from "./data/format.ts";
import { RowReader } from "./data/reader.ts";
import { CommandError, ExitCode } from "./exit_codes.ts";
import { paced } from "./pace.ts";
import { many } from "./text.ts";

/** Measurements for a publisher, with handles of its `signals`. */
export interface MeasurementSource {
  /** The measurements, when they are due. Each batch is lent until the next one is asked for. */
  batches(signal: AbortSignal): AsyncIterable<MeasurementBatch>;
  /** Measurements so far whose signal the metadata does not have. */
  readonly unknown: number;
  /** Looks anew for signals that were not known, after a change of metadata. */
  metadataChanged(): void;
}

/** A synthetic grid, in real time. */
export class GridSource implements MeasurementSource {
  readonly #grid: Grid;
  /** All signals are its own. */
  readonly unknown = 0;

  /** Its metadata becomes the publisher's. */
  constructor(grid: Grid, publisher: Publisher) {
    this.#grid = grid;
    publisher.defineMetadata(grid.metadata());
    grid.bind(publisher.signals);
  }

  /** A batch for each frame. */
  async *batches(signal: AbortSignal): AsyncGenerator<MeasurementBatch, void> {
    const batch = new MeasurementBatch(this.#grid.signals.length);
    for await (const ticks of this.#grid.frames({ signal })) {
      batch.clear();
      this.#grid.write(batch, ticks);
      yield batch;
    }
  }

  /** Nothing to do. */
  metadataChanged(): void {}
}

/** How a file is played. */
export interface FileSourceOptions {
  readonly path: string;
  readonly format: ReadableFormat;
  /** How often as fast as it was recorded. */
  readonly speed: number;
  /** Whether the times become those at which they go. */
  readonly retime: boolean;
  /** Whether it begins again at its end. */
  readonly loop: boolean;
}

/** What files and streams have in common: signals that are looked up by name. */
abstract class RecordedSource implements MeasurementSource {
  protected readonly rows: RowReader;

  constructor(where: string, publisher: Publisher) {
    this.rows = new RowReader(where, (name) => {
      const id = isGuid(name) ? name : publisher.metadata?.measurement(name)?.signalId;
      return id === undefined ? undefined : publisher.signals.handleOf(id);
    });
  }

  abstract batches(signal: AbortSignal): AsyncIterable<MeasurementBatch>;

  get unknown(): number {
    return this.rows.unknown;
  }

  metadataChanged(): void {
    this.rows.forget();
  }

  /** @throws {CommandError} When all that was read is of unknown signals: then nothing was as it should be. */
  protected checkKnown(): void {
    const { unknown, known, where } = this.rows;
    if (known > 0 || unknown === 0) return;
    throw new CommandError(
      ExitCode.BadInput,
      `${where}: the metadata has none of the signals of its ${many(unknown, "measurement")}`,
    );
  }
}

/** A recorded file. */
export class FileSource extends RecordedSource {
  readonly #options: FileSourceOptions;

  /** Nothing is read yet. */
  constructor(options: FileSourceOptions, publisher: Publisher) {
    super(options.path, publisher);
    this.#options = options;
  }

  /** The measurements, at the pace that was asked for. */
  async *batches(signal: AbortSignal): AsyncGenerator<MeasurementBatch, void> {
    const { path, format, speed, retime, loop } = this.#options;
    do {
      let any = false;
      for await (const batch of paced(readFile(path, format, this.rows), { speed, retime, signal })) {
        any = true;
        yield batch;
      }
      if (!signal.aborted) this.checkKnown();
      // A file without measurements would be read again and again.
      if (!any) return;
    } while (loop && !signal.aborted);
  }
}

/** A stream, such as standard input: measurements go as they come. */
export class StreamSource extends RecordedSource {
  readonly #bytes: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly #format: "csv" | "ndjson";

  /** Nothing is read yet. */
  constructor(
    bytes: ReadableStream<Uint8Array<ArrayBuffer>>,
    format: "csv" | "ndjson",
    publisher: Publisher,
  ) {
    super("standard input", publisher);
    this.#bytes = bytes;
    this.#format = format;
  }

  /** The measurements, as they come. */
  async *batches(signal: AbortSignal): AsyncGenerator<MeasurementBatch, void> {
    const bytes = this.#bytes.pipeThrough(new TransformStream(), { signal });
    try {
      yield* readStream(bytes, this.#format, this.rows);
      this.checkKnown();
    } catch (error) {
      // What the signal ended has no end of its own.
      if (!signal.aborted) throw error;
    }
  }
}
