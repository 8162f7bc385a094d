import { assert, assertEquals, assertGreaterOrEqual, assertThrows } from "@std/assert";
import { MeasurementBatch } from "./batch.ts";

const QUIET_NAN_WITH_PAYLOAD = 0x7fc12345;

function filled(count: number): MeasurementBatch {
  const batch = new MeasurementBatch(1);
  for (let i = 0; i < count; i++) batch.add(i, BigInt(i) * 1_000_000_000_000n, i / 4, i * 3);
  return batch;
}

Deno.test("columns hold what was added, through any growth", () => {
  const batch = filled(1000);
  assertEquals(batch.length, 1000);
  assertGreaterOrEqual(batch.capacity, 1000);
  for (const i of [0, 1, 511, 999]) {
    assertEquals(batch.signals[i], i);
    assertEquals(batch.ticks[i], BigInt(i) * 1_000_000_000_000n);
    assertEquals(batch.values[i], i / 4);
    assertEquals(batch.flags[i], i * 3);
  }
});

Deno.test("flags are good unless given", () => {
  const batch = new MeasurementBatch();
  batch.add(1, 2n, 3);
  assertEquals(batch.flags[0], 0);
  batch.add(1, 2n, 3, 0x80000000);
  assertEquals(batch.flags[1], 0x80000000);
});

Deno.test("bits and words are views of values and ticks", () => {
  const batch = new MeasurementBatch(2);
  batch.add(0, 0x0123_4567_89ab_cdefn, -0, 0);
  assertEquals(batch.valueBits[0], -0x80000000);
  assertEquals([batch.tickWords[0]! >>> 0, batch.tickWords[1]! >>> 0], [0x89abcdef, 0x01234567]);
  batch.tickWords[1] = -1;
  assertEquals(batch.ticks[0], BigInt.asIntN(64, 0xffff_ffff_89ab_cdefn));
});

Deno.test("growing, appending and cloning keep every bit", () => {
  const batch = filled(3);
  batch.valueBits[1] = QUIET_NAN_WITH_PAYLOAD;
  batch.reserve(100);
  assertEquals(batch.valueBits[1], QUIET_NAN_WITH_PAYLOAD);
  const other = new MeasurementBatch(1);
  other.append(batch, 1);
  other.append(batch, 0, 1);
  assertEquals(other.length, 3);
  assertEquals([...other.signals.subarray(0, 3)], [1, 2, 0]);
  assertEquals(other.valueBits[0], QUIET_NAN_WITH_PAYLOAD);
  const copy = batch.clone();
  batch.clear();
  assertEquals([batch.length, copy.length], [0, 3]);
  assertEquals(copy.valueBits[1], QUIET_NAN_WITH_PAYLOAD);
  assertEquals(copy.ticks[2], 2_000_000_000_000n);
});

Deno.test("reserving less than there is changes nothing", () => {
  const batch = new MeasurementBatch(10);
  const { signals } = batch;
  batch.reserve(10);
  assert(batch.signals === signals);
});

Deno.test("a capacity is a whole number of measurements", () => {
  for (const capacity of [-1, 1.5, NaN]) {
    assertThrows(() => new MeasurementBatch(capacity), RangeError, "capacity");
  }
  assertEquals(filled(0).clone().length, 0);
  const empty = new MeasurementBatch(0);
  empty.add(1, 2n, 3);
  assertEquals(empty.length, 1);
});
