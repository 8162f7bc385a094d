/**
 * The MetadataRefresh command (§3).
 *
 * @module
 */
import { SttpError } from "../errors.ts";
import { DefaultLimits, type Limits } from "../limits.ts";
import { decodeText, encodeText, type TextEncoding } from "./text.ts";

/**
 * The body of MetadataRefresh.
 *
 * @param filters Filter expressions separated by `;`, each for one table; empty for all metadata.
 * @param encoding The session's encoding.
 *
 * @example
 * ```ts
 * import { decodeMetadataRefresh, encodeMetadataRefresh } from "@sttp/sttp/transport";
 * import { assertEquals } from "@std/assert";
 *
 * const body = encodeMetadataRefresh("FILTER MeasurementDetail WHERE SignalAcronym <> 'STAT'", "utf-8");
 * assertEquals(decodeMetadataRefresh(body, "utf-8"), "FILTER MeasurementDetail WHERE SignalAcronym <> 'STAT'");
 * ```
 */
export function encodeMetadataRefresh(filters: string, encoding: TextEncoding): Uint8Array<ArrayBuffer> {
  if (filters === "") return new Uint8Array(0);
  const text = encodeText(filters, encoding);
  const body = new Uint8Array(4 + text.length);
  new DataView(body.buffer).setUint32(0, text.length);
  body.set(text, 4);
  return body;
}

/**
 * Reads the body of MetadataRefresh; bytes behind the text are ignored.
 *
 * @param limits `filterLength` is applied.
 * @returns The filter expressions; empty for all metadata.
 * @throws {SttpError} `MalformedFrame` when the length does not fit the body, `MalformedText` when the text is not in
 * the session's encoding, `LimitExceeded`.
 */
export function decodeMetadataRefresh(
  body: Uint8Array,
  encoding: TextEncoding,
  limits: Partial<Limits> = {},
): string {
  if (body.length === 0) return "";
  if (body.length < 4) {
    throw new SttpError(
      "MalformedFrame",
      `MetadataRefresh body of ${body.length} bytes, 0 or at least 4 expected`,
    );
  }
  const length = new DataView(body.buffer, body.byteOffset).getUint32(0);
  if (length > body.length - 4) {
    throw new SttpError(
      "MalformedFrame",
      `MetadataRefresh announces filters of ${length} bytes, ${body.length - 4} are left`,
    );
  }
  const filters = decodeText(body.subarray(4, 4 + length), encoding, { fatal: true });
  const { filterLength } = { ...DefaultLimits, ...limits };
  if (filters.length > filterLength) {
    throw new SttpError(
      "LimitExceeded",
      `filters of ${filters.length} characters, at most ${filterLength} expected`,
    );
  }
  return filters;
}
