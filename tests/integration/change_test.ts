/** What changes while data flows: subscriptions, metadata, the publisher itself. */
import { assert, assertEquals, assertGreater, assertRejects } from "@std/assert";
import { SttpError } from "../../transport/mod.ts";
import type { SubscriberStatus } from "../../subscriber/mod.ts";
import { sidesOver } from "../support/tls.ts";
import { all, dropped, Meeting, metadataOf, numberOf, receive, Received, roundOf, until } from "./support.ts";

const size = 24;

for (const transport of ["TCP", "TLS"] as const) {
  for (const version of [1, 2, 3] as const) {
    for (const compressPayload of [true, false]) {
      Deno.test(`resubscribing under load, version ${version}, ${compressPayload ? "TSSC" : "compact"} over ${transport}: no value under a wrong name`, async () => {
        const sides = await sidesOver(transport);
        await using meeting = await Meeting.start(size, sides.publisher);
        const subscriber = await meeting.subscribed({ ...sides.subscriber, version, compressPayload });
        const received = new Received();
        const receiving = (async () => {
          for await (const batch of subscriber.batches()) received.add(subscriber, batch);
        })();
        let resubscribing = true;
        const publishing = (async () => {
          while (resubscribing) await meeting.publish(1);
        })();
        // Overlapping signals under indexes that differ each time.
        for (let i = 0; i < 25; i++) {
          const before = received.count;
          await subscriber.subscribe({
            filter: i % 5 === 4
              ? all
              : `PPA:${i % size}; PPA:${(i * 7 + 3) % size}; FILTER TOP ${
                1 + i % 9
              } ActiveMeasurements WHERE True ` +
                `ORDER BY PointTag ${i % 2 ? "DESC" : "ASC"}`,
          });
          await until(() => received.count > before);
        }
        resubscribing = false;
        await publishing;
        await subscriber.disconnect();
        await receiving;
        assertEquals(received.signals().length, size);
        assertEquals(dropped(subscriber), {});
      });
    }
  }
}

Deno.test("a resubscription leaves no gap for a signal that is in both", async () => {
  await using meeting = await Meeting.start(size);
  const subscriber = await meeting.subscribed({ filter: "PPA:3; PPA:4" });
  const received = new Received();
  const receiving = receive(subscriber, Infinity, received);
  let running = true;
  let published = 0;
  const publishing = (async () => {
    for (; running; published++) await meeting.publish(1);
  })();
  for (let i = 0; i < 10; i++) {
    await subscriber.subscribe({ filter: i % 2 ? "PPA:3; PPA:4" : "PPA:5; PPA:3" });
  }
  running = false;
  await publishing;
  await until(() => received.rounds.get(3)!.length >= published);
  await subscriber.disconnect();
  await receiving;
  assertEquals(received.rounds.get(3), Array.from({ length: published }, (_, round) => round % 100));
});

Deno.test("a refused resubscription leaves the old one running, with the publisher's reason", async () => {
  await using meeting = await Meeting.start(size);
  const subscriber = await meeting.subscribed({ filter: "PPA:3" });
  const error = await assertRejects(
    () => subscriber.subscribe({ filter: "FILTER ActiveMeasurements WHERE (" }),
    SttpError,
  );
  assertEquals(error.code, "Refused");
  assertGreater(error.message.length, 20);
  await meeting.publish(2);
  assertEquals((await receive(subscriber, 2)).signals(), [3]);
});

Deno.test("changed formats and throttling take effect with the new subscription", async () => {
  await using meeting = await Meeting.start(size);
  const subscriber = await meeting.subscribed({ compressPayload: false });
  const received = new Received();
  const receiving = receive(subscriber, Infinity, received);
  let running = true;
  const publishing = (async () => {
    while (running) await meeting.publish(1);
  })();
  for (const options of [{ includeTime: false }, { includeTime: true, useMillisecondResolution: true }, {}]) {
    const before = received.count;
    await subscriber.subscribe(options);
    await until(() => received.count > before + 5 * size);
  }
  running = false;
  await publishing;
  await subscriber.subscribe({ throttled: true, publishInterval: 0.01 });
  await meeting.confirmed();
  const before = received.count;
  await meeting.publish(1);
  await until(() => received.count >= before + size);
  await subscriber.disconnect();
  await receiving;
  assertEquals(dropped(subscriber), {});
});

Deno.test("unsubscribing stops the data and keeps the connection; subscribing brings it back", async () => {
  await using meeting = await Meeting.start(size);
  const subscriber = await meeting.subscribed();
  await subscriber.unsubscribe();
  await meeting.publish(3);
  assertEquals(subscriber.state, "connected");
  assertEquals(subscriber.stats().measurements, 0);
  await subscriber.subscribe();
  await meeting.confirmed();
  await meeting.publish(1);
  assertEquals((await receive(subscriber, size)).count, size);
});

Deno.test("metadata defined anew: the subscriber gets it, and the signals that are new", async () => {
  await using meeting = await Meeting.start(size);
  const subscriber = await meeting.subscribed();
  const handles = subscriber.signals.size;
  meeting.publisher.defineMetadata(metadataOf(size + 6, 2));
  await until(() => subscriber.stats().signals === size + 6);
  await meeting.confirmed();
  assertEquals(subscriber.metadata?.table("MeasurementDetail")?.rowCount, size + 6);
  assertEquals(subscriber.signals.size, handles + 8);
  assertEquals(numberOf(subscriber.signals.idOf(handles)), size);
  meeting.publisher.publish(roundOf(meeting.publisher, size + 8, 0));
  const received = await receive(subscriber, size + 6);
  assertEquals(received.signals(), Array.from({ length: size + 6 }, (_, i) => i + 2));
});

Deno.test("metadata defined many times in a row: the last one is what the subscriber ends with", async () => {
  await using meeting = await Meeting.start(size);
  const subscriber = await meeting.subscribed();
  for (let i = 1; i <= 20; i++) meeting.publisher.defineMetadata(metadataOf(size + i));
  await until(() => subscriber.stats().signals === size + 20);
  assertEquals(subscriber.metadata?.table("MeasurementDetail")?.rowCount, size + 20);
});

Deno.test("a publisher without metadata, and metadata that comes later", async () => {
  await using meeting = await Meeting.start(0);
  const subscriber = await meeting.subscribed();
  assertEquals(subscriber.stats().signals, 0);
  meeting.publisher.defineMetadata(metadataOf(size));
  await until(() => subscriber.stats().signals === size);
});

Deno.test("a publisher that restarts: the subscriber comes back, handles stay, the loop goes on", async () => {
  // An address that no other test listens on: nobody takes the port while it is free.
  const hostname = "127.0.0.79";
  await using meeting = await Meeting.start(size, { hostname });
  const { publisher } = meeting;
  const { port } = publisher;
  const subscriber = await meeting.subscribed({ reconnect: { initialDelay: 5, maxDelay: 20 } });
  const events: SubscriberStatus["kind"][] = [];
  const status = subscriber.status();
  const watching = (async () => {
    for await (const { kind } of status) events.push(kind);
  })();
  const received = new Received();
  const receiving = receive(subscriber, Infinity, received);
  await meeting.publish(1);
  await until(() => received.count === size);
  const ids = [...subscriber.signals.ids()];

  for (let restart = 1; restart <= 3; restart++) {
    await publisher.stop();
    await until(() => subscriber.state === "waiting");
    assertEquals(publisher.state, "stopped");
    const again = await Meeting.start(size, { hostname, port });
    await until(() => subscriber.state === "connected");
    await again.confirmed();
    await again.publish(1);
    await until(() => received.count === size * (1 + restart));
    await again[Symbol.asyncDispose]();
    assertEquals(subscriber.signals.ids(), ids);
  }
  await subscriber.disconnect();
  await receiving;
  await watching;
  assertEquals(events.filter((kind) => kind === "connected").length, 3);
  assert(events.includes("connectionLost") && events.includes("reconnecting"));
  assertEquals(subscriber.stats().connections, 4);
});

Deno.test("a publisher that is full refuses, and is not asked again", async () => {
  await using meeting = await Meeting.start(size, { maxConnections: 1 });
  const first = await meeting.subscribed();
  const second = meeting.subscriber();
  const error = await assertRejects(() => second.connect(), SttpError);
  assertEquals(error.code, "Refused");
  assertEquals(await second.closed, { kind: "refused", error });
  assertEquals(meeting.publisher.stats().connections.accepted, 2);
  await meeting.publish(1);
  assertEquals((await receive(first, size)).count, size);
});

Deno.test("a subscriber that ends and starts again, many times", async () => {
  await using meeting = await Meeting.start(size);
  const subscriber = meeting.subscriber();
  for (let i = 0; i < 10; i++) {
    await subscriber.connect();
    await meeting.confirmed();
    await meeting.publish(1);
    assertEquals((await receive(subscriber, size)).count, size);
    await subscriber.disconnect();
  }
  assertEquals(subscriber.signals.size, size);
  await until(() => meeting.publisher.stats().connections.open === 0);
});

Deno.test("a subscriber that stays away for a while gets fresh data under the right names, nobody else loses any", async () => {
  // In memory, where no system buffers megabytes on the way.
  await using meeting = await Meeting.start(2000, { outboundQueueLimit: 262_144 }, "memory");
  const [good, slow] = [await meeting.subscribed(), await meeting.subscribed({ deliveryBuffer: 1000 })];
  const received = new Received();
  const receiving = receive(good, Infinity, received);
  let published = 0;
  const lost = (): number => meeting.publisher.stats().dropped["overflow"] ?? 0;
  for (; lost() === 0; published += 10) await meeting.publish(10);
  assertGreater(slow.stats().pauses, 0);

  const late = new Received();
  const catching = receive(slow, Infinity, late);
  // Until what is published now reaches the one that was away.
  for (const target = 2000 * 30; late.count < target; published++) await meeting.publish(1);
  await until(() => received.count === 2000 * published);
  await Promise.all([good.disconnect(), slow.disconnect()]);
  await Promise.all([receiving, catching]);
  assertEquals(received.rounds.get(0), Array.from({ length: published }, (_, round) => round % 100));
  assertEquals(dropped(good), {});
  assertEquals(dropped(slow), {});
  assertEquals(late.signals().length, 2000);
});
