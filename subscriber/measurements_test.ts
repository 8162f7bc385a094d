import { assertEquals } from "@std/assert";
import { SignalTable } from "../transport/signal_table.ts";
import { MeasurementBatch } from "../transport/wire/batch.ts";
import { MeasurementsOfBatch } from "./measurements.ts";

Deno.test("a batch is walked without making the IDs of all signals first", () => {
  const signals = new SignalTable();
  const id = new Uint8Array(16);
  const words = new Uint32Array(id.buffer);
  for (let i = 0; i < 10_000; i++) {
    words[0] = i;
    signals.addBytes(id);
  }
  const batch = new MeasurementBatch();
  batch.add(9999, 7n, 1.5, 2);
  batch.add(0, 8n, 2.5, 0);
  assertEquals([...new MeasurementsOfBatch(batch, signals)], [
    { signalId: signals.idOf(9999), ticks: 7n, value: 1.5, flags: 2 },
    { signalId: signals.idOf(0), ticks: 8n, value: 2.5, flags: 0 },
  ]);
  assertEquals(signals.ids(0).length, 4096);
  // With more batches it comes to all.
  for (let i = 0; i < 2; i++) new MeasurementsOfBatch(batch, signals);
  assertEquals(signals.ids(0).length, 10_000);
  assertEquals(signals.ids(0)[9999], signals.idOf(9999));
});
