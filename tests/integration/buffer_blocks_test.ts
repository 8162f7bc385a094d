/** Buffer blocks (§13) between a publisher and a subscriber, over TCP and UDP. */
import { assertEquals } from "@std/assert";
import { Publisher, type PublisherOptions } from "../../publisher/mod.ts";
import { Subscriber, type SubscriberOptions } from "../../subscriber/mod.ts";
import { ManualClock } from "../../transport/mod.ts";
import { all, dropped, Meeting, metadataOf, signalId, until } from "./support.ts";

async function exchange(
  publisherOptions: PublisherOptions,
  subscriberOptions: SubscriberOptions,
  lengths: readonly number[],
): Promise<void> {
  await using publisher = new Publisher({ port: 0, hostname: "127.0.0.1", ...publisherOptions });
  publisher.defineMetadata(metadataOf(20));
  await publisher.start();
  await using subscriber = new Subscriber({ filter: all, ...subscriberOptions });
  await subscriber.connect(publisher.address);
  await until(() => publisher.stats().open[0]?.subscription?.confirmed === true);

  const payloads = lengths.map((length, i) => {
    const payload = new Uint8Array(length).fill(i);
    for (let from = 0; from < length; from += 131_072) {
      crypto.getRandomValues(payload.subarray(from, Math.min(from + 65_536, length)));
    }
    return payload;
  });
  payloads.forEach((payload, i) => assertEquals(publisher.publishBufferBlock(signalId(i % 20), payload), 1));
  let i = 0;
  for await (const block of subscriber.bufferBlocks()) {
    assertEquals(block.signalId, signalId(i % 20));
    assertEquals(block.payload.length, lengths[i]);
    assertEquals(block.payload.every((byte, at) => byte === payloads[i]![at]), true, `block ${i}`);
    if (++i === lengths.length) break;
  }
  await until(() => publisher.stats().open[0]!.bufferBlocks!.waiting === 0);
  assertEquals(publisher.stats().open[0]!.bufferBlocks!.dropped, 0);
}

const megabyte = 1024 ** 2;

Deno.test("buffer blocks of up to 1 MB over TCP, compressed and not", async () => {
  for (const compressPayload of [true, false]) {
    await exchange({}, { compressPayload }, [0, 1, 1000, megabyte, 5, megabyte, 100]);
  }
});

Deno.test("buffer blocks in the older layout", async () => {
  const bufferBlocks = { layout: "older" } as const;
  await exchange({ bufferBlocks }, { bufferBlocks }, [10, megabyte, 20]);
});

Deno.test("buffer blocks over UDP, encrypted; what is too long for a datagram comes over TCP, and in order", async () => {
  const lengths = [10, 2000, megabyte, 30, 60_000];
  await exchange({ udp: { encrypt: true } }, { udp: true, bufferBlockRetransmissionTimeout: 0.2 }, lengths);
  await exchange({ udp: { encrypt: false } }, { udp: true, bufferBlockRetransmissionTimeout: 0.2 }, lengths);
});

Deno.test("buffer blocks encrypted with the even key, the odd one, and so on as keys are rotated", async () => {
  const clock = new ManualClock();
  await using meeting = await Meeting.start(1, { clock, udp: { encrypt: true, keyRotationInterval: 1000 } });
  const { publisher } = meeting;
  const subscriber = await meeting.subscribed({ udp: true, heartbeatTimeout: 0 });
  const blocks = subscriber.bufferBlocks();
  const indexes: number[] = [];
  for (let i = 0; i < 6; i++) {
    const payload = crypto.getRandomValues(new Uint8Array(500));
    publisher.publishBufferBlock(0, payload);
    assertEquals((await blocks.next()).value?.payload, payload);
    indexes.push(publisher.stats().open[0]!.cipher!.index);
    clock.advance(1000);
    await until(() => publisher.stats().open[0]!.cipher!.index !== indexes.at(-1));
  }
  assertEquals(indexes, [0, 1, 0, 1, 0, 1]);
  assertEquals(dropped(subscriber), {});
  await blocks.return?.();
});

Deno.test("buffer blocks from cache to cache: each under its own signal, in either layout", async () => {
  for (const layout of ["standard", "older"] as const) {
    await using meeting = await Meeting.start(8, { bufferBlocks: { layout } });
    const subscriber = await meeting.subscribed({ bufferBlocks: { layout } });
    const blocks = subscriber.bufferBlocks();
    for (const filter of ["PPA:5; PPA:1", "PPA:1; PPA:5", "PPA:3; PPA:1", all]) {
      await subscriber.subscribe({ filter });
      await meeting.confirmed();
      meeting.publisher.publishBufferBlock(signalId(1), Uint8Array.of(1));
      const { value } = await blocks.next();
      assertEquals([value?.signalId, value?.payload], [signalId(1), Uint8Array.of(1)]);
    }
    assertEquals(dropped(subscriber), {});
    await blocks.return?.();
  }
});

Deno.test("more blocks than the subscriber's cache takes while its consumer is away arrive all the same", async () => {
  const lengths = Array.from({ length: 60 }, (_, i) => i + 1);
  const bufferBlocks = { maxBlocks: 4 };
  await using publisher = new Publisher({ port: 0, hostname: "127.0.0.1" });
  publisher.defineMetadata(metadataOf(1));
  await publisher.start();
  const received: number[] = [];
  const done = Promise.withResolvers<void>();
  await using subscriber = new Subscriber({
    filter: all,
    bufferBlocks,
    bufferBlockRetransmissionTimeout: 0.01,
    onBufferBlock: async ({ payload }) => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      received.push(payload.length);
      if (received.length === lengths.length) done.resolve();
    },
  });
  await subscriber.connect(publisher.address);
  await until(() => publisher.stats().open[0]?.subscription?.confirmed === true);
  for (const length of lengths) publisher.publishBufferBlock(signalId(0), new Uint8Array(length));
  await done.promise;
  assertEquals(received, lengths);
});
