// Publishes a value of every signal of Metadata.xml thirty times a second, until Enter is pressed.
//
//   deno run --allow-net --allow-read=examples/Metadata.xml examples/simple_publish.ts [port]
//
import { DataSet, Publisher, Ticks } from "@sttp/sttp";

await using publisher = new Publisher({ port: Number(Deno.args[0] ?? 7165) });
await publisher.start();

// Load and define metadata
const xml = await Deno.readFile(new URL("Metadata.xml", import.meta.url));
publisher.defineMetadata(await DataSet.fromXml(xml));

// Statistics are not ours to publish
const signals = publisher.filterMetadata("SignalAcronym <> 'STAT'");

const timer = setInterval(() => {
  const ticks = Ticks.now();
  publisher.publishMeasurements(signals.map(({ signalId, signalType }) => ({
    signalId,
    ticks,
    value: signalType === "FREQ" ? 60 + (Math.random() - 0.5) * 0.02 : Math.random(),
    flags: 0,
  })));
}, 1000 / 30);

console.log(`Publishing ${signals.length} signals on ${publisher.address}. Press Enter to stop.`);
await Deno.stdin.read(new Uint8Array(1));
clearInterval(timer);
