import { assertEquals, assertThrows } from "@std/assert";
import { SttpError } from "../transport/errors.ts";
import { SignalTable } from "../transport/signal_table.ts";
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
  for (const [known, size, steps] of [[0, 3000, 1], [1000, 4500, 3]] as const) {
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
