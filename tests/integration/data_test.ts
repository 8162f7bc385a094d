/** Publisher to subscriber: what is published is what is received, in every mode. */
import { assert, assertEquals } from "@std/assert";
import { fromCompactFlags, toCompactFlags } from "../../transport/mod.ts";
import type { SubscriberOptions } from "../../subscriber/mod.ts";
import { all, dropped, Meeting, metadataOf, receive, signalId, ticksOf, until, valueOf } from "./support.ts";

const size = 40;

for (const over of ["tcp", "memory"] as const) {
  for (const version of [1, 2, 3] as const) {
    for (const tssc of [true, false]) {
      for (const gzip of [true, false]) {
        const name = `${over}, version ${version}, ${tssc ? "TSSC" : "compact"}, ${gzip ? "gzip" : "plain"}`;
        Deno.test(`${name}: metadata and every measurement arrive as they were sent`, async () => {
          await using meeting = await Meeting.start(size, {}, over);
          const subscriber = await meeting.subscribed({
            version,
            compressPayload: tssc,
            compressMetadata: gzip,
            compressSignalIndexCache: gzip,
          });
          assertEquals(subscriber.metadata?.toXml(), metadataOf(size).toXml());
          assertEquals(subscriber.stats().signals, size);

          const publishing = meeting.publish(60);
          let count = 0;
          for await (const batch of subscriber.batches()) {
            for (const { signalId: id, ticks, value, flags } of subscriber.measurementsOf(batch)) {
              const round = Math.floor(count / size);
              const n = (count % size + round) % size;
              assertEquals([id, ticks, value], [signalId(n), ticksOf(round), valueOf(n, round)]);
              const sent = n % 5 === 0 ? 0x8000_0001 : 0;
              assertEquals(flags, tssc ? sent : fromCompactFlags(toCompactFlags(sent)));
              count++;
            }
            if (count === 60 * size) break;
          }
          await publishing;
          assertEquals(dropped(subscriber), {});
        });
      }
    }
  }
}

const formats: readonly SubscriberOptions[] = [
  { useMillisecondResolution: true },
  { includeTime: false },
  { includeTime: false, useMillisecondResolution: true },
];
for (const format of formats) {
  Deno.test(`compact with ${JSON.stringify(format)}`, async () => {
    await using meeting = await Meeting.start(size);
    const subscriber = await meeting.subscribed({ compressPayload: false, ...format });
    const publishing = meeting.publish(10);
    const received = await receive(subscriber, 10 * size);
    await publishing;
    assertEquals(received.signals().length, size);
    assertEquals(dropped(subscriber), {});
  });
}

Deno.test("objects, frames and a function receive the same", async () => {
  await using meeting = await Meeting.start(size);
  const values: number[] = [];
  const [objects, frames] = [await meeting.subscribed(), await meeting.subscribed()];
  await meeting.subscribed({
    onBatch: (batch) => {
      values.push(...batch.values.subarray(0, batch.length));
    },
  });
  await meeting.publish(3);
  const expected = Array.from({ length: 3 * size }, (_, i) => {
    const round = Math.floor(i / size);
    return valueOf((i % size + round) % size, round);
  });
  const got: number[] = [];
  for await (const { value } of objects.measurements()) if (got.push(value) === expected.length) break;
  assertEquals(got, expected);
  await until(() => values.length === expected.length);
  assertEquals(values, expected);
  await until(() => frames.stats().waiting === expected.length);
  await frames.disconnect();
  const sorted: [bigint, number][] = [];
  for await (const { ticks, measurements } of frames.frames({ useLocalClockAsRealTime: false })) {
    sorted.push([ticks, measurements.length]);
  }
  assertEquals(sorted.map(([, length]) => length), [size, size, size]);
});

Deno.test("a filter that matches nothing is a subscription without signals", async () => {
  await using meeting = await Meeting.start(size);
  const subscriber = await meeting.subscribed({
    filter: "FILTER ActiveMeasurements WHERE SignalType = 'NONE'",
  });
  assertEquals(subscriber.state, "connected");
  assertEquals(subscriber.stats().signals, 0);
  const connection = meeting.publisher.stats().open[0];
  assertEquals(connection?.subscription?.signals, 0);
});

Deno.test("metadata filters narrow the tables that they name", async () => {
  await using meeting = await Meeting.start(size);
  const subscriber = await meeting.subscribed({
    metadataFilters: [
      "FILTER MeasurementDetail WHERE SignalAcronym = 'FREQ'",
      "FILTER TOP 2 DeviceDetail WHERE True",
    ],
  });
  const rows = (name: string): number | undefined => subscriber.metadata?.table(name)?.rowCount;
  assertEquals([rows("MeasurementDetail"), rows("DeviceDetail")], [10, 2]);
  await subscriber.refreshMetadata("FILTER MeasurementDetail WHERE ID = 'PPA:7'");
  assertEquals([rows("MeasurementDetail"), rows("DeviceDetail")], [1, 4]);
  await subscriber.refreshMetadata("");
  assertEquals([rows("MeasurementDetail"), rows("DeviceDetail")], [size, 4]);
});

Deno.test("twenty subscribers with filters and modes of their own get their signals and no others", async () => {
  await using meeting = await Meeting.start(size);
  const subscribers = await Promise.all(Array.from({ length: 20 }, (_, i) =>
    meeting.subscribed({
      filter: i === 0
        ? all
        : `FILTER TOP ${i} ActiveMeasurements WHERE SignalType <> 'STAT' ORDER BY ID; PPA:${i + 15}`,
      version: (1 + i % 3) as 1 | 2 | 3,
      compressPayload: i % 4 !== 1,
    })));
  const publishing = meeting.publish(30);
  const received = await Promise.all(subscribers.map((subscriber) => {
    return receive(subscriber, 30 * subscriber.stats().signals);
  }));
  await publishing;
  for (const [i, subscriber] of subscribers.entries()) {
    const signals = received[i]!.signals();
    assertEquals(signals.length, subscriber.stats().signals);
    if (i > 0) assert(signals.includes(i + 15));
    for (const rounds of received[i]!.rounds.values()) assertEquals(rounds, Array.from(Array(30).keys()));
    assertEquals(dropped(subscriber), {});
  }
});

Deno.test("20,000 signals in one subscription", async () => {
  await using meeting = await Meeting.start(20_000);
  const subscriber = await meeting.subscribed();
  assertEquals(subscriber.metadata?.table("MeasurementDetail")?.rowCount, 20_000);
  await meeting.publish(1);
  const received = await receive(subscriber, 20_000);
  assertEquals(received.signals().length, 20_000);
});
