/**
 * Text in the encoding that a session agreed on (§2, operational modes).
 *
 * @module
 */
import { SttpError } from "../errors.ts";

/** How a session encodes its text. UTF-8 is the only one to choose; the other two are understood. */
export type TextEncoding = "utf-8" | "utf-16le" | "utf-16be";

const utf8 = new TextEncoder();

/** Settings of {@linkcode decodeText}. */
export interface DecodeTextOptions {
  /** Whether bytes that are not text are an error; default false: each becomes U+FFFD. */
  readonly fatal?: boolean;
}

/** Encodes text; half a surrogate pair becomes U+FFFD in UTF-8. */
export function encodeText(text: string, encoding: TextEncoding): Uint8Array<ArrayBuffer> {
  if (encoding === "utf-8") return utf8.encode(text);
  const bytes = new Uint8Array(2 * text.length);
  const [low, high] = encoding === "utf-16le" ? [0, 1] : [1, 0];
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    bytes[2 * i + low] = unit;
    bytes[2 * i + high] = unit >> 8;
  }
  return bytes;
}

/**
 * Decodes text. A byte order mark in front is dropped.
 *
 * @throws {SttpError} `MalformedText` when `fatal` is set and the bytes are not text in that encoding.
 */
export function decodeText(
  bytes: Uint8Array,
  encoding: TextEncoding,
  options: DecodeTextOptions = {},
): string {
  try {
    return new TextDecoder(encoding, { fatal: options.fatal ?? false }).decode(bytes);
  } catch (cause) {
    throw new SttpError("MalformedText", `${bytes.length} bytes are not ${encoding} text`, { cause });
  }
}

/**
 * Reads the text of a Succeeded or Failed response. One publisher puts its length in front, in four bytes: they are
 * dropped when they hold the length of the rest.
 *
 * @param maxLength Bytes that are read of a longer text; default all.
 */
export function decodeResponseText(
  body: Uint8Array,
  encoding: TextEncoding,
  maxLength: number = Infinity,
): string {
  const prefixed = body.length >= 4 &&
    new DataView(body.buffer, body.byteOffset).getUint32(0) === body.length - 4;
  const start = prefixed ? 4 : 0;
  return decodeText(body.subarray(start, start + maxLength), encoding);
}
