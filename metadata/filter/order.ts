import type { DataColumn } from "../data_column.ts";
import type { DataTable } from "../data_table.ts";
import type { CellValue } from "../data_type.ts";
import { type Order, sortSteps } from "../sort.ts";
import type { Steps } from "../steps.ts";
import { nearest } from "./errors.ts";
import type { Compilation } from "./code.ts";
import { textCost } from "./cost.ts";
import { compareText, fold, hasSurrogates } from "./text.ts";
import type { OrderTerm } from "./tree.ts";

/** So many rows or terms are a step: less than a millisecond. */
const STEP = 1_024;
/** Bytes that a row takes while it is sorted, and what it is sorted by. */
const POSITION = 24;
const KEY = 32;

/**
 * Orders rows by the terms of ORDER BY: nulls first, equals in the table's order, DESC the other way round.
 *
 * @param rows The rows' indexes, in the table's order.
 * @param top How many to give at most.
 * @throws {FilterError} `name` when there is no such column.
 */
export function* orderRows(
  context: Compilation,
  table: DataTable,
  terms: readonly OrderTerm[],
  rows: readonly number[],
  top: number = Infinity,
): Steps<number[]> {
  const orders: Order[] = [];
  yield rows.length * POSITION;
  for (const [column, term] of yield* distinct(context, table, terms)) {
    orders.push(yield* orderBy(context, column, term, rows));
  }
  const span = terms[0] ?? { start: 0, end: 0 };
  const order: Order = stable((left, right) => {
    context.spend(orders.length, span);
    for (const compare of orders) {
      const result = compare(left, right);
      if (result !== 0) return result;
    }
    return 0;
  });
  const positions = top < rows.length / 2
    ? yield* first(rows.length, top, order, orders.length)
    : rows.map((_, position) => position);
  const sorted = yield* sortSteps(positions, order, orders.length);
  return sorted.slice(0, top).map((position) => rows[position]!);
}

/** The terms with their columns; a column for the second time does not change the order. */
function* distinct(
  context: Compilation,
  table: DataTable,
  terms: readonly OrderTerm[],
): Steps<Iterable<[DataColumn, OrderTerm]>> {
  const kept = new Map<string, [DataColumn, OrderTerm]>();
  for (const [index, term] of terms.entries()) {
    if (index % STEP === STEP - 1) yield;
    const column = findColumn(context, table, term);
    const key = `${column.index} ${term.exact}`;
    if (!kept.has(key)) kept.set(key, [column, term]);
  }
  return kept.values();
}

/** The column of a term. @throws {FilterError} `name` when there is none. */
function findColumn(context: Compilation, table: DataTable, term: OrderTerm): DataColumn {
  const column = table.column(term.column);
  if (column !== undefined) return column;
  const suggestion = nearest(term.column, table.columns.map(({ name }) => name));
  throw context.error("name", `${table.name} has no column ${term.column} to order by`, term, { suggestion });
}

function stable(order: Order): Order {
  return (left, right) => order(left, right) || left - right;
}

function* orderBy(
  context: Compilation,
  column: DataColumn,
  term: OrderTerm,
  rows: readonly number[],
): Steps<Order> {
  const fetch = column.computed ? (row: number) => column.at(row) : valueOf(column.values);
  const folds = column.type === "string" && !term.exact;
  yield rows.length * KEY;
  const keys = new Array<CellValue>(rows.length);
  let byCodePoints = false;
  for (let i = 0; i < rows.length; i++) {
    const value = fetch(rows[i]!);
    context.spend(textCost([value]) + 1, term);
    const key = folds && value !== null ? fold(value as string) : value;
    keys[i] = key;
    byCodePoints ||= typeof key === "string" && hasSurrogates(key);
    if (i % STEP === STEP - 1) yield;
  }
  const compare = keyOrder(column, byCodePoints);
  const order: Order = (left, right) => {
    const a = keys[left]!;
    const b = keys[right]!;
    if (a === null || b === null) return a === b ? 0 : a === null ? -1 : 1;
    return compare(a, b);
  };
  return term.descending ? (left, right) => order(right, left) : order;
}

function valueOf(values: readonly CellValue[]): (row: number) => CellValue {
  return (row) => values[row]!;
}

type Present = NonNullable<CellValue>;

/** @param byCodePoints Whether UTF-16 would put some of the texts in another order. */
function keyOrder(column: DataColumn, byCodePoints: boolean): (left: Present, right: Present) => number {
  switch (column.type) {
    case "decimal":
      return (left, right) =>
        typeof left === "object" && typeof right === "object" ? left.compareTo(right) : 0;
    case "single":
    case "double":
      return (left, right) => compareDoubles(left as number, right as number);
    case "string":
      if (byCodePoints) return (left, right) => compareText(left as string, right as string);
  }
  return (left, right) => left < right ? -1 : left > right ? 1 : 0;
}

/** NaN comes before all numbers. */
function compareDoubles(left: number, right: number): number {
  if (left < right) return -1;
  if (left > right) return 1;
  return Number(Number.isNaN(right)) - Number(Number.isNaN(left));
}

/** The first `top` of so many positions, in any order: kept in a heap whose root is the last of those kept. */
function* first(count: number, top: number, order: Order, terms: number): Steps<number[]> {
  const heap: number[] = [];
  if (top === 0) return heap;
  const step = Math.max(1, Math.floor(STEP / Math.max(1, terms)));
  for (let position = 0; position < count; position++) {
    if (heap.length < top) {
      heap.push(position);
      rise(heap, order);
    } else if (order(position, heap[0]!) < 0) {
      heap[0] = position;
      sink(heap, order);
    }
    if (position % step === step - 1) yield;
  }
  return heap;
}

function rise(heap: number[], order: Order): void {
  let child = heap.length - 1;
  while (child > 0) {
    const parent = (child - 1) >> 1;
    if (order(heap[child]!, heap[parent]!) <= 0) return;
    swap(heap, child, parent);
    child = parent;
  }
}

function sink(heap: number[], order: Order): void {
  for (let parent = 0;;) {
    let last = parent;
    for (const child of [2 * parent + 1, 2 * parent + 2]) {
      if (child < heap.length && order(heap[child]!, heap[last]!) > 0) last = child;
    }
    if (last === parent) return;
    swap(heap, last, parent);
    parent = last;
  }
}

function swap(heap: number[], left: number, right: number): void {
  const kept = heap[left]!;
  heap[left] = heap[right]!;
  heap[right] = kept;
}
