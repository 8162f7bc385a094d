import { assertEquals, assertRejects } from "@std/assert";
import type { Channel } from "./channel.ts";
import { ChannelStream } from "./channel_stream.ts";
import { SttpError } from "./errors.ts";
import { createChannelPair } from "./memory_channel.ts";

/** Lets everything that is ready run. */
async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setTimeout(resolve, 0));
}

/** A stream whose channel notes how often it was read. */
function countedStream(): { stream: ChannelStream; far: Channel; reads: number[] } {
  const [near, far] = createChannelPair();
  const reads: number[] = [];
  const channel: Channel = {
    peer: near.peer,
    read: (into) => {
      reads.push(into.length);
      return near.read(into);
    },
    write: (bytes) => near.write(bytes),
    close: () => near.close(),
  };
  return { stream: new ChannelStream(channel), far, reads };
}

Deno.test("nothing is read that nobody demands", async () => {
  const { stream, far, reads } = countedStream();
  const received: number[] = [];
  stream.on("data", (chunk: Uint8Array) => received.push(...chunk));
  await far.write(new Uint8Array([1, 2, 3]));
  await settle();
  assertEquals([reads, received], [[], []]);
  stream.demand(10_000);
  await settle();
  assertEquals(received, [1, 2, 3]);
  // The read that waits for more is under way; after it, none follows.
  stream.demand(0);
  await far.write(new Uint8Array([4]));
  await settle();
  await far.write(new Uint8Array([5]));
  await settle();
  assertEquals([reads, received], [[10_000, 10_000], [1, 2, 3, 4]]);
  stream.destroy();
  far.close();
});

Deno.test("reads are neither tiny nor huge", async () => {
  const { stream, far, reads } = countedStream();
  stream.resume();
  for (const size of [1, 1e9, 20_000]) {
    stream.demand(size);
    await far.write(new Uint8Array(1));
    await settle();
  }
  // The size of the next read is that of the demand when it begins.
  assertEquals(new Set(reads), new Set([4096, 65_536, 20_000]));
  stream.destroy();
  far.close();
});

Deno.test("what is written arrives, and waits while the channel has no room", async () => {
  const [near, far] = createChannelPair({ bufferLimit: 4 });
  const stream = new ChannelStream(near);
  let written = false;
  stream.write(new Uint8Array([1, 2, 3, 4, 5, 6]), () => written = true);
  await settle();
  assertEquals(written, false);
  const into = new Uint8Array(4);
  assertEquals(await far.read(into), 4);
  assertEquals(await far.read(into), 2);
  await settle();
  assertEquals(written, true);
  stream.destroy();
  far.close();
});

Deno.test("the end of the channel is the end of the stream", async () => {
  const { stream, far } = countedStream();
  const ended = new Promise((resolve) => stream.on("end", resolve));
  stream.resume();
  stream.demand(1);
  far.close();
  await ended;
  stream.destroy();
});

Deno.test("a stream that is destroyed closes the channel; a channel that breaks destroys the stream", async () => {
  const { stream, far } = countedStream();
  stream.resume();
  stream.demand(1);
  stream.destroy();
  assertEquals(await far.read(new Uint8Array(1)), null);
  stream.demand(1);

  const broken = new SttpError("ConnectionLost", "broken");
  const failing = new ChannelStream({
    peer: { address: "memory:0" },
    read: () => Promise.reject(broken),
    write: () => Promise.reject(broken),
    close: () => {},
  });
  failing.resume();
  failing.demand(1);
  await assertRejects(() => new Promise((_, reject) => failing.on("error", reject)), SttpError, "broken");
});
