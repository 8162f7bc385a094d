import type { AsyncBuffer, PageHeader, RowGroup, SchemaElement } from "hyparquet";
import { parquetHeader } from "hyparquet/src/column.js";
import { Bytes, checkStruct } from "./parquet_footer.ts";
import { checkValues, countNulls } from "./parquet_values.ts";
import { uncompressSnappy } from "./snappy.ts";

/** Cells of a row group: all of them are in memory at a time. */
const MAX_CELLS = 2 ** 25;
/** Bytes of a row group's columns, as they are in the file and uncompressed. */
const MAX_BYTES = 1024 ** 3;
/** Bytes of a value that has a fixed number of them. */
const MAX_FIXED = 64;

/**
 * Looks at the columns of a row group before hyparquet reads them. That follows lengths and counts as the file has
 * them; where these are damaged they can lead it in circles, or past the end of its arrays until there is no memory
 * left.
 *
 * @param wanted The columns that will be read.
 * @throws {Error} When one of them is damaged, not that of a flat table, or too large.
 */
export async function checkGroup(
  file: AsyncBuffer,
  { columns, num_rows: rowCount }: RowGroup,
  wanted: readonly SchemaElement[],
): Promise<void> {
  const rows = Number(rowCount);
  if (rows === 0) return;
  const most = Math.floor(MAX_CELLS / wanted.length);
  if (!isCount(rows, most)) throw new Error(`a row group of ${rows} rows, at most ${most} can be read`);
  const budget = new Budget();
  for (const element of wanted) {
    try {
      const found = columns.filter(({ meta_data }) => meta_data?.path_in_schema[0] === element.name);
      if (found.length !== 1) throw new Error(`it is in the row group ${found.length} times`);
      const check = new ColumnCheck(found[0]!.meta_data!, element, budget);
      await check.pages(file, rows);
    } catch (error) {
      throw new Error(`column ${element.name}: ${(error as Error).message}`, { cause: error });
    }
  }
}

function isCount(count: unknown, most: number): count is number {
  return Number.isInteger(count) && count as number >= 0 && count as number <= most;
}

/** What a row group may still take. */
class Budget {
  #left = MAX_BYTES;

  take(bytes: number): void {
    if (!isCount(bytes, this.#left)) {
      throw new Error(`${bytes} bytes more, at most ${MAX_BYTES} of a row group can be read`);
    }
    this.#left -= bytes;
  }
}

type ColumnMetaData = NonNullable<RowGroup["columns"][number]["meta_data"]>;

/** Looks at the pages of a column. */
class ColumnCheck {
  readonly #column: ColumnMetaData;
  readonly #element: SchemaElement;
  readonly #budget: Budget;
  readonly #isOptional: boolean;
  #hasDictionary = false;

  constructor(column: ColumnMetaData, element: SchemaElement, budget: Budget) {
    const { type, type_length, repetition_type, num_children, converted_type, logical_type } = element;
    if (num_children || repetition_type === "REPEATED" || column.path_in_schema.length !== 1) {
      throw new Error("lists and structs can't be read");
    }
    const isGeography = /^GEO/.test(logical_type?.type ?? "");
    const isLongDecimal = type === "BYTE_ARRAY" && converted_type === "DECIMAL";
    if (column.type !== type || type === "BOOLEAN" || isGeography || isLongDecimal) {
      throw new Error(
        `values of type ${column.type} ${logical_type?.type ?? converted_type ?? ""} can't be read`,
      );
    }
    if (type === "FIXED_LEN_BYTE_ARRAY" && !isCount(type_length, MAX_FIXED)) {
      throw new Error(`values of ${type_length} bytes each, at most ${MAX_FIXED} can be read`);
    }
    this.#column = column;
    this.#element = element;
    this.#budget = budget;
    this.#isOptional = repetition_type !== "REQUIRED";
  }

  /** Looks at pages until they have a value for each row, as hyparquet does. */
  async pages(file: AsyncBuffer, rows: number): Promise<void> {
    const { dictionary_page_offset, data_page_offset, total_compressed_size: size } = this.#column;
    const start = dictionary_page_offset || data_page_offset;
    const isWithin = typeof start === "bigint" && typeof size === "bigint" && start >= 0n && size >= 0n &&
      start + size <= BigInt(file.byteLength);
    if (!isWithin) throw new Error(`${size} bytes at byte ${start} of ${file.byteLength}`);
    this.#budget.take(Number(size));
    const chunk = new Uint8Array(await file.slice(Number(start), Number(start + size)));
    const reader = { view: new DataView(chunk.buffer), offset: 0 };
    for (let left = rows; left > 0;) {
      if (reader.offset >= chunk.length - 1) throw new Error(`${rows - left} values for ${rows} rows`);
      checkStruct(new Bytes(chunk, reader.offset));
      const header = parquetHeader(reader);
      const length = header.compressed_page_size;
      if (!isCount(length, chunk.length - reader.offset)) throw new Error(`a page of ${length} bytes`);
      const page = chunk.subarray(reader.offset, reader.offset += length);
      this.#budget.take(header.uncompressed_page_size);
      left -= this.#page(header, page, left);
    }
  }

  /** Looks at a page. @returns How many values it has. */
  #page(header: PageHeader, page: Uint8Array, rowsLeft: number): number {
    const { type, uncompressed_page_size: size } = header;
    if (type === "DICTIONARY_PAGE") {
      const values = header.dictionary_page_header?.num_values;
      // Each takes a byte at least.
      if (!isCount(values, this.#uncompressed(page, size).length)) {
        throw new Error(`${values} values in a dictionary`);
      }
      this.#hasDictionary = true;
      return 0;
    }
    const data = type === "DATA_PAGE" ? header.data_page_header : header.data_page_header_v2;
    if (data === undefined) throw new Error(`a page of type ${type}`);
    const values = data.num_values;
    if (!isCount(values, rowsLeft) || values === 0) throw new Error(`a page of ${values} values`);
    if (!("num_rows" in data)) {
      const bytes = new Bytes(this.#uncompressed(page, size));
      const nulls = this.#isOptional
        ? countNulls(bytes.part(bytes.part(4).view().getUint32(0, true)), values)
        : 0;
      this.#values(bytes, data.encoding, values - nulls, false);
      return values;
    }
    const { num_rows: rows, num_nulls: nulls, repetition_levels_byte_length: repetitions } = data;
    if (rows !== values || !isCount(nulls, values)) {
      throw new Error(`a page of ${values} values, ${rows} rows and ${nulls} nulls`);
    }
    const definitions = data.definition_levels_byte_length;
    const bytes = new Bytes(page);
    bytes.skip(repetitions);
    if (this.#isOptional) countNulls(bytes.part(definitions), values);
    const rest = bytes.take(bytes.left);
    const body = data.is_compressed === false
      ? rest
      : this.#uncompressed(rest, size - definitions - repetitions);
    this.#values(new Bytes(body), data.encoding, values - nulls, true);
    return values;
  }

  #uncompressed(page: Uint8Array, size: number): Uint8Array {
    const { codec } = this.#column;
    if (codec === "SNAPPY") return uncompressSnappy(page, size);
    if (codec !== "UNCOMPRESSED") throw new Error(`compression by ${codec} can't be read`);
    if (page.length !== size) throw new Error(`a page of ${page.length} bytes that should have ${size}`);
    return page;
  }

  #values(bytes: Bytes, encoding: string, count: number, isV2: boolean): void {
    if (/_DICTIONARY$/.test(encoding) && !this.#hasDictionary) throw new Error("there is no dictionary");
    this.#budget.take(checkValues(bytes, encoding, count, this.#element, isV2));
  }
}
