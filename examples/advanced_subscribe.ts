// Prints what happens on the connection, names signals by the metadata, and changes the subscription every five seconds while it
// runs, until Ctrl-C.
//
//   deno run --allow-net examples/advanced_subscribe.ts [host:port]
//
import { Metadata, stateFlagNames, Subscriber, Ticks } from "@sttp/sttp";

const kinds = ["FREQ", "VPHM", "VPHA"];
const filterOf = (kind: string): string => `FILTER TOP 10 ActiveMeasurements WHERE SignalType = '${kind}'`;

await using subscriber = new Subscriber({
  filter: filterOf(kinds[0]!),
  // Only metadata that is of use here
  metadataFilters: "FILTER MeasurementDetail WHERE SignalAcronym <> 'STAT'",
  // After a lost connection: the first try after half a second, then after ever longer waits up to ten seconds, without end
  reconnect: { initialDelay: 500, maxDelay: 10_000 },
  // Who we are, for the publisher's operators
  assemblyInfo: { source: "advanced_subscribe", version: "1.0", updatedOn: "2024-01-01" },
});

let metadata: Metadata | undefined;
const watching = watch();
Deno.addSignalListener("SIGINT", () => subscriber.disconnect());
await subscriber.connect(Deno.args[0] ?? "localhost:7175").catch((error) => {
  console.error(error.message);
  Deno.exit(1);
});

let turn = 0;
const timer = setInterval(change, 5000);
let lastLine = 0;
for await (const batch of subscriber.batches()) {
  if (Date.now() - lastLine < 1000) continue;
  lastLine = Date.now();
  const { signalId, ticks, value, flags } = subscriber.measurementsOf(batch).next().value!;
  const name = metadata?.measurement(signalId)?.pointTag ?? signalId;
  const state = stateFlagNames(flags).join(", ") || "Normal";
  console.log(`${Ticks.format(ticks, { fraction: 3 })} ${name} = ${value.toFixed(3)} (${state})`);
}
clearInterval(timer);
await watching;

/** Subscribes to the next kind of signals. The old subscription goes on until the new one takes over. */
async function change(): Promise<void> {
  try {
    await subscriber.subscribe({ filter: filterOf(kinds[++turn % kinds.length]!) });
  } catch (error) {
    // Refused, or the connection is just away: the next connection subscribes to what was asked for last.
    console.error(String(error));
  }
}

/** Prints events until the subscriber is closed, and takes the metadata whenever it comes. */
async function watch(): Promise<void> {
  for await (const status of subscriber.status()) {
    switch (status.kind) {
      case "metadata":
        metadata = subscriber.metadata && new Metadata(subscriber.metadata);
        console.log(`Metadata: ${status.tables.map(({ name, rows }) => `${rows} ${name}`).join(", ")}`);
        break;
      case "subscribed":
        console.log(status.message);
        break;
      case "dropped":
        console.log(`Dropped ${status.count} (${status.reason}): ${status.message}`);
        break;
      case "connectionLost":
      case "metadataFailed":
      case "subscribeFailed":
        console.log(`${status.kind}: ${status.error.message}`);
        break;
      case "reconnecting":
        console.log(`Next attempt in ${status.delayMilliseconds.toFixed()} ms`);
        break;
      default:
        console.log(status.kind);
    }
  }
}
