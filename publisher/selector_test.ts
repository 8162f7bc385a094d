import { assertEquals } from "@std/assert";
import { MeasurementBatch } from "../transport/wire/batch.ts";
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

Deno.test("a batch that is wanted whole shares its columns", () => {
  const batch = batchOf([5, 1], [3, 2]);
  const selected = new Selector().select(batch, new SignalSet(Int32Array.of(3, 5)), false);
  assertEquals(rowsOf(selected), [[1, 1000n, 1, 0], [0, 1001n, 2, 1]]);
  assertEquals(selected.ticks === batch.ticks, true);
  assertEquals([...batch.signals.subarray(0, 2)], [5, 3], "the batch itself is left alone");
});

Deno.test("other signals, unknown handles and negative ones are left out", () => {
  const batch = batchOf([0, 1], [7, 2], [1, 3], [-1, 4], [99, 5], [0, 6]);
  const selected = new Selector().select(batch, new SignalSet(Int32Array.of(0, 1)), false);
  assertEquals(rowsOf(selected), [[0, 1000n, 1, 0], [1, 1002n, 3, 2], [0, 1005n, 6, 5]]);
});

Deno.test("NaN is left out only when asked for", () => {
  const batch = batchOf([0, 1], [0, NaN], [0, Infinity], [0, -Infinity], [0, NaN], [0, -0]);
  // A negative NaN with a payload is one too.
  batch.valueBits[4] = 0xff800001 | 0;
  const set = new SignalSet(Int32Array.of(0));
  const selector = new Selector();
  assertEquals(selector.select(batch, set, false).length, 6);
  const selected = selector.select(batch, set, true);
  assertEquals(rowsOf(selected).map(([, , value]) => value), [1, Infinity, -Infinity, -0]);
});

Deno.test("a selector serves sets and batches of any size in turn", () => {
  const selector = new Selector();
  const large = new MeasurementBatch(1);
  for (let i = 0; i < 5000; i++) large.add(i, BigInt(i), i, 0);
  const odd = new SignalSet(Int32Array.from({ length: 2500 }, (_, i) => 2 * i + 1));
  const selected = selector.select(large, odd, false);
  assertEquals(selected.length, 2500);
  assertEquals(selected.signals[2499], 2499);
  assertEquals(selected.ticks[2499], 4999n);
  assertEquals(rowsOf(selector.select(batchOf([1, 9]), odd, false)), [[0, 1000n, 9, 0]]);
});

Deno.test("signal sets are equal by content and order", () => {
  const set = new SignalSet(Int32Array.of(4, 2, 9));
  assertEquals(set.equals(new SignalSet(Int32Array.of(4, 2, 9))), true);
  assertEquals(set.equals(new SignalSet(Int32Array.of(2, 4, 9))), false);
  assertEquals(set.equals(new SignalSet(Int32Array.of(4, 2))), false);
  assertEquals([...set.indexes], [-1, -1, 1, -1, 0, -1, -1, -1, -1, 2]);
  assertEquals(new SignalSet(new Int32Array(0)).size, 0);
});
