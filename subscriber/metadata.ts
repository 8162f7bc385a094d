/**
 * Metadata as it comes off the wire.
 *
 * @module
 */
import { Breath } from "../metadata/breathe.ts";
import { DataSet } from "../metadata/data_set.ts";
import { Metadata } from "../metadata/records.ts";
import type { Limits } from "../transport/limits.ts";
import { gunzipChunks, isGzip } from "../transport/wire/gzip.ts";
import type { Session } from "./session.ts";
import type { SessionHost } from "./session_state.ts";

/**
 * Reads the answer to MetadataRefresh (§3): XML, gzipped or not; nothing at all when the publisher has no metadata.
 * A compressed document is read as it is decompressed, never held whole.
 *
 * A cell whose text is not of its column's type becomes null, and is counted in the DataSet's report.
 *
 * @param limits `metadataLength` and `gzipRatio` are applied.
 * @throws {SttpError} `MalformedFrame`, `LimitExceeded`, `InvalidMetadata` or `Aborted`.
 */
export async function readMetadata(body: Uint8Array, limits: Limits, signal?: AbortSignal): Promise<DataSet> {
  if (body.length === 0) return new DataSet();
  const { metadataLength: maxLength, gzipRatio: maxRatio } = limits;
  const xml = isGzip(body) ? ReadableStream.from(inTurns(gunzipChunks(body, { maxLength, maxRatio }))) : body;
  return await DataSet.fromXml(xml, { maxLength, invalidValues: "null", ...(signal && { signal }) });
}

/** Who reads a document lets other work in, but not before there is something to read. */
async function* inTurns(pieces: Iterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const breath = new Breath();
  for (const piece of pieces) {
    yield piece;
    if (piece.length === 0) await breath.due();
  }
}

/** The publisher's metadata, as last received. */
export class ReceivedMetadata {
  readonly #host: Pick<SessionHost, "options" | "counters" | "emit">;
  #dataSet: DataSet | undefined;
  #records: Metadata | undefined;
  /** How often metadata was asked for, and which of those times `dataSet` is from. */
  #asked = 0;
  #turn = 0;

  /** None yet. */
  constructor(host: Pick<SessionHost, "options" | "counters" | "emit">) {
    this.#host = host;
  }

  /** The document; `undefined` before the first. */
  get dataSet(): DataSet | undefined {
    return this.#dataSet;
  }

  /** The document as records, made when first asked for. @throws {SttpError} `InvalidMetadata`. */
  get records(): Metadata | undefined {
    if (this.#dataSet !== undefined && this.#records?.dataSet !== this.#dataSet) {
      this.#records = new Metadata(this.#dataSet);
    }
    return this.#records;
  }

  /** Gets it anew. @throws {SttpError} As the request does, and as {@linkcode readMetadata}. */
  async refresh(session: Session, filters: string, signal?: AbortSignal): Promise<DataSet> {
    const { options: { limits, clock }, counters, emit } = this.#host;
    const turn = ++this.#asked;
    const asked = clock.monotonic();
    const body = await session.requestMetadata(filters, signal);
    const answered = clock.monotonic();
    const dataSet = await readMetadata(body, limits, signal);
    // Reading a long document may take longer than asking for the next one and reading that.
    if (turn > this.#turn) {
      this.#turn = turn;
      this.#dataSet = dataSet;
    }
    counters.metadataRefreshes++;
    emit({
      kind: "metadata",
      bytes: body.length,
      requestMilliseconds: answered - asked,
      parseMilliseconds: clock.monotonic() - answered,
      tables: dataSet.tables.map(({ name, rowCount }) => ({ name, rows: rowCount })),
    });
    return dataSet;
  }
}
