/**
 * Records for ever, in a process that is there to be killed: `recorder.ts PATH`. Prints the ticks of each second that
 * is behind it.
 *
 * @module
 */
import { SignalTable } from "../../transport/signal_table.ts";
import { MeasurementBatch } from "../../transport/wire/batch.ts";
import { ticksNow, TicksPerMillisecond } from "../../transport/wire/ticks.ts";
import { SqliteHistory } from "../sqlite_history.ts";

const history = SqliteHistory.open(Deno.args[0]!);
const signals = new SignalTable();
const handle = signals.add("9ae6dd95-bddb-5dd8-8717-57da1268b9ca");
const batch = new MeasurementBatch();
const start = ticksNow();
for (let n = 0;; n++) {
  const ticks = start + BigInt(n);
  batch.clear();
  batch.add(handle, ticks, n);
  history.record(batch, signals);
  if (n % 100 === 0) {
    console.log(`${n} ${(ticksNow() - start) / TicksPerMillisecond}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
