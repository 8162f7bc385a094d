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
 * @param limits `metadataLength` and `gzipRatio` are applied.
 * @throws {SttpError} `MalformedFrame`, `LimitExceeded` or `InvalidMetadata`.
 */
export async function readMetadata(body: Uint8Array, limits: Limits): Promise<DataSet> {
  if (body.length === 0) return new DataSet();
  if (!isGzip(body)) return await DataSet.fromXml(body);
  const chunks = gunzipChunks(body, { maxLength: limits.metadataLength, maxRatio: limits.gzipRatio });
  return await DataSet.fromXml(ReadableStream.from(chunks));
}
