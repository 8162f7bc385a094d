import { assertEquals, assertGreaterOrEqual, assertLessOrEqual, assertRejects } from "@std/assert";
import { ManualClock } from "../transport/clock.ts";
import { SttpError } from "../transport/errors.ts";
import { Command, Response } from "../transport/wire/codes.ts";
import { ticksNow } from "../transport/wire/ticks.ts";
import type { SubscriberOptions } from "./options.ts";
import { Subscriber } from "./subscriber.ts";
import {
  batchOf,
  cacheFrame,
  cacheOf,
  compactFrame,
  oneFrame,
  responseFrame,
  ScriptedConnector,
  type ScriptedPublisher,
  settle,
  signalId,
} from "./testdata/scripted_publisher.ts";

/** What passes from the connection to the consumer, and what happens when one of them is slow. */
class Fixture implements AsyncDisposable {
  readonly clock = new ManualClock();
  readonly connector: ScriptedConnector;
  readonly subscriber: Subscriber;
  publisher!: ScriptedPublisher;
  #sent = 0;

  constructor(options: SubscriberOptions = {}, bufferLimit: number = 1000) {
    this.connector = new ScriptedConnector(bufferLimit);
    this.subscriber = new Subscriber({
      autoRequestMetadata: false,
      clock: this.clock,
      connector: this.connector.connect,
      ...options,
    });
  }

  async connect(): Promise<this> {
    const connecting = this.subscriber.connect();
    this.publisher = await this.connector.accept();
    await this.publisher.accept([1]);
    await connecting;
    return this;
  }

  /** Sends so many packets of ten measurements with values that count up from 0. */
  async send(packets: number): Promise<void> {
    for (let i = 0; i < packets; i++, this.#sent += 10) {
      await this.publisher.send(compactFrame(batchOf(Array(10).fill(0), this.#sent)));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.subscriber.disconnect();
    assertEquals(this.clock.pending, 0);
  }
}

function countUp(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

async function take(subscriber: Subscriber, count: number): Promise<number[]> {
  const values: number[] = [];
  for await (const { value } of subscriber.measurements()) {
    values.push(value);
    if (values.length === count) break;
  }
  return values;
}

Deno.test("pause: reading stops at the buffer's capacity, nothing is lost, and silence is no reason to leave", async () => {
  await using fixture = await new Fixture({ deliveryBuffer: 50, heartbeatTimeout: 20_000 }).connect();
  const { subscriber } = fixture;
  const status = subscriber.status();
  let sent = false;
  const sending = fixture.send(100).then(() => sent = true);
  await settle();
  assertEquals(subscriber.stats().waiting, 50);
  assertEquals(subscriber.stats().pauses, 1);
  fixture.clock.advance(60_000);
  await settle();
  assertEquals((await status.next()).value, { kind: "paused", waiting: 50 });
  assertEquals(sent, false, "the publisher's writes wait");
  assertEquals(subscriber.state, "connected");

  assertEquals(await take(subscriber, 1000), countUp(0, 1000));
  await sending;
  const stats = subscriber.stats();
  assertEquals(stats.measurements, 1000);
  assertEquals(Object.values(stats.dropped).every((count) => count === 0), true);
  assertEquals((await status.next()).value?.kind, "resumed");

  // From here on silence counts again.
  fixture.clock.advance(20_000);
  await settle();
  assertEquals(subscriber.state, "waiting");
});

Deno.test("pause: a consumer that waits for an answer between two batches does not wait for itself", async () => {
  await using fixture = await new Fixture({ deliveryBuffer: 50 }).connect();
  const { subscriber, publisher } = fixture;
  const batches = subscriber.batches();
  const sending = fixture.send(10);
  await batches.next();
  await settle();
  const subscribing = subscriber.subscribe({ filter: "B" });
  const answering = (async () => {
    await publisher.next(Command.Subscribe);
    await sending;
    await fixture.send(4);
    await publisher.subscribed([1]);
  })();
  await subscribing;
  await answering;
  await batches.return?.();
  assertLessOrEqual(subscriber.stats().waiting, 200);
});

Deno.test("pause: many packets in one frame do not go over the capacity by more than one", async () => {
  await using fixture = await new Fixture({ deliveryBuffer: 50 }, 100_000).connect();
  const frames = countUp(0, 100).map((i) => compactFrame(batchOf(Array(10).fill(0), 10 * i)));
  await fixture.publisher.send(oneFrame(frames));
  await settle();
  assertEquals(fixture.subscriber.stats().waiting, 50);
  assertEquals(await take(fixture.subscriber, 1000), countUp(0, 1000));
});

Deno.test("pause: disconnecting ends it, and what waits is still delivered", async () => {
  await using fixture = await new Fixture({ deliveryBuffer: 50 }).connect();
  const sending = fixture.send(100);
  await settle();
  await fixture.subscriber.disconnect();
  await assertRejects(() => sending, SttpError);
  assertEquals(
    await Array.fromAsync(fixture.subscriber.measurements(), ({ value }) => value),
    countUp(0, 50),
  );
});

Deno.test("dropOldest: reading never stops; the newest are kept and the others counted", async () => {
  await using fixture = await new Fixture({ deliveryBuffer: 100, overflow: "dropOldest" }).connect();
  await fixture.send(100);
  await settle();
  const { waiting, dropped, measurements, pauses } = fixture.subscriber.stats();
  assertEquals(measurements, 1000);
  assertEquals(waiting + dropped.overflow, 1000);
  assertEquals(pauses, 0);
  assertGreaterOrEqual(waiting, 75);
  assertLessOrEqual(waiting, 100);
  assertEquals(await take(fixture.subscriber, waiting), countUp(1000 - waiting, 1000));
});

Deno.test("onBatch: gets everything in order, also while it is slow", async () => {
  const values: number[] = [];
  const busy = Promise.withResolvers<void>();
  await using fixture = await new Fixture({
    deliveryBuffer: 50,
    onBatch: (batch) => {
      values.push(...batch.values.subarray(0, batch.length));
      return values.length < 20 ? busy.promise : undefined;
    },
  }).connect();
  const sending = fixture.send(50);
  await settle();
  const before = values.length;
  assertEquals(fixture.subscriber.stats().waiting, 50);
  busy.resolve();
  await sending;
  await settle();
  assertEquals(before, 10);
  assertEquals(values, countUp(0, 500));
  const error = await assertRejects(() => fixture.subscriber.batches().next(), SttpError);
  assertEquals(error.code, "InvalidState");
});

Deno.test("two iterations at a time are refused, one after the other goes on", async () => {
  await using fixture = await new Fixture().connect();
  await fixture.send(2);
  const first = fixture.subscriber.measurements();
  assertEquals((await first.next()).value?.value, 0);
  const error = await assertRejects(() => fixture.subscriber.batches().next(), SttpError);
  assertEquals(error.code, "InvalidState");
  await first.return?.();
  // The rest of the batch that the first iteration was in the middle of comes first.
  assertEquals(await take(fixture.subscriber, 19), countUp(1, 20));
});

Deno.test("measurements: objects of their own, walked by batch or one by one", async () => {
  await using fixture = await new Fixture().connect();
  await fixture.send(1);
  await settle();
  const { value: batch } = await fixture.subscriber.batches().next();
  const [first, second] = fixture.subscriber.measurementsOf(batch!);
  assertEquals(first, { signalId: signalId(1), ticks: 638_500_000_000_000_000n, value: 0, flags: 0 });
  assertEquals(second, { signalId: signalId(1), ticks: 638_500_000_000_000_001n, value: 1, flags: 0 });
  assertEquals([...fixture.subscriber.measurementsOf(batch!)].length, 10);
});

Deno.test("measurements: an AbortSignal ends the iteration", async () => {
  await using fixture = await new Fixture().connect();
  const controller = new AbortController();
  const waiting = fixture.subscriber.measurements({ signal: controller.signal }).next();
  controller.abort();
  const error = await assertRejects(() => waiting, SttpError);
  assertEquals(error.code, "Aborted");
});

Deno.test("measurements: return() gives back what comes of a next() that nobody waited for yet", async () => {
  await using fixture = new Fixture();
  const { subscriber } = fixture;
  await fixture.connect();
  await fixture.publisher.send(compactFrame(batchOf([0, 0, 0], 1)));
  await settle();
  const first = subscriber.measurements();
  const next = first.next();
  await first.return!();
  assertEquals((await next).value?.value, 1);
  assertEquals((await subscriber.measurements().next()).value?.value, 2);
});

Deno.test("an iteration whose consumer is busy ends with its run; another goes on in the next", async () => {
  await using fixture = new Fixture();
  const { subscriber } = fixture;
  await fixture.connect();
  await fixture.publisher.send(compactFrame(batchOf([0, 0, 0], 1)));
  await settle();
  const batches = subscriber.batches();
  const { value: batch } = await batches.next();
  await subscriber.disconnect();
  await fixture.connect();
  await fixture.publisher.send(compactFrame(batchOf([0], 4)));
  const { value } = await subscriber.batches().next();
  assertEquals([[...batch!.values.subarray(0, batch!.length)], value?.values[0]], [[1, 2, 3], 4]);
  assertEquals((await batches.next()).done, true);
});

Deno.test("frames: sorted from what arrives", async () => {
  await using fixture = await new Fixture().connect();
  const now = ticksNow(fixture.clock);
  await fixture.publisher.send(compactFrame(batchOf([0, 0], 7, now)));
  const frames = fixture.subscriber.frames({ lagTime: 1 });
  const next = frames.next();
  await settle();
  fixture.clock.advance(1000);
  const { value: frame } = await next;
  assertEquals([frame?.ticks, frame?.measurements.length], [now, 1]);
  assertEquals(frame?.measurements.values[0], 8);
  assertEquals(frames.stats(), { frames: 1, early: 0, late: 0, future: 0, replaced: 1 });
  await fixture.subscriber.disconnect();
  assertEquals((await frames.next()).done, true);
});

Deno.test("an iteration that began before connect() gets the data of the connection", async () => {
  const fixture = new Fixture();
  const first = fixture.subscriber.measurements().next();
  await using _ = await fixture.connect();
  await fixture.send(1);
  assertEquals((await first).value?.value, 0);
});

Deno.test("a publisher that floods with caches and does not read confirmations is not read any further", async () => {
  await using fixture = await new Fixture({}, 1000).connect();
  const { publisher, subscriber } = fixture;
  const frame = cacheFrame(cacheOf([1]));
  let sent = 0;
  const sending = (async () => {
    for (; sent < 40_000; sent++) await publisher.send(frame);
  })();
  for (let before = -1; before !== sent;) {
    before = sent;
    await settle();
  }
  // 64 KiB of confirmations of 5 bytes may wait, and what the two channels hold.
  assertLessOrEqual(sent, 14_000);
  assertEquals(subscriber.state, "connected");
  await subscriber.disconnect();
  await assertRejects(() => sending, SttpError);
});

Deno.test("frames of any cut arrive whole", async () => {
  await using fixture = await new Fixture({}, 7).connect();
  const sending = fixture.send(20);
  assertEquals(await take(fixture.subscriber, 200), countUp(0, 200));
  await sending;
  await fixture.publisher.send(responseFrame(Response.NoOP, Command.Subscribe));
});
