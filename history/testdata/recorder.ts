/**
 * Records for ever, in a process that is there to be killed: `recorder.ts PATH`. Prints how many measurements it has
 * recorded, and when that was in milliseconds since its beginning.
 *
 * @module
 */
import { SignalTable } from "../../transport/signal_table.ts";
import { MeasurementBatch } from "../../transport/wire/batch.ts";
import { SqliteHistory } from "../sqlite_history.ts";

/** The time of the first measurement; each of the others comes a tick later. */
const start = 638_500_000_000_000_000n;

const history = SqliteHistory.open(Deno.args[0]!);
const signals = new SignalTable();
const handle = signals.add("9ae6dd95-bddb-5dd8-8717-57da1268b9ca");
const batch = new MeasurementBatch();
// A process that is killed again and again goes on where it was.
let n = Number((history.range()?.last ?? start - 1n) - start) + 1;
for (;;) {
  for (let i = 0; i < 100; i++, n++) {
    batch.clear();
    batch.add(handle, start + BigInt(n), n);
    history.record(batch, signals);
  }
  console.log(`${n} ${performance.now()}`);
  await new Promise((resolve) => setTimeout(resolve, 1));
}
