import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Reservations } from "../tests/support/hostile.ts";
import { ManualClock } from "../transport/clock.ts";
import { SttpError } from "../transport/errors.ts";
import { decodeBufferBlockConfirmation, encodeBufferBlock } from "../transport/wire/buffer_block.ts";
import { BufferBlockFlags, Command, Response } from "../transport/wire/codes.ts";
import { gzip } from "../transport/wire/gzip.ts";
import { finish } from "../transport/wire/steps.ts";
import { type BufferBlock, BufferBlockInbox } from "./buffer_block_inbox.ts";
import { BufferBlockReceiver, type BufferBlockReceiverOptions } from "./buffer_blocks.ts";
import { checkOptions, type SubscriberOptions } from "./options.ts";
import type { PacketReader } from "./packets.ts";
import { Counters } from "./stats.ts";
import { Subscriber } from "./subscriber.ts";
import { droppedBy } from "./testdata/fixture.ts";
import {
  ScriptedConnector,
  type ScriptedPublisher,
  settle,
  signalId,
} from "./testdata/scripted_publisher.ts";

const { ConfirmationRequired, Compressed } = BufferBlockFlags;

class Fixture implements AsyncDisposable {
  readonly clock = new ManualClock();
  readonly connector = new ScriptedConnector();
  readonly subscriber: Subscriber;
  publisher!: ScriptedPublisher;

  constructor(options: SubscriberOptions) {
    this.subscriber = new Subscriber({
      autoRequestMetadata: false,
      heartbeatTimeout: 0,
      clock: this.clock,
      connector: this.connector.connect,
      ...options,
    });
  }

  /** @param timeout In place of a time-out of one second. */
  static async connected(
    options: SubscriberOptions = {},
    timeout: SubscriberOptions = { bufferBlockRetransmissionTimeout: 1 },
  ): Promise<Fixture> {
    const fixture = new Fixture({ ...timeout, ...options });
    const connecting = fixture.subscriber.connect();
    fixture.publisher = await fixture.connector.accept();
    await fixture.publisher.accept([1, 2]);
    await connecting;
    return fixture;
  }

  async send(
    sequence: number,
    payload: Uint8Array,
    flags: number = ConfirmationRequired,
    index = 0,
  ): Promise<void> {
    const body = encodeBufferBlock(sequence, flags, index, payload);
    await this.publisher.respond(Response.BufferBlock, Command.Subscribe, body);
    await settle();
  }

  async sendAll(...sequences: number[]): Promise<void> {
    for (const sequence of sequences) await this.send(sequence, Uint8Array.of(sequence));
  }

  async confirmed(count: number): Promise<number[]> {
    const found: number[] = [];
    for (let i = 0; i < count; i++) {
      found.push(decodeBufferBlockConfirmation((await this.publisher.next(Command.ConfirmBufferBlock)).body));
    }
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.subscriber.disconnect();
    assertEquals(this.clock.pending, 0, "timers are left");
  }
}

/** Gathers the first byte of each block as it comes. */
function gather(): { onBufferBlock: (block: BufferBlock) => void; found: number[] } {
  const found: number[] = [];
  return { found, onBufferBlock: ({ payload }) => void found.push(payload[0]!) };
}

Deno.test("blocks come in order, each once; early ones are held back, and repeated ones confirmed again", async () => {
  const { found, onBufferBlock } = gather();
  await using fixture = await Fixture.connected({ onBufferBlock });
  await fixture.sendAll(0, 2, 3, 2, 0);
  assertEquals(found, [0]);
  await fixture.sendAll(1, 3, 4);
  assertEquals(found, [0, 1, 2, 3, 4]);
  assertEquals(await fixture.confirmed(8), [0, 2, 3, 2, 0, 1, 3, 4]);
  assertEquals(droppedBy(fixture.subscriber), { repeatedBufferBlock: 3 });
  assertEquals(fixture.subscriber.stats().bufferBlocks, 8);
});

Deno.test("iteration: signal, payload, compressed or not; one at a time; to the end of the run", async () => {
  await using fixture = await Fixture.connected();
  const text = new TextEncoder().encode("text ".repeat(100));
  await fixture.send(0, gzip(text), ConfirmationRequired | Compressed, 1);
  await fixture.send(1, text, 0);
  const blocks = fixture.subscriber.bufferBlocks();
  const { value } = await blocks.next();
  assertEquals([value?.signalId, value?.signal, value?.payload], [signalId(2), 1, text]);
  const error = await assertRejects(() => fixture.subscriber.bufferBlocks().next(), SttpError);
  assertEquals(error.code, "InvalidState");
  assertEquals((await blocks.next()).value?.signalId, signalId(1));
  const next = blocks.next();
  await fixture.subscriber.disconnect();
  assertEquals((await next).done, true);
});

Deno.test("iteration: ended while it waits, and by the end of its run while it is busy", async () => {
  await using fixture = await Fixture.connected();
  const { subscriber } = fixture;
  const first = subscriber.bufferBlocks();
  const waiting = first.next();
  await first.return!();
  assertEquals((await waiting).done, true);

  const busy = subscriber.bufferBlocks();
  await fixture.sendAll(0, 1);
  assertEquals((await busy.next()).value?.payload, Uint8Array.of(0));
  await subscriber.disconnect();
  const connecting = subscriber.connect();
  await (await fixture.connector.accept()).accept([1, 2]);
  await connecting;
  const next = subscriber.bufferBlocks();
  assertEquals((await next.next()).value?.payload, Uint8Array.of(1));
  assertEquals((await busy.next()).done, true);
});

Deno.test("what can't be used is confirmed and passed over; what is no block at all is counted", async () => {
  const { found, onBufferBlock } = gather();
  await using fixture = await Fixture.connected({ onBufferBlock, limits: { bufferBlockLength: 1000 } });
  await fixture.send(0, Uint8Array.of(1, 2, 3), ConfirmationRequired | Compressed);
  await fixture.send(1, Uint8Array.of(1), ConfirmationRequired, 99);
  await fixture.send(2, gzip(new Uint8Array(1001)), ConfirmationRequired | Compressed);
  await fixture.send(3, new Uint8Array(1001));
  await fixture.send(4, Uint8Array.of(4), ConfirmationRequired, 0xffffffff);
  await fixture.send(5, Uint8Array.of(5));
  await fixture.publisher.respond(Response.BufferBlock, Command.Subscribe, Uint8Array.of(1, 2));
  assertEquals(await fixture.confirmed(6), [0, 1, 2, 3, 4, 5]);
  await settle();
  assertEquals(found, [5]);
  assertEquals(droppedBy(fixture.subscriber), {
    malformedBufferBlock: 3,
    unknownSignal: 2,
    malformedResponse: 1,
  });
});

Deno.test("a huge jump is refused; a smaller gap is given up in time, and not before", async () => {
  const { found, onBufferBlock } = gather();
  await using fixture = await Fixture.connected({ onBufferBlock, bufferBlocks: { maxBlocks: 10 } });
  await fixture.sendAll(0, 10 + 1);
  using reservations = new Reservations();
  await fixture.sendAll(0x7fffffff);
  reservations.assertLittle();
  assertEquals(droppedBy(fixture.subscriber), { refusedBufferBlock: 2 });
  await fixture.sendAll(5, 6, 8);
  fixture.clock.advance(15_999);
  assertEquals(found, [0]);
  fixture.clock.advance(1);
  await settle();
  assertEquals(found, [0, 5, 6]);
  await fixture.sendAll(7, 3);
  assertEquals(found, [0, 5, 6, 7, 8]);
  assertEquals(droppedBy(fixture.subscriber), {
    refusedBufferBlock: 2,
    lostBufferBlock: 4,
    repeatedBufferBlock: 1,
  });
  assertEquals(await fixture.confirmed(6), [0, 5, 6, 8, 7, 3], "none of those refused");
});

Deno.test("where no time-out is set, a missing block is given up after sixteen times five seconds", async () => {
  const { found, onBufferBlock } = gather();
  await using fixture = await Fixture.connected({ onBufferBlock }, {});
  await fixture.sendAll(0, 2);
  fixture.clock.advance(79_999);
  await settle();
  assertEquals(found, [0]);
  fixture.clock.advance(1);
  await settle();
  assertEquals(found, [0, 2]);
});

Deno.test("a missing block is waited for, however long that may take: no timer is set for longer than it takes", async () => {
  const { found, onBufferBlock } = gather();
  const longest = 2 ** 31 - 1;
  await using fixture = await Fixture.connected({ onBufferBlock, bufferBlockRetransmissionTimeout: 200_000 });
  await fixture.sendAll(0, 2);
  fixture.clock.advance(longest - 1);
  await settle();
  assertEquals(found, [0]);
  fixture.clock.advance(1);
  await settle();
  assertEquals(found, [0, 2]);
});

Deno.test("bounded in bytes: early ones are refused, the missing one gets in; a slow consumer is not overrun", async () => {
  const release = Promise.withResolvers<void>();
  const found: number[] = [];
  await using fixture = await Fixture.connected({
    bufferBlocks: { maxBytes: 1024 },
    onBufferBlock: async ({ payload }) => {
      found.push(payload[0]!);
      await release.promise;
    },
  });
  const block = (n: number): Uint8Array => new Uint8Array(500).fill(n);
  for (const n of [1, 2, 3]) await fixture.send(n, block(n));
  assertEquals(droppedBy(fixture.subscriber), { refusedBufferBlock: 1 });
  await fixture.send(0, block(0));
  assertEquals(await fixture.confirmed(3), [1, 2, 0]);
  await fixture.send(3, block(3));
  assertEquals(droppedBy(fixture.subscriber), { refusedBufferBlock: 2 });
  release.resolve();
  await settle();
  await fixture.send(3, block(3));
  assertEquals(found, [0, 1, 2, 3]);
});

Deno.test("nobody reads: the oldest make room; an onBufferBlock that fails is counted", async () => {
  {
    await using fixture = await Fixture.connected({ bufferBlocks: { maxBlocks: 3 } });
    await fixture.sendAll(0, 1, 2, 3, 4);
    assertEquals(await fixture.confirmed(5), [0, 1, 2, 3, 4]);
    assertEquals(droppedBy(fixture.subscriber), { unreadBufferBlock: 2 });
    const { value } = await fixture.subscriber.bufferBlocks().next();
    assertEquals(value?.payload, Uint8Array.of(2));
  }
  await using fixture = await Fixture.connected({
    onBufferBlock: () => {
      throw new Error("no disk");
    },
  });
  await fixture.sendAll(0, 1);
  assertEquals(droppedBy(fixture.subscriber), { failedBufferBlock: 2 });
  assertThrows(() => new Subscriber({ bufferBlocks: { layout: "x" as never } }), RangeError, "layout");
  assertThrows(() => new Subscriber({ bufferBlocks: { maxBytes: 1 } }), RangeError, "maxBytes");
});

Deno.test("a connection that ends takes along what was held back", async () => {
  const { found, onBufferBlock } = gather();
  await using fixture = await Fixture.connected({ onBufferBlock });
  await fixture.sendAll(0, 2, 3);
  fixture.publisher.channel.close();
  await settle();
  assertEquals(droppedBy(fixture.subscriber), { lostBufferBlock: 2 });
  fixture.clock.advance(60_000);
  fixture.publisher = await fixture.connector.accept();
  await fixture.publisher.accept([1, 2]);
  await settle();
  await fixture.send(0, Uint8Array.of(7));
  assertEquals(found, [0, 7]);
});

Deno.test("sequence numbers begin again behind the last uint32, also where blocks are missing or come twice", () => {
  const last = 0xffff_ffff;
  for (
    const [order, found] of [
      [[last - 1, last, 0, 1], [last - 1, last, 0, 1]],
      [[0, last, 1, last - 1, last, 0, 2], [last - 1, last, 0, 1, 2]],
      // Behind the gap of one that never comes.
      [[last, 0, 1], [last, 0, 1]],
    ] as const
  ) {
    const clock = new ManualClock();
    const handed: number[] = [];
    const confirmed: number[] = [];
    const options = receiverOptions(
      clock,
      (payload) => handed.push(new DataView(payload.buffer).getUint32(0)),
    );
    const receiver = new BufferBlockReceiver(
      { ...options, confirm: (sequence) => confirmed.push(sequence) },
      last - 1,
    );
    for (const sequence of order) {
      const payload = new Uint8Array(4);
      new DataView(payload.buffer).setUint32(0, sequence);
      finish(receiver.receive(encodeBufferBlock(sequence, ConfirmationRequired, 0, payload)));
    }
    clock.advance(16_000);
    assertEquals(handed, [...found]);
    assertEquals(confirmed, [...order]);
    receiver.close();
    assertEquals(clock.pending, 0);
  }
});

Deno.test("a datagram that comes while another is decompressed is left to the publisher to send again", () => {
  const { receiver, handed, dropped } = receiving();
  const long = gzip(new Uint8Array(1024 ** 2));
  const first = receiver.receive(encodeBufferBlock(0, BufferBlockFlags.Compressed, 0, long));
  assertEquals(first.next().done, false);
  const second = encodeBufferBlock(1, 0, 0, new Uint8Array(2));
  finish(receiver.receive(second));
  assertEquals([handed, dropped], [[], ["refusedBufferBlock"]]);
  finish(first);
  finish(receiver.receive(second));
  assertEquals([handed, dropped], [[1024 ** 2, 2], ["refusedBufferBlock"]]);
});

Deno.test("a long block that is not compressed is copied in steps, a short one at once", () => {
  const { receiver, handed } = receiving();
  const steps = [262_144, 262_145, 16 * 1024 ** 2].map((length, sequence) =>
    [...receiver.receive(encodeBufferBlock(sequence, 0, 0, new Uint8Array(length)))].length
  );
  assertEquals(steps, [0, 1, 63]);
  assertEquals(handed, [262_144, 262_145, 16 * 1024 ** 2]);
});

Deno.test("a missing block that comes at last is not given up while it is decompressed", () => {
  const { clock, receiver, handed, dropped } = receiving();
  finish(receiver.receive(encodeBufferBlock(1, 0, 0, new Uint8Array(1))));
  const long = gzip(new Uint8Array(1024 ** 2));
  const missing = receiver.receive(encodeBufferBlock(0, BufferBlockFlags.Compressed, 0, long));
  assertEquals(missing.next().done, false);
  clock.advance(16_000);
  finish(missing);
  finish(receiver.receive(encodeBufferBlock(2, 0, 0, new Uint8Array(2))));
  assertEquals([handed, dropped, clock.pending], [[1024 ** 2, 1, 2], [], 0]);
});

/** A receiver, the lengths of what it hands over, and why it drops the rest. */
function receiving(): {
  clock: ManualClock;
  receiver: BufferBlockReceiver;
  handed: number[];
  dropped: string[];
} {
  const clock = new ManualClock();
  const handed: number[] = [];
  const dropped: string[] = [];
  const receiver = new BufferBlockReceiver({
    ...receiverOptions(clock, (payload) => handed.push(payload.length)),
    drop: (reason) => dropped.push(reason),
  });
  return { clock, receiver, handed, dropped };
}

/** What a receiver works with, of which it needs one signal only. */
function receiverOptions(
  clock: ManualClock,
  take: (payload: Uint8Array) => void,
): BufferBlockReceiverOptions {
  const { bufferBlocks, limits } = checkOptions();
  const drop = (): void => {};
  const inbox = new BufferBlockInbox(bufferBlocks, undefined, drop);
  inbox.push = ({ payload }): void => take(payload);
  const packets = { decryption: undefined, signalOf: () => 0 } as unknown as PacketReader;
  return {
    clock,
    options: bufferBlocks,
    limits,
    packets,
    inbox,
    idOf: () => signalId(1),
    counters: new Counters(),
    drop,
    confirm: () => {},
    timeout: () => 1000,
  };
}
