/**
 * What `console.log` and `Deno.inspect` show of data sets, tables, rows and records.
 *
 * @module
 */
import { formatTicks, timeOf } from "../transport/wire/ticks.ts";
import type { DataColumn } from "./data_column.ts";
import type { CellValue, DataType } from "./data_type.ts";
import { formatDecimal } from "./decimal.ts";

/** How many rows of a table are shown. */
const ROWS = 10;
/** How many characters of a cell are shown in a table. */
const WIDTH = 36;
/** How wide a table may become before columns are left out. */
const LINE = 160;

// Right-aligned in tables.
const NUMERIC: readonly DataType[] = [
  "single",
  "double",
  "decimal",
  "int8",
  "int16",
  "int32",
  "int64",
  "uint8",
  "uint16",
  "uint32",
  "uint64",
];

/** What is told to an object that shows itself: how deep inside of others it is. */
interface InspectOptions {
  /** Deno's. */
  currentDepth?: number;
  /** Node's: how deep is shown. */
  depth?: number | null;
}

/**
 * Has the runtime's inspection show what `full` makes of an object by itself, and what `brief` makes of it, in a line,
 * inside of others.
 */
export function inspectable<T extends object>(
  prototype: T,
  full: (object: T) => string,
  brief: (object: T) => string,
): void {
  const define = (
    name: string,
    value: (this: T, first: unknown, options: InspectOptions) => string,
  ): void => {
    Object.defineProperty(prototype, Symbol.for(name), { value, configurable: true });
  };
  define("Deno.customInspect", function (_, { currentDepth = 0 }): string {
    return currentDepth > 0 ? brief(this) : full(this);
  });
  define("nodejs.util.inspect.custom", function (depth, options): string {
    return typeof depth === "number" && depth < (options.depth ?? Infinity) ? brief(this) : full(this);
  });
}

/** A value as people read it: text as it is, times in UTC, `null` as nothing at all. */
export function displayCell(type: DataType, value: CellValue): string {
  if (value === null) return "";
  if (typeof value === "object") return formatDecimal(value);
  if (type === "dateTime") return displayTicks(value as bigint);
  return String(value);
}

/** Ticks as `2019-01-04 08:00:52.73`. */
export function displayTicks(ticks: bigint): string {
  return formatTicks(timeOf(ticks), { separator: " ", suffix: "" });
}

// Control characters, and those that turn the direction of writing, would act on the terminal: whatever came from a
// peer is shown without them.
// deno-lint-ignore no-control-regex
const CONTROL = /[\0-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** Text on one line, without control characters, and not longer than so many characters. */
export function oneLine(text: string, width: number = WIDTH): string {
  const shown = text.slice(0, width + 1).replace(CONTROL, " ");
  return shown.length > width ? shown.slice(0, width - 3) + "..." : shown;
}

/** A cell for showing: never fails, though the expression of a computed column may. */
function cellText(column: DataColumn, row: number): string {
  try {
    return oneLine(displayCell(column.type, column.at(row)));
  } catch {
    return "(error)";
  }
}

/** Tables and rows have this in common. */
interface Tabular {
  readonly name: string;
  readonly columns: readonly DataColumn[];
  readonly rowCount: number;
}

/** A table with aligned columns: its first rows, and as many columns as a line holds. */
export function showTable(table: Tabular & { toString(): string }): string {
  const shown = Math.min(ROWS, table.rowCount);
  const columns: string[][] = [];
  let width = 0;
  for (const column of table.columns) {
    const cells = [oneLine(column.name)];
    for (let row = 0; row < shown; row++) cells.push(cellText(column, row));
    const longest = Math.max(...cells.map((cell) => cell.length));
    if (width + longest + 2 > LINE && columns.length > 0) break;
    width += longest + 2;
    const numeric = NUMERIC.includes(column.type);
    columns.push(cells.map((cell) => numeric ? cell.padStart(longest) : cell.padEnd(longest)));
  }
  const lines = [oneLine(String(table), LINE)];
  if (columns.length > 0) {
    const line = (row: number): string => "  " + columns.map((cells) => cells[row]).join("  ").trimEnd();
    lines.push(line(0), "  " + columns.map((cells) => "-".repeat(cells[0]!.length)).join("  "));
    for (let row = 0; row < shown; row++) lines.push(line(row + 1));
  }
  const more: string[] = [];
  if (shown < table.rowCount) more.push(count(table.rowCount - shown, "more row"));
  if (columns.length < table.columns.length) {
    const rest = table.columns.slice(columns.length).map((column) => oneLine(column.name));
    more.push(`${count(rest.length, "more column")}: ${oneLine(rest.join(", "), 2 * WIDTH)}`);
  }
  if (more.length > 0) lines.push(`  ... ${more.join("; ")}`);
  return lines.join("\n");
}

/** A number of things: `1 row`, `2 rows`. */
export function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}

/** A row: a line for each column that has a value. */
export function showRow(table: Tabular, index: number): string {
  const columns = table.columns.filter((column) => cellText(column, index) !== "");
  const fields = columns.map((column): [string, string] => [column.name, cellText(column, index)]);
  return showFields(`${table.name} row ${index}`, fields);
}

/** A row in a line: its first values. */
export function showRowBriefly(table: Tabular, index: number): string {
  const fields = table.columns.map((column) => [column.name, cellText(column, index)]).filter(([, text]) =>
    text !== ""
  );
  const shown = fields.slice(0, 5).map(([name, text]) => `${name}: ${text}`);
  if (shown.length < fields.length) shown.push("...");
  return oneLine(`${table.name} row ${index} { ${shown.join(", ")} }`, LINE);
}

/** A title, and a line for each field that is not empty. */
export function showFields(title: string, fields: readonly (readonly [string, string])[]): string {
  const present = fields.filter(([, value]) => value !== "");
  const width = Math.max(0, ...present.map(([name]) => oneLine(name).length));
  return [
    oneLine(title, 100),
    ...present.map(([name, value]) => `  ${oneLine(name).padEnd(width)}  ${oneLine(value, 100)}`),
  ].join("\n");
}
