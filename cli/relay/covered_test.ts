import { assertEquals } from "@std/assert";
import { MeasurementBatch, Ticks } from "../../mod.ts";
import { Covered } from "./covered.ts";

const start = Ticks.now();
const second = Ticks.PerSecond;

/** Asks about, or notes, a time as it stands in a batch. */
function at(ticks: bigint): [low: number, high: number] {
  const batch = new MeasurementBatch(1);
  batch.add(0, ticks, 0);
  return [batch.tickWords[0]!, batch.tickWords[1]!];
}

Deno.test("a signal is covered from the first to the last of what was delivered, to the tick", () => {
  const covered = new Covered();
  assertEquals(covered.has(7, ...at(start)), false);
  for (const time of [start, start + 3n * second, start + second]) covered.note(7, ...at(time), 1);
  const has = (time: bigint): boolean => covered.has(7, ...at(time));
  assertEquals(
    [start - 1n, start, start + 2n * second, start + 3n * second, start + 3n * second + 1n].map(has),
    [false, true, true, true, false],
  );
  // A leap second's time is one as well.
  assertEquals(has(Ticks.withLeapSecond(start, true)), true);
  assertEquals(covered.has(6, ...at(start)), false);
});

Deno.test("what lies between stretches is not covered, nor between times far apart", () => {
  const covered = new Covered();
  const has = (seconds: bigint): boolean => covered.has(0, ...at(start + seconds * second));
  const note = (seconds: bigint, source = 1): void =>
    covered.note(0, ...at(start + seconds * second), source);
  note(0n);
  note(2n);
  covered.end(0);
  covered.end(0);
  // Nothing is known of it.
  covered.end(1_000_000);
  note(5n);
  note(7n);
  note(7n + 100n);
  note(110n, 2);
  note(112n, 2);
  note(114n);
  assertEquals(
    [0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n, 50n, 107n, 109n, 110n, 111n, 112n, 113n, 114n].filter(has),
    [0n, 1n, 2n, 5n, 6n, 7n, 107n, 110n, 111n, 112n, 114n],
  );
});

Deno.test("what a source delivered itself does not count for it, be it now or before", () => {
  const covered = new Covered();
  const note = (seconds: bigint, source: number): void =>
    covered.note(0, ...at(start + seconds * second), source);
  for (const [seconds, source] of [[0n, 1], [2n, 1], [4n, 2], [6n, 2], [8n, 1], [10n, 1]] as const) {
    note(seconds, source);
  }
  const seen = (but: number): bigint[] =>
    [1n, 3n, 5n, 7n, 9n].filter((seconds) => covered.has(0, ...at(start + seconds * second), but));
  assertEquals([0, 1, 2, 3].map(seen), [[1n, 5n, 9n], [5n], [1n, 9n], [1n, 5n, 9n]]);
});

Deno.test("what is known of a signal stays known when there come thousands of signals and of stretches", () => {
  const covered = new Covered();
  const time = (seconds: number): [number, number] => at(start + BigInt(seconds) * second);
  const sources = [1, 2, 1, 2];
  sources.forEach((source, n) => {
    for (const seconds of [0, 2]) covered.note(0, ...time(100 * n + seconds), source);
  });
  for (let handle = 1; handle <= 5000; handle++) {
    covered.note(handle, ...time(0), 1);
    covered.end(handle);
  }
  const seen = (but: number): number[] =>
    [0, 1, 2, 3].filter((n) => covered.has(0, ...time(100 * n + 1), but));
  assertEquals([0, 1, 2].map(seen), [[0, 1, 2, 3], [1, 3], [0, 2]]);
});

Deno.test("times that jump take no more than so much memory: the oldest are forgotten", () => {
  const covered = new Covered();
  const time = (n: number): [number, number] => at(start + BigInt(n) * 100n * second);
  for (let n = 0; n < 1000; n++) covered.note(0, ...time(n), 1);
  assertEquals(Array.from({ length: 1000 }, (_, n) => covered.has(0, ...time(n))).indexOf(true), 1000 - 257);
  // Of all signals together there are no more than 2^20, besides the latest of each: the last of them are known.
  const most = 2 ** 20;
  const handles = 2 ** 16;
  const [first, last] = [time(0), time(1)];
  const note = (at: [number, number]): void => {
    for (let handle = 1; handle <= handles; handle++) covered.note(handle, ...at, 1);
  };
  note(first);
  // So many have ended besides the 999.
  for (let i = 0; i < most / handles; i++) note(i % 2 === 0 ? last : first);
  assertEquals([1, handles].map((handle) => covered.has(handle, ...last)), [true, true]);
  assertEquals(covered.has(0, ...time(998)), false, "it was the oldest");
  assertEquals(covered.has(0, ...time(999)), true, "it goes on");
  for (let handle = 1; handle <= handles; handle++) covered.end(handle);
  // Of signal 2 the latest that ended is the oldest but one that is kept.
  for (let n = 0; n < most - handles + 1; n++) covered.note(0, ...time(1000 + n % 2), 1);
  assertEquals([1, 2].map((handle) => covered.has(handle, ...first)), [false, true]);
});
