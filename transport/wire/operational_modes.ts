/**
 * Operational modes: what a subscriber asks for before anything else (§2).
 *
 * @module
 */
import { SttpError } from "../errors.ts";
import { decodeText, encodeText, type TextEncoding } from "./text.ts";

/**
 * What a session agrees on. A compression takes effect only when its own bit and the bit of its kind are both set;
 * see {@linkcode usesTssc}, {@linkcode usesGzipCache} and {@linkcode usesGzipMetadata}.
 */
export interface OperationalModes {
  /** The protocol's version, 0 to 31; today 1, 2 or 3. */
  readonly version: number;
  /** Compression kind: gzip is understood. */
  readonly gzip: boolean;
  /** Compression kind: TSSC is understood. */
  readonly tssc: boolean;
  /** How text is encoded; `undefined` when the bits name no encoding. */
  readonly encoding: TextEncoding | undefined;
  /** Implementation-specific extension, 0 to 255; 0 is none. */
  readonly extension: number;
  /** Metadata that the publisher has from others is wanted. */
  readonly receiveExternalMetadata: boolean;
  /** Metadata of the publisher itself is wanted. */
  readonly receiveInternalMetadata: boolean;
  /** Data packets may be compressed. */
  readonly compressPayloadData: boolean;
  /** Signal index caches may be compressed. */
  readonly compressSignalIndexCache: boolean;
  /** Metadata may be compressed. */
  readonly compressMetadata: boolean;
}

/** What a subscriber of today asks for: version 2, UTF-8, everything compressed. */
export const DefaultOperationalModes: OperationalModes = Object.freeze({
  version: 2,
  gzip: true,
  tssc: true,
  encoding: "utf-8",
  extension: 0,
  receiveExternalMetadata: false,
  receiveInternalMetadata: false,
  compressPayloadData: true,
  compressSignalIndexCache: true,
  compressMetadata: true,
});

/** The body of DefineOperationalModes, taken apart. */
export interface DecodedOperationalModes {
  /** The modes. */
  readonly modes: OperationalModes;
  /** The 32 bits as they came, unsigned, with those that have no meaning here. */
  readonly bits: number;
  /** What followed them: a connection string that names compression algorithms; empty where nothing did. */
  readonly algorithms: string;
}

const VERSION = 0x0000001f;
const GZIP = 0x00000020;
const TSSC = 0x00000040;
const ENCODING = 0x00000300;
const EXTENSION = 0x00ff0000;
const RECEIVE_EXTERNAL_METADATA = 0x02000000;
const RECEIVE_INTERNAL_METADATA = 0x04000000;
const COMPRESS_PAYLOAD_DATA = 0x20000000;
const COMPRESS_SIGNAL_INDEX_CACHE = 0x40000000;
const COMPRESS_METADATA = 0x80000000;

const ENCODINGS: readonly (TextEncoding | undefined)[] = ["utf-16le", "utf-16be", "utf-8", undefined];

/**
 * The body of DefineOperationalModes.
 *
 * @param algorithms A connection string of compression algorithms to put behind the bits; default none.
 * @throws {RangeError} When the version or the extension has no place in its bits.
 *
 * @example
 * ```ts
 * import { DefaultOperationalModes, encodeOperationalModes } from "@sttp/sttp/transport";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(encodeOperationalModes(DefaultOperationalModes), new Uint8Array([0xe0, 0x00, 0x02, 0x62]));
 * ```
 */
export function encodeOperationalModes(
  modes: OperationalModes,
  algorithms: string = "",
): Uint8Array<ArrayBuffer> {
  const { version, extension } = modes;
  if (!Number.isInteger(version) || version < 0 || version > VERSION) {
    throw new RangeError(`version ${version} is not between 0 and 31`);
  }
  if (!Number.isInteger(extension) || extension < 0 || extension > 0xff) {
    throw new RangeError(`extension ${extension} is not between 0 and 255`);
  }
  let bits = version | ENCODINGS.indexOf(modes.encoding) << 8 | extension << 16;
  if (modes.gzip) bits |= GZIP;
  if (modes.tssc) bits |= TSSC;
  if (modes.receiveExternalMetadata) bits |= RECEIVE_EXTERNAL_METADATA;
  if (modes.receiveInternalMetadata) bits |= RECEIVE_INTERNAL_METADATA;
  if (modes.compressPayloadData) bits |= COMPRESS_PAYLOAD_DATA;
  if (modes.compressSignalIndexCache) bits |= COMPRESS_SIGNAL_INDEX_CACHE;
  if (modes.compressMetadata) bits |= COMPRESS_METADATA;
  const text = encodeText(algorithms, modes.encoding ?? "utf-8");
  const body = new Uint8Array(4 + text.length);
  new DataView(body.buffer).setUint32(0, bits);
  body.set(text, 4);
  return body;
}

/**
 * Takes the body of DefineOperationalModes apart. Only its first four bytes can be wrong.
 *
 * @throws {SttpError} `MalformedFrame` when there are fewer than four bytes.
 */
export function decodeOperationalModes(body: Uint8Array): DecodedOperationalModes {
  if (body.length < 4) {
    throw new SttpError("MalformedFrame", `${body.length} bytes of operational modes, at least 4 expected`);
  }
  const bits = new DataView(body.buffer, body.byteOffset).getUint32(0);
  const encoding = ENCODINGS[(bits & ENCODING) >> 8];
  return {
    modes: {
      version: bits & VERSION,
      gzip: (bits & GZIP) !== 0,
      tssc: (bits & TSSC) !== 0,
      encoding,
      extension: (bits & EXTENSION) >> 16,
      receiveExternalMetadata: (bits & RECEIVE_EXTERNAL_METADATA) !== 0,
      receiveInternalMetadata: (bits & RECEIVE_INTERNAL_METADATA) !== 0,
      compressPayloadData: (bits & COMPRESS_PAYLOAD_DATA) !== 0,
      compressSignalIndexCache: (bits & COMPRESS_SIGNAL_INDEX_CACHE) !== 0,
      compressMetadata: (bits & COMPRESS_METADATA) !== 0,
    },
    bits,
    algorithms: decodeText(body.subarray(4), encoding ?? "utf-8"),
  };
}

/** Whether data packets are TSSC (over TCP; never over UDP). */
export function usesTssc(modes: OperationalModes): boolean {
  return modes.compressPayloadData && modes.tssc;
}

/** Whether signal index caches are gzipped. */
export function usesGzipCache(modes: OperationalModes): boolean {
  return modes.compressSignalIndexCache && modes.gzip;
}

/** Whether metadata is gzipped. */
export function usesGzipMetadata(modes: OperationalModes): boolean {
  return modes.compressMetadata && modes.gzip;
}
