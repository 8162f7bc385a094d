import { assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { SttpError } from "../transport/errors.ts";
import { DefaultLimits } from "../transport/limits.ts";
import { connectTcp } from "../transport/tcp.ts";
import { MeasurementBatch } from "../transport/wire/batch.ts";
import { Command, Response } from "../transport/wire/codes.ts";
import { decodeBaseTimes } from "../transport/wire/base_times.ts";
import { CompactDecoder } from "../transport/wire/compact.ts";
import { decodeDataStartTime, decodePacketHeader } from "../transport/wire/data_packet.ts";
import { ticksNow } from "../transport/wire/ticks.ts";
import { checkOptions } from "./options.ts";
import { Publisher } from "./publisher.ts";
import { grid, Rig, ScriptedPeer, settle, signalId } from "./testdata/rig.ts";

const ALL = "FILTER ActiveMeasurements WHERE True";

Deno.test("a subscription from the cache to the first data", async () => {
  await using rig = await Rig.start();
  const peer = await rig.agree();
  await peer.subscribe({
    filterExpression: "PPA:3; FILTER TOP 2 ActiveMeasurements WHERE SignalType = 'STAT'",
  });
  const { cacheIndex, cache } = await peer.expectCache();
  assertEquals(cacheIndex, 0);
  assertEquals([...cache], [
    { index: 0, signalId: signalId(2), source: "PPA", id: 3n },
    { index: 1, signalId: signalId(3), source: "PPA", id: 4n },
    { index: 2, signalId: signalId(7), source: "PPA", id: 8n },
  ]);
  assertEquals(cache.subscriberId, rig.connection().subscriberId);
  assertEquals(
    await peer.expectText(Response.Succeeded, Command.Subscribe),
    "Client subscribed using TSSC compression over TCP with 3 signals.",
  );
  await rig.publish([2, 3], 500n);
  await peer.confirmCache();
  await settle();
  await rig.publish([7, 0, 2], 1000n, 10);
  assertEquals(decodeDataStartTime(await peer.expect(Response.DataStartTime)), 1000n);
  assertEquals(await peer.expectData(), [2, 0]);
  assertEquals([...peer.data.signals.subarray(0, 2)], [2, 0]);
  assertEquals([...peer.data.values.subarray(0, 2)], [17, 12]);
  const { subscription, sent } = rig.connection();
  assertEquals([subscription?.signals, subscription?.confirmed, sent.measurements], [3, true, 2]);
});

Deno.test("a resubscription goes on under the old cache until the new one is confirmed", async () => {
  await using rig = await Rig.start();
  const peer = await rig.subscribe("PPA:1");
  await rig.publish([0, 1]);
  await peer.expect(Response.DataStartTime);
  assertEquals(await peer.expectData(), [1, 0]);

  await peer.subscribe({ filterExpression: "PPA:2; PPA:1" });
  assertEquals((await peer.expectCache()).cacheIndex, 1);
  await peer.expect(Response.Succeeded);
  await rig.publish([0, 1], 2000n);
  assertEquals(await peer.expectData(), [1, 0]);
  assertEquals(peer.data.signals[1], 0);

  await peer.confirmCache();
  await settle();
  await rig.publish([0, 1], 3000n);
  assertEquals(decodeDataStartTime(await peer.expect(Response.DataStartTime)), 3000n);
  // A packet of sequence 0, or the second decoder could not read it.
  assertEquals(await peer.expectData(), [2, 1]);
  assertEquals([...peer.data.signals.subarray(2, 4)], [1, 0]);
  assertEquals(rig.connection().cacheIndex, 1);

  await peer.subscribe({ filterExpression: "PPA:3" });
  assertEquals((await peer.expectCache()).cacheIndex, 0);
});

Deno.test("two Subscribes in a row, as one peer sends them, and confirmations late and twice", async () => {
  await using rig = await Rig.start();
  const peer = await rig.agree();
  await peer.subscribe({ filterExpression: "PPA:1" });
  await peer.subscribe({ filterExpression: "PPA:2" });
  await peer.subscribe({ filterExpression: "PPA:3; PPA:4" });
  const first = await peer.expectCache();
  assertEquals([first.cacheIndex, first.cache.at(0).signalId], [0, signalId(0)]);
  for (let i = 0; i < 3; i++) await peer.expect(Response.Succeeded);
  await rig.publish([0, 1, 2, 3]);
  await peer.confirmCache();
  // Of those that waited only the newest comes.
  const second = await peer.expectCache();
  assertEquals([second.cacheIndex, second.cache.size], [1, 2]);
  await rig.publish([0, 1, 2, 3]);
  await peer.expect(Response.DataStartTime);
  assertEquals(await peer.expectData(), [1, 0]);
  await peer.confirmCache();
  await peer.confirmCache();
  await settle();
  await rig.publish([0, 1, 2, 3]);
  await peer.expect(Response.DataStartTime);
  assertEquals(await peer.expectData(), [2, 1]);
  assertEquals(rig.connection().events["confirmation without a cache"], 1);
});

Deno.test("a cache that is never confirmed leaves the running subscription running", async () => {
  await using rig = await Rig.start();
  const peer = await rig.subscribe("PPA:1");
  for (const filterExpression of ["PPA:2", "PPA:3"]) await peer.subscribe({ filterExpression });
  await peer.expectCache();
  await peer.expect(Response.Succeeded);
  await peer.expect(Response.Succeeded);
  for (let i = 0; i < 3; i++) await rig.publish([0, 1, 2]);
  await peer.expect(Response.DataStartTime);
  for (let i = 0; i < 3; i++) assertEquals(await peer.expectData(), [1, 0]);
  assertEquals(rig.connection().subscription?.confirmed, false);
});

Deno.test("Unsubscribe ends data; between two Subscribes it does not confuse caches", async () => {
  await using rig = await Rig.start();
  const peer = await rig.agree();
  await peer.subscribe({ filterExpression: "PPA:1" });
  await peer.send(Command.Unsubscribe);
  await peer.subscribe({ filterExpression: "PPA:2" });
  await peer.expectCache();
  await peer.expect(Response.Succeeded);
  assertEquals(await peer.expectText(Response.Succeeded, Command.Unsubscribe), "Client unsubscribed.");
  await peer.expect(Response.Succeeded);
  await peer.confirmCache();
  const { cacheIndex, cache } = await peer.expectCache();
  assertEquals([cacheIndex, cache.at(0).signalId], [1, signalId(1)]);
  await rig.publish([0, 1]);
  await peer.confirmCache();
  await settle();
  await rig.publish([0, 1], 4000n);
  assertEquals(decodeDataStartTime(await peer.expect(Response.DataStartTime)), 4000n);
  assertEquals(await peer.expectData(), [1, 1]);
  await peer.send(Command.Unsubscribe);
  await peer.expect(Response.Succeeded, Command.Unsubscribe);
  await rig.publish([0, 1]);
  assertEquals(rig.publisher.stats().groups, []);
  assertEquals(rig.connection().state, "ready");
  await peer.send(Command.Unsubscribe);
  await peer.expect(Response.Succeeded, Command.Unsubscribe);
});

Deno.test("version 1 has one cache, in force at once and without an index", async () => {
  await using rig = await Rig.start();
  const peer = await rig.subscribe("PPA:1", { version: 1 });
  await rig.publish([0, 1]);
  await peer.expect(Response.DataStartTime);
  assertEquals(await peer.expectData(), [1, 0]);
  await peer.subscribe({ filterExpression: "PPA:2; PPA:1" });
  assertEquals((await peer.expectCache()).cache.size, 2);
  await peer.expect(Response.Succeeded);
  await rig.publish([0, 1]);
  await peer.expect(Response.DataStartTime);
  assertEquals(await peer.expectData(), [2, 0]);
});

Deno.test("a failed Subscribe says why and leaves a running one running", async () => {
  await using rig = await Rig.start();
  const peer = await rig.subscribe("PPA:1");
  const refusals: [Parameters<ScriptedPeer["subscribe"]>[0], RegExp][] = [
    [{ filterExpression: "FILTER ActiveMeasurements WHERE (" }, /expect/i],
    [{ filterExpression: ALL, startTimeConstraint: "*-5m" }, /history/],
    [{ filterExpression: ALL, stopTimeConstraint: "*" }, /history/],
    [{ filterExpression: ALL, dataChannel: { localPort: 9191 } }, /not an IP address/],
    [{ filterExpression: ALL, includeTime: "maybe" as never }, /includeTime/],
  ];
  for (const [options, expected] of refusals) {
    await peer.subscribe(options);
    assertMatch(await peer.expectText(Response.Failed, Command.Subscribe), expected);
  }
  await rig.publish([0]);
  await peer.expect(Response.DataStartTime);
  assertEquals(await peer.expectData(), [1, 0]);
  assertEquals(rig.connection().events["Subscribe failed"], refusals.length);
});

Deno.test("nothing selected is a success with 0 signals, also without any metadata", async () => {
  await using rig = await Rig.start();
  for (const filterExpression of ["", "FILTER ActiveMeasurements WHERE False"]) {
    const peer = await rig.agree();
    await peer.subscribe({ filterExpression });
    assertEquals((await peer.expectCache()).cache.size, 0);
    assertMatch(await peer.expectText(Response.Succeeded, Command.Subscribe), /with 0 signals\.$/);
    await peer.confirmCache();
  }
  await rig.publish([0]);

  const bare = new Publisher({ port: 0, hostname: "127.0.0.1" });
  await bare.start();
  const peer = new ScriptedPeer(await connectTcp({ hostname: "127.0.0.1", port: bare.port }));
  await peer.defineModes();
  await peer.expect(Response.Succeeded, Command.DefineOperationalModes);
  await peer.send(Command.MetadataRefresh);
  assertEquals((await peer.expect(Response.Succeeded, Command.MetadataRefresh)).length, 0);
  await peer.subscribe({ filterExpression: ALL });
  assertEquals((await peer.expectCache()).cache.size, 0);
  await peer.expect(Response.Succeeded);
  await bare.stop();
  await peer.expectEnd();
  peer.channel.close();
});

Deno.test("compact: base times, start time, data; nothing of TSSC", async () => {
  await using rig = await Rig.start();
  const peer = await rig.subscribe("PPA:1; PPA:2", { tssc: false }, { useMillisecondResolution: true });
  const now = ticksNow(rig.clock);
  await rig.publish([0, 1], now + 20_000n);
  const decoder = new CompactDecoder({ includeTime: true, useMillisecondResolution: true });
  decoder.baseTimes = decodeBaseTimes(await peer.expect(Response.UpdateBaseTimes));
  assertEquals(decodeDataStartTime(await peer.expect(Response.DataStartTime)), now + 20_000n);
  const { flags, count, payload } = decodePacketHeader(await peer.expect(Response.DataPacket));
  assertEquals([flags, count, payload.length], [0x02, 2, 2 * 11]);
  const data = new MeasurementBatch();
  decoder.decode(payload, count, data);
  assertEquals([...data.ticks.subarray(0, 2)], [now + 20_000n, now + 20_000n]);
  rig.clock.advance(60_000);
  await peer.expect(Response.NoOP);
  assertEquals(decodeBaseTimes(await peer.expect(Response.UpdateBaseTimes)).timeIndex, 1);
});

Deno.test("throttled: the latest values at the interval", async () => {
  await using rig = await Rig.start();
  const peer = await rig.subscribe("PPA:1; PPA:2", {}, { throttled: true, publishInterval: 0.5 });
  await rig.publish([0, 1], 1000n, 1);
  await rig.publish([0], 2000n, 9);
  rig.clock.advance(500);
  assertEquals(decodeDataStartTime(await peer.expect(Response.DataStartTime)), 2000n);
  assertEquals(await peer.expectData(), [2, 0]);
  assertEquals([...peer.data.values.subarray(0, 2)], [9, 2]);
});

Deno.test("equal subscriptions share one encoder, whatever their filters say", async () => {
  await using rig = await Rig.start();
  const peers = [
    await rig.subscribe("PPA:1; PPA:2"),
    await rig.subscribe(`${signalId(0)}; ${signalId(1)}`),
    await rig.subscribe("PPA:2; PPA:1"),
  ];
  await rig.publish([0, 1]);
  assertEquals(rig.publisher.stats().groups.map(({ members, packets }) => [members, packets]), [[2, 1], [
    1,
    1,
  ]]);
  for (const peer of peers) {
    await peer.expect(Response.DataStartTime);
    assertEquals(await peer.expectData(), [2, 0]);
  }
});

Deno.test("a stalled reader loses data counted to the measurement, and is resynchronised when it reads", async () => {
  await using rig = await Rig.start({ outboundQueueLimit: 262_144 }, 4000);
  const good = await rig.subscribe(ALL, { version: 1 });
  const slow = await rig.subscribe(ALL, { version: 1 });
  const status = rig.publisher.status();
  let published = 0;
  const publish = async () => {
    await rig.publishNoise(4000, BigInt(published));
    published += 4000;
    while (good.data.length < published) await good.expectData();
  };
  await rig.publishNoise(4000, 0n);
  await good.expect(Response.DataStartTime);
  for (let i = 0; i < 40; i++) await publish();
  const stalled = rig.connection(2);
  assertEquals(stalled.queue.dataBytes <= 262_144, true, `${stalled.queue.dataBytes} bytes`);
  assertEquals(stalled.events.overflow, 1);
  assertEquals(stalled.overflowedAt, rig.clock.now(), "as it waits for fresh data");
  assertEquals(rig.connection(1).dropped, {}, "nobody else notices");
  await publish();
  assertEquals(rig.connection(2).dropped.detached, stalled.dropped.detached! + 4000, "as it goes on");

  // It reads again: first what was on its way, then, from the next publication on, what is new.
  await slow.expect(Response.DataStartTime);
  while (rig.connection(2).queue.stalledFor > 0 || slow.data.length < rig.connection(2).sent.measurements) {
    await slow.expectData();
    await settle();
  }
  rig.clock.advance(1000);
  await publish();
  await slow.expectData();
  const { dropped, overflowedAt, sent } = rig.connection(2);
  assertEquals([overflowedAt, rig.connection(1).overflowedAt], [rig.clock.now() - 1000, null]);
  assertEquals(sent.dataBytes > 0 && sent.dataBytes < sent.bytes, true);
  assertEquals(slow.data.length + dropped.overflow! + dropped.detached!, published + 4000);
  assertEquals(slow.data.ticks[slow.data.length - 1], BigInt(published - 4000));
  assertEquals(rig.publisher.stats().dropped, dropped);
  const connection = { id: 2, address: rig.connection(2).address };
  assertEquals((await status.next()).value, {
    kind: "overflow",
    connection,
    measurements: dropped.overflow,
  });
  assertEquals((await status.next()).value, {
    kind: "resynchronised",
    connection,
    measurements: dropped.detached,
  });
});

Deno.test("the policy may be to disconnect a slow subscriber", async () => {
  await using rig = await Rig.start(
    { outboundQueueLimit: 262_144, slowSubscriberPolicy: "disconnect" },
    4000,
  );
  await rig.subscribe(ALL);
  let published = 0;
  for (; rig.publisher.stats().connections.open > 0; published += 4000) {
    await rig.publishNoise(4000, BigInt(published));
  }
  const { connections, recentlyClosed, groups, dropped, sent } = rig.publisher.stats();
  assertEquals(connections.closed, { slow: 1 });
  assertMatch(recentlyClosed[0]!.closed!.message, /262144 bytes/);
  assertEquals(groups, []);
  const lost = Object.values(dropped).reduce((sum, n) => sum + n, 0);
  const cut = recentlyClosed[0]!;
  assertEquals(cut.dropped, dropped);
  assertEquals(lost + sent.measurements, published);
});

Deno.test("defining metadata anew keeps the running subscription; a new one sees the new metadata", async () => {
  await using rig = await Rig.start();
  const peer = await rig.subscribe("FILTER ActiveMeasurements WHERE SignalType = 'FREQ'");
  rig.publisher.defineMetadata(grid(12));
  await peer.expect(Response.ConfigurationChanged);
  await rig.publish([0, 10]);
  await peer.expect(Response.DataStartTime);
  assertEquals(await peer.expectData(), [1, 0]);
  await peer.subscribe({ filterExpression: "FILTER ActiveMeasurements WHERE SignalType = 'FREQ'" });
  assertEquals((await peer.expectCache()).cache.size, 9);
  assertEquals(rig.publisher.signals.size, 12);
  assertEquals(rig.publisher.stats().metadata, { generation: 2, signals: 12 });
});

Deno.test("filterMetadata gives the enabled measurements", async () => {
  await using rig = await Rig.start();
  const { publisher } = rig;
  assertEquals(publisher.filterMetadata("SignalAcronym <> 'STAT'").map(({ key }) => key), [
    "PPA:1",
    "PPA:2",
    "PPA:3",
    "PPA:5",
    "PPA:6",
    "PPA:7",
  ]);
  assertEquals(
    publisher.filterMetadata("FILTER TOP 1 ActiveMeasurements WHERE SignalType = 'STAT'").length,
    1,
  );
  assertEquals(publisher.filterMetadata("True").length, 8);
  assertThrows(() => publisher.filterMetadata("("), SttpError);
  const disabled = grid(3);
  disabled.table("MeasurementDetail")!.addRow({ ID: "PPA:9", SignalID: signalId(9), Enabled: false });
  publisher.defineMetadata(disabled);
  assertEquals(publisher.filterMetadata("True").length, 3);
  assertEquals(new Publisher().filterMetadata("True"), []);
});

Deno.test("publishing objects; unknown signals are counted", async () => {
  await using rig = await Rig.start();
  const { publisher } = rig;
  const peer = await rig.subscribe("PPA:1");
  publisher.publishMeasurements([
    { signalId: signalId(0), ticks: 5n, value: 1.5, flags: 3 },
    { signalId: signalId(999), ticks: 5n, value: 1, flags: 0 },
    { signalId: signalId(0).toUpperCase(), ticks: 6n, value: 2.5, flags: 0 },
  ]);
  await peer.expect(Response.DataStartTime);
  assertEquals(await peer.expectData(), [2, 0]);
  assertEquals([...peer.data.values.subarray(0, 2)], [1.5, 2.5]);
  assertEquals(publisher.stats().published, { batches: 1, measurements: 3, unknownSignals: 1 });
  const wrong = [{ signalId: "nonsense", ticks: 0n, value: 0, flags: 0 }];
  assertThrows(() => publisher.publishMeasurements(wrong), TypeError);
});

Deno.test("stopping lets subscribers take what was published, and starting again works", async () => {
  const publisher = new Publisher({ port: 0, hostname: "127.0.0.1" });
  publisher.defineMetadata(grid(4));
  for (let round = 0; round < 2; round++) {
    const status = publisher.status();
    await publisher.start();
    await assertRejects(() => publisher.start(), SttpError, "running");
    assertEquals(publisher.address, `127.0.0.1:${publisher.port}`);
    const peer = new ScriptedPeer(await connectTcp({ hostname: "127.0.0.1", port: publisher.port }));
    await peer.defineModes({ version: 1 });
    await peer.expect(Response.Succeeded, Command.DefineOperationalModes);
    await peer.subscribe({ filterExpression: ALL });
    await peer.expectCache();
    await peer.expect(Response.Succeeded);
    publisher.publishMeasurements([{ signalId: signalId(1), ticks: 1n, value: 1, flags: 0 }]);
    const { closed } = publisher;
    await publisher.stop();
    await closed;
    await peer.expect(Response.DataStartTime);
    assertEquals(await peer.expectData(), [1, 0]);
    await peer.expectEnd();
    peer.channel.close();
    const kinds = (await Array.fromAsync(status)).map(({ kind }) => kind);
    assertEquals(kinds, ["started", "connected", "subscribed", "disconnected", "stopped"]);
    assertThrows(() => publisher.port, SttpError, "does not listen");
  }
  const stats = publisher.stats();
  assertEquals([stats.state, stats.address, stats.sent.measurements], ["stopped", null, 2]);
  assertEquals(stats.connections, {
    open: 0,
    accepted: 2,
    closed: { stopped: 2 },
    handshakesFailed: {},
  });
  assertEquals(JSON.parse(JSON.stringify(stats)).open, []);
  await publisher.stop();
  await publisher.closed;
});

Deno.test("a port in use: start fails and can be tried again", async () => {
  await using first = new Publisher({ port: 0, hostname: "127.0.0.1" });
  await first.start();
  const { port } = first;
  const second = new Publisher({ port, hostname: "127.0.0.1" });
  await assertRejects(() => second.start(), SttpError, "can't listen");
  assertEquals(second.state, "stopped");
  await first.stop();
  await second.start();
  await second.stop();
});

Deno.test("stopping does not wait longer than the drain time for a subscriber that does not read", async () => {
  const rig = await Rig.start({}, 4000);
  const peer = await rig.subscribe(ALL);
  for (let i = 0; i < 10; i++) await rig.publishNoise(4000, BigInt(i));
  const stopping = rig.publisher.stop({ drain: 700 });
  await settle();
  rig.clock.advance(699);
  await settle();
  assertEquals(rig.publisher.state, "stopping");
  rig.clock.advance(1);
  await stopping;
  const { dropped, published, sent } = rig.publisher.stats();
  assertEquals(dropped.closed! + sent.measurements, published.measurements);
  assertEquals(rig.clock.pending, 0);
  peer.channel.close();
  await assertRejects(() => rig.publisher.stop({ drain: -1 }), RangeError);
});

Deno.test("serve refuses while stopped; disconnect ends one connection", async () => {
  const rig = await Rig.start();
  const peer = await rig.agree();
  assertEquals(rig.publisher.disconnect(7), false);
  assertEquals(rig.publisher.disconnect(1, "not today"), true);
  await peer.expectEnd();
  await settle();
  assertEquals(rig.publisher.stats().recentlyClosed[0]!.closed!.message, "not today");
  await rig[Symbol.asyncDispose]();
  assertThrows(() => rig.connect(), SttpError, "not running");
});

Deno.test("a listener that fails is reported and tried again", async () => {
  let calls = 0;
  const closed = Promise.withResolvers<null>();
  await using rig = await Rig.start({
    listen: () => ({
      address: "flaky:0",
      port: 0,
      accept: () => ++calls <= 2 ? Promise.reject(new Error("too many files")) : closed.promise,
      close: () => closed.resolve(null),
    }),
  });
  const status = rig.publisher.status();
  await settle();
  rig.clock.advance(100);
  assertEquals((await status.next()).value, { kind: "acceptFailed", message: "too many files" });
  await settle();
  rig.clock.advance(100);
  await settle();
  assertEquals(calls, 3);
});

Deno.test("arguments of the wrong kind are refused by name", () => {
  const publisher = new Publisher({ listen: false });
  const measurement = { signalId: "9ae6dd95-bddb-5dd8-8717-57da1268b9ca", ticks: 1n, value: 1, flags: 0 };
  assertThrows(() => publisher.publish([measurement] as never), TypeError, "publishMeasurements()");
  const wrong: [object, string][] = [
    [{ ticks: 1 }, "ticks must be a bigint, not 1"],
    [{ value: "1" }, 'value must be a number, not "1"'],
    [{ flags: undefined }, "flags must be a number, not undefined"],
  ];
  for (const [field, message] of wrong) {
    const given = [{ ...measurement, ...field }];
    assertThrows(() => publisher.publishMeasurements(given as never), TypeError, message);
  }
  assertThrows(() => publisher.defineMetadata("<xml />" as never), TypeError, "DataSet.fromXml()");
  assertEquals(publisher.filterMetadata("True"), []);
  assertThrows(() => publisher.filterMetadata("FILTER ("), SttpError);
});

Deno.test("what is published while the publisher does not run is dropped and counted", () => {
  const publisher = new Publisher({ listen: false });
  const batch = new MeasurementBatch();
  batch.add(0, 1n, 1);
  batch.add(0, 2n, 1);
  publisher.publish(batch);
  const { published, dropped } = publisher.stats();
  assertEquals(published, { batches: 0, measurements: 0, unknownSignals: 0 });
  assertEquals(dropped, { notStarted: 2 });
});

Deno.test("options that do not exist, of a wrong kind, and limits that would switch themselves off", () => {
  const wrong: [object | null, string][] = [
    [null, "options must be an object"],
    [{ prot: 1 }, 'has no option "prot"'],
    [{ port: "7165" }, '"port" must be a number, not "7165"'],
    [{ name: 1 }, '"name" must be a string, not 1'],
    [{ allowMetadataRefresh: "no" }, '"allowMetadataRefresh" must be a boolean, not "no"'],
    [{ listen: true }, "listen must be false or a function"],
    [{ limits: { commandFrameLenght: 1 } }, 'limits has no option "commandFrameLenght"'],
    [{ limits: { commandFrameLength: "1" } }, 'limits: "commandFrameLength" must be a number, not "1"'],
    // A subscriber's.
    [{ limits: { cacheEntries: 1 } }, 'limits has no option "cacheEntries"'],
    [{ limits: [], clock: null }, '"clock" must be an object, not null'],
  ];
  for (const [options, message] of wrong) {
    assertThrows(() => new Publisher(options as never), TypeError, message);
  }
  for (const value of [-1, 0, 1.5, NaN, Infinity]) {
    const options = { limits: { commandFrameLength: value } };
    assertThrows(() => new Publisher(options), RangeError, "limits.commandFrameLength");
  }
  const given = { commandFrameLength: undefined, filterLength: 5 } as never;
  assertEquals(checkOptions({ limits: given }).limits, { ...DefaultLimits, filterLength: 5 });
});

Deno.test("options are checked", () => {
  assertThrows(() => new Publisher({ port: 70_000 }), RangeError, "port is 70000");
  assertThrows(() => new Publisher({ maxConnections: -1 }), RangeError, "maxConnections");
  assertThrows(() => new Publisher({ maxPacketSize: 40_000 }), RangeError, "from 512 to 32767");
  assertThrows(() => new Publisher({ outboundQueueLimit: 10 }), RangeError, "at least 262144");
  assertThrows(() => new Publisher({ heartbeatInterval: NaN }), RangeError, "heartbeatInterval");
  assertThrows(() => new Publisher({ nodeId: "me" }), TypeError, "not a GUID");
  assertThrows(
    () => new Publisher({ nanValueFilter: "maybe" as "allow" }),
    TypeError,
    "allow, forbid, force",
  );
});
