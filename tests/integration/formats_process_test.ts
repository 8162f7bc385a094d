/** Forms of data between two processes: compact through rotations of the base times, and what throttling and filters leave. */
import { assert, assertEquals, assertLess } from "@std/assert";
import { type SubscribeOptions, Subscriber } from "../../subscriber/mod.ts";
import { MeasurementBatch, StateFlags, Ticks } from "../../transport/mod.ts";
import { runChild } from "../support/child.ts";
import { Meeting, numberOf, signalId, until } from "./support.ts";

const size = 30;

interface Form extends SubscribeOptions {
  readonly name: string;
  /** How many times faster time goes, so that a rotation takes less than a second. */
  readonly speed: number;
}

const forms: readonly Form[] = [
  { name: "ticks", speed: 600 },
  { name: "milliseconds", speed: 100, useMillisecondResolution: true },
  { name: "no times", speed: 600, includeTime: false },
];

for (const { name, speed, ...format } of forms) {
  Deno.test(`two processes: compact with ${name}, through rotations of the base times`, async () => {
    await using publisher = runChild(
      async ({ Publisher, MeasurementBatch, metadataOf, signalId, ticksNow, until, say, heard }, args) => {
        const { size, speed } = args;
        // Time goes so many times faster here: base times rotate every 420 s, or 60 s in milliseconds.
        const start = Date.now();
        const clock = {
          now: () => start + speed * (Date.now() - start),
          monotonic: () => speed * performance.now(),
          schedule(delay: number, callback: () => void): () => void {
            const timer = setTimeout(callback, delay / speed);
            return () => clearTimeout(timer);
          },
        };
        const publisher = new Publisher({
          port: 0,
          hostname: "127.0.0.1",
          clock,
          handshakeTimeout: speed * 60_000,
          heartbeatInterval: speed * 1000,
        });
        publisher.defineMetadata(metadataOf(size));
        await publisher.start();
        say("listening", { address: publisher.address });
        await until(() => publisher.stats().open[0]?.subscription?.confirmed === true);
        const batch = new MeasurementBatch(size);
        const times: bigint[] = [];
        const wait = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));
        // Three intervals and a half.
        const end = clock.now() + 3.5 * (speed === 100 ? 60_000 : 420_000);
        for (; clock.now() < end; await wait()) {
          batch.clear();
          for (let n = 0; n < size; n++) {
            times.push(ticksNow(clock) + BigInt(n * 12_345));
            batch.add(publisher.signals.add(signalId(n)), times.at(-1)!, n, 0);
          }
          publisher.publish(batch);
        }
        const { bytes, measurements } = publisher.stats().groups[0]!;
        say("published", { times, bytesEach: bytes / measurements });
        await heard();
        await publisher.stop();
      },
      { size, speed },
    );
    await using subscriber = new Subscriber({
      filter: "FILTER ActiveMeasurements WHERE True",
      compressPayload: false,
      ...format,
    });
    const received: [n: number, ticks: bigint][] = [];
    const before = Ticks.now();
    await subscriber.connect(String((await publisher.next("listening"))["address"]));
    const receiving = (async () => {
      for await (const batch of subscriber.batches()) {
        for (const { signalId, ticks, value } of subscriber.measurementsOf(batch)) {
          assertEquals(numberOf(signalId), value);
          received.push([value, ticks]);
        }
      }
    })();
    const published = await publisher.next("published");
    const times = (published["times"] as string[]).map(BigInt);
    await until(() => received.length >= times.length);
    await publisher.quit();
    await subscriber.disconnect();
    await receiving;
    assertEquals(received.length, times.length);
    for (const [i, [n, ticks]] of received.entries()) {
      assertEquals(n, i % size);
      const cut = times[i]! - ticks;
      if (format.includeTime === false) assert(ticks >= before && ticks <= Ticks.now());
      else if (format.useMillisecondResolution) assert(cut >= 0n && cut < 10_000n, `${cut} ticks off`);
      else assertEquals(cut, 0n);
    }
    // Not all have a time in full, which takes 17 bytes, and a packet's header of 15.
    assertLess(Number(published["bytesEach"]), 17 + 15 / size);
  });
}

Deno.test("two processes: latest values only, unreasonable times, no NaN: each as its own subscriber wants it", async () => {
  await using meeting = await Meeting.start(5);
  const { publisher } = meeting;
  await using child = runChild(async ({ Subscriber, all, numberOf, say, heard }, { address }) => {
    const wishes = {
      everything: {},
      withoutNaN: { requestNaNValueFilter: true },
      latest: {
        throttled: true,
        publishInterval: 0.05,
        enableTimeReasonabilityCheck: true,
        lagTime: 3000,
        leadTime: 9000,
        // Else the latest time that is not too far ahead would be real time, and the present be too old.
        useLocalClockAsRealTime: true,
      },
    };
    const subscribers = Object.entries(wishes).map(([name, options]) => {
      const subscriber: InstanceType<typeof Subscriber> = new Subscriber({
        filter: all,
        address,
        ...options,
        onBatch: (batch) => {
          for (const { signalId, value, flags } of subscriber.measurementsOf(batch)) {
            say("received", { name, row: [numberOf(signalId), value, flags] });
          }
        },
      });
      return subscriber;
    });
    for (const subscriber of subscribers) await subscriber.connect();
    say("ready");
    await heard();
    for (const subscriber of subscribers) await subscriber.disconnect();
  }, { address: publisher.address });
  await child.next("ready");
  await meeting.confirmed();
  const handles = Array.from({ length: 5 }, (_, n) => publisher.signals.add(signalId(n)));
  const hours = (count: number): bigint => Ticks.now() + BigInt(count) * 3600n * Ticks.PerSecond;
  const batch = new MeasurementBatch();
  // In one turn, so that no interval ends in between.
  for (let round = 0; round < 5; round++) {
    batch.clear();
    batch.add(handles[0]!, hours(0), round, 0);
    batch.add(handles[1]!, hours(0), round === 2 ? NaN : 10 + round, 0);
    batch.add(handles[2]!, hours(-2), 20 + round, StateFlags.CalculatedValue);
    batch.add(handles[3]!, hours(2), 30 + round, 0);
    batch.add(handles[4]!, hours(3), 40 + round, 0);
    publisher.publish(batch);
  }
  const rounds = [0, 1, 2, 3, 4].flatMap((round) => [
    [0, round, 0],
    [1, round === 2 ? null : 10 + round, 0],
    [2, 20 + round, StateFlags.CalculatedValue],
    [3, 30 + round, 0],
    [4, 40 + round, 0],
  ]);
  const expected: Record<string, unknown[]> = {
    everything: rounds,
    withoutNaN: rounds.filter(([, value]) => value !== null),
    latest: [
      [0, 4, 0],
      [1, 14, 0],
      [2, null, StateFlags.CalculatedValue | StateFlags.BadTime],
      [3, 34, 0],
      [4, null, StateFlags.BadTime],
    ],
  };
  for (const [name, rows] of Object.entries(expected)) {
    const received: unknown[] = [];
    for (const _ of rows) {
      received.push((await child.next("received", (event) => event["name"] === name))["row"]);
    }
    assertEquals(received, rows, name);
  }
  // No more comes.
  await child.quit();
  assertEquals(child.taken("received"), []);
});
