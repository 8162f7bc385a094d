import { assertEquals } from "@std/assert";
import { MeasurementBatch } from "../transport/wire/batch.ts";
import { Response, responseName } from "../transport/wire/codes.ts";
import { CompactDecoder } from "../transport/wire/compact.ts";
import { decodePacketHeader } from "../transport/wire/data_packet.ts";
import { decodeBaseTimes } from "../transport/wire/base_times.ts";
import { StateFlags } from "../transport/wire/state_flags.ts";
import { ticksNow, TicksPerSecond } from "../transport/wire/ticks.ts";
import type { SubscriptionOptions } from "../transport/wire/subscribe.ts";
import type { PublisherOptions } from "./options.ts";
import { LatestMeasurements } from "./latest_on_subscribe.ts";
import { SignalSet } from "./signal_set.ts";
import { Rig, type ScriptedPeer, settle, signalId } from "./testdata/rig.ts";

const everything = [0, 1, 2, 3, 4, 5, 6, 7];

function start(options: PublisherOptions = {}): Promise<Rig> {
  return Rig.start({ latestOnSubscribe: true, ...options });
}

/** Subscribes anew, without reading what comes then. */
async function resubscribe(peer: ScriptedPeer, options: SubscriptionOptions): Promise<void> {
  await peer.subscribe(options);
  await peer.expectCache();
  await peer.expect(Response.Succeeded);
  await peer.confirmCache();
  await settle();
}

/** The next packet: indexes and values. */
async function expectValues(peer: ScriptedPeer): Promise<[index: number, value: number][]> {
  peer.data.clear();
  const [count] = await peer.expectData();
  return Array.from({ length: count }, (_, i) => [peer.data.signals[i]!, peer.data.values[i]!]);
}

async function expectNothing(rig: Rig, peer: ScriptedPeer): Promise<void> {
  rig.clock.advance(5000);
  assertEquals(responseName((await peer.receive())!.code), "NoOP");
}

Deno.test("the latest values come first, once announced; then data goes on", async () => {
  await using rig = await start();
  await rig.publish([0, 1, 2, 5], 1000n, 1);
  await rig.publish([1, 2], 2000n, 10);
  const peer = await rig.subscribe("PPA:2; PPA:4; PPA:1");
  await peer.expect(Response.DataStartTime);
  assertEquals(await expectValues(peer), [[0, 11], [2, 1]], "nothing is known of PPA:4");
  assertEquals([...peer.data.ticks.subarray(0, 2)], [2000n, 1000n]);
  await rig.publish([3], 3000n, 20);
  assertEquals(await expectValues(peer), [[1, 23]]);
});

Deno.test("others in its group notice nothing", async () => {
  await using rig = await start();
  const first = await rig.subscribe();
  await rig.publish(everything);
  await first.expect(Response.DataStartTime);
  await first.expectData();
  const second = await rig.subscribe();
  await second.expect(Response.DataStartTime);
  assertEquals((await expectValues(second)).length, 8);
  await expectNothing(rig, first);
  assertEquals(rig.publisher.stats().groups.map(({ members, packets }) => [members, packets]), [[2, 1]]);
  await rig.publish(everything);
  assertEquals((await expectValues(first)).length, 8);
  await second.expect(Response.NoOP);
  assertEquals((await expectValues(second)).length, 8);
});

Deno.test("a subscription that changes gets what it did not have; one that comes back gets all", async () => {
  await using rig = await start();
  await rig.publish(everything);
  const peer = await rig.subscribe("PPA:1; PPA:2");
  await peer.expect(Response.DataStartTime);
  assertEquals((await expectValues(peer)).length, 2);
  await resubscribe(peer, { filterExpression: "PPA:3; PPA:2; PPA:1" });
  await peer.expect(Response.DataStartTime);
  assertEquals(await expectValues(peer), [[0, 3]]);
  await resubscribe(peer, { filterExpression: "PPA:2; PPA:1" });
  await expectNothing(rig, peer);
  rig.publisher.setAccess({ signals: [{ deny: "PPA:1" }] });
  await peer.expect(Response.ConfigurationChanged);
  await peer.expectCache();
  await peer.confirmCache();
  await settle();
  await expectNothing(rig, peer);
  rig.publisher.setAccess({});
  await peer.expect(Response.ConfigurationChanged);
  await peer.expectCache();
  await peer.confirmCache();
  await settle();
  await peer.expect(Response.DataStartTime);
  assertEquals(await expectValues(peer), [[1, 1]], "what is given back comes with its value");
});

Deno.test("what it may not see is not among them", async () => {
  await using rig = await start({ access: { signals: [{ deny: [signalId(0)] }] } });
  await rig.publish(everything);
  const peer = await rig.subscribe("PPA:1; PPA:2");
  await peer.expect(Response.DataStartTime);
  assertEquals(await expectValues(peer), [[0, 2]]);
});

Deno.test("compact, without NaN", async () => {
  await using rig = await start();
  await rig.publish([0], 1000n, NaN);
  await rig.publish([1, 2], 1000n, 1);
  const peer = await rig.subscribe("PPA:1; PPA:2; PPA:3", { tssc: false }, { requestNaNValueFilter: true });
  const decoder = new CompactDecoder({ includeTime: true, useMillisecondResolution: false });
  decoder.baseTimes = decodeBaseTimes(await peer.expect(Response.UpdateBaseTimes));
  await peer.expect(Response.DataStartTime);
  const { payload, count } = decodePacketHeader(await peer.expect(Response.DataPacket));
  const batch = new MeasurementBatch();
  decoder.decode(payload, count, batch);
  assertEquals(Array.from({ length: count }, (_, i) => [batch.signals[i], batch.values[i]]), [[1, 2], [
    2,
    3,
  ]]);
  // Those of its group.
  await peer.expect(Response.UpdateBaseTimes);
});

Deno.test("throttled with the time check: stale values are bad, and the interval begins now", async () => {
  await using rig = await start();
  const now = ticksNow(rig.clock);
  await rig.publish([0], now, 1);
  await rig.publish([1], now - 60n * TicksPerSecond, 2);
  const peer = await rig.subscribe("PPA:1; PPA:2", {}, {
    throttled: true,
    publishInterval: 2,
    enableTimeReasonabilityCheck: true,
    useLocalClockAsRealTime: true,
  });
  await peer.expect(Response.DataStartTime);
  assertEquals(await expectValues(peer), [[0, 1], [1, NaN]]);
  assertEquals([...peer.data.flags.subarray(0, 2)], [0, StateFlags.BadTime]);
  await rig.publish([1], now, 5);
  rig.clock.advance(2000);
  await settle();
  assertEquals(await expectValues(peer), [[1, 6]]);
});

Deno.test("with somebody else's throttled subscription to the same nothing comes twice", async () => {
  await using rig = await start();
  const throttled = { throttled: true, publishInterval: 2 };
  const other = await rig.subscribe("PPA:1; PPA:2", {}, throttled);
  await rig.publish([0, 1], 1000n, 1);
  const peer = await rig.subscribe("PPA:1; PPA:2", {}, throttled);
  await peer.expect(Response.DataStartTime);
  assertEquals(await expectValues(peer), [[0, 1], [1, 2]]);
  await rig.publish([1], 2000n, 5);
  rig.clock.advance(2000);
  await settle();
  assertEquals(await expectValues(peer), [[1, 6]]);
  await other.expect(Response.DataStartTime);
  assertEquals(await expectValues(other), [[0, 1]]);
  assertEquals(await expectValues(other), [[1, 6]]);
});

Deno.test("version 1, whose cache is in force at once; a publisher that does not keep latest values", async () => {
  await using rig = await start();
  await rig.publish(everything);
  const peer = await rig.agree({ version: 1 });
  await peer.subscribe({ filterExpression: "PPA:1" });
  await peer.expectCache();
  await peer.expect(Response.DataStartTime);
  assertEquals(await expectValues(peer), [[0, 1]]);
  await peer.expect(Response.Succeeded);

  await using other = await Rig.start();
  await other.publish(everything);
  await expectNothing(other, await other.subscribe());
});

Deno.test("what is known grows with the signals; handles that are none are passed over", () => {
  const latest = new LatestMeasurements();
  const batch = new MeasurementBatch();
  batch.add(1, 10n, 1, 5);
  batch.add(7, 11n, 2, 6);
  latest.store(batch, 2);
  const set = new SignalSet(Int32Array.of(7, -1, 1));
  assertEquals(latest.of(set, undefined).length, 1);
  latest.store(batch, 100);
  const known = latest.of(set, undefined);
  assertEquals([...known.signals.subarray(0, 2)], [7, 1]);
  assertEquals([...known.ticks.subarray(0, 2)], [11n, 10n]);
  assertEquals([...known.flags.subarray(0, 2)], [6, 5]);
  assertEquals(latest.of(set, new SignalSet(Int32Array.of(7))).length, 1);
});
