import { assertEquals } from "@std/assert";
import { MeasurementBatch } from "../transport/wire/batch.ts";
import { PLACES } from "./layouts.ts";
import { SearchSpace } from "./search_space.ts";
import { Selector } from "./selector.ts";
import { SignalSet } from "./signal_set.ts";

function batchOf(...rows: [signal: number, value: number][]): MeasurementBatch {
  const batch = new MeasurementBatch(1);
  rows.forEach(([signal, value], i) => batch.add(signal, BigInt(1000 + i), value, i));
  return batch;
}

function rowsOf(batch: MeasurementBatch): [number, bigint, number, number][] {
  return Array.from(
    { length: batch.length },
    (_, i) => [batch.signals[i]!, batch.ticks[i]!, batch.values[i]!, batch.flags[i]!],
  );
}

function selectorOf(handles: number[], withoutNaN = false, space = new SearchSpace()): Selector {
  return new Selector(new SignalSet(Int32Array.from(handles)), withoutNaN, space);
}

Deno.test("a batch that is wanted whole is not copied", () => {
  const batch = batchOf([5, 1], [3, 2]);
  const selected = selectorOf([3, 5]).select(batch, 0);
  assertEquals(rowsOf(selected), [[1, 1000n, 1, 0], [0, 1001n, 2, 1]]);
  assertEquals(selected.ticks === batch.ticks, true);
  assertEquals([...batch.signals.subarray(0, 2)], [5, 3], "the batch itself is left alone");
});

Deno.test("other signals, unknown handles and negative ones are left out", () => {
  const batch = batchOf([0, 1], [7, 2], [1, 3], [-1, 4], [99, 5], [0, 6]);
  const selected = selectorOf([0, 1]).select(batch, 0);
  assertEquals(rowsOf(selected), [[0, 1000n, 1, 0], [1, 1002n, 3, 2], [0, 1005n, 6, 5]]);
});

Deno.test("NaN is left out only when asked for", () => {
  const batch = batchOf([0, 1], [0, NaN], [1, Infinity], [0, -Infinity], [0, NaN], [0, -0]);
  // A negative NaN with a payload is one too.
  batch.valueBits[4] = 0xff800001 | 0;
  assertEquals(selectorOf([0, 1]).select(batch, 0).length, 6);
  const selected = selectorOf([0, 1], true).select(batch, 0);
  assertEquals(rowsOf(selected).map(([index, , value]) => [index, value]), [
    [0, 1],
    [1, Infinity],
    [0, -Infinity],
    [0, -0],
  ]);
});

Deno.test("what was found in a layout is found again, with the new values", () => {
  for (const withoutNaN of [false, true]) {
    const selector = selectorOf([7, 0], withoutNaN);
    assertEquals(rowsOf(selector.select(batchOf([0, 1], [3, 2], [7, 3]), 1)), [[1, 1000n, 1, 0], [
      0,
      1002n,
      3,
      2,
    ]]);
    assertEquals(rowsOf(selector.select(batchOf([0, 4], [3, 5], [7, 6]), 1)), [[1, 1000n, 4, 0], [
      0,
      1002n,
      6,
      2,
    ]]);
    assertEquals(rowsOf(selector.select(batchOf([7, 7], [0, 8]), 2)), [[0, 1000n, 7, 0], [1, 1001n, 8, 1]]);
    assertEquals(rowsOf(selector.select(batchOf([2, 7], [0, 8]), 0)), [[1, 1001n, 8, 1]]);
  }
});

Deno.test("layouts that come in turn are each searched once; one at the place of another displaces it", () => {
  const selector = selectorOf([7, 0]);
  const first = batchOf([0, 1], [3, 2]);
  const second = batchOf([3, 1], [7, 2]);
  for (let round = 0; round < 3; round++) {
    assertEquals(rowsOf(selector.select(first, PLACES + 1)), [[1, 1000n, 1, 0]]);
    assertEquals(rowsOf(selector.select(second, PLACES + 2)), [[0, 1001n, 2, 1]]);
    // Other signals under the same number: it goes by that alone.
    assertEquals(rowsOf(selector.select(batchOf([3, 5], [3, 6]), PLACES + 1)), [[1, 1000n, 5, 0]]);
  }
  assertEquals(rowsOf(selector.select(second, 2 * PLACES + 1)), [[0, 1001n, 2, 1]]);
  assertEquals(rowsOf(selector.select(batchOf([3, 1]), 2 * PLACES + 2)), []);
});

Deno.test("selectors that share their space serve batches of any size in turn", () => {
  const space = new SearchSpace();
  const large = new MeasurementBatch(1);
  for (let i = 0; i < 5000; i++) large.add(i, BigInt(i), i, 0);
  const odd = selectorOf(Array.from({ length: 2500 }, (_, i) => 2 * i + 1), false, space);
  const few = selectorOf([1, 4999], false, space);
  for (const layout of [0, 1, 1]) {
    const selected = odd.select(large, layout);
    assertEquals([selected.length, selected.signals[2499], selected.ticks[2499]], [2500, 2499, 4999n]);
    assertEquals(rowsOf(few.select(large, layout)), [[0, 1n, 1, 0], [1, 4999n, 4999, 0]]);
  }
});

Deno.test("unless told otherwise, 64 MiB are kept of searches", () => {
  const space = new SearchSpace();
  assertEquals([space.keep(64 * 1024 ** 2), space.keep(1)], [true, false]);
});

Deno.test("what is kept of searches is bounded, given back, and made room for in the end", () => {
  const space = new SearchSpace(10_000);
  const handles = Array.from({ length: 100 }, (_, i) => i);
  const all = selectorOf(handles, false, space);
  const some = selectorOf([7], false, space);
  const batches = Array.from(
    { length: 50 },
    (_, i) => batchOf(...handles.map((handle) => [handle, i] as [number, number])),
  );
  const check = (layout: number): void => {
    const batch = batches[layout % batches.length]!;
    assertEquals(all.select(batch, layout).values[99], layout % batches.length);
    assertEquals(rowsOf(some.select(batch, layout)), [[0, 1007n, layout % batches.length, 7]]);
    assertEquals(space.kept <= 10_000, true);
  };
  for (let layout = 1; layout < 50; layout++) check(layout);
  assertEquals(space.kept > 8_000, true);
  // A layout at the place of another gives back what that took.
  const before = space.kept;
  check(PLACES + 1);
  assertEquals(space.kept, before);
  const { era } = space;
  for (let layout = 2; space.era === era; layout = layout % 4000 + 1) check(layout);
  assertEquals(space.kept < 1_000, true);
  check(1);
  all.dispose();
  assertEquals(space.kept % (384 + 8), 0);
  some.dispose();
  assertEquals(space.kept, 0);
});

Deno.test("signal sets are equal by content and order", () => {
  const set = new SignalSet(Int32Array.of(4, 2, 9));
  assertEquals(set.equals(new SignalSet(Int32Array.of(4, 2, 9))), true);
  assertEquals(set.equals(new SignalSet(Int32Array.of(2, 4, 9))), false);
  assertEquals(set.equals(new SignalSet(Int32Array.of(4, 2))), false);
  assertEquals(Array.from({ length: 11 }, (_, handle) => set.indexOf(handle)), [
    -1,
    -1,
    1,
    -1,
    0,
    -1,
    -1,
    -1,
    -1,
    2,
    -1,
  ]);
  assertEquals(new SignalSet(new Int32Array(0)).size, 0);
});
