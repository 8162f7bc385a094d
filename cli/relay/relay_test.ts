import { assert, assertEquals, assertGreater, assertThrows } from "@std/assert";
import { finish } from "../../metadata/steps.ts";
import {
  type Channel,
  Command,
  connectTcp,
  DataPacketFlags,
  DataSet,
  type DataTable,
  parseTarget,
  Publisher,
  Response,
} from "../../mod.ts";
import {
  batchOf,
  compactFrame,
  ScriptedConnector,
  signalId as scriptedId,
} from "../../subscriber/testdata/scripted_publisher.ts";
import {
  all,
  Meeting,
  metadataOf,
  receive,
  Received,
  roundOf,
  signalId,
  until,
} from "../../tests/integration/support.ts";
import { mergeMetadata } from "./merge_metadata.ts";
import { RelayMeter } from "./meter.ts";
import { Relay } from "./relay.ts";
import { Hub, reconnect } from "./testdata/hub.ts";

/** Every signal came in every round from 0 on. */
function assertAll(received: Received, signals: number, rounds: number): void {
  assertEquals(received.signals().length, signals);
  for (const list of received.rounds.values()) {
    assertEquals(list, Array.from({ length: rounds }, (_, round) => round));
  }
}

Deno.test("everything that comes from a publisher goes on, with its metadata", async () => {
  await using meeting = await Meeting.start(50);
  await using hub = await Hub.start([meeting.publisher.address]);
  await hub.ready();
  await meeting.confirmed();
  const subscriber = await hub.subscriber();
  assertEquals(subscriber.metadata?.table("MeasurementDetail")?.rowCount, 50);
  await meeting.publish(40);
  assertAll(await receive(subscriber, 50 * 40), 50, 40);
  const [upstream] = hub.relay.stats();
  assertEquals([upstream?.forwarded, upstream?.undescribed, upstream?.elsewhere], [2000, 0, 0]);
});

Deno.test("a publisher that comes back goes on; subscribers notice nothing else", async () => {
  const received = new Received();
  await using first = await Meeting.start(10);
  const { port } = first.publisher;
  await using hub = await Hub.start([first.publisher.address]);
  await hub.ready();
  await first.confirmed();
  const subscriber = await hub.subscriber();
  await first.publish(5);
  await receive(subscriber, 50, received);
  await first.publisher.stop({ drain: 0 });
  await until(() => hub.events.some(({ kind }) => kind === "lost"));

  await using second = await Meeting.start(10, { port });
  await hub.ready();
  await second.confirmed();
  for (let round = 5; round < 9; round++) second.publisher.publish(roundOf(second.publisher, 10, round));
  await receive(subscriber, 90, received);
  assertAll(received, 10, 9);
  const { connections, configurationChanges } = subscriber.stats();
  assertEquals([connections, configurationChanges], [1, 0]);
  assertEquals(hub.events.map(({ kind }) => kind), ["metadata", "live", "lost", "live"]);
});

Deno.test("metadata follows the publisher's", async () => {
  await using meeting = await Meeting.start(10);
  await using hub = await Hub.start([meeting.publisher.address]);
  await hub.ready();
  const subscriber = await hub.subscriber();
  meeting.publisher.defineMetadata(metadataOf(20));
  await until(() => subscriber.stats().signals === 20);
  await meeting.confirmed();
  await until(() => meeting.publisher.stats().open[0]?.subscription?.signals === 20);
  await until(() => hub.publisher.stats().open[0]?.subscription?.signals === 20);
  await until(() => hub.publisher.stats().open[0]?.subscription?.confirmed === true);
  await meeting.confirmed();
  meeting.publisher.publish(roundOf(meeting.publisher, 20, 0));
  assertAll(await receive(subscriber, 20), 20, 1);
});

Deno.test("two publishers become one; what both have comes once, from the first that is there", async () => {
  await using west = await Meeting.start(10);
  await using east = new Publisher({ port: 0, hostname: "127.0.0.1" });
  east.defineMetadata(metadataOf(15, 5));
  await east.start();
  await using hub = await Hub.start([west.publisher.address, east.address]);
  await hub.ready();
  await until(() => hub.publisher.stats().metadata?.signals === 20);
  await west.confirmed();
  await until(() => east.stats().open[0]?.subscription?.confirmed === true);
  const subscriber = await hub.subscriber();
  const metadata = hub.events.filter((event) => event.kind === "metadata").at(-1);
  assertEquals(metadata?.report.repeated, { DeviceDetail: 1, MeasurementDetail: 5 });

  const received = new Received();
  for (let round = 0; round < 3; round++) {
    west.publisher.publish(roundOf(west.publisher, 10, round));
    east.publish(roundOf(east, 15, round, 5));
  }
  await receive(subscriber, 60, received);
  await until(() => hub.relay.stats()[1]?.elsewhere === 15);
  assertAll(received, 20, 3);

  await west.publisher.stop({ drain: 0 });
  await until(() => hub.relay.stats()[0]?.live === false);
  east.publish(roundOf(east, 15, 3, 5));
  await receive(subscriber, 75, received);
  assertEquals([4, 5, 19].map((n) => received.rounds.get(n)?.length), [3, 4, 4]);
  assertEquals(subscriber.stats().configurationChanges, 0);
});

Deno.test("buffer blocks and notifications go on", async () => {
  await using meeting = await Meeting.start(10);
  await using hub = await Hub.start([meeting.publisher.address]);
  await hub.ready();
  await meeting.confirmed();
  const texts: string[] = [];
  const blocks: string[] = [];
  await hub.subscriber({
    onNotification: (text) => void texts.push(text),
    onBufferBlock: ({ signalId: id, payload }) => void blocks.push(`${id} ${payload.toHex()}`),
  });
  assertEquals(meeting.publisher.publishBufferBlock(signalId(3), Uint8Array.of(1, 2)), 1);
  assertEquals(meeting.publisher.notify("noon"), 1);
  await until(() => texts.length + blocks.length === 2);
  assertEquals([texts, blocks], [["noon"], [`${signalId(3)} 0102`]]);
});

/** Signal 0 alone has a description. */
const describing0 = {
  options: {
    filter: all,
    reconnect,
    metadataFilters: `FILTER MeasurementDetail WHERE SignalID = '${signalId(0)}'`,
  },
};

Deno.test("buffer blocks that do not go on are counted", async () => {
  await using first = await Meeting.start(5);
  await using second = await Meeting.start(5);
  await using hub = await Hub.start([first.publisher.address, second.publisher.address], describing0);
  await hub.ready();
  await first.confirmed();
  await second.confirmed();
  for (const n of [0, 1, 1]) first.publisher.publishBufferBlock(signalId(n), Uint8Array.of(n));
  for (const n of [0, 0, 0, 1]) second.publisher.publishBufferBlock(signalId(n), Uint8Array.of(n));
  const counts = () =>
    hub.relay.stats().map((stats) => [stats.bufferBlocks, stats.undescribedBlocks, stats.elsewhereBlocks]);
  await until(() => counts().flat().reduce((sum, count) => sum + count, 0) === 7);
  assertEquals(counts(), [[1, 2, 0], [0, 1, 3]]);
  const told = hub.events.filter((event) => event.kind === "blockDropped");
  assertEquals(
    ["upstream0", "upstream1"].map((name) =>
      told.filter(({ upstream }) => upstream === name).map(({ signalId, reason }) => [signalId, reason])
    ),
    [
      [[signalId(1), "undescribed"], [signalId(1), "undescribed"]],
      [...Array(3).fill([signalId(0), "elsewhere"]), [signalId(1), "undescribed"]],
    ],
  );
});

Deno.test("what a relay tells of itself has everything that did not go on, by reason", async () => {
  await using first = await Meeting.start(2);
  await using second = await Meeting.start(2);
  await using hub = await Hub.start([first.publisher.address, second.publisher.address], describing0);
  const meter = new RelayMeter(hub.publisher, hub.relay);
  assert(!/unknown|others/.test(meter.progress().text));
  await hub.ready();
  for (const meeting of [first, second]) {
    await meeting.confirmed();
    await meeting.publish(5);
    for (const n of [0, 1]) meeting.publisher.publishBufferBlock(signalId(n), Uint8Array.of(n));
  }
  await until(() =>
    hub.relay.stats().every((stats) =>
      stats.forwarded + stats.undescribed + stats.elsewhere === 10 &&
      stats.bufferBlocks + stats.undescribedBlocks + stats.elsewhereBlocks === 2
    )
  );
  const { value, text } = meter.total();
  const { published, unknown, elsewhere, undescribedBlocks, elsewhereBlocks } = value;
  assertEquals([published, unknown, elsewhere, undescribedBlocks, elsewhereBlocks], [5, 10, 5, 2, 1]);
  assertEquals(text.split("  ").slice(-4), [
    "10 of unknown signals",
    "5 taken from others",
    "2 blocks of unknown signals",
    "1 blocks taken from others",
  ]);
});

Deno.test("a publisher with metadata that can't be used does not disturb the others", async () => {
  await using good = await Meeting.start(10);
  await using bad = new Publisher({ port: 0, hostname: "127.0.0.1" });
  await bad.start();
  await using hub = await Hub.start([bad.address, good.publisher.address]);
  await hub.ready();
  await good.confirmed();
  const rejected = hub.events.find((event) => event.kind === "metadataRejected");
  assertEquals([rejected?.upstream, rejected?.error.code], ["upstream0", "InvalidMetadata"]);
  const subscriber = await hub.subscriber();
  await good.publish(3);
  assertAll(await receive(subscriber, 30), 10, 3);
});

/** Metadata of signals from `first` on, with another column in MeasurementDetail. */
function withColumn(size: number, first: number, ...column: Parameters<DataTable["addColumn"]>): DataSet {
  const dataSet = metadataOf(size, first);
  dataSet.table("MeasurementDetail")!.addColumn(...column);
  return dataSet;
}

Deno.test("metadata with a column that can't be computed is its publisher's own trouble", async () => {
  const connector = new ScriptedConnector();
  await using good = await Meeting.start(5);
  const connect = (address: string): Promise<Channel> =>
    address === "scripted" ? connector.connect(address) : connectTcp(parseTarget(address));
  await using hub = await Hub.start(["scripted", good.publisher.address], {
    options: { filter: all, reconnect, connector: connect },
  });
  const bad = await connector.accept();
  const metadata = withColumn(5, 100, "PhasorSourceIndex", "int32", "NoSuch + 1").toXml();
  await bad.accept([1], { metadata });
  await hub.ready();
  await until(() => hub.relay.stats()[0]?.metadataRejected === 1);
  good.publisher.defineMetadata(metadataOf(8));
  await until(() => hub.publisher.stats().metadata?.signals === 8);
  assertEquals(
    hub.events.flatMap((event) => event.kind === "metadataRejected" ? [event.upstream] : []),
    ["upstream0"],
  );
  assertEquals(hub.relay.stats().map(({ metadataRejected }) => metadataRejected), [1, 0]);
});

Deno.test("metadata that does not go with that of the others is left out until it does", async () => {
  const start = async (metadata: DataSet): Promise<Publisher> => {
    const publisher = new Publisher({ port: 0, hostname: "127.0.0.1" });
    publisher.defineMetadata(metadata);
    await publisher.start();
    return publisher;
  };
  const withIndex = withColumn(5, 100, "Index", "int32");
  withIndex.table("MeasurementDetail")!.addColumn("PhasorSourceIndex", "int32", "Index * 2");
  await using first = await start(metadataOf(5));
  await using second = await start(withIndex);
  await using hub = await Hub.start([first.address, second.address]);
  const signals = () => hub.publisher.stats().metadata?.signals;
  const rejected = () =>
    hub.events.flatMap((event) => event.kind === "metadataRejected" ? [event.upstream] : []);
  await hub.ready();
  await until(() => signals() === 10);
  // Two times a text is nothing. It is told once, whatever others change.
  first.defineMetadata(withColumn(6, 0, "Index", "string"));
  await until(() => rejected().length === 1);
  second.defineMetadata(withColumn(7, 100, "Index", "int32", "1"));
  await until(() => signals() === 13);
  assertEquals(rejected(), ["upstream0"]);
  assertEquals(hub.relay.stats().map(({ metadataRejected }) => metadataRejected), [1, 0]);
});

Deno.test("whatever goes wrong with metadata, the relay goes on", async () => {
  await using meeting = await Meeting.start(5);
  await using hub = await Hub.start([meeting.publisher.address]);
  await hub.ready();
  const { defineMetadata } = hub.publisher;
  hub.publisher.defineMetadata = () => {
    throw new RangeError("too large");
  };
  meeting.publisher.defineMetadata(metadataOf(6));
  await until(() => hub.relay.stats()[0]?.metadataRejected === 1);
  hub.publisher.defineMetadata = defineMetadata;
  const rejected = hub.events.find((event) => event.kind === "metadataRejected");
  assertEquals([rejected?.upstream, rejected?.error.code], ["upstream0", "InvalidMetadata"]);
  meeting.publisher.defineMetadata(metadataOf(7));
  await until(() => hub.publisher.stats().metadata?.signals === 7);
  await meeting.confirmed();
  await until(() => meeting.publisher.stats().open[0]?.subscription?.signals === 7);
  meeting.publisher.publish(roundOf(meeting.publisher, 7, 0));
  await until(() => hub.relay.stats()[0]?.forwarded === 7);
});

Deno.test("a publisher that sends nonsense is left and tried again; the others go on", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  let visits = 0;
  const serving = (async () => {
    for await (const connection of listener) {
      visits++;
      await connection.write(new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n")).catch(() => {});
      connection.close();
    }
  })();
  try {
    await using good = await Meeting.start(10);
    await using hub = await Hub.start([`127.0.0.1:${listener.addr.port}`, good.publisher.address]);
    await until(() => hub.relay.stats()[1]?.live === true && visits > 2);
    await good.confirmed();
    await until(() => hub.publisher.stats().metadata !== null);
    const subscriber = await hub.subscriber();
    await good.publish(3);
    assertAll(await receive(subscriber, 30), 10, 3);
  } finally {
    listener.close();
    await serving;
  }
});

Deno.test("a publisher of ever new signals: one more than it may bring is refused, and what it had goes on", async () => {
  await using meeting = await Meeting.start(10);
  await using hub = await Hub.start([meeting.publisher.address], { signals: 15 });
  await hub.ready();
  await meeting.confirmed();
  const subscriber = await hub.subscriber();
  const received = new Received();
  const stats = () => hub.relay.stats()[0]!;
  /** Describes so many signals, and has so many of them go on. */
  const change = async (described: number, on: number): Promise<void> => {
    const before = stats();
    const events = hub.events.length;
    meeting.publisher.defineMetadata(metadataOf(described));
    await until(() => hub.events.length > events);
    await until(() => meeting.publisher.stats().open[0]?.subscription?.signals === described);
    await meeting.confirmed();
    await until(() => hub.publisher.stats().open[0]?.subscription?.signals === on);
    await until(() => hub.publisher.stats().open[0]?.subscription?.confirmed === true);
    const { count } = received;
    meeting.publisher.publish(roundOf(meeting.publisher, described, described));
    await until(() =>
      stats().forwarded + stats().undescribed >= before.forwarded + before.undescribed + described
    );
    await receive(subscriber, count + on, received);
    assertEquals([stats().forwarded, stats().undescribed], [
      before.forwarded + on,
      before.undescribed + described - on,
    ]);
  };
  await change(17, 10);
  assertEquals([stats().metadataRejected, hub.publisher.signals.size], [1, 10]);
  await change(15, 15);
  assertEquals([stats().metadataRejected, hub.publisher.signals.size], [1, 15]);
  await change(16, 15);
  assertEquals([stats().metadataRejected, hub.publisher.signals.size], [2, 15]);
  assertEquals(
    hub.events.flatMap((event) => event.kind === "metadataRejected" ? [event.error.code] : []),
    ["LimitExceeded", "LimitExceeded"],
  );
  await change(12, 12);
  assertEquals([stats().metadataRejected, hub.publisher.signals.size], [2, 15]);
});

Deno.test("how many signals a publisher may bring is a number from 1 on", async () => {
  await using publisher = new Publisher({ listen: false });
  for (const signals of [0, 1.5, NaN]) {
    const settings = { name: "upstream", address: "127.0.0.1:1", options: {}, signals };
    assertThrows(() => new Relay(publisher, [settings]), RangeError, `signals ${signals}`);
  }
});

Deno.test("tables and columns of names that JavaScript knows are merged like any other", () => {
  const names = ["constructor", "__proto__", "toString"];
  const one = (value: string): DataSet => {
    const dataSet = new DataSet();
    for (const name of names) {
      const table = dataSet.addTable(name);
      for (const column of names) table.addColumn(column, "string");
      table.addRow(names.map(() => value));
    }
    return dataSet;
  };
  const { dataSet, report } = finish(mergeMetadata([one("a"), one("b")]));
  assertEquals(report, { repeated: {}, typeConflicts: [] });
  for (const name of names) {
    for (const column of names) {
      assertEquals(dataSet.table(name)?.column(column)?.values, ["a", "b"], `${name}.${column}`);
    }
  }
});

Deno.test("what is computed tells no rows apart, and is not computed to merge them", () => {
  const one = (name: string): DataSet => {
    const dataSet = new DataSet();
    const table = dataSet.addTable("DeviceDetail");
    table.addColumn("Name", "string");
    table.addColumn("Acronym", "string", "no filter expression (");
    table.addRow([name]);
    return dataSet;
  };
  const { dataSet, report } = finish(mergeMetadata([one("a"), one("b")]));
  assertEquals(report, { repeated: {}, typeConflicts: [] });
  assertEquals(dataSet.table("DeviceDetail")?.column("Name")?.values, ["a", "b"]);
});

Deno.test("long metadata is merged in steps, a few thousand cells at a time", () => {
  const sets = [metadataOf(5_000), metadataOf(5_000, 2_500)];
  const steps = mergeMetadata(sets);
  let count = 0;
  for (let step = steps.next();; step = steps.next(), count++) {
    if (!step.done) continue;
    assertEquals(step.value.dataSet.table("MeasurementDetail")?.rowCount, 7_500);
    assertEquals(step.value.report.repeated, { DeviceDetail: 250, MeasurementDetail: 2_500 });
    break;
  }
  // Of keys 256 rows, of eight columns some 450.
  assertGreater(count, 10_000 / 256 + 7_500 / 512);
});

Deno.test("measurements of signals that are new wait for the metadata that came before them", async () => {
  // Much to compare, and little to subscribe to.
  const size = 5_000;
  const filter = `${signalId(0)};${signalId(size)}`;
  await using meeting = await Meeting.start(size);
  await using hub = await Hub.start([meeting.publisher.address], { options: { filter, reconnect } });
  await hub.ready();
  await meeting.confirmed();
  meeting.publisher.defineMetadata(metadataOf(size + 1));
  await until(() => meeting.publisher.stats().open[0]?.subscription?.signals === 2);
  await meeting.confirmed();
  meeting.publisher.publish(roundOf(meeting.publisher, 1, 0, size));
  await until(() => hub.relay.stats()[0]!.forwarded + hub.relay.stats()[0]!.undescribed === 1);
  assertEquals(hub.relay.stats()[0]?.undescribed, 0);
});

Deno.test("measurements wait for metadata that came while other metadata was taken over, too", async () => {
  const described = (count: number): string => {
    const dataSet = new DataSet();
    const table = dataSet.addTable("MeasurementDetail");
    table.addColumn("SignalID", "guid");
    table.addColumn("Enabled", "boolean");
    for (let n = 0; n < count; n++) table.addRow([scriptedId(count + n), true]);
    return dataSet.toXml();
  };
  const connector = new ScriptedConnector();
  await using hub = await Hub.start(["scripted"], { options: { connector: connector.connect, reconnect } });
  const upstream = await connector.accept();
  await upstream.next(Command.DefineOperationalModes);
  // Much to take over, and then little.
  await upstream.next(Command.MetadataRefresh);
  await upstream.respond(Response.Succeeded, Command.MetadataRefresh, described(60_000));
  await upstream.next(Command.Subscribe);
  await upstream.subscribed([60_000]);
  await upstream.respond(Response.ConfigurationChanged, Command.Subscribe);
  await upstream.next(Command.MetadataRefresh);
  await upstream.respond(Response.Succeeded, Command.MetadataRefresh, described(1));
  await upstream.next(Command.Subscribe);
  await upstream.subscribed([1], { cacheIndex: 1 });
  await upstream.send(compactFrame(batchOf([0]), DataPacketFlags.CacheIndex));
  const stats = () => hub.relay.stats()[0]!;
  await until(() => stats().forwarded + stats().undescribed === 1);
  assertEquals([stats().forwarded, stats().undescribed], [1, 0]);
});
