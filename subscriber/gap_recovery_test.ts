import { assertEquals, assertThrows } from "@std/assert";
import { SttpError } from "../transport/errors.ts";
import { SignalTable } from "../transport/signal_table.ts";
import { MeasurementBatch } from "../transport/wire/batch.ts";
import { checkGapRecovery } from "./gap_recovery.ts";
import { GapStore } from "./gap_store.ts";
import { GapTracker, keepMissed, startOf } from "./gap_tracker.ts";

const A = "9ae6dd95-bddb-5dd8-8717-000000000001";
const B = "9ae6dd95-bddb-5dd8-8717-000000000002";
const C = "9ae6dd95-bddb-5dd8-8717-000000000003";

function batchOf(...measurements: [signal: number, ticks: bigint][]): MeasurementBatch {
  const batch = new MeasurementBatch();
  for (const [signal, ticks] of measurements) batch.add(signal, ticks, 0);
  return batch;
}

Deno.test("a gap has limits for each signal", () => {
  const signals = new SignalTable();
  for (const id of [A, B, C]) signals.add(id);
  const tracker = new GapTracker(signals);
  assertEquals(tracker.begin("x"), undefined);
  tracker.observe(batchOf([0, 1n], [0, 10n], [1, 8n]), 1);
  assertEquals(startOf(tracker.begin("x")!), 8n);
  // Still without a connection.
  assertEquals([tracker.begin("y")?.filter, tracker.end()], ["x", undefined]);
  tracker.observe(batchOf([0, 20n], [2, 22n], [0, 24n]), 0);
  const gap = tracker.end()!;
  assertEquals([gap.stop, tracker.open], [24n, undefined]);
  const all = batchOf();
  for (let ticks = 7n; ticks <= 26n; ticks++) for (const n of [0, 1, 2]) all.add(n, ticks, 0);
  keepMissed(all, gap, signals);
  const times: number[][] = [[], [], []];
  for (let i = 0; i < all.length; i++) times[all.signals[i]!]!.push(Number(all.ticks[i]!));
  const range = (from: number, to: number): number[] =>
    Array.from({ length: to - from + 1 }, (_, i) => from + i);
  assertEquals(times, [range(11, 19), range(9, 24), range(11, 21)]);

  tracker.forget();
  assertEquals(tracker.begin("z"), undefined);
});

Deno.test("a file keeps gaps, and nothing else will do", async () => {
  const path = await Deno.makeTempFile();
  await Deno.remove(path);
  const open = { filter: "a; b", last: new Map([[A, 5n]]), first: new Map(), stop: undefined };
  const ended = { ...open, first: new Map([[A, 9n]]), stop: 1n << 60n };
  new GapStore(path).replace(undefined, open);
  const store = new GapStore(path);
  assertEquals(store.gaps, [open]);
  store.replace(store.gaps[0], ended);
  assertEquals(new GapStore(path).gaps, [ended]);
  store.replace(store.gaps[0], undefined);
  assertEquals(new GapStore(path).gaps, []);
  for (const text of ["", "{}", `{"gaps":[{"filter":"","stop":"x","last":{},"first":{}}]}`]) {
    await Deno.writeTextFile(path, text);
    assertEquals(assertThrows(() => new GapStore(path), SttpError).code, "MalformedText");
  }
  await Deno.remove(path);
});

Deno.test("options of gap recovery", () => {
  const onRecovered = (): void => {};
  assertEquals(checkGapRecovery(undefined), undefined);
  assertThrows(() => checkGapRecovery({} as { onRecovered: () => void }), TypeError, "onRecovered");
  assertThrows(() => checkGapRecovery({ onRecovered, settleTime: 0 }), RangeError, "settleTime");
});
