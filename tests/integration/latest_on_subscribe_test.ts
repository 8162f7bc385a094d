/** Who subscribes gets the latest value of each signal at once: in every form, over either channel, between processes. */
import { assertEquals } from "@std/assert";
import { Subscriber, type SubscriberOptions } from "../../subscriber/mod.ts";
import { runChild } from "../support/child.ts";
import { all, dropped, Meeting, receive, type Received } from "./support.ts";

const size = 40;
const everything = Array.from({ length: size }, (_, n) => n);

const forms: Record<string, SubscriberOptions> = {
  "TSSC": {},
  "version 1": { version: 1 },
  "compact": { compressPayload: false },
  "compact in milliseconds": { compressPayload: false, useMillisecondResolution: true },
  "throttled": { throttled: true, publishInterval: 3600 },
  "UDP": { udp: true },
};

for (const [name, options] of Object.entries(forms)) {
  Deno.test(`${name}: the latest values before anything is published, then data goes on`, async () => {
    await using meeting = await Meeting.start(size, { latestOnSubscribe: true, udp: {} });
    // Round 2 is the latest.
    await meeting.publish(3);
    const subscriber = await meeting.subscribed(options);
    const received = await receive(subscriber, size);
    assertEquals(received.signals(), everything);
    for (const rounds of received.rounds.values()) assertEquals(rounds, [2]);
    if (!options.throttled) {
      await meeting.publish(2);
      await receive(subscriber, 3 * size, received);
      for (const rounds of received.rounds.values()) assertEquals(rounds, [2, 3, 4]);
    }
    assertEquals(dropped(subscriber), {});
  });
}

Deno.test("two processes; another subscriber gets nothing twice", async () => {
  await using publisher = runChild(async ({ Publisher, metadataOf, roundOf, say, heard }, { size }) => {
    const publisher = new Publisher({ port: 0, hostname: "127.0.0.1", latestOnSubscribe: true });
    publisher.defineMetadata(metadataOf(size));
    await publisher.start();
    publisher.publish(roundOf(publisher, size, 0));
    say("listening", { address: publisher.address });
    await heard();
    publisher.publish(roundOf(publisher, size, 1));
    await heard();
    await publisher.stop({ drain: 0 });
  }, { size });
  const address = String((await publisher.next("listening"))["address"]);
  await using first = new Subscriber({ address, filter: all });
  await using second = new Subscriber({ address, filter: all });
  const received: Received[] = [];
  for (const subscriber of [first, second]) {
    await subscriber.connect();
    received.push(await receive(subscriber, size));
  }
  // Both have confirmed their caches, else they would have got nothing.
  await publisher.send("publish");
  for (const [i, subscriber] of [first, second].entries()) {
    await receive(subscriber, 2 * size, received[i]);
    for (const rounds of received[i]!.rounds.values()) assertEquals(rounds, [0, 1]);
  }
  await publisher.send("quit");
  assertEquals(await publisher.result(), { code: 0, errors: [] });
});
