import type { DataSet } from "../metadata/data_set.ts";
import { encodeText, type TextEncoding } from "../transport/wire/text.ts";
import { compress } from "./shared_gzip.ts";

/** The body of an answer with metadata, in pieces that any number of queues share. */
export interface MetadataBody {
  /** The pieces in order. */
  readonly pieces: readonly Uint8Array[];
  /** Bytes in all. */
  readonly length: number;
}

/** Writes a DataSet as a session gets it: XML in its encoding, gzipped or not; without holding up anybody. */
export async function encodeMetadata(
  dataSet: DataSet,
  encoding: TextEncoding,
  gzip: boolean,
): Promise<MetadataBody> {
  let source: AsyncIterable<Uint8Array<ArrayBuffer>> = dataSet.toXmlStream();
  if (encoding !== "utf-8") source = recode(source, encoding);
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of gzip ? compress("gzip", source) : source) {
    pieces.push(piece);
    length += piece.length;
  }
  return { pieces, length };
}

/** UTF-8 as UTF-16, with a byte order mark in front, by which an XML reader knows it (XML 1.0 §4.3.3). */
async function* recode(
  source: AsyncIterable<Uint8Array>,
  encoding: TextEncoding,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const decoder = new TextDecoder();
  yield encodeText("\ufeff", encoding);
  for await (const piece of source) yield encodeText(decoder.decode(piece, { stream: true }), encoding);
}
