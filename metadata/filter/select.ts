import type { DataRow } from "../data_row.ts";
import type { DataSet } from "../data_set.ts";
import type { DataTable } from "../data_table.ts";
import { ShardedMap } from "../sharded_map.ts";
import { finish, type Steps } from "../steps.ts";
import { EMPTY_GUID } from "../../transport/wire/guid.ts";
import type { Compilation } from "./code.ts";
import { type Stopwatch, timed } from "./stopwatch.ts";
import { costOfOrder, costOfRow } from "./cost.ts";
import { compilation, compileCondition, type CompileOptions } from "./compile.ts";
import { parseGuid } from "./convert.ts";
import { nearest, type Span } from "./errors.ts";
import { orderRows } from "./order.ts";
import { parseFilter, parseFilterSteps } from "./parser.ts";
import { fold } from "./text.ts";
import type { ExpressionNode, FilterStatement, SelectStatement, SignalStatement } from "./tree.ts";

/** How a filter expression selects. */
export interface SelectOptions extends CompileOptions {
  /**
   * The table that conditions alone apply to, and that signals named directly are looked up in; default
   * `ActiveMeasurements`.
   */
  readonly primaryTable?: string | undefined;
  /** The columns that tell signals apart, where they have other names than SignalID, ID and PointTag. */
  readonly idColumns?: Partial<IdColumns> | undefined;
}

/** The columns that signals are identified by. */
export interface IdColumns {
  /** That of the signal ID; default `SignalID`. */
  readonly signalId: string;
  /** That of the measurement key, such as `PPA:4`; default `ID`. */
  readonly key: string;
  /** That of the point tag; default `PointTag`. */
  readonly pointTag: string;
}

const ID_COLUMNS: IdColumns = { signalId: "SignalID", key: "ID", pointTag: "PointTag" };

/**
 * The rows that a filter expression selects (§9): those of each statement in turn, without duplicates. An empty
 * expression selects none.
 *
 * @throws {FilterError} When the expression can't be parsed, names what is not there, or fails in a row.
 *
 * @example
 * ```ts
 * import { DataSet, selectRows } from "@sttp/sttp/metadata";
 * import { assertEquals } from "@std/assert";
 *
 * const dataSet = new DataSet();
 * const devices = dataSet.addTable("DeviceDetail");
 * devices.addColumn("Acronym", "string");
 * devices.addColumn("FramesPerSecond", "int32");
 * devices.addRow({ Acronym: "SHELBY", FramesPerSecond: 30 });
 * devices.addRow({ Acronym: "CORDOVA", FramesPerSecond: 60 });
 *
 * const rows = selectRows(dataSet, "FILTER DeviceDetail WHERE FramesPerSecond >= 30 ORDER BY Acronym");
 * assertEquals(rows.map((row) => row.get("Acronym")), ["CORDOVA", "SHELBY"]);
 * ```
 */
export function selectRows(dataSet: DataSet, text: string, options: SelectOptions = {}): DataRow[] {
  return finish(selectRowsSteps(dataSet, text, options));
}

/** {@linkcode selectRows} in steps. */
export function* selectRowsSteps(
  dataSet: DataSet,
  text: string,
  options: SelectOptions = {},
): Steps<DataRow[]> {
  const result: DataRow[] = [];
  const taken = new Map<DataTable, DistinctRows>();
  yield* new Selection(dataSet, text, options).run(function* ({ table, rows }): Steps<void> {
    const known = yield* DistinctRows.of(table, taken);
    yield* forEachOf(rows, (row) => {
      if (known.add(row)) result.push(table.row(row));
    });
  });
  return result;
}

/**
 * The IDs of the signals that a filter expression selects (§9), in lower case: those of each statement in turn, without
 * duplicates. Rows without a signal ID are passed over.
 *
 * @throws {FilterError} As {@linkcode selectRows}, and when a table has no column of signal IDs.
 *
 * @example
 * ```ts
 * import { DataSet, selectSignalIds } from "@sttp/sttp/metadata";
 * import { assertEquals } from "@std/assert";
 *
 * const dataSet = new DataSet();
 * const signals = dataSet.addTable("ActiveMeasurements");
 * for (const name of ["ID", "PointTag", "SignalType"]) signals.addColumn(name, "string");
 * signals.addColumn("SignalID", "guid");
 * const [first, second] = ["9ae6dd95-bddb-5dd8-8717-57da1268b9ca", "5aaac2f5-a9ae-4c06-ba02-b26f4ff7e861"];
 * signals.addRow(["PPA:1", "SHELBY:FREQ", "FREQ", first]);
 * signals.addRow(["PPA:2", "SHELBY:DFDT", "DFDT", second]);
 *
 * assertEquals(selectSignalIds(dataSet, "PPA:2; FILTER ActiveMeasurements WHERE True"), [second, first]);
 * ```
 */
export function selectSignalIds(dataSet: DataSet, text: string, options: SelectOptions = {}): string[] {
  return finish(selectSignalIdsSteps(dataSet, text, options));
}

/** {@linkcode selectSignalIds} in steps. */
export function* selectSignalIdsSteps(
  dataSet: DataSet,
  text: string,
  options: SelectOptions = {},
): Steps<string[]> {
  const selection = new Selection(dataSet, text, options);
  const seen = new ShardedMap<string, true>();
  const ids: string[] = [];
  yield* selection.run(({ table, rows, statement }) => {
    const signalId = selection.signalIdsOf(table, statement);
    return forEachOf(rows, (row) => {
      const id = signalId(row);
      if (id === undefined || id === EMPTY_GUID || seen.has(id)) return;
      seen.set(id, true);
      ids.push(id);
    });
  });
  return ids;
}

/** Rows of a table in the order in which they first came. A set of so many would take long to grow and to list. */
export class DistinctRows {
  readonly indexes: number[] = [];
  readonly #has: Uint8Array;

  private constructor(rowCount: number) {
    this.#has = new Uint8Array(rowCount);
  }

  /** Those of a table among those of several, made when they are first asked for. */
  static *of(table: DataTable, tables: Map<DataTable, DistinctRows>): Steps<DistinctRows> {
    let rows = tables.get(table);
    if (rows === undefined) {
      yield table.rowCount;
      tables.set(table, rows = new DistinctRows(table.rowCount));
    }
    return rows;
  }

  /** @returns Whether it is new. */
  add(row: number): boolean {
    if (this.#has[row] === 1) return false;
    this.#has[row] = 1;
    this.indexes.push(row);
    return true;
  }
}

/** Does something with each row, in steps. */
export function* forEachOf(rows: readonly number[], act: (row: number) => void): Steps<void> {
  const { length } = rows;
  // The inner loop ends before the yield, as engines make less of loops that have one within.
  for (let start = 0; start < length; start += STEP) {
    if (start > 0) yield STEP * SELECTED;
    const end = Math.min(start + STEP, length);
    for (let i = start; i < end; i++) act(rows[i]!);
  }
}

/** What a statement selects. */
export interface SelectedRows {
  readonly statement: FilterStatement;
  readonly table: DataTable;
  /** The rows' indexes, in order. */
  readonly rows: readonly number[];
}

/** The statements of a filter expression at work on a data set. */
export class Selection {
  readonly #dataSet: DataSet;
  readonly #text: string;
  readonly #options: SelectOptions;
  readonly #idColumns: IdColumns;
  readonly #check: (statement: FilterStatement) => void;
  readonly #indexes = new Map<string, ShardedMap<string, number>>();
  readonly #watch: Stopwatch;
  /** What the expressions about each table are compiled with. */
  readonly #contexts = new Map<DataTable, Compilation>();
  #statements: FilterStatement[] = [];
  #work = 0;

  /** @param check Refuses statements that do not belong here, by what it throws. */
  constructor(
    dataSet: DataSet,
    text: string,
    options: SelectOptions,
    check: (statement: FilterStatement) => void = () => {},
  ) {
    this.#check = check;
    this.#dataSet = dataSet;
    this.#text = text;
    this.#options = options;
    this.#idColumns = { ...ID_COLUMNS, ...options.idColumns };
    this.#watch = compilation(text, undefined, options).watch;
  }

  /**
   * Parses the expression and evaluates it.
   *
   * @param take Is given what each statement selects, in turn.
   * @throws {FilterError} When the expression can't be parsed, names what is not there, or fails in a row.
   */
  run(take: (selected: SelectedRows) => Steps<void>): Steps<void> {
    this.#watch.start();
    return timed(this.#watch, this.#run(take));
  }

  *#run(take: (selected: SelectedRows) => Steps<void>): Steps<void> {
    this.#statements = yield* parseFilterSteps(this.#text, this.#options);
    this.#statements.forEach(this.#check);
    for (const statement of this.#statements) {
      const name = statement.kind === "filter" ? statement.table : this.#primaryTable;
      const table = this.#dataSet.table(name);
      if (table === undefined) throw this.#noTable(name, statement);
      const context = this.#contextOf(table);
      context.spend(STATEMENT, statement);
      if (this.#watch.isDue) {
        this.#watch.resume();
        yield;
      }
      yield* take({ statement, table, rows: yield* this.#select(context, table, statement) });
    }
  }

  #contextOf(table: DataTable): Compilation {
    let context = this.#contexts.get(table);
    if (context === undefined) {
      context = compilation(this.#text, table, this.#options, this.#watch);
      this.#contexts.set(table, context);
    }
    return context;
  }

  get #primaryTable(): string {
    return this.#options.primaryTable ?? "ActiveMeasurements";
  }

  #noTable(name: string, statement: FilterStatement): Error {
    const names = this.#dataSet.tables.map((table) => table.name);
    const details = {
      suggestion: nearest(name, names),
      expected: names.join(", ") || "a data set with tables",
    };
    // A bare condition or signal does not name the table itself.
    const at = statement.kind === "filter" ? this.#text.indexOf(name, statement.start) : statement.start;
    const span = statement.kind === "filter" ? { start: at, end: at + name.length } : statement;
    return compilation(this.#text, undefined, this.#options).error(
      "name",
      `there is no table ${name}`,
      span,
      details,
    );
  }

  *#select(
    context: Compilation,
    table: DataTable,
    statement: FilterStatement,
  ): Steps<readonly number[]> {
    switch (statement.kind) {
      case "filter":
        yield* this.#spend(context, table, statement, statement);
        return yield* selectFrom(context, table, statement);
      case "condition":
        yield* this.#spend(context, table, statement, { where: statement.where, orderBy: [] });
        return yield* matchingRows(context, table, statement.where, Infinity);
      case "signal": {
        const row = yield* this.#findSignal(context, table, statement);
        return row === undefined ? [] : [row];
      }
    }
  }

  /** Refuses a statement that would take too long together with those before it, or in a row. */
  *#spend(
    context: Compilation,
    table: DataTable,
    span: Span,
    { where, orderBy }: Pick<SelectStatement, "where" | "orderBy">,
  ): Steps<void> {
    const { maxWork, maxRowWork } = context.limits;
    const ofRow = yield* costOfRow(where, context);
    this.#work += table.rowCount * (ofRow.work + costOfOrder(orderBy));
    if (this.#work <= maxWork && ofRow.most <= maxRowWork) return;
    const rows = this.#work > maxWork ? `the ${table.rowCount} rows` : "a row";
    throw context.error("limit", `too much work for ${rows} of ${table.name}`, {
      start: span.start,
      end: span.end,
    }, { expected: "fewer statements and conditions, such as one IN with a list" });
  }

  // --- signals named directly

  *#findSignal(
    context: Compilation,
    table: DataTable,
    statement: SignalStatement,
  ): Steps<number | undefined> {
    const ways = this.#ways(statement);
    for (const way of ways) {
      const row = table.column(way.column) === undefined ? undefined : yield* this.#findBy(table, way);
      if (row !== undefined) return row;
    }
    const { column } = ways[0]!;
    if (table.column(column) !== undefined) return undefined;
    throw context.error("name", `${table.name} has no column ${column} to find it by`, statement);
  }

  /** How to find a signal: in double quotes it may be a point tag, a measurement key or a GUID, in this order. */
  #ways({ by, value }: SignalStatement): Way[] {
    const { signalId, key, pointTag } = this.#idColumns;
    if (by === "guid") return [{ by, column: signalId, value }];
    if (by === "key") return [{ by, column: key, value }];
    const ways: Way[] = [{ by, column: pointTag, value }, { by: "key", column: key, value }];
    const guid = parseGuid(value.trim());
    if (guid !== undefined) ways.push({ by: "guid", column: signalId, value: guid });
    return ways;
  }

  *#findBy(table: DataTable, { by, column, value }: Way): Steps<number | undefined> {
    if (this.#statements.length > MAX_SCANS) {
      return (yield* this.#indexOf(table, by, column)).get(value.toUpperCase());
    }
    const read = this.#idReader(table, by, column);
    const wanted = by === "guid" ? value : fold(value);
    for (let row = 0; row < table.rowCount; row++) {
      if (read(row) === wanted) return row;
      if (row % STEP === STEP - 1) yield;
    }
    return undefined;
  }

  /** An ID in a row, in the case that it is compared in. */
  #idReader(table: DataTable, by: SignalStatement["by"], name: string): (row: number) => string | undefined {
    const column = table.column(name)!;
    if (by === "guid") return guidReader(table, name);
    return (row) => {
      const value = column.at(row);
      return typeof value === "string" ? fold(value) : undefined;
    };
  }

  /** The first row of each ID: made once for many signals. */
  *#indexOf(table: DataTable, by: SignalStatement["by"], name: string): Steps<ShardedMap<string, number>> {
    let index = this.#indexes.get(by);
    if (index !== undefined) return index;
    index = new ShardedMap();
    this.#indexes.set(by, index);
    const read = this.#idReader(table, by, name);
    for (let row = 0; row < table.rowCount; row++) {
      const id = read(row)?.toUpperCase();
      if (id !== undefined && !index.has(id)) index.set(id, row);
      if (row % STEP === STEP - 1) yield STEP * INDEXED;
    }
    return index;
  }

  /** The signal ID of each row of a table. @throws {FilterError} `name` when it has none. */
  signalIdsOf(table: DataTable, statement: FilterStatement): (row: number) => string | undefined {
    const { signalId } = this.#idColumns;
    if (table.column(signalId) !== undefined) return guidReader(table, signalId);
    const context = compilation(this.#text, table, this.#options);
    throw context.error(
      "name",
      `${table.name} has no column ${signalId}, so it selects no signals`,
      statement,
    );
  }
}

/** A column to find a signal in, and what to find there. */
interface Way {
  readonly by: SignalStatement["by"];
  readonly column: string;
  readonly value: string;
}

/** So many rows are a step where nothing is evaluated: less than a millisecond. */
const STEP = 1_024;

/** Bytes that a row takes in a list of rows; where it is told apart from others, too; and with its text in an index. */
const LISTED = 8;
const SELECTED = 64;
const INDEXED = 128;

/** What a statement costs by itself, in comparisons: to look up, compile and answer. */
const STATEMENT = 100;

/** Up to so many signals are found by looking through the table. */
const MAX_SCANS = 4;

/** A GUID in a row, in lower case without braces. */
function guidReader(table: DataTable, name: string): (row: number) => string | undefined {
  const column = table.column(name)!;
  return (row) => {
    const value = column.at(row);
    if (typeof value !== "string") return undefined;
    return column.type === "guid" ? value : parseGuid(value);
  };
}

/** The rows that a FILTER statement selects: first those that match, then in order, then the top ones. */
function* selectFrom(
  context: Compilation,
  table: DataTable,
  statement: SelectStatement,
): Steps<readonly number[]> {
  const { where, orderBy, top } = statement;
  // Compiled and looked up even if there are no rows: an error does not depend on them.
  const limit = orderBy.length === 0 ? top ?? Infinity : Infinity;
  const rows = yield* matchingRows(context, table, where, limit);
  return orderBy.length === 0 ? rows : yield* orderRows(context, table, orderBy, rows, top);
}

function* matchingRows(
  context: Compilation,
  table: DataTable,
  where: ExpressionNode | undefined,
  limit: number,
): Steps<readonly number[]> {
  const matches = where === undefined ? () => true : yield* compileCondition(context, where, "WHERE");
  const { work } = yield* costOfRow(where);
  const span = where ?? { start: 0, end: 0 };
  const rows: number[] = [];
  const { rowCount } = table;
  const { watch } = context;
  const testSome = (row: number): number => {
    watch.resume();
    for (; row < rowCount && !watch.isDue; row++) {
      if (rows.length >= limit) return rowCount;
      context.spend(work, span);
      if (matches(row)) rows.push(row);
    }
    return row;
  };
  for (let row = 0; row < rowCount;) {
    const { length } = rows;
    row = testSome(row);
    if (row < rowCount) yield (rows.length - length) * LISTED;
  }
  return rows;
}

/**
 * Compiles a condition for a table once, to test its rows with: true where it holds, false where it does not or is null.
 *
 * @param table Whose columns the condition may name; rows may be added later, columns may not.
 * @throws {FilterError} When it can't be parsed, names what is not there, or is no condition; the function throws it for
 * rows that the condition fails in, such as those with a zero divisor.
 *
 * @example
 * ```ts
 * import { compilePredicate, DataTable } from "@sttp/sttp/metadata";
 * import { assertEquals } from "@std/assert";
 *
 * const table = new DataTable("PhasorDetail");
 * table.addColumn("Phase", "string");
 * table.addRow(["A"]);
 * table.addRow(["+"]);
 * const isPositive = compilePredicate(table, "Phase = '+'");
 * assertEquals([isPositive(0), isPositive(1)], [false, true]);
 * ```
 */
export function compilePredicate(
  table: DataTable,
  text: string,
  options: CompileOptions = {},
): (row: number) => boolean {
  const context = compilation(text, table, options);
  const statements = parseFilter(text, options);
  const [statement] = statements;
  if (statement?.kind === "condition" && statements.length === 1) {
    const matches = finish(compileCondition(context, statement.where));
    return (row) => {
      context.watch.reset();
      return matches(row);
    };
  }
  const span: Span = statement ?? { start: 0, end: text.length };
  throw context.error("syntax", "not a condition", span, {
    expected: "one condition alone, such as Enabled = True",
  });
}
