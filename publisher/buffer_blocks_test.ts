import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { ManualClock } from "../transport/clock.ts";
import {
  decodeBufferBlockContent,
  decodeBufferBlockHead,
  encodeBufferBlockConfirmation,
} from "../transport/wire/buffer_block.ts";
import { BufferBlockFlags, Command, Response, responseName } from "../transport/wire/codes.ts";
import { gunzip } from "../transport/wire/gzip.ts";
import { DefaultOperationalModes, encodeOperationalModes } from "../transport/wire/operational_modes.ts";
import { BufferBlockSender, BufferPayload } from "./buffer_blocks.ts";
import { Publisher } from "./publisher.ts";
import { Rig, type ScriptedPeer, settle, signalId } from "./testdata/rig.ts";

const { ConfirmationRequired, Compressed, CacheIndex } = BufferBlockFlags;

async function block(
  peer: ScriptedPeer,
): Promise<{ sequence: number; flags: number; index: number; payload: Uint8Array }> {
  const { sequence, flags, rest } = decodeBufferBlockHead(await body(peer));
  const { signalIndex: index, payload } = decodeBufferBlockContent(rest);
  const bytes = flags & Compressed ? gunzip(payload, { maxLength: 1 << 24 }) : payload;
  return { sequence, flags, index, payload: bytes };
}

/** The next buffer block, behind what comes by itself. */
async function body(peer: ScriptedPeer): Promise<Uint8Array> {
  for (;;) {
    const response = (await peer.receive())!;
    if (response.code === Response.NoOP || response.code === Response.UpdateBaseTimes) continue;
    assertEquals(responseName(response.code), "BufferBlock");
    return response.body;
  }
}

async function sequences(peer: ScriptedPeer, count: number): Promise<number[]> {
  const found: number[] = [];
  for (let i = 0; i < count; i++) found.push((await block(peer)).sequence);
  return found;
}

async function confirm(peer: ScriptedPeer, sequence: number): Promise<void> {
  await peer.send(Command.ConfirmBufferBlock, encodeBufferBlockConfirmation(sequence));
  await settle();
}

/** Lets time pass, in milliseconds, and all happen that it brings. */
async function pass(rig: Rig, time: number): Promise<void> {
  rig.clock.advance(time);
  await settle();
}

/** Nothing has been sent that was not looked at. */
async function silent(peer: ScriptedPeer): Promise<void> {
  await peer.send(0x42);
  await peer.expect(Response.Failed, 0x42);
}

Deno.test("a block goes behind the data published before it, to who subscribes to its signal, with its cache index", async () => {
  await using rig = await Rig.start();
  const peer = await rig.subscribe();
  const other = await rig.subscribe("FILTER ActiveMeasurements WHERE SignalType = 'STAT'");
  const text = new TextEncoder().encode("oscillography ".repeat(100));
  const publishing = rig.publish([0, 1]);
  assertEquals(rig.publisher.publishBufferBlock(signalId(1), text), 1);
  await publishing;
  await peer.expect(Response.DataStartTime);
  assertEquals((await peer.expectData())[0], 2);
  const first = await block(peer);
  assertEquals(first, { sequence: 0, flags: ConfirmationRequired | Compressed, index: 1, payload: text });
  await silent(other);
  // The second subscription is cache 1.
  await peer.subscribe({ filterExpression: signalId(1) });
  await peer.expectCache();
  await peer.expect(Response.Succeeded);
  await peer.confirmCache();
  await settle();
  rig.publisher.publishBufferBlock(signalId(1), Uint8Array.of(1));
  // Too short to compress.
  const second = await block(peer);
  assertEquals(second, {
    sequence: 1,
    flags: ConfirmationRequired | CacheIndex,
    index: 0,
    payload: Uint8Array.of(1),
  });
});

Deno.test("compressed only where payload data is, and Gzip is not ruled out", async () => {
  await using rig = await Rig.start();
  const payload = new Uint8Array(1000);
  const key = "BufferBlockPayloadCompressionAlgorithms";
  for (
    const [compressPayloadData, algorithms, expected] of [
      [true, "", Compressed],
      [false, "", 0],
      [true, `${key}=Gzip`, Compressed],
      [true, `${key}=None`, 0],
      [true, "{{{", Compressed],
    ] as const
  ) {
    const peer = rig.connect();
    const modes = { ...DefaultOperationalModes, compressPayloadData };
    peer.modes = modes;
    await peer.send(Command.DefineOperationalModes, encodeOperationalModes(modes, algorithms));
    await peer.expect(Response.Succeeded, Command.DefineOperationalModes);
    await peer.subscribe({ filterExpression: signalId(0) });
    await peer.expectCache();
    await peer.expect(Response.Succeeded);
    await peer.confirmCache();
    await settle();
    rig.publisher.publishBufferBlock(signalId(0), payload);
    const { flags, payload: received } = await block(peer);
    assertEquals([flags & Compressed, received], [expected, payload]);
    peer.channel.close();
    await settle();
  }
});

Deno.test("sent again after the time-out, ever more slowly, and when a later one is confirmed first", async () => {
  await using rig = await Rig.start();
  const peer = await rig.subscribe(undefined, {}, { bufferBlockRetransmissionTimeout: 1 });
  for (let i = 0; i < 4; i++) rig.publisher.publishBufferBlock(signalId(0), Uint8Array.of(i));
  assertEquals(await sequences(peer, 4), [0, 1, 2, 3]);
  await confirm(peer, 1);
  assertEquals(await sequences(peer, 1), [0]);
  // 2 was sent before 0 was sent again: no reason to send 0 once more.
  await confirm(peer, 2);
  await silent(peer);
  await pass(rig, 1000);
  assertEquals(await sequences(peer, 2), [0, 3]);
  await confirm(peer, 3);
  assertEquals(await sequences(peer, 1), [0]);
  await pass(rig, 1000);
  assertEquals(await sequences(peer, 1), [0]);
  await pass(rig, 1000);
  await silent(peer);
  await pass(rig, 1000);
  assertEquals(await sequences(peer, 1), [0]);
  await confirm(peer, 0);
  // Twice, and never sent.
  await confirm(peer, 3);
  await confirm(peer, 77);
  assertEquals(rig.connection().events["confirmation without a buffer block"], 2);
  assertEquals(rig.connection().bufferBlocks, {
    sent: 4,
    confirmed: 4,
    retransmitted: 6,
    dropped: 0,
    waiting: 0,
    waitingBytes: 0,
  });
  await peer.send(Command.ConfirmBufferBlock, Uint8Array.of(1));
  assertStringIncludes(await peer.expectText(Response.Failed, Command.ConfirmBufferBlock), "1 bytes");
});

Deno.test("sent again after five seconds where the subscriber names no other time", async () => {
  await using rig = await Rig.start({ heartbeatInterval: 100_000 });
  const peer = await rig.subscribe();
  rig.publisher.publishBufferBlock(signalId(0), Uint8Array.of(1));
  assertEquals(await sequences(peer, 1), [0]);
  // Twice as long the second time, as nothing is confirmed.
  for (const time of [5_000, 10_000]) {
    await pass(rig, time - 1);
    await silent(peer);
    await pass(rig, 1);
    assertEquals(await sequences(peer, 1), [0]);
  }
  await confirm(peer, 0);
});

Deno.test("who never confirms: bounded in blocks and bytes, and what is sent again does not pile up", async () => {
  await using rig = await Rig.start({ bufferBlocks: { maxBlocks: 5, maxBytes: 400_000 } });
  const payload = crypto.getRandomValues(new Uint8Array(50_000));
  const peer = await rig.subscribe(undefined, { compressPayloadData: false, tssc: false });
  for (let i = 0; i < 20; i++) rig.publisher.publishBufferBlock(signalId(0), payload);
  await settle();
  assertEquals(rig.connection().bufferBlocks?.dropped, 15);
  const reader = await rig.subscribe(undefined, { compressPayloadData: false, tssc: false });
  rig.publisher.publishBufferBlock(signalId(0), new Uint8Array(300_000));
  rig.publisher.publishBufferBlock(signalId(0), new Uint8Array(200_000));
  assertEquals((await block(reader)).payload.length, 300_000);
  assertEquals(rig.connection(2).bufferBlocks?.dropped, 1);
  // The first does not read: forty time-outs later no more waits for it than before.
  for (let i = 0; i < 40; i++) await pass(rig, 5000);
  assertEquals(rig.connection(1).queue.controlBytes < 1_000_000, true);
  peer.channel.close();
});

Deno.test("without confirmation they are sent once; in the older layout with a bare cache index", async () => {
  {
    await using rig = await Rig.start({ bufferBlocks: { confirmation: false } });
    const peer = await rig.subscribe();
    rig.publisher.publishBufferBlock(signalId(0), Uint8Array.of(1));
    assertEquals((await block(peer)).flags, 0);
    assertEquals(rig.connection().bufferBlocks?.waiting, 0);
  }
  await using rig = await Rig.start({ bufferBlocks: { layout: "older" } });
  const peer = await rig.subscribe();
  rig.publisher.publishBufferBlock(signalId(0), new Uint8Array(100));
  const older = decodeBufferBlockHead(await body(peer));
  assertEquals(older.flags, 0);
  assertEquals(older.rest.length, 104);
  await pass(rig, 5000);
  assertEquals((await block(peer)).sequence, 0);
});

Deno.test("what compresses like a bomb is sent as it is", async () => {
  await using rig = await Rig.start();
  const peer = await rig.subscribe();
  const payload = new Uint8Array(2 * 1024 ** 2);
  rig.publisher.publishBufferBlock(signalId(0), payload);
  const { flags, payload: received } = await block(peer);
  assertEquals([flags, received.length], [ConfirmationRequired, payload.length]);
});

for (const version of [1, 2]) {
  Deno.test(`version ${version}: a signal that is subscribed to no more: its block is withdrawn, not sent as another's`, async () => {
    await using rig = await Rig.start();
    const peer = await rig.subscribe(signalId(0), { version });
    const subscribeTo = async (n: number): Promise<void> => {
      await peer.subscribe({ filterExpression: signalId(n) });
      await peer.expectCache();
      await peer.expect(Response.Succeeded);
      if (version > 1) await peer.confirmCache();
      await settle();
    };
    rig.publisher.publishBufferBlock(signalId(0), Uint8Array.of(1, 2, 3));
    assertEquals((await block(peer)).payload, Uint8Array.of(1, 2, 3));
    // Index 0 of the cache that it was sent under is now another signal's.
    await subscribeTo(1);
    await subscribeTo(2);
    rig.publisher.publishBufferBlock(signalId(2), Uint8Array.of(4));
    assertEquals((await block(peer)).sequence, 1);
    await confirm(peer, 1);
    const again = await block(peer);
    assertEquals([again.sequence, again.index, again.payload.length], [0, 0xffffffff, 0]);
    // Nor does it come back when its signal does.
    await subscribeTo(0);
    await pass(rig, 5000);
    assertEquals((await block(peer)).index, 0xffffffff);
    await confirm(peer, 0);
    const { waiting, waitingBytes, dropped } = rig.connection().bufferBlocks!;
    assertEquals([waiting, waitingBytes, dropped], [0, 0, 1]);
  });
}

Deno.test("what is not confirmed at Unsubscribe is withdrawn: nobody waits for it, and later blocks go on", async () => {
  await using rig = await Rig.start();
  const peer = await rig.subscribe();
  for (let i = 0; i < 3; i++) rig.publisher.publishBufferBlock(signalId(0), Uint8Array.of(i));
  assertEquals(await sequences(peer, 3), [0, 1, 2]);
  await confirm(peer, 0);
  await peer.send(Command.Unsubscribe);
  await peer.expect(Response.Succeeded, Command.Unsubscribe);
  assertEquals(rig.publisher.publishBufferBlock(signalId(0), Uint8Array.of(1)), 0);
  const { waiting, waitingBytes, dropped } = rig.connection().bufferBlocks!;
  assertEquals([waiting, waitingBytes, dropped], [2, 0, 2]);
  await peer.subscribe({ filterExpression: signalId(0) });
  await peer.expectCache();
  await peer.expect(Response.Succeeded);
  await peer.confirmCache();
  await settle();
  rig.publisher.publishBufferBlock(signalId(0), Uint8Array.of(3));
  assertEquals(await sequences(peer, 1), [3]);
  // It has not got 1 and 2, so it holds 3 back: they come, and say nothing.
  await confirm(peer, 3);
  for (const expected of [1, 2]) {
    const { sequence, index, payload } = await block(peer);
    assertEquals([sequence, index, payload.length], [expected, 0xffffffff, 0]);
    await confirm(peer, expected);
  }
  assertEquals(rig.connection().bufferBlocks!.waiting, 0);
  rig.publisher.publishBufferBlock(signalId(0), Uint8Array.of(4));
  await settle();
  peer.channel.close();
  await settle();
  const closed = rig.publisher.stats().recentlyClosed[0]!.bufferBlocks!;
  assertEquals([closed.sent, closed.confirmed, closed.dropped, closed.waiting], [5, 4, 3, 0]);
});

Deno.test("other operational modes hold for blocks, too", async () => {
  await using rig = await Rig.start();
  const payload = new Uint8Array(1000);
  const peer = await rig.subscribe();
  for (const compressPayloadData of [true, false, true]) {
    rig.publisher.publishBufferBlock(signalId(0), payload);
    const { flags, sequence } = await block(peer);
    assertEquals(flags & Compressed, peer.modes.compressPayloadData ? Compressed : 0);
    await confirm(peer, sequence);
    await peer.send(Command.Unsubscribe);
    await peer.expect(Response.Succeeded, Command.Unsubscribe);
    await peer.defineModes({ compressPayloadData, tssc: compressPayloadData });
    await peer.expect(Response.Succeeded, Command.DefineOperationalModes);
    await peer.subscribe({ filterExpression: signalId(0) });
    while ((await peer.receive())!.code !== Response.Succeeded);
    await peer.confirmCache();
    await settle();
  }
});

Deno.test("signals that nobody knows and wrong arguments", async () => {
  await using rig = await Rig.start();
  await rig.subscribe();
  assertEquals(rig.publisher.publishBufferBlock(signalId(99), Uint8Array.of(1)), 0);
  assertEquals(rig.publisher.publishBufferBlock(-1, Uint8Array.of(1)), 0);
  assertThrows(() => rig.publisher.publishBufferBlock(0, "x" as never), TypeError);
  assertThrows(() => rig.publisher.publishBufferBlock(0, new Uint8Array(16 * 1024 ** 2 + 1)), RangeError);
  assertThrows(() => new Publisher({ bufferBlocks: { layout: "new" as never } }), TypeError, "layout");
  assertThrows(() => new Publisher({ bufferBlocks: { layout: "older", confirmation: false } }), TypeError);
  assertThrows(() => new Publisher({ bufferBlocks: { maxBlocks: 0 } }), RangeError);
});

/** A sender whose blocks go nowhere. */
class LoneSender {
  readonly clock = new ManualClock();
  /** The sequences sent, in order. */
  readonly sent: number[] = [];
  waiting = 0;
  readonly sender = new BufferBlockSender({
    clock: this.clock,
    options: { layout: "standard", confirmation: true, maxBlocks: 1024, maxBytes: 1 << 24 },
    compresses: () => false,
    timeout: () => 1000,
    waitingBytes: () => this.waiting,
    cipher: () => undefined,
    placeOf: () => ({ signalIndex: 0, cacheFlag: 0 }),
    send: ([head]) => this.sent.push(new DataView(head!.buffer).getUint32(10)),
  });

  /** Sends blocks of so many bytes for the first time. */
  start(count: number, length: number): void {
    for (let i = 0; i < count; i++) {
      this.sender.send(0, { signalIndex: 0, cacheFlag: 0 }, new BufferPayload(new Uint8Array(length)));
    }
    this.sent.length = 0;
  }

  /** What was sent since this was called last. */
  take(): number[] {
    return this.sent.splice(0);
  }
}

Deno.test("who confirms the latest first gets what was sent before it again once, at a pace; then after its time-out", () => {
  const lone = new LoneSender();
  const { clock, sender } = lone;
  lone.start(20, 15_000);
  sender.confirm(19);
  // 64 KiB are on their way.
  assertEquals(lone.take(), [0, 1, 2, 3, 4]);
  // Neither this confirmation nor the next has them sent once more, or the others sooner.
  sender.confirm(4);
  sender.confirm(18);
  assertEquals(lone.take(), []);
  const before = clock.monotonic();
  while (lone.sent.length < 13) clock.advance(1);
  assertEquals(lone.take(), [5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17]);
  assertEquals(clock.monotonic() - before >= 13 * 15_000 / 8192, true);
  for (let sequence = 17; sequence > 3; sequence--) sender.confirm(sequence);
  assertEquals(lone.take(), []);
  clock.advance(1000);
  assertEquals(lone.take(), [0, 1, 2, 3]);
  // They have timed out: a confirmation hurries them again.
  clock.advance(100);
  sender.confirm(3);
  assertEquals(lone.take(), [0, 1, 2]);
  sender.close();
  assertEquals(clock.pending, 0);
});

Deno.test("what is sent again waits for room, and many time-outs at a time are not sent at one go", () => {
  const lone = new LoneSender();
  const { clock, sender } = lone;
  // Small ones cost what they cost, too.
  lone.start(300, 1);
  lone.waiting = 65_536;
  clock.advance(1000);
  sender.confirm(299);
  assertEquals(lone.take(), []);
  sender.resume();
  assertEquals(lone.take(), []);
  lone.waiting = 0;
  sender.resume();
  assertEquals(lone.take().length, 64);
  sender.resume();
  assertEquals(lone.take(), []);
  clock.advance(40);
  assertEquals(lone.take().length, 299 - 64);
  // When there never is a moment without anything waiting, it is tried again all the same.
  lone.waiting = 65_536;
  clock.advance(8000);
  lone.waiting = 65_535;
  clock.advance(1000);
  assertEquals(lone.take().length > 0, true);
  sender.close();
  assertEquals(clock.pending, 0);
});
