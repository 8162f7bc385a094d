import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { SttpError } from "../transport/errors.ts";
import { SignalTable } from "../transport/signal_table.ts";
import { MeasurementBatch } from "../transport/wire/batch.ts";
import { SignalIndexCache } from "../transport/wire/signal_index_cache.ts";
import { SignalMap } from "./cache_slots.ts";

/** A cache of so many signals, `from` on. */
function cacheOf(from: number, count: number): SignalIndexCache {
  return SignalIndexCache.from(Array.from({ length: count }, (_, index) => ({
    index,
    signalId: `9ae6dd95-bddb-5dd8-8717-${String(from + index).padStart(12, "0")}`,
    source: "PPA",
    id: BigInt(index),
  })));
}

function finish(steps: Generator<void, SignalMap, unknown>): SignalMap {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

Deno.test("a cache of more new signals than there may be adds none", () => {
  const signals = new SignalTable();
  finish(SignalMap.of(cacheOf(0, 10), signals, 12));
  const error = assertThrows(() => finish(SignalMap.of(cacheOf(5, 8), signals, 12)), SttpError);
  assertEquals([error.code, signals.size], ["LimitExceeded", 10]);
  assertEquals(finish(SignalMap.of(cacheOf(3, 9), signals, 12)).handleOf(8), 11);
});

Deno.test("two connections that share a table of signals do not go over its limit together", () => {
  // After so many steps of the first, with and without those of counting, the second learns its signals.
  for (const [known, size, steps] of [[0, 3000, 4], [1000, 4500, 12]] as const) {
    const signals = new SignalTable();
    finish(SignalMap.of(cacheOf(0, known), signals, 5000));
    const first = SignalMap.of(cacheOf(0, size), signals, 5000);
    for (let i = 0; i < steps; i++) assertEquals(first.next().done, false);
    const before = signals.size;
    assertEquals(finish(SignalMap.of(cacheOf(20_000, 2500), signals, 5000)).handleOf(2499), before + 2499);
    const error = assertThrows(() => finish(first), SttpError);
    assertEquals([error.code, signals.size], ["LimitExceeded", 5000]);
    // What is known already needs no room.
    assertEquals(finish(SignalMap.of(cacheOf(20_000, 2500), signals, 5000)).handleOf(0), before);
  }
});

Deno.test("a map finds what is in its cache, however far apart the indexes are", () => {
  const index = fc.oneof(fc.nat({ max: 50 }), fc.nat({ max: 4_194_303 }));
  fc.assert(fc.property(fc.uniqueArray(index), fc.array(index), (indexes, others) => {
    const { guids, sources, ids } = cacheOf(0, indexes.length);
    const signals = new SignalTable();
    finish(SignalMap.of(cacheOf(0, 3), signals, 1000));
    const cache = new SignalIndexCache({ indexes: Int32Array.from(indexes), guids, sources, ids });
    const map = finish(SignalMap.of(cache, signals, 1000));
    const wanted = [...indexes, ...others, -1, 0xffff_ffff];
    const handles = wanted.map((index) => indexes.includes(index) ? indexes.indexOf(index) : undefined);
    assertEquals(wanted.map((index) => map.handleOf(index)), handles);
    const batch = new MeasurementBatch();
    for (const index of wanted) batch.add(index, 0n, 0);
    const known = handles.filter((handle) => handle !== undefined);
    assertEquals(map.apply(batch, 0), wanted.length - known.length);
    assertEquals([...batch.signals.subarray(0, batch.length)], known);
  }));
});

Deno.test("a map is not filled before it is made: only what signals there are takes time", () => {
  const { fill } = Int32Array.prototype;
  const filled: number[] = [];
  try {
    Int32Array.prototype.fill = function (this: Int32Array<ArrayBuffer>, ...range): Int32Array<ArrayBuffer> {
      filled.push(this.length);
      fill.apply(this, range);
      return this;
    };
    const { guids, sources, ids } = cacheOf(0, 10_000);
    const indexes = Int32Array.from({ length: 10_000 }, (_, i) => 8 * i);
    const cache = new SignalIndexCache({ indexes, guids, sources, ids });
    assertEquals(finish(SignalMap.of(cache, new SignalTable(), 10_000)).handleOf(72), 9);
  } finally {
    Int32Array.prototype.fill = fill;
  }
  assertEquals(filled, []);
});
