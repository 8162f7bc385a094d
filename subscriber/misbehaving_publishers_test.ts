/** Publishers that do what the protocol does not expect, when it is not expected. */
import { assertEquals } from "@std/assert";
import { decryptPayload, encryptPayload, generateCipherKey } from "../transport/cipher.ts";
import { decodeBufferBlockConfirmation, encodeBufferBlock } from "../transport/wire/buffer_block.ts";
import { type CipherKey, type CipherKeys, encodeCipherKeys } from "../transport/wire/cipher_keys.ts";
import { BufferBlockFlags, Command, DataPacketFlags, Response } from "../transport/wire/codes.ts";
import { TsscEncoder } from "../transport/wire/tssc/mod.ts";
import type { BufferBlockLayout } from "../transport/wire/buffer_block.ts";
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
  tsscFrame,
} from "./testdata/scripted_publisher.ts";

function keysOf(cipherIndex: 0 | 1, even = generateCipherKey(), odd = generateCipherKey()): CipherKeys {
  return { cipherIndex, even, odd };
}

function keysFrame(keys: CipherKeys): Uint8Array {
  return responseFrame(Response.UpdateCipherKeys, Command.Subscribe, encodeCipherKeys(keys));
}

/** A data packet's frame, encrypted. */
function sealed(frame: Uint8Array, key: CipherKey, isOdd: boolean): Uint8Array {
  const body = frame.subarray(10);
  const out = encryptPayload(body.subarray(1), key, 1);
  out[0] = body[0]! | (isOdd ? DataPacketFlags.CipherIndex : 0);
  return responseFrame(Response.DataPacket, Command.Subscribe, out);
}

Deno.test("keys that are rotated in the middle of a burst, in one frame: no packet of the TSSC stream is lost", async () => {
  const values: number[] = [];
  await using fixture = gathering(values);
  const publisher = await fixture.connected([1]);
  const encoder = new TsscEncoder();
  const first = keysOf(0);
  const second = { ...first, cipherIndex: 1, odd: generateCipherKey() } as const;
  const third = { ...second, cipherIndex: 0, even: generateCipherKey() } as const;
  const packet = (value: number): Uint8Array => tsscFrame(encoder, batchOf([0], value));
  await publisher.send(oneFrame([
    packet(1),
    keysFrame(first),
    sealed(packet(2), first.even, false),
    keysFrame(second),
    // On its way before the publisher went over.
    sealed(packet(3), first.even, false),
    sealed(packet(4), second.odd, true),
    keysFrame(third),
    sealed(packet(5), second.odd, true),
    sealed(packet(6), third.even, false),
    // Replaced at once, unused.
    keysFrame({ ...third, cipherIndex: 1, odd: generateCipherKey() }),
    sealed(packet(7), third.even, false),
  ]));
  for (let i = 0; i < 4; i++) await publisher.next(Command.ConfirmUpdateCipherKeys);
  await settle();
  assertEquals([values, droppedBy(fixture.subscriber)], [[1, 2, 3, 4, 5, 6, 7], {}]);
});

Deno.test("packets that are not encrypted any more, or with keys that never came, are counted; what follows is read", async () => {
  const values: number[] = [];
  await using fixture = gathering(values);
  const publisher = await fixture.connected([1]);
  const keys = keysOf(0);
  await publisher.send(keysFrame(keys));
  await publisher.send(
    compactFrame(batchOf([0], 1)),
    sealed(compactFrame(batchOf([0], 2)), generateCipherKey(), true),
    sealed(compactFrame(batchOf([0], 3)), keys.even, false),
    responseFrame(Response.DataPacket, Command.Subscribe, new Uint8Array([DataPacketFlags.Compact])),
    sealed(compactFrame(batchOf([0], 4)), keys.odd, true),
  );
  await settle();
  assertEquals([values, droppedBy(fixture.subscriber)], [[3, 4], { undecipherable: 3 }]);
});

/** A key of which none of those makes anything: of one in 256 they would. */
function strangeKey(known: readonly CipherKey[], sequence: number): CipherKey {
  for (;;) {
    const key = generateCipherKey();
    const payload = encryptPayload(
      encodeBufferBlock(sequence, 0, 0, Uint8Array.of(sequence)).subarray(5),
      key,
      0,
    );
    if (known.every((other) => decryptPayload(payload, other) === undefined)) return key;
  }
}

for (const layout of ["standard", "older"] as const satisfies readonly BufferBlockLayout[]) {
  Deno.test(`buffer blocks under either key, ${layout} layout: those that can't be read are not confirmed`, async () => {
    const found: number[] = [];
    await using fixture = new Fixture({
      bufferBlocks: { layout },
      onBufferBlock: ({ payload }) => void found.push(payload[0]!),
    });
    const publisher = await fixture.connected([1]);
    const send = async (sequence: number, key: CipherKey, isOdd: boolean): Promise<void> => {
      const plain = encodeBufferBlock(sequence, 0, 0, Uint8Array.of(sequence));
      const out = encryptPayload(plain.subarray(5), key, 5);
      out.set(plain.subarray(0, 5));
      const odd = isOdd ? BufferBlockFlags.CipherIndex : 0;
      out[4] = layout === "older" ? 0 : BufferBlockFlags.ConfirmationRequired | odd;
      await publisher.respond(Response.BufferBlock, Command.Subscribe, out);
    };
    const keys = keysOf(1);
    await publisher.send(keysFrame(keys));
    await publisher.next(Command.ConfirmUpdateCipherKeys);
    await send(0, keys.odd, true);
    await send(1, keys.even, false);
    const next = { ...keys, cipherIndex: 0, even: generateCipherKey() } as const;
    await publisher.send(keysFrame(next));
    await publisher.next(Command.ConfirmUpdateCipherKeys).catch(() => {});
    await send(2, next.odd, true);
    await send(3, strangeKey([keys.odd, keys.even, next.even], 3), true);
    // Sent again, with a key that came.
    await send(3, next.even, false);
    await settle();
    assertEquals([found, droppedBy(fixture.subscriber)], [[0, 1, 2, 3], { undecipherable: 1 }]);
  });
}

Deno.test("packets of the old cache come until the publisher has switched, and afterwards", async () => {
  const values: number[] = [];
  const ids: string[] = [];
  await using fixture = gathering(values);
  const publisher = await fixture.connected([1, 2]);
  const subscribing = fixture.subscriber.subscribe({ filter: "B" });
  await publisher.next(Command.Subscribe);
  await publisher.subscribed([3], { cacheIndex: 1 });
  await subscribing;
  const old = [batchOf([1], 10), batchOf([1], 11)].map((batch) => compactFrame(batch));
  await publisher.send(old[0]!, compactFrame(batchOf([0], 20), DataPacketFlags.CacheIndex), old[1]!);
  // An index that only the old cache has.
  await publisher.send(compactFrame(batchOf([1], 30), DataPacketFlags.CacheIndex));
  await settle();
  for (const id of fixture.subscriber.signals.ids()) ids.push(id.slice(-1));
  assertEquals([values, ids, droppedBy(fixture.subscriber)], [[10, 20, 11], ["1", "2", "3"], {
    unknownSignal: 1,
  }]);
});

Deno.test("TSSC packets that come twice, or are left out: nothing wrong is taken, until the stream starts anew", async () => {
  const values: number[] = [];
  await using fixture = gathering(values);
  const publisher = await fixture.connected([1]);
  const encoder = new TsscEncoder();
  const packets = [1, 2, 3, 4].map((value) => tsscFrame(encoder, batchOf([0], value)));
  for (const n of [0, 1, 1, 2, 0, 1, 3, 0]) await publisher.send(packets[n]!);
  await settle();
  // Whatever comes after a wrong number is dropped as well, up to a 0.
  assertEquals([values, droppedBy(fixture.subscriber)], [[1, 2, 1, 2, 1], { outOfSequence: 3 }]);
  assertEquals(fixture.subscriber.stats().tsscResets, 3);
});

Deno.test("a cache that no data follows; caches that nobody asked for; each is confirmed, and the last counts", async () => {
  await using fixture = new Fixture();
  const publisher = await fixture.connected([1]);
  for (let i = 1; i <= 5; i++) {
    await publisher.send(cacheFrame(cacheOf([10 + i]), 2, i % 2));
    await publisher.next(Command.ConfirmUpdateSignalIndexCache);
  }
  for (let i = 0; i < 10; i++) {
    await publisher.respond(Response.NoOP, Command.Subscribe);
    await settle();
    fixture.clock.advance(19_999);
  }
  const { subscriber } = fixture;
  assertEquals([subscriber.state, subscriber.stats().signals], ["connected", 1]);
  await publisher.send(compactFrame(batchOf([0], 7), DataPacketFlags.CacheIndex));
  const { value } = await subscriber.measurements().next();
  assertEquals([value?.signalId.slice(-2), value?.value, droppedBy(fixture.subscriber)], ["0f", 7, {}]);
});

Deno.test("answers twice, and both ways: the first counts", async () => {
  await using fixture = new Fixture();
  const publisher = await fixture.connected([1]);
  const subscribing = fixture.subscriber.subscribe({ filter: "B" });
  await publisher.next(Command.Subscribe);
  await publisher.subscribed([2], { cacheIndex: 1 });
  await publisher.respond(Response.Failed, Command.Subscribe, "on second thoughts");
  await publisher.respond(Response.Succeeded, Command.Subscribe, "or not");
  await subscribing;
  await settle();
  assertEquals([fixture.subscriber.subscription.filter, fixture.subscriber.state], ["B", "connected"]);
  assertEquals(droppedBy(fixture.subscriber), { unexpectedResponse: 2 });
});

/** Reads history over a connection of its own. @returns What came, and the publisher's end. */
async function reading(
  fixture: Fixture,
): Promise<{ publisher: ScriptedPublisher; values: Promise<number[]> }> {
  const values = (async () => {
    const found: number[] = [];
    for await (const { values, length } of fixture.subscriber.history({ start: 1n })) {
      found.push(...values.subarray(0, length));
    }
    return found;
  })();
  const publisher = await fixture.connector.accept();
  await publisher.next(Command.DefineOperationalModes);
  await publisher.next(Command.Subscribe);
  return { publisher, values };
}

Deno.test("history whose end is told before its beginning, and twice, and data around it", async () => {
  await using fixture = new Fixture();
  const complete = responseFrame(Response.ProcessingComplete, Command.Subscribe, "that is all");
  const { publisher, values } = await reading(fixture);
  await publisher.send(complete, compactFrame(batchOf([0], 1)));
  await publisher.subscribed([1]);
  await publisher.send(compactFrame(batchOf([0], 2)), complete);
  await publisher.send(compactFrame(batchOf([0], 3)), complete).catch(() => {});
  assertEquals(await values, [2]);
  assertEquals(droppedBy(fixture.subscriber)["noCache"], 1);
});

Deno.test("history that is never completed ends with the connection, and says so", async () => {
  await using fixture = new Fixture();
  const { publisher, values } = await reading(fixture);
  await publisher.subscribed([1]);
  await publisher.send(compactFrame(batchOf([0], 1)));
  const failed = values.then(() => "completed", ({ code }) => code);
  publisher.channel.close();
  assertEquals(await failed, "ConnectionLost");
});

Deno.test("the end of a history that nobody asked for changes nothing", async () => {
  const values: number[] = [];
  await using fixture = gathering(values);
  const publisher = await fixture.connected([1]);
  for (let i = 1; i <= 3; i++) {
    await publisher.respond(Response.ProcessingComplete, Command.Subscribe, "that was all");
    await publisher.send(compactFrame(batchOf([0], i)));
  }
  await settle();
  assertEquals([values, fixture.subscriber.state, droppedBy(fixture.subscriber)], [
    [1, 2, 3],
    "connected",
    {},
  ]);
});

Deno.test("buffer blocks that are sent again although they were confirmed are confirmed again", async () => {
  const found: number[] = [];
  await using fixture = new Fixture({ onBufferBlock: ({ payload }) => void found.push(payload[0]!) });
  const publisher = await fixture.connected([1]);
  const body = encodeBufferBlock(0, BufferBlockFlags.ConfirmationRequired, 0, Uint8Array.of(5));
  for (let i = 0; i < 3; i++) {
    await publisher.respond(Response.BufferBlock, Command.Subscribe, body);
    const confirmation = await publisher.next(Command.ConfirmBufferBlock);
    assertEquals(decodeBufferBlockConfirmation(confirmation.body), 0);
  }
  assertEquals([found, droppedBy(fixture.subscriber)], [[5], { repeatedBufferBlock: 2 }]);
});
