import type { DataRow } from "../metadata/data_row.ts";
import type { DataSet } from "../metadata/data_set.ts";
import type { DataTable } from "../metadata/data_table.ts";
import type { CellValue } from "../metadata/data_type.ts";
import { type Decimal, formatDecimal } from "../metadata/decimal.ts";
import { FilterError } from "../metadata/filter/errors.ts";
import { parseFilterSteps } from "../metadata/filter/parser.ts";
import { selectRowsSteps } from "../metadata/filter/select.ts";
import { inSlices, type Steps } from "../metadata/steps.ts";
import { systemClock } from "../transport/clock.ts";
import { SttpError } from "../transport/errors.ts";
import { Ticks } from "../transport/wire/ticks.ts";
import { filterProblem, Problem } from "./problems.ts";
import { clip, type Query } from "./query.ts";

/** A metadata table in short. */
export interface TableSummary {
  readonly name: string;
  readonly rows: number;
  readonly columns: readonly { readonly name: string; readonly type: string }[];
}

/** A cell as JSON: numbers too great for JSON, decimals and times as text. */
export type JsonCell = string | number | boolean | null;

/** Rows of a metadata table. */
export interface TablePage extends TableSummary {
  /** How many rows there are of what was asked for. */
  readonly total: number;
  /** How many were left out before the first of these. */
  readonly offset: number;
  /** By column name. */
  readonly values: readonly Readonly<Record<string, JsonCell>>[];
}

/** The query parameters of a table. */
export const TableParameters: readonly string[] = ["system", "filter", "search", "limit", "offset"];

/** A condition is tried on every row, a slice at a time; this keeps that below a quarter of a second. */
const limits = { maxLength: 16_384, maxWork: 20_000_000, maxMilliseconds: 250 };

/** So many rows are searched in a step: less than a millisecond. */
const STEP = 256;

/** The tables of metadata in short. */
export function summarizeTables(metadata: DataSet): TableSummary[] {
  return metadata.tables.map(summarize);
}

function summarize(table: DataTable): TableSummary {
  const columns = table.columns.map(({ name, type }) => ({ name, type }));
  return { name: table.name, rows: table.rowCount, columns };
}

/**
 * The rows of a table that a request asks for: those for which a filter expression is true, with a text in them. Others
 * have their turn while they are looked for.
 *
 * @throws {Problem} When there is no such table, a parameter makes no sense or the filter is wrong, and where.
 */
export function browseTable(metadata: DataSet, name: string, query: Query): Promise<TablePage> {
  return inSlices(browse(metadata, name, query), systemClock);
}

function* browse(metadata: DataSet, name: string, query: Query): Steps<TablePage> {
  const table = metadata.table(name);
  if (table === undefined) {
    const names = metadata.tables.map((known) => known.name).join(", ");
    throw new Problem(404, "NoTable", `there is no table "${clip(name, 60)}"; there are ${names}`);
  }
  const limit = query.whole("limit", 100, 1, 1_000);
  const offset = query.whole("offset", 0, 0, 1_000_000_000);
  const filter = query.text("filter");
  const search = query.text("search");
  const summary = summarize(table);
  if (filter === undefined && search === undefined) {
    const values: Record<string, JsonCell>[] = [];
    const end = Math.min(table.rowCount, offset + limit);
    for (let index = offset; index < end; index++) values.push(toJson(table.row(index)));
    return { ...summary, total: table.rowCount, offset, values };
  }
  const hasText = search === undefined ? () => true : searchOf(table, search);
  const filtered = filter === undefined ? undefined : yield* filterRows(metadata, table, filter);
  const count = filtered?.length ?? table.rowCount;
  const rows: number[] = [];
  for (let i = 0; i < count; i++) {
    const index = filtered === undefined ? i : filtered[i]!.index;
    if (hasText(index)) rows.push(index);
    if (i % STEP === STEP - 1) yield;
  }
  const values = rows.slice(offset, offset + limit).map((index) => toJson(table.row(index)));
  return { ...summary, total: rows.length, offset, values };
}

function* filterRows(metadata: DataSet, table: DataTable, filter: string): Steps<DataRow[]> {
  try {
    for (const statement of yield* parseFilterSteps(filter, { limits })) {
      if (statement.kind !== "filter" || metadata.table(statement.table) === table) continue;
      const { start, end } = statement;
      throw new FilterError("name", `the table shown is ${table.name}`, filter, { start, end }, {
        expected: `FILTER ${table.name} ..., or a condition alone`,
      });
    }
    return yield* selectRowsSteps(metadata, filter, { primaryTable: table.name, limits });
  } catch (error) {
    if (error instanceof FilterError) throw filterProblem(error);
    throw error;
  }
}

/** Tells of a row whether one of its cells has a text in it, in any case; times are for filters. */
function searchOf(table: DataTable, text: string): (row: number) => boolean {
  const matches = textMatcher(text);
  // Numbers take long to write out, so that is done only for what can be a part of one.
  const isInNumbers = /^[\d.e+-]+$|^-?(?:NaN|Infinity)$/i.test(text);
  const columns = table.columns.filter(({ computed, type }) =>
    !computed &&
    (type === "string" || type === "guid" || (isInNumbers && type !== "boolean" && type !== "dateTime"))
  );
  return (row) => {
    for (const { type, values } of columns) {
      const value = values[row]!;
      if (value === null) continue;
      if (matches(typeof value === "string" ? value : String(toCell(type, value)))) return true;
    }
    return false;
  };
}

/** Tells of texts whether they have a text in them, in any case. Makes no copies: it is for very many texts. */
export function textMatcher(wanted: string): (text: string) => boolean {
  const pattern = new RegExp(wanted.replaceAll(/[\\^$.*+?()[\]{}|\/-]/g, "\\$&"), "i");
  return (text) => pattern.test(text);
}

/** A cell of a row as JSON; `null` when there is no such column. */
export function cellOf(row: DataRow, name: string): JsonCell {
  const column = row.table.column(name);
  return column === undefined ? null : toCell(column.type, valueOf(row, column.index));
}

function toJson(row: DataRow): Record<string, JsonCell> {
  // Column names are a stranger's: none may be taken for a property of every object.
  const cells: Record<string, JsonCell> = Object.create(null);
  for (const { name, index, type } of row.table.columns) cells[name] = toCell(type, valueOf(row, index));
  return cells;
}

/** The value of a cell; a computed one whose expression fails in this row is shown as such. */
function valueOf(row: DataRow, index: number): CellValue {
  try {
    return row.get(index);
  } catch (error) {
    if (error instanceof SttpError) return "(error)";
    throw error;
  }
}

function toCell(type: string, value: CellValue): JsonCell {
  if (typeof value === "bigint") return type === "dateTime" ? Ticks.format(value) : String(value);
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (typeof value === "object" && value !== null) return formatDecimal(value as Decimal);
  return value;
}
