import { assertEquals, assertNotEquals } from "@std/assert";
import { MeasurementBatch } from "../transport/wire/batch.ts";
import { LayoutTracker, PLACES } from "./layouts.ts";

function batchOf(...signals: number[]): MeasurementBatch {
  const batch = new MeasurementBatch(1);
  for (const signal of signals) batch.add(signal, BigInt(batch.length), Math.random(), 0);
  return batch;
}

Deno.test("a layout is the signals column as a whole", () => {
  const tracker = new LayoutTracker();
  const batches = [[1, 2], [1, 3], [1], [1, 2, 3], [2, 1], [], [-1], [1, 2, 2, 3]].map((signals) =>
    batchOf(...signals)
  );
  assertEquals(batches.map((batch) => tracker.layoutOf(batch)), batches.map(() => 0), "nothing recurs yet");
  const numbers = batches.map((batch) => tracker.layoutOf(batch));
  assertEquals(new Set(numbers).size, batches.length);
  assertEquals(numbers.includes(0), false);
  for (let round = 0; round < 3; round++) {
    assertEquals(batches.map((batch) => tracker.layoutOf(batch)), numbers);
  }
  assertEquals(batches.toReversed().map((batch) => tracker.layoutOf(batch)), numbers.toReversed());
});

Deno.test("what a batch holds may change afterwards", () => {
  const tracker = new LayoutTracker();
  const batch = batchOf(1, 2);
  tracker.layoutOf(batch);
  const number = tracker.layoutOf(batch);
  batch.signals[0] = 5;
  assertEquals(tracker.layoutOf(batch), 0);
  assertNotEquals(tracker.layoutOf(batch), number);
  assertEquals(tracker.layoutOf(batchOf(1, 2)), number);
});

Deno.test("those that look alike at first displace each other and are never mixed up", () => {
  const tracker = new LayoutTracker();
  // Alike in length, first, middle and last.
  const [a, b] = [batchOf(1, 2, 3, 4, 5), batchOf(1, 9, 3, 9, 5)];
  const seen = new Map<number, MeasurementBatch>();
  for (let round = 0; round < 10; round++) {
    for (const batch of [a, b]) {
      const number = tracker.layoutOf(batch);
      if (number === 0) continue;
      assertEquals(seen.get(number) ?? batch, batch);
      seen.set(number, batch);
    }
  }
});

Deno.test("any number of layouts: places are taken again, numbers are not, and large ones take few places", () => {
  const tracker = new LayoutTracker();
  const highest = new Map<number, number>();
  let largest = 0;
  for (let i = 0; i < 3 * PLACES; i++) {
    const isLarge = i % 1000 === 0;
    const batch = isLarge ? batchOf(...Array(100_000).fill(i)) : batchOf(i, i + 1);
    assertEquals(tracker.layoutOf(batch), 0);
    const number = tracker.layoutOf(batch);
    const place = number % PLACES;
    assertEquals(number > (highest.get(place) ?? 0), true);
    highest.set(place, number);
    if (isLarge) largest = Math.max(largest, place);
  }
  assertEquals([highest.size, largest < 2], [PLACES, true]);
  // The latest are known still.
  const recent = tracker.layoutOf(batchOf(3 * PLACES - 1, 3 * PLACES));
  assertEquals(tracker.layoutOf(batchOf(3 * PLACES - 1, 3 * PLACES)), recent);
  assertEquals(recent, Math.max(...highest.values()));
});
