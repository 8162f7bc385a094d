// Takes measurements in time-aligned frames, thirty a second: each frame holds the values of all signals at one time. A frame waits
// three seconds for those that are late, and takes none more than a second ahead of the clock. Prints one line every five seconds.
//
//   deno run --allow-net examples/grouped_subscribe.ts [host:port]
//
import { Subscriber, Ticks } from "@sttp/sttp";

await using subscriber = new Subscriber({
  filter: "FILTER TOP 20 ActiveMeasurements WHERE SignalType = 'FREQ'",
});
await subscriber.connect(Deno.args[0] ?? "localhost:7175").catch((error) => {
  console.error(error.message);
  Deno.exit(1);
});
console.log("Waiting for the first frame...");

const frames = subscriber.frames({ framesPerSecond: 30, lagTime: 3, leadTime: 1 });
for await (const { ticks, measurements } of frames) {
  const { frames: count, late, future } = frames.stats();
  if (count % 150 !== 1) continue;
  const values = measurements.values.subarray(0, measurements.length);
  const average = values.reduce((sum, value) => sum + value, 0) / values.length;
  const time = Ticks.format(ticks, { fraction: 3 });
  console.log(`Frame ${count}, ${time}: ${values.length} of ${subscriber.stats().signals} signals,`);
  console.log(
    `    average frequency ${average.toFixed(4)} Hz; dropped so far: ${late} late, ${future} early`,
  );
}
