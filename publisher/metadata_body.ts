import type { DataSet } from "../metadata/data_set.ts";
import type { Steps } from "../metadata/steps.ts";
import { xmlPieces } from "../metadata/xml_writer.ts";
import { encodeText, type TextEncoding } from "../transport/wire/text.ts";
import { gzipPieces } from "./shared_gzip.ts";

/** The body of an answer with metadata, in pieces that any number of queues share. */
export interface MetadataBody {
  /** The pieces in order. */
  readonly pieces: readonly Uint8Array[];
  /** Bytes in all. */
  readonly length: number;
  /** Whether it stays in memory for others, too, so that nothing is gained by not sending it. */
  readonly isKept?: boolean;
}

/** Writes a DataSet as a session gets it: XML in its encoding, gzipped or not. */
export function* encodeMetadata(
  dataSet: DataSet,
  encoding: TextEncoding,
  gzip: boolean,
): Steps<MetadataBody> {
  const xml = xmlPieces(dataSet);
  const source = encoding === "utf-8" ? xml : recode(xml, encoding);
  const pieces = yield* gzip ? gzipPieces(source) : collect(source);
  return { pieces, length: pieces.reduce((sum, piece) => sum + piece.length, 0) };
}

function* collect(source: Iterable<Uint8Array>): Steps<Uint8Array[]> {
  const pieces: Uint8Array[] = [];
  for (const piece of source) {
    pieces.push(piece);
    yield piece.length;
  }
  return pieces;
}

/** UTF-8 as UTF-16, with a byte order mark in front, by which an XML reader knows it (XML 1.0 §4.3.3). */
function* recode(
  source: Iterable<Uint8Array>,
  encoding: TextEncoding,
): Generator<Uint8Array<ArrayBuffer>, void> {
  const decoder = new TextDecoder();
  yield encodeText("\ufeff", encoding);
  for (const piece of source) yield encodeText(decoder.decode(piece, { stream: true }), encoding);
}
