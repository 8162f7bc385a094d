/** Publishers that always have something to send, while the rest of the program has something to do. */
import { assert, assertEquals } from "@std/assert";
import type { Channel } from "../transport/channel.ts";
import { encodeBufferBlock } from "../transport/wire/buffer_block.ts";
import { BufferBlockFlags, Command, DataPacketFlags, Response } from "../transport/wire/codes.ts";
import { gzip } from "../transport/wire/gzip.ts";
import { GivingWay } from "./giving_way.ts";
import { droppedBy, Fixture, gathering } from "./testdata/fixture.ts";
import {
  batchOf,
  cacheFrame,
  cacheOf,
  compactFrame,
  oneFrame,
  responseFrame,
  type ScriptedPublisher,
  settle,
} from "./testdata/scripted_publisher.ts";
import { Subscriber } from "./subscriber.ts";

const noOp = responseFrame(Response.NoOP, Command.Subscribe);

/** A channel from which the same bytes can be read, so many times, without ever waiting; then it ends. */
function endless(bytes: Uint8Array, times: number): Channel {
  let left = times;
  let at = 0;
  let isFirst = true;
  return {
    peer: { address: "memory:1" },
    read(into): Promise<number | null> {
      if (left === 0) return Promise.resolve(null);
      if (isFirst) {
        isFirst = false;
        into.set(noOp);
        return Promise.resolve(noOp.length);
      }
      const count = Math.min(into.length, bytes.length - at);
      into.set(bytes.subarray(at, at + count));
      at += count;
      if (at === bytes.length) {
        at = 0;
        left--;
      }
      return Promise.resolve(count);
    },
    write: () => Promise.resolve(),
    close: () => {},
  };
}

/** How often a timer comes round while this is read. */
async function turnsWhileReading(bytes: Uint8Array, times: number): Promise<number> {
  await using subscriber = new Subscriber({
    autoRequestMetadata: false,
    autoSubscribe: false,
    reconnect: false,
    connector: () => Promise.resolve(endless(bytes, times)),
  });
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  await subscriber.connect();
  await subscriber.closed;
  clearInterval(timer);
  return turns;
}

const floods: readonly [string, Uint8Array, number][] = [
  ["frames", noOp, 500_000],
  [
    "responses in one frame",
    oneFrame(Array(500_000).fill(noOp)),
    1,
  ],
  ["frames with nothing in them", new Uint8Array(4), 50_000],
];

Deno.test("a publisher that never pauses: timers come round", async () => {
  for (const [what, bytes, times] of floods) {
    // Joined, so that a read brings as many as it does from a socket.
    const joined = new Uint8Array(bytes.length * Math.max(1, Math.floor(100_000 / bytes.length)));
    for (let at = 0; at < joined.length; at += bytes.length) joined.set(bytes, at);
    const turns = await turnsWhileReading(joined, Math.ceil(times * bytes.length / joined.length));
    assert(turns > 0, `${turns} turns, ${what}`);
  }
});

Deno.test("nobody is waited for before it is due, nor after the end; no timer is left", async () => {
  const givingWay = new GivingWay();
  await givingWay.next();
  assertEquals(givingWay.isDue, false);
  const since = performance.now();
  while (performance.now() - since < 20);
  assertEquals(givingWay.isDue, true);
  await givingWay.next();
  assertEquals(givingWay.isDue, false);
  await Promise.all([givingWay.next(), givingWay.next()]);
  assertEquals(givingWay.isDue, false);
  const waiting = givingWay.next();
  givingWay.close();
  await waiting;
  assertEquals(givingWay.isDue, false);
  await givingWay.next();
});

/** A cache of signal 1 and half a million that are not granted, which takes long to read. */
function longCache(cacheIndex: number): Uint8Array {
  const unauthorized = 500_000;
  const granted = cacheOf([1]);
  const block = new Uint8Array(granted.length + 16 * unauthorized);
  block.set(granted);
  new DataView(block.buffer).setUint32(0, block.length);
  new DataView(block.buffer).setUint32(granted.length - 4, unauthorized);
  return cacheFrame(block, 2, cacheIndex);
}

/** How often a timer comes round until something is done. */
async function turnsUntil(done: Promise<unknown>): Promise<number> {
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  await done;
  clearInterval(timer);
  return turns;
}

async function confirmed(publisher: ScriptedPublisher, cache: Uint8Array): Promise<void> {
  await publisher.send(cache);
  await publisher.next(Command.ConfirmUpdateSignalIndexCache);
}

Deno.test("a long cache is read in slices, and what comes behind it waits", async () => {
  const values: number[] = [];
  await using fixture = gathering(values);
  const publisher = await fixture.connected([1, 2]);
  const data = compactFrame(batchOf([0], 7), DataPacketFlags.CacheIndex);
  // In one frame, so that the data is there before the cache is read.
  assert(await turnsUntil(confirmed(publisher, oneFrame([longCache(1), data]))) > 0);
  await settle();
  assertEquals([values, fixture.subscriber.unauthorized.length], [[7], 500_000]);
});

Deno.test("a subscription waits for its cache as long as that is read", async () => {
  await using fixture = new Fixture();
  const publisher = await fixture.connected([1]);
  const { subscriber, clock } = fixture;
  const subscribing = subscriber.subscribe({ filter: "B" }).then(() => subscriber.stats().caches);
  await publisher.next(Command.Subscribe);
  const answer = responseFrame(Response.Succeeded, Command.Subscribe, "subscribed");
  const timer = setInterval(() => clock.advance(2000), 1);
  await confirmed(publisher, oneFrame([answer, longCache(1)]));
  clearInterval(timer);
  assertEquals(await subscribing, 2);
});

Deno.test("a connection that ends while a long cache is read: nothing comes of it", async () => {
  const fixture = new Fixture({ reconnect: false });
  const publisher = await fixture.connected([1]);
  await publisher.send(longCache(1));
  // The first turn comes after the first slice.
  await new Promise((resolve) => setTimeout(resolve, 0));
  await fixture.subscriber.disconnect();
  await settle();
  assertEquals(fixture.subscriber.stats().caches, 1);
  await fixture[Symbol.asyncDispose]();
});

Deno.test("a buffer block that takes long to decompress leaves turns, and those behind it come in order", async () => {
  const found: number[] = [];
  const last = Promise.withResolvers<void>();
  await using fixture = new Fixture({
    onBufferBlock: ({ payload }) => {
      if (found.push(payload.length) === 2) last.resolve();
    },
  });
  const publisher = await fixture.connected([1]);
  const long = new Uint8Array(16 * 1024 ** 2);
  // As compressible as may be.
  for (let i = 0; i < long.length; i += 250) long[i] = i * 2_654_435_761 >>> 28;
  const blocks = [gzip(long, 1), gzip(new Uint8Array(3))].map((payload, sequence) =>
    responseFrame(
      Response.BufferBlock,
      Command.Subscribe,
      encodeBufferBlock(sequence, BufferBlockFlags.Compressed, 0, payload),
    )
  );
  const sending = publisher.send(oneFrame(blocks)).then(() => last.promise);
  assert(await turnsUntil(sending) > 0);
  assertEquals([found, droppedBy(fixture.subscriber)], [[long.length, 3], {}]);
});
