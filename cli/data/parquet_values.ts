import type { SchemaElement } from "hyparquet";
import { deltaBinaryUnpack } from "hyparquet/src/delta.js";
import { readRleBitPackedHybrid } from "hyparquet/src/encoding.js";
import type { Bytes } from "./parquet_footer.ts";

/** Bytes of a number, by its type. */
const WIDTHS: { readonly [type: string]: number } = { INT32: 4, INT64: 8, FLOAT: 4, DOUBLE: 8 };

/** How many of the values of a page are null, by their definition levels. */
export function countNulls(levels: Bytes, values: number): number {
  const view = levels.view();
  checkRuns(levels, 1, values);
  const defined = new Uint8Array(values);
  readRleBitPackedHybrid({ view, offset: 0 }, 1, defined, view.byteLength);
  return values - defined.filter((level) => level === 1).length;
}

/**
 * Looks at the values of a page.
 *
 * @param count How many there are.
 * @param isV2 Whether the page is of the second version.
 * @returns Bytes that they take beyond those of the page.
 * @throws {Error} When there are other numbers of them, or they are larger than the page can be.
 */
export function checkValues(
  bytes: Bytes,
  encoding: string,
  count: number,
  element: SchemaElement,
  isV2: boolean,
): number {
  switch (encoding) {
    case "PLAIN":
      return 0;
    case "PLAIN_DICTIONARY":
    case "RLE_DICTIONARY": {
      const width = bytes.byte();
      if (width > 32) throw new Error(`dictionary indexes of ${width} bits`);
      // Where they have no bits, pages of the first version are not read any further.
      if (width > 0 || isV2) checkRuns(bytes, width, count);
      return 0;
    }
    case "BYTE_STREAM_SPLIT":
      bytes.skip(count * (WIDTHS[element.type!] ?? element.type_length ?? 0));
      return 0;
    case "DELTA_BINARY_PACKED":
    case "DELTA_LENGTH_BYTE_ARRAY":
      checkDeltas(bytes, count);
      return 0;
    case "DELTA_BYTE_ARRAY":
      return sizeOfStrings(readDeltas(bytes, count), readDeltas(bytes, count));
    default:
      throw new Error(`encoding ${encoding} can't be read`);
  }
}

/** Walks over numbers that are repeated or packed, in runs. */
function checkRuns(bytes: Bytes, width: number, values: number): void {
  for (let seen = 0; seen < values;) {
    const head = bytes.varint();
    const isPacked = (head & 1) === 1;
    const count = isPacked ? 8 * (head >>> 1) : head >>> 1;
    // Packed ones come by eight.
    if (seen + count > values + 7) throw new Error(`a run of ${count} values behind ${seen} of ${values}`);
    if (!isPacked) bytes.skip((width + 7) >> 3);
    // hyparquet takes a byte even where they have no bits.
    else bytes.skip(count * width / 8 || Math.min(1, bytes.left));
    seen += count;
  }
}

/** Walks over differences of numbers, in blocks. */
function checkDeltas(bytes: Bytes, values: number): void {
  const blockSize = bytes.varint();
  const parts = bytes.varint();
  bytes.varint(); // the number of values, again
  bytes.varint(); // the first one
  const partSize = blockSize / parts;
  if (!(parts > 0 && partSize > 0 && partSize % 8 === 0)) {
    throw new Error(`blocks of ${blockSize} values in ${parts} parts`);
  }
  for (let seen = 1; seen < values;) {
    bytes.varint(); // the smallest difference
    for (const width of bytes.take(parts)) {
      if (seen >= values) break;
      if (width > 64) throw new Error(`differences of ${width} bits`);
      // Some leave out the end of the last part.
      bytes.skip(Math.min(partSize * width / 8, bytes.left));
      seen += partSize;
    }
  }
}

/** Numbers that are stored as differences. */
function readDeltas(bytes: Bytes, count: number): Int32Array {
  const start = bytes.at;
  const reader = { view: bytes.view(), offset: 0 };
  checkDeltas(bytes, count);
  const numbers = new Int32Array(count);
  deltaBinaryUnpack(reader, count, numbers);
  bytes.at = start + reader.offset;
  return numbers;
}

/** Bytes of texts, each of which begins like the one before. */
function sizeOfStrings(prefixes: Int32Array, suffixes: Int32Array): number {
  let size = 0;
  let length = 0;
  prefixes.forEach((prefix, i) => {
    const suffix = suffixes[i]!;
    if (!(prefix >= 0 && prefix <= length && suffix >= 0)) {
      throw new Error(`${prefix} bytes of a text of ${length} repeated, ${suffix} more`);
    }
    size += length = prefix + suffix;
  });
  return size;
}
