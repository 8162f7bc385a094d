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
  for (const time of [start, start + 3n * second, start + second]) covered.note(7, ...at(time));
  const has = (time: bigint): boolean => covered.has(7, ...at(time));
  assertEquals(
    [start - 1n, start, start + 2n * second, start + 3n * second, start + 3n * second + 1n].map(has),
    [false, true, true, true, false],
  );
  // A leap second's time is one as well.
  assertEquals(has(Ticks.withLeapSecond(start, true)), true);
  assertEquals(covered.has(6, ...at(start)), false);
  covered.clear();
  assertEquals(has(start), false);
});

Deno.test("what lies between interruptions is not covered, nor between times far apart", () => {
  const covered = new Covered();
  const has = (seconds: bigint): boolean => covered.has(0, ...at(start + seconds * second));
  const note = (seconds: bigint): void => covered.note(0, ...at(start + seconds * second));
  note(0n);
  note(2n);
  covered.interrupt();
  note(5n);
  note(7n);
  note(7n + 100n);
  assertEquals([0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n, 50n, 107n].map(has), [
    ...[true, true, true, false, false, true, true, true],
    ...[false, true],
  ]);
});

Deno.test("times that jump take no more than so much memory: the oldest are forgotten", () => {
  const covered = new Covered();
  const time = (n: number): [number, number] => at(start + BigInt(n) * 100n * second);
  for (let n = 0; n < 1000; n++) covered.note(0, ...time(n));
  assertEquals(Array.from({ length: 1000 }, (_, n) => covered.has(0, ...time(n))).indexOf(true), 1000 - 257);
  // Of all signals together there are no more than 2^18, besides the latest of each.
  const [first, last] = [time(0), time(1)];
  const most = 2 ** 18 - 256;
  for (const at of [first, last]) {
    for (let handle = 1; handle <= most + 1; handle++) covered.note(handle, ...at);
  }
  assertEquals([most, most + 1].map((handle) => covered.has(handle, ...first)), [true, false]);
  assertEquals([most, most + 1].map((handle) => covered.has(handle, ...last)), [true, true]);
});
