import { assert, assertEquals, assertMatch } from "@std/assert";
import { MemoryHistory } from "../history/mod.ts";
import { DataSet } from "../metadata/data_set.ts";
import { MeasurementBatch } from "../transport/wire/batch.ts";
import { Command, Response, responseName } from "../transport/wire/codes.ts";
import { gunzip } from "../transport/wire/gzip.ts";
import type { SubscriptionOptions } from "../transport/wire/subscribe.ts";
import type { AccessOptions, SignalRights } from "./access_options.ts";
import { grid, Rig, type ScriptedPeer, settle, signalId } from "./testdata/rig.ts";

const stat = "FILTER ActiveMeasurements WHERE SignalType = 'STAT'";
const denyStat: AccessOptions = { signals: [{ deny: stat }] };
const everything = [0, 1, 2, 3, 4, 5, 6, 7];
const notStat = [0, 1, 2, 4, 5, 6];

/** Publishes all signals, and takes in what comes of it. @returns The wire signal indexes of what came. */
async function round(rig: Rig, peer: ScriptedPeer): Promise<[indexes: number[], cacheIndex: number]> {
  await rig.publish(everything);
  peer.data.clear();
  const [count, cacheIndex] = await peer.expectData();
  return [[...peer.data.signals.subarray(0, count)], cacheIndex];
}

async function expectNewCache(peer: ScriptedPeer): Promise<[granted: string[], unauthorized: string[]]> {
  await peer.expect(Response.ConfigurationChanged);
  const { cache } = await peer.expectCache();
  return [[...cache.signalIds], [...cache.unauthorized]];
}

async function expectNothing(rig: Rig, peer: ScriptedPeer): Promise<void> {
  await settle();
  rig.clock.advance(5000);
  assertEquals(responseName((await peer.receive())!.code), "NoOP");
}

Deno.test("what is taken away ends at once, under the old cache still; the rest goes on without a gap", async () => {
  await using rig = await Rig.start();
  const peer = await rig.subscribe();
  await rig.publish(everything);
  await peer.expect(Response.DataStartTime);
  assertEquals(await peer.expectData(), [8, 0]);

  rig.publisher.setAccess(denyStat);
  rig.publisher.publish(batchOf(rig));
  await settle();
  // Published in the same turn as the rules changed. A new encoder starts over, without another DataStartTime.
  peer.data.clear();
  assertEquals(await peer.expectData(), [6, 0]);
  assertEquals([...peer.data.signals.subarray(0, 6)], notStat);
  assertEquals(await expectNewCache(peer), [notStat.map(signalId), [signalId(3), signalId(7)]]);

  // However long the confirmation takes.
  assertEquals(await round(rig, peer), [notStat, 0]);
  await peer.confirmCache();
  await settle();
  await rig.publish(everything);
  await peer.expect(Response.DataStartTime);
  peer.data.clear();
  assertEquals(await peer.expectData(), [6, 1]);
  assertEquals([...peer.data.signals.subarray(0, 6)], [0, 1, 2, 3, 4, 5]);
  assertEquals(rig.publisher.stats().access.revoked, 2);
  assertEquals(rig.connection().subscription?.unauthorized, 2);
  assertEquals(rig.connection().dropped, {});
});

function batchOf(rig: Rig): MeasurementBatch {
  const batch = new MeasurementBatch();
  for (const n of everything) batch.add(rig.publisher.signals.handleOf(signalId(n))!, 2000n, n, 0);
  return batch;
}

Deno.test("what is given back comes with a new cache, by the same filter", async () => {
  await using rig = await Rig.start({ access: denyStat });
  const peer = await rig.subscribe();
  rig.publisher.setAccess({});
  assertEquals(await expectNewCache(peer), [everything.map(signalId), []]);
  await peer.confirmCache();
  await settle();
  await rig.publish(everything);
  await peer.expect(Response.DataStartTime);
  assertEquals(await peer.expectData(), [8, 1]);
});

Deno.test("options that change nothing for a subscriber are not noticed by it", async () => {
  await using rig = await Rig.start({ access: denyStat });
  const peer = await rig.subscribe();
  rig.publisher.setAccess({ ...denyStat, maxConnectionsPerAddress: 7 });
  rig.publisher.setAccess({ signals: [{ allow: notStat.map(signalId) }] });
  await expectNothing(rig, peer);
  const unasked = await rig.agree();
  rig.publisher.setAccess({ signals: [{ deny: "True" }] });
  await expectNothing(rig, unasked);
});

Deno.test("a cache that was not confirmed yet, and a subscription that waits behind it, lose signals too", async () => {
  await using rig = await Rig.start();
  const peer = await rig.agree();
  await peer.subscribe({ filterExpression: "True" });
  await peer.expectCache();
  await peer.expect(Response.Succeeded);
  await peer.subscribe({ filterExpression: stat });
  await peer.expect(Response.Succeeded);
  rig.publisher.setAccess(denyStat);
  await peer.expect(Response.ConfigurationChanged);
  await settle();
  await peer.confirmCache();
  const { cache } = await peer.expectCache();
  assertEquals([cache.size, cache.unauthorized], [0, [signalId(3), signalId(7)]]);
  await settle();
  await rig.publish(everything);
  await peer.expect(Response.DataStartTime);
  assertEquals(await peer.expectData(), [6, 0]);
  await peer.confirmCache();
  await settle();
  await rig.publish(everything);
  await expectNothing(rig, peer);
});

Deno.test("at version 1, whose only cache is in force at once", async () => {
  await using rig = await Rig.start();
  const peer = await rig.subscribe("True", { version: 1 });
  rig.publisher.setAccess(denyStat);
  assertEquals(await expectNewCache(peer), [notStat.map(signalId), [signalId(3), signalId(7)]]);
  await rig.publish(everything);
  await peer.expect(Response.DataStartTime);
  assertEquals(await peer.expectData(), [6, 0]);
});

Deno.test("buffer blocks stop with the right to their signal", async () => {
  await using rig = await Rig.start();
  const peer = await rig.subscribe();
  assertEquals(rig.publisher.publishBufferBlock(signalId(3), Uint8Array.of(1)), 1);
  rig.publisher.setAccess(denyStat);
  assertEquals(rig.publisher.publishBufferBlock(signalId(3), Uint8Array.of(2)), 0);
  assertEquals(rig.publisher.publishBufferBlock(signalId(2), Uint8Array.of(3)), 1);
  await peer.expect(Response.BufferBlock);
});

Deno.test("metadata that is defined anew: the rules are applied to it, and only what is lost changes by itself", async () => {
  await using rig = await Rig.start({ access: denyStat });
  const peer = await rig.subscribe();
  // Signal 2 becomes a STAT, and signal 3 no longer is one.
  const dataSet = grid(8);
  dataSet.table("MeasurementDetail")!.set(2, "SignalAcronym", "STAT");
  dataSet.table("MeasurementDetail")!.set(3, "SignalAcronym", "FREQ");
  rig.publisher.defineMetadata(dataSet);
  const granted = [0, 1, 3, 4, 5, 6];
  assertEquals(await expectNewCache(peer), [granted.map(signalId), [signalId(2), signalId(7)]]);

  // A signal more that it may see is for it to ask for.
  dataSet.table("MeasurementDetail")!.set(2, "SignalAcronym", "FREQ");
  await peer.confirmCache();
  await settle();
  rig.publisher.defineMetadata(dataSet);
  await peer.expect(Response.ConfigurationChanged);
  await expectNothing(rig, peer);
});

Deno.test("what is being granted when the rules change is granted under the new ones", async () => {
  const decision = Promise.withResolvers<boolean>();
  await using rig = await Rig.start({ access: { authorizeSignals: () => decision.promise } });
  const [peer, other] = [await rig.agree(), await rig.agree()];
  await peer.subscribe({ filterExpression: "True" });
  await other.send(Command.MetadataRefresh);
  await settle();
  rig.publisher.setAccess(denyStat);
  decision.resolve(true);
  assertEquals((await peer.expectCache()).cache.signalIds, notStat.map(signalId));
  await peer.expect(Response.Succeeded);
  const body = gunzip(await other.expect(Response.Succeeded, Command.MetadataRefresh), {
    maxLength: 1 << 20,
  });
  assertEquals((await DataSet.fromXml(body)).table("MeasurementDetail")?.rowCount, 6);
  await expectNothing(rig, peer);
});

Deno.test("metadata that is put together while the rules change is put together anew, at whatever moment", async () => {
  let late = 0;
  let isAnswered = false;
  for (let moment = 0; !isAnswered; moment++) {
    await using rig = await Rig.start();
    const peer = await rig.agree();
    const answered = (): number => rig.connection().queue.controlBytes + rig.connection().sent.bytes;
    const before = answered();
    await peer.send(Command.MetadataRefresh);
    // First promise by promise, then turn by turn of the event loop.
    for (let i = 0; i < moment; i++) {
      await (i < 50 ? undefined : new Promise((resolve) => setTimeout(resolve, 0)));
    }
    isAnswered = answered() > before;
    if (rig.connection().events["MetadataRefresh"] === 1 && !isAnswered) late++;
    rig.publisher.setAccess(denyStat);
    let response = await peer.receive();
    if (response?.code === Response.ConfigurationChanged) response = await peer.receive();
    assertEquals([response?.code, response?.inResponseTo], [Response.Succeeded, Command.MetadataRefresh]);
    const dataSet = await DataSet.fromXml(gunzip(response!.body, { maxLength: 1 << 20 }));
    assertEquals(dataSet.table("MeasurementDetail")?.rowCount, isAnswered ? 8 : 6, `moment ${moment}`);
  }
  assert(late > 5, `${late} moments between`);
});

Deno.test("the application's decision follows the rules, which act at once", async () => {
  let rights: () => SignalRights | Promise<SignalRights> = () => ({});
  const authorizeSignals = (): SignalRights | Promise<SignalRights> => rights();
  await using rig = await Rig.start({ access: { authorizeSignals } });
  const peer = await rig.subscribe();
  const decision = Promise.withResolvers<SignalRights>();
  rights = () => decision.promise;
  rig.publisher.setAccess({ ...denyStat, authorizeSignals });
  await rig.publish(everything);
  await peer.expect(Response.DataStartTime);
  assertEquals(await peer.expectData(), [6, 0]);
  decision.resolve({ deny: [signalId(0)] });
  assertEquals(await expectNewCache(peer), [
    [1, 2, 4, 5, 6].map(signalId),
    [0, 3, 7].map(signalId),
  ]);
  assertEquals(await round(rig, peer), [[1, 2, 4, 5, 6], 0]);
  assertEquals(rig.connection().rights, { visible: 5, hidden: 3 });
});

Deno.test("who may not connect any more is disconnected; who came before is not counted again", async () => {
  await using rig = await Rig.start();
  const peers = ["10.0.0.1:1", "10.0.0.1:2", "192.0.2.1:1"].map((address) => rig.connectAs({ address }));
  await settle();
  rig.publisher.setAccess({ allow: { addresses: ["10.0.0.0/8"] }, maxConnectionsPerAddress: 1 });
  await peers[2]!.expectEnd();
  await settle();
  const { connections, recentlyClosed } = rig.publisher.stats();
  assertEquals([connections.open, connections.closed], [2, { denied: 1 }]);
  assertEquals(recentlyClosed[0]?.closed?.message, "it may not connect any more");
});

Deno.test("history that is being sent loses signals and goes on with the rest", async () => {
  const next = Promise.withResolvers<void>();
  let requests = 0;
  await using rig = await Rig.start({
    history: {
      range: () => undefined,
      close: () => Promise.resolve(),
      async *read(): AsyncGenerator<MeasurementBatch> {
        requests++;
        yield batchOf(rig);
        await next.promise;
        yield batchOf(rig);
      },
    },
  });
  const options: SubscriptionOptions = { startTimeConstraint: "*-1h", processingInterval: 0 };
  const peer = await rig.subscribe("True", {}, options);
  await peer.expect(Response.DataStartTime);
  assertEquals(await peer.expectData(), [8, 0]);
  rig.publisher.setAccess(denyStat);
  await peer.expect(Response.ConfigurationChanged);
  next.resolve();
  assertEquals(await peer.expectData(), [6, 0]);
  await peer.expect(Response.ProcessingComplete);
  assertEquals(requests, 1, "it does not start again");
  assertEquals(rig.connection().subscription?.signals, 6);
});

Deno.test("many subscribers that lose the same go on sharing an encoder", async () => {
  await using rig = await Rig.start();
  for (let i = 0; i < 20; i++) await rig.subscribe();
  rig.publisher.setAccess(denyStat);
  const groups = rig.publisher.stats().groups;
  assertEquals(groups.map(({ members }) => members), [20]);
  await rig.publish(everything);
  assert(rig.publisher.stats().groups[0]!.packets === 1);
});

Deno.test("of a throttled subscription what was published before comes at once, without what was taken away", async () => {
  await using rig = await Rig.start();
  const peer = await rig.subscribe(undefined, {}, { throttled: true, publishInterval: 3 });
  await rig.publish(everything, 1000n, 50);
  rig.publisher.setAccess(denyStat);
  await peer.expect(Response.DataStartTime);
  assertEquals(await peer.expectData(), [6, 0]);
  assertEquals([...peer.data.signals.subarray(0, 6)], notStat);
  assertEquals([...peer.data.values.subarray(0, 6)], notStat.map((n) => 50 + n));
  await expectNewCache(peer);
  // So do those of somebody who subscribes anew before its interval is over.
  await rig.publish([0], 2000n, 60);
  await peer.confirmCache();
  await settle();
  peer.data.clear();
  assertEquals(await peer.expectData(), [1, 0]);
  assertEquals(peer.data.values[0], 60);
  await expectNothing(rig, peer);
  assertEquals(rig.connection().dropped, {});
});

Deno.test("who waits to be let in when the options change is decided about by the new ones, either way", async () => {
  const decisions: ((answer: boolean) => void)[] = [];
  const ask: AccessOptions = { authorizeConnection: () => new Promise((resolve) => decisions.push(resolve)) };
  for (const [first, second] of [[true, false], [false, true]] as const) {
    await using rig = await Rig.start({ access: ask });
    const peer = rig.connect();
    await settle();
    rig.publisher.setAccess({ ...ask });
    rig.publisher.setAccess({ ...ask });
    decisions.shift()!(first);
    await settle();
    // Asked once more, for the options that are in force by now.
    assertEquals([decisions.length, rig.connection().state], [1, "awaitingModes"]);
    decisions.shift()!(second);
    await peer.defineModes();
    if (second) await peer.expect(Response.Succeeded, Command.DefineOperationalModes);
    else await peer.expect(Response.Failed, Command.Connect);
    assertEquals(decisions.length, 0);
  }
  await using rig = await Rig.start({ access: ask });
  const peer = rig.connect();
  await settle();
  rig.publisher.setAccess({});
  decisions.shift()!(false);
  // Nobody is asked any more.
  await peer.defineModes();
  await peer.expect(Response.Succeeded, Command.DefineOperationalModes);
});

Deno.test("rules that change several times in a row make one new cache", async () => {
  await using rig = await Rig.start();
  const peer = await rig.subscribe();
  for (let i = 0; i < 4; i++) rig.publisher.setAccess(denyStat);
  assertEquals((await expectNewCache(peer))[0], notStat.map(signalId));
  await peer.confirmCache();
  await expectNothing(rig, peer);
});

Deno.test("a subscription to history that waits behind another's cache gets one without what was taken away", async () => {
  await using rig = await Rig.start({ history: new MemoryHistory() });
  const peer = await rig.subscribe("PPA:1");
  await peer.subscribe({ filterExpression: "PPA:1; PPA:2" });
  await peer.expectCache();
  await peer.expect(Response.Succeeded);
  await peer.subscribe({ filterExpression: "PPA:1; PPA:4", startTimeConstraint: "*-1h" });
  await peer.expect(Response.Succeeded);
  rig.publisher.setAccess({ ...denyStat, unauthorized: "none" });
  await peer.expect(Response.ConfigurationChanged);
  await settle();
  await peer.confirmCache();
  const { cache } = await peer.expectCache();
  assertEquals([[...cache.signalIds], [...cache.unauthorized]], [[signalId(0)], []]);
  await peer.confirmCache();
  await peer.expect(Response.ProcessingComplete);
});

Deno.test("one that waits while the application decides is not sent before it has", async () => {
  const decision = Promise.withResolvers<SignalRights>();
  let rights: () => SignalRights | Promise<SignalRights> = () => ({});
  const authorizeSignals = (): SignalRights | Promise<SignalRights> => rights();
  await using rig = await Rig.start({ access: { authorizeSignals } });
  const peer = await rig.subscribe("PPA:1");
  for (const filterExpression of ["PPA:1; PPA:2", "PPA:1; PPA:4"]) await peer.subscribe({ filterExpression });
  await peer.expectCache();
  for (let i = 0; i < 2; i++) await peer.expect(Response.Succeeded);
  rights = () => decision.promise;
  rig.publisher.setAccess({ ...denyStat, unauthorized: "none", authorizeSignals });
  await peer.confirmCache();
  await settle();
  const { subscription } = rig.connection();
  assertEquals([subscription?.filter, subscription?.signals, subscription?.confirmed], [
    "PPA:1; PPA:4",
    1,
    false,
  ]);
  decision.resolve({});
  await peer.expect(Response.ConfigurationChanged);
  assertEquals([...(await peer.expectCache()).cache.signalIds], [signalId(0)]);
});

Deno.test("one that waits fails when there is no room for another in its place", async () => {
  await using rig = await Rig.start({ limits: { allSubscriptionsLength: 1_000_000 } }, 2000);
  const peer = await rig.subscribe("PPA:1");
  for (const filterExpression of ["PPA:1; PPA:2", "FILTER ActiveMeasurements WHERE True"]) {
    await peer.subscribe({ filterExpression });
  }
  await peer.expectCache();
  for (let i = 0; i < 2; i++) await peer.expect(Response.Succeeded);
  rig.publisher.setAccess({ signals: [{ deny: "PPA:9" }] });
  await peer.expect(Response.ConfigurationChanged);
  assertMatch(await peer.expectText(Response.Failed, Command.Subscribe), /would take/);
  await peer.confirmCache();
  await expectNothing(rig, peer);
  assertEquals(rig.connection().subscription?.filter, "PPA:1; PPA:2");
});
