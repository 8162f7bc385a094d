/**
 * Metadata as it comes off the wire.
 *
 * @module
 */
import { DataSet } from "../metadata/data_set.ts";
import type { Limits } from "../transport/limits.ts";
import { gunzipChunks, isGzip } from "../transport/wire/gzip.ts";

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
  const xml = isGzip(body) ? ReadableStream.from(gunzipChunks(body, { maxLength, maxRatio })) : body;
  return await DataSet.fromXml(xml, { maxLength, invalidValues: "null", ...(signal && { signal }) });
}
