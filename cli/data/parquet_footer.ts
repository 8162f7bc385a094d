import { type AsyncBuffer, type FileMetaData, parquetMetadata, type ParquetParsers } from "hyparquet";

/** Bytes of a footer, at most: more than tens of thousands of row groups take. */
const MAX_FOOTER = 16 * 1024 ** 2;
/** Columns of a file, with the groups that they are in. */
const MAX_SCHEMA = 2_000;
/** Structs and lists within one another: Parquet has not half as many. */
const MAX_DEPTH = 16;
/** How deep the statistics of columns are. Making numbers of them takes a time that grows with their size squared. */
const STATISTICS_DEPTH = 6;
/** Bytes of the largest or smallest value of a column; other programs write no more either. */
const MAX_STATISTIC = 4096;
const MAGIC = 0x31524150;

/**
 * Reads the footer of a Parquet file, after it has looked whether hyparquet can: that takes the sizes of lists and
 * numbers from the file as they are, and memory for them.
 *
 * @throws {Error} When it is damaged or too large.
 */
export async function readFooter(
  file: AsyncBuffer,
  parsers: Partial<ParquetParsers>,
): Promise<FileMetaData> {
  const size = file.byteLength;
  const tail = new DataView(await file.slice(Math.max(0, size - 8), size));
  if (tail.byteLength < 8 || tail.getUint32(4, true) !== MAGIC) throw new Error("this is no Parquet file");
  const length = tail.getUint32(0, true);
  if (length > Math.min(MAX_FOOTER, size - 8)) {
    throw new Error(`a footer of ${length} bytes, at most ${Math.min(MAX_FOOTER, size - 8)} expected`);
  }
  const footer = await file.slice(size - 8 - length, size);
  checkStruct(new Bytes(new Uint8Array(footer, 0, length)));
  const metadata = parquetMetadata(footer, { parsers, geoparquet: false });
  if (metadata.schema.length > MAX_SCHEMA) {
    throw new Error(`${metadata.schema.length} columns, at most ${MAX_SCHEMA} expected`);
  }
  return metadata;
}

/** Bytes that are read one after the other, with an error at their end. */
export class Bytes {
  readonly #bytes: Uint8Array;
  /** Where it is. */
  at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes;
    this.at = at;
  }

  /** How many are left. */
  get left(): number {
    return this.#bytes.length - this.at;
  }

  /** The next one. */
  byte(): number {
    this.skip(1);
    return this.#bytes[this.at - 1]!;
  }

  /** A number of up to 64 bits in groups of seven, of which 32 bits are told: as a number with a sign. */
  varint(): number {
    let result = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.byte();
      result |= (byte & 0x7f) << shift;
      if (byte < 0x80) return result;
    }
    throw new Error("a number of more than 64 bits");
  }

  /** Leaves out the next ones. */
  skip(count: number): void {
    if (!(count >= 0 && count <= this.left)) {
      throw new Error(`${count} bytes expected, ${this.left} are left`);
    }
    this.at += count;
  }

  /** The next ones, by themselves. */
  part(count: number): Bytes {
    return new Bytes(this.take(count));
  }

  /** Those that are left, without going on. */
  view(): DataView {
    return new DataView(this.#bytes.buffer, this.#bytes.byteOffset + this.at, this.left);
  }

  /** The next ones. */
  take(count: number): Uint8Array {
    this.skip(count);
    return this.#bytes.subarray(this.at - count, this.at);
  }
}

/**
 * Walks over a struct in Thrift's compact form.
 *
 * @throws {Error} When it is longer than the bytes, or structs are too deep in one another.
 */
export function checkStruct(bytes: Bytes, depth = 0): void {
  if (depth > MAX_DEPTH) throw new Error("structs too deep in one another");
  for (let head = bytes.byte(); (head & 0xf) !== 0; head = bytes.byte()) {
    if (head >> 4 === 0) bytes.varint();
    checkElement(bytes, head & 0xf, depth);
  }
}

function checkElement(bytes: Bytes, type: number, depth: number): void {
  switch (type) {
    case 1: // true
    case 2: // false
      return;
    case 3: // a byte
      return bytes.skip(1);
    case 4: // numbers of 16, 32 and 64 bits
    case 5:
    case 6:
      return void bytes.varint();
    case 7: // a double
      return bytes.skip(8);
    case 8: { // bytes
      const length = bytes.varint();
      if (depth >= STATISTICS_DEPTH && length > MAX_STATISTIC) {
        throw new Error(`statistics of ${length} bytes, at most ${MAX_STATISTIC} expected`);
      }
      return bytes.skip(length);
    }
    case 9:
      return checkList(bytes, depth + 1);
    case 12:
      return checkStruct(bytes, depth + 1);
    default:
      throw new Error(`an element of type ${type}`);
  }
}

function checkList(bytes: Bytes, depth: number): void {
  if (depth > MAX_DEPTH) throw new Error("lists too deep in one another");
  const head = bytes.byte();
  const size = head >> 4 === 15 ? bytes.varint() : head >> 4;
  const type = head & 0xf;
  // Each element takes a byte at least.
  if (!(size >= 0 && size <= bytes.left)) throw new Error(`a list of ${size} in ${bytes.left} bytes`);
  for (let i = 0; i < size; i++) {
    if (type <= 2) bytes.skip(1); // true or false
    else checkElement(bytes, type, depth);
  }
}
