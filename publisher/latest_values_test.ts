import { assertEquals } from "@std/assert";
import { MeasurementBatch } from "../transport/wire/batch.ts";
import { StateFlags } from "../transport/wire/state_flags.ts";
import { withLeapSecond } from "../transport/wire/ticks.ts";
import type { Throttle } from "./delivery.ts";
import { LatestValues } from "./latest_values.ts";
import { SignalSet } from "./signal_set.ts";

const NOW = 638_500_000_000_000_000n;
const SECOND = 10_000_000n;

function throttle(options: Partial<Throttle> = {}): Throttle {
  return { interval: 1000, checkTime: true, lagTime: 10, leadTime: 5, useLocalClock: true, ...options };
}

function batchOf(...rows: [index: number, secondsAhead: number, value: number][]): MeasurementBatch {
  const batch = new MeasurementBatch();
  for (const [index, seconds, value] of rows) batch.add(index, NOW + BigInt(seconds) * SECOND, value, 1);
  return batch;
}

function rowsOf(batch: MeasurementBatch): [number, number, number][] {
  return Array.from(
    { length: batch.length },
    (_, i) => [batch.signals[i]!, batch.values[i]!, batch.flags[i]!],
  );
}

function take(latest: LatestValues, secondsLater: number): [number, number, number][] {
  return rowsOf(latest.take(Number(NOW) + secondsLater * 1e7));
}

Deno.test("the last of several values stays, and is sent once", () => {
  const latest = new LatestValues(4, throttle({ checkTime: false }), false);
  latest.store(batchOf([2, 0, 1], [0, -9999, 2], [2, 0, 3]), Number(NOW));
  assertEquals(take(latest, 0), [[2, 3, 1], [0, 2, 1]]);
  assertEquals(take(latest, 0), []);
});

Deno.test("stale and future values are NaN with BadTime, their time and flags kept", () => {
  const latest = new LatestValues(4, throttle(), false);
  const batch = batchOf([0, -10, 1], [1, -11, 2], [2, 5, 3], [3, 6, 4]);
  latest.store(batch, Number(NOW));
  const bad = 1 | StateFlags.BadTime;
  assertEquals(take(latest, 0), [[0, 1, 1], [1, NaN, bad], [2, 3, 1], [3, NaN, bad]]);
  assertEquals([...batch.values.subarray(0, 4)], [1, 2, 3, 4], "what was published is left alone");
});

Deno.test("a value that goes stale is sent as bad once", () => {
  const latest = new LatestValues(1, throttle(), false);
  latest.store(batchOf([0, 0, 1]), Number(NOW));
  assertEquals(take(latest, 1), [[0, 1, 1]]);
  assertEquals(take(latest, 10), []);
  assertEquals(take(latest, 11), [[0, NaN, 1 | StateFlags.BadTime]]);
  assertEquals(take(latest, 12), []);
  latest.store(batchOf([0, 12, 2]), Number(NOW));
  assertEquals(take(latest, 12), [[0, 2, 1]]);
});

Deno.test("with the NaN filter nothing is sent for a bad value", () => {
  const latest = new LatestValues(1, throttle(), true);
  latest.store(batchOf([0, -11, 1]), Number(NOW));
  assertEquals(take(latest, 0), []);
});

Deno.test("real time is the latest reasonable timestamp, while that is near the clock", () => {
  const latest = new LatestValues(2, throttle({ useLocalClock: false, lagTime: 3 }), false);
  // The measurements are all 2 s behind the clock but for one from a wrong future.
  latest.store(batchOf([0, -5, 1], [1, 3600, 2], [1, -2, 3]), Number(NOW));
  // Seen from -2 s, -5 s is within 3 s; seen from the clock it would not be.
  assertEquals(take(latest, 0), [[0, 1, 1], [1, 3, 1]]);
  // Nothing came for a minute: the clock is real time again, and all is stale.
  assertEquals(take(latest, 60).map(([index, value]) => [index, value]), [[0, NaN], [1, NaN]]);
});

Deno.test("leap-second bits do not make a time unreasonable", () => {
  const latest = new LatestValues(1, throttle(), false);
  const batch = new MeasurementBatch();
  batch.add(0, withLeapSecond(NOW), 5, 0);
  latest.store(batch, Number(NOW));
  assertEquals(take(latest, 0), [[0, 5, 0]]);
});

Deno.test("a mark keeps apart what was stored before and after it", () => {
  const latest = new LatestValues(4, throttle({ checkTime: false }), false);
  assertEquals(latest.mark(), undefined, "nothing is new");
  const now = Number(NOW);
  latest.store(batchOf([0, 0, 1], [1, 0, 2], [2, 0, 3]), now);
  const first = latest.mark()!;
  latest.store(batchOf([1, 0, 4]), now);
  const second = latest.mark()!;
  latest.store(batchOf([3, 0, 5], [0, 0, 6]), now);
  const set = new SignalSet(Int32Array.of(0, -1, 2, 3));
  assertEquals(rowsOf(latest.pending(now, first, set)), [[3, 5, 1], [0, 6, 1]], "without signal 1");
  assertEquals(rowsOf(latest.pending(now, undefined, set)), [[2, 3, 1], [3, 5, 1], [0, 6, 1]]);
  assertEquals(rowsOf(latest.take(now, first)), [[2, 3, 1]]);
  assertEquals(rowsOf(latest.take(now, second)), [[1, 4, 1]]);
  assertEquals(rowsOf(latest.take(now)), [[3, 5, 1], [0, 6, 1]]);
  assertEquals(latest.mark(), undefined);
  assertEquals(take(latest, 0), []);
});

Deno.test("marks without end take no more memory, and lose their places to nobody", () => {
  const latest = new LatestValues(3, throttle({ checkTime: false }), false);
  const now = Number(NOW);
  latest.store(batchOf([0, 0, 1]), now);
  const early = latest.mark()!;
  latest.store(batchOf([1, 0, 2]), now);
  const late = latest.mark()!;
  for (let i = 0; i < 1000; i++) {
    latest.store(batchOf([2, 0, i]), now);
    const mark = latest.mark()!;
    assertEquals(mark.place <= 6, true, "twice as many places as signals");
    latest.unmark(mark);
  }
  assertEquals(rowsOf(latest.take(now, early)), [[0, 1, 1]]);
  assertEquals(rowsOf(latest.take(now, late)), [[1, 2, 1]]);
  assertEquals(rowsOf(latest.take(now)), [[2, 999, 1]]);
});
