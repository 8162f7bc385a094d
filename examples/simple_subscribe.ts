// Subscribes to twenty signals and prints one measurement every five seconds, until Enter is pressed.
//
//   deno run --allow-net examples/simple_subscribe.ts [host:port]
//
import { stateFlagNames, Subscriber, Ticks } from "@sttp/sttp";

await using subscriber = new Subscriber({ filter: "FILTER TOP 20 ActiveMeasurements WHERE True" });
await subscriber.connect(Deno.args[0] ?? "localhost:7175").catch((error) => {
  console.error(error.message);
  Deno.exit(1);
});
console.log(`Connected, subscribed to ${subscriber.stats().signals} signals.`);
Deno.stdin.read(new Uint8Array(1)).then((read) => read ? subscriber.disconnect() : undefined);

let lastMessage = 0;
for await (const { signalId, ticks, value, flags } of subscriber.measurements()) {
  if (Date.now() - lastMessage < 5000) continue;
  if (lastMessage === 0) {
    console.log("Receiving measurements...");
  } else {
    const count = subscriber.stats().measurements.toLocaleString("en");
    const time = Ticks.format(ticks, { fraction: 3 }).slice(11, -1);
    const state = stateFlagNames(flags).join(", ") || "Normal";
    console.log(`${count} measurements received so far. Current measurement:`);
    console.log(`    ${signalId} @ ${time} = ${value.toFixed(3)} (${state})`);
  }
  lastMessage = Date.now();
}
console.log("Connection closed.");
