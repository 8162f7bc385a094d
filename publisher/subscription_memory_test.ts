import {
  assert,
  assertEquals,
  assertGreater,
  assertLess,
  assertStrictEquals,
  assertStringIncludes,
} from "@std/assert";
import { finish } from "../metadata/steps.ts";
import { assertSttpError } from "../tests/support/hostile.ts";
import { Command, Response } from "../transport/wire/codes.ts";
import { CacheBlock } from "./cache_block.ts";
import { SignalSet } from "./signal_set.ts";
import { type HeldMemory, SubscriptionMemory } from "./subscription_memory.ts";
import type { Temporal } from "./temporal.ts";
import { tssc } from "./testdata/delivery.ts";
import { grid, Rig, type ScriptedPeer, settle } from "./testdata/rig.ts";

/** The first so many signals. */
function first(count: number): SignalSet {
  return new SignalSet(Int32Array.from({ length: count }, (_, handle) => handle));
}

/** A cache of so many bytes. */
function cacheOf(length: number): CacheBlock {
  return finish(CacheBlock.create(new Uint8Array(length), false));
}

const size = 1000;
const setBytes = first(size).byteLength;
const encoderBytes = 144 * size;

Deno.test("subscriptions to the same signals count once, in each form, and as long as there is one", () => {
  const memory = new SubscriptionMemory(10_000_000);
  const [set, same] = [first(size), first(size)];
  const hold = (set: SignalSet, cache: CacheBlock, form = tssc, temporal?: Temporal): HeldMemory =>
    memory.hold({ set, cache, delivery: form, temporal }, "192.0.2.1");
  const [cache, otherCache] = [cacheOf(5000), cacheOf(7000)];
  const held = [hold(set, cache)];
  const alone = setBytes + encoderBytes + 5000;
  assertEquals(memory.bytes, alone);
  held.push(hold(same, cache));
  assertStrictEquals(held[1]!.set, set);
  assertEquals(memory.bytes, alone);
  held.push(hold(same, otherCache));
  assertEquals(memory.bytes, alone + 7000);
  held.push(hold(set, cache, { ...tssc, withoutNaN: true }));
  assertEquals(memory.bytes, alone + 7000 + encoderBytes);
  // Each replay has an encoder of its own.
  const temporal = {} as Temporal;
  held.push(hold(set, cache, tssc, temporal), hold(set, cache, tssc, temporal));
  assertEquals(memory.bytes, alone + 7000 + 3 * encoderBytes);
  held.push(hold(first(size + 1), cache));
  assertEquals(memory.bytes, 2 * alone + 8 + 144 + 7000 - 5000 + 3 * encoderBytes);
  assert(held.at(-1)!.set !== set);

  held.shift()!.release();
  assertEquals(memory.bytes, 2 * alone + 8 + 144 + 7000 - 5000 + 3 * encoderBytes, "others still hold it");
  for (const { release } of held) release();
  assertEquals(memory.bytes, 0);
  assertStrictEquals(hold(same, cache).set, same, "nothing was remembered");
});

Deno.test("what there is no room for is refused and holds nothing; small subscriptions always have room", () => {
  const memory = new SubscriptionMemory(400_000);
  let hosts = 0;
  const hold = (count: number, network = `192.0.2.${++hosts}`): HeldMemory =>
    memory.hold({ set: first(count), cache: cacheOf(20), delivery: tssc, temporal: undefined }, network);
  const held = hold(900);
  hold(899);
  const before = memory.bytes;
  const more = (): HeldMemory => hold(898);
  assertSttpError("LimitExceeded", more, "with this one to 898 signals, at most 400000 expected");
  assertEquals(memory.bytes, before);
  for (let count = 1; count <= 20; count++) hold(count);
  assertSttpError("LimitExceeded", more, "at most 400000 expected");
  held.release();
  more();
});

Deno.test("one network has room for half: others can still subscribe", () => {
  const memory = new SubscriptionMemory(1_000_000);
  const hold = (count: number, network: string): HeldMemory =>
    memory.hold({ set: first(count), cache: cacheOf(20), delivery: tssc, temporal: undefined }, network);
  const greedy = [hold(1000, "192.0.2.66"), hold(1001, "192.0.2.66"), hold(1002, "192.0.2.66")];
  const more = (): HeldMemory => hold(1003, "192.0.2.66");
  assertSttpError("LimitExceeded", more, "All subscriptions from your address would take");
  // What others have as well takes no more memory, and small ones have room.
  const other = hold(1003, "192.0.2.1");
  more().release();
  hold(20, "192.0.2.66");
  other.release();
  assertSttpError("LimitExceeded", more, "at most 500000 expected");
  greedy[1]!.release();
  more();
  assertEquals(hold(1000, "192.0.2.2").set, greedy[0]!.set);
});

Deno.test("handles that are far apart count", () => {
  const set = new SignalSet(Int32Array.of(5, 1_000_004));
  assertEquals([5, 1_000_004, 4, 6, 1_000_005].map((handle) => set.indexOf(handle)), [0, 1, -1, -1, -1]);
  assertGreater(set.byteLength, 4_000_000);
  assertLess(new SignalSet(Int32Array.of(1_000_004, 1_000_003)).byteLength, 1000);
});

Deno.test("a subscription that takes more than there is room for is refused until somebody goes", async () => {
  await using rig = await Rig.start({ limits: { allSubscriptionsLength: 1_000_000 } });
  rig.publisher.defineMetadata(grid(2000));
  const [a, b, c] = [await rig.agree(), await rig.agree(), await rig.agree()];
  const top = (count: number): string => `FILTER TOP ${count} ActiveMeasurements WHERE True`;
  const granted = async (peer: ScriptedPeer, filterExpression: string): Promise<void> => {
    await peer.subscribe({ filterExpression });
    await peer.expectCache();
    await peer.expect(Response.Succeeded, Command.Subscribe);
    await peer.confirmCache();
    await settle();
  };
  const refused = async (peer: ScriptedPeer, filterExpression: string): Promise<void> => {
    await peer.subscribe({ filterExpression });
    assertStringIncludes(
      await peer.expectText(Response.Failed, Command.Subscribe),
      "at most 500000 expected",
    );
  };
  await granted(a, top(2000));
  await refused(b, top(1999));
  // Under another name the same is there already; and what comes to little is taken.
  await granted(b, `${top(2000)} AND True`);
  await granted(c, top(50));
  // It goes on with what it has.
  await refused(c, top(1998));
  assertEquals(rig.publisher.stats().open.at(-1)?.subscription?.signals, 50);
  a.channel.close();
  await settle();
  await refused(c, top(1998));
  await b.send(Command.Unsubscribe);
  await b.expect(Response.Succeeded, Command.Unsubscribe);
  await granted(c, top(1998));
  await refused(b, top(2000));
});
