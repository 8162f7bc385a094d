import {
  assert,
  assertEquals,
  assertGreater,
  assertMatch,
  assertRejects,
  assertStrictEquals,
} from "@std/assert";
import { DataSet } from "../metadata/data_set.ts";
import { ManualClock } from "../transport/clock.ts";
import { SttpError } from "../transport/errors.ts";
import { createChannelPair } from "../transport/memory_channel.ts";
import { Command, Response } from "../transport/wire/codes.ts";
import { gzip } from "../transport/wire/gzip.ts";
import { decodeMetadataRefresh } from "../transport/wire/metadata_refresh.ts";
import { decodeOperationalModes } from "../transport/wire/operational_modes.ts";
import { encodeSignalIndexCache, SignalIndexCache } from "../transport/wire/signal_index_cache.ts";
import { decodeSubscribe } from "../transport/wire/subscribe.ts";
import { TsscEncoder } from "../transport/wire/tssc/mod.ts";
import type { SubscriberOptions } from "./options.ts";
import type { SubscriberStatus } from "./status.ts";
import { Subscriber } from "./subscriber.ts";
import {
  batchOf,
  cacheFrame,
  cacheOf,
  compactFrame,
  oneFrame,
  responseFrame,
  ScriptedConnector,
  type ScriptedPublisher,
  settle,
  signalId,
  tsscFrame,
} from "./testdata/scripted_publisher.ts";

/** A subscriber that connects to scripted publishers; without metadata unless a test asks for it. */
class Fixture implements AsyncDisposable {
  readonly clock = new ManualClock();
  readonly connector = new ScriptedConnector();
  readonly subscriber: Subscriber;
  readonly events: SubscriberStatus[] = [];
  #watching: Promise<void> = Promise.resolve();

  constructor(options: SubscriberOptions = {}) {
    this.subscriber = new Subscriber({
      autoRequestMetadata: false,
      clock: this.clock,
      connector: this.connector.connect,
      ...options,
    });
  }

  /** Connects, with the usual answers. @returns The publisher's end. */
  async connected(ids: readonly number[] = [1, 2], greeting: string = "hello"): Promise<ScriptedPublisher> {
    this.watch();
    const connecting = this.subscriber.connect();
    const publisher = await this.connector.accept();
    await publisher.accept(ids, { greeting });
    await connecting;
    return publisher;
  }

  /** Gathers the events until the run ends. */
  watch(): void {
    const status = this.subscriber.status();
    this.#watching = (async () => {
      for await (const event of status) this.events.push(event);
    })();
  }

  /** The kinds of the events so far, and of those that are under way. */
  async kinds(): Promise<string[]> {
    await settle();
    return this.events.map(({ kind }) => kind);
  }

  event<Kind extends SubscriberStatus["kind"]>(kind: Kind): Extract<SubscriberStatus, { kind: Kind }> {
    const event = this.events.findLast((event) => event.kind === kind);
    assert(event !== undefined, `no ${kind} among ${this.events.map(({ kind }) => kind)}`);
    return event as Extract<SubscriberStatus, { kind: Kind }>;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.subscriber.disconnect();
    await this.#watching;
    assertEquals(this.clock.pending, 0, "timers are left");
    assertEquals(this.subscriber.state, "idle");
  }
}

async function rejection(promise: Promise<unknown>, code: string): Promise<SttpError> {
  const error = await assertRejects(() => promise, SttpError);
  assertEquals(error.code, code, error.message);
  return error;
}

function metadataXml(device: string): string {
  const metadata = new DataSet();
  const table = metadata.addTable("DeviceDetail");
  table.addColumn("Acronym", "string");
  table.addRow({ Acronym: device });
  return metadata.toXml();
}

function deviceOf(metadata: DataSet | undefined): unknown {
  return metadata?.table("DeviceDetail")?.row(0).get("Acronym");
}

Deno.test("connects, gets metadata and subscribes, and never waits for the answer to the modes", async () => {
  await using fixture = new Fixture({
    autoRequestMetadata: true,
    filter: "FILTER ActiveMeasurements WHERE True",
    metadataFilters: ["FILTER DeviceDetail WHERE True", "FILTER TOP 1 MeasurementDetail"],
    throttled: true,
    lagTime: 3,
  });
  const { subscriber } = fixture;
  fixture.watch();
  const connecting = subscriber.connect("somewhere:1");
  const publisher = await fixture.connector.accept();
  const { modes, bits } = decodeOperationalModes((await publisher.next(Command.DefineOperationalModes)).body);
  assertEquals(bits, 0xe6000262);
  assertEquals(modes.version, 2);
  const filters = decodeMetadataRefresh((await publisher.next(Command.MetadataRefresh)).body, "utf-8");
  assertEquals(filters, "FILTER DeviceDetail WHERE True; FILTER TOP 1 MeasurementDetail");
  assertEquals(subscriber.state, "preparing");
  await publisher.respond(Response.Succeeded, Command.MetadataRefresh, metadataXml("SHELBY"));
  const request = decodeSubscribe((await publisher.next(Command.Subscribe)).body, "utf-8");
  assertEquals(request.filterExpression, "FILTER ActiveMeasurements WHERE True");
  assertEquals([request.throttled, request.lagTime], [true, 3]);
  await publisher.subscribed([5, 6]);
  await connecting;
  assertEquals(subscriber.state, "connected");
  assertEquals(deviceOf(subscriber.metadata), "SHELBY");
  assertEquals(subscriber.signals.ids(), [signalId(5), signalId(6)]);
  assertEquals(await fixture.kinds(), ["connecting", "connected", "metadata", "signals", "subscribed"]);
  assertEquals(fixture.event("metadata").tables, [{ name: "DeviceDetail", rows: 1 }]);
  assertEquals(fixture.event("subscribed"), { kind: "subscribed", message: "subscribed", signals: 2 });
  assertEquals(fixture.event("connecting"), { kind: "connecting", address: "somewhere:1", attempt: 0 });
});

Deno.test("modes: version and compression as asked", async () => {
  for (
    const [options, expected] of [
      [{ version: 1 }, 0xe6000261],
      [{ version: 3, compressPayload: false }, 0xc6000223],
      [{ compressMetadata: false, compressSignalIndexCache: false }, 0x26000242],
      [{ compressPayload: false, compressMetadata: false, compressSignalIndexCache: false }, 0x06000202],
      [{ receiveExternalMetadata: false }, 0xe4000262],
      [{ receiveInternalMetadata: false }, 0xe2000262],
    ] as const
  ) {
    await using fixture = new Fixture(options);
    const connecting = fixture.subscriber.connect();
    const publisher = await fixture.connector.accept();
    const { bits } = decodeOperationalModes((await publisher.next(Command.DefineOperationalModes)).body);
    assertEquals(bits.toString(16), expected.toString(16));
    await fixture.subscriber.disconnect();
    await rejection(connecting, "Closed");
  }
});

Deno.test("gzipped metadata; no metadata at all", async () => {
  await using fixture = new Fixture({ autoSubscribe: false });
  const connecting = fixture.subscriber.connect();
  const publisher = await fixture.connector.accept();
  await connecting;
  assertEquals(fixture.subscriber.records, undefined);
  await publisher.next(Command.DefineOperationalModes);
  const answers: [string | Uint8Array, unknown][] = [
    [gzip(new TextEncoder().encode(metadataXml("A"))), "A"],
    [metadataXml("B"), "B"],
    ["", undefined],
  ];
  for (const [body, device] of answers) {
    const refreshing = fixture.subscriber.refreshMetadata();
    await publisher.next(Command.MetadataRefresh);
    await publisher.respond(Response.Succeeded, Command.MetadataRefresh, body);
    const metadata = await refreshing;
    assertEquals(deviceOf(metadata), device);
    assertStrictEquals(fixture.subscriber.metadata, metadata);
    assertEquals(fixture.subscriber.records?.devices.map(({ acronym }) => acronym), device ? [device] : []);
    assertStrictEquals(fixture.subscriber.records, fixture.subscriber.records);
  }
  assertEquals(fixture.subscriber.stats().metadataRefreshes, 3);
});

Deno.test("metadata that can't be used, is refused or is a bomb: told, and the connection goes on", async () => {
  await using fixture = new Fixture({ autoSubscribe: false, limits: { metadataLength: 1000 } });
  fixture.watch();
  await fixture.subscriber.connect();
  const publisher = await fixture.connector.accept();
  await publisher.next(Command.DefineOperationalModes);
  const answers: [number, string | Uint8Array, string][] = [
    [Response.Failed, "not for you", "Refused"],
    [Response.Succeeded, "<no xml", "InvalidMetadata"],
    [Response.Succeeded, gzip(new Uint8Array(100_000)), "LimitExceeded"],
    [Response.Succeeded, gzip(new Uint8Array(100)).fill(7, -8, -4), "MalformedFrame"],
  ];
  for (const [response, body, code] of answers) {
    const refreshing = fixture.subscriber.refreshMetadata("FILTER X");
    const { body: request } = await publisher.next(Command.MetadataRefresh);
    assertEquals(decodeMetadataRefresh(request, "utf-8"), "FILTER X");
    await publisher.respond(response, Command.MetadataRefresh, body);
    await rejection(refreshing, code);
  }
  assertEquals(fixture.subscriber.metadata, undefined);
  assertEquals(fixture.subscriber.state, "connected");
});

Deno.test("a publisher that forbids metadata is still subscribed to", async () => {
  await using fixture = new Fixture({ autoRequestMetadata: true });
  fixture.watch();
  const connecting = fixture.subscriber.connect();
  const publisher = await fixture.connector.accept();
  await publisher.next(Command.DefineOperationalModes);
  await publisher.next(Command.MetadataRefresh);
  await publisher.respond(Response.Failed, Command.MetadataRefresh, "forbidden");
  await publisher.next(Command.Subscribe);
  await publisher.subscribed([1]);
  await connecting;
  await settle();
  assertEquals(
    fixture.event("metadataFailed").error.message,
    "the publisher refused to send metadata: forbidden",
  );
});

Deno.test("metadata filters that the publisher refuses: connect() rejects; later the subscription goes on", async () => {
  await using fixture = new Fixture({ autoRequestMetadata: true, metadataFilters: "FILTRE X" });
  const rejected = rejection(fixture.subscriber.connect(), "Refused");
  const first = await fixture.connector.accept();
  await first.next(Command.DefineOperationalModes);
  await first.next(Command.MetadataRefresh);
  await first.respond(Response.Failed, Command.MetadataRefresh, "no such word");
  assertEquals((await rejected).message, "the publisher refused to send metadata: no such word");

  const connecting = fixture.subscriber.connect();
  const second = await fixture.connector.accept();
  await second.next(Command.DefineOperationalModes);
  await second.next(Command.MetadataRefresh);
  await second.respond(Response.Succeeded, Command.MetadataRefresh, metadataXml("SHELBY"));
  await second.next(Command.Subscribe);
  await second.subscribed([1]);
  await connecting;
  await second.respond(Response.ConfigurationChanged, Command.Subscribe);
  await second.next(Command.MetadataRefresh);
  await second.respond(Response.Failed, Command.MetadataRefresh, "no such table");
  await second.next(Command.Subscribe);
  await second.subscribed([2]);
  assertEquals(fixture.subscriber.state, "connected");
});

Deno.test("connect() rejects with the publisher's reason when the subscription is refused", async () => {
  await using fixture = new Fixture();
  const { closed } = fixture.subscriber;
  const connecting = fixture.subscriber.connect();
  const publisher = await fixture.connector.accept();
  await publisher.next(Command.DefineOperationalModes);
  await publisher.next(Command.Subscribe);
  await publisher.respond(Response.Failed, Command.Subscribe, "bad filter expression");
  const error = await rejection(connecting, "Refused");
  assertEquals(error.message, "the publisher refused to subscribe: bad filter expression");
  assertEquals(await closed, { kind: "refused", error });
  assertEquals(await publisher.nextOrEnd(), undefined);
});

Deno.test("connect() rejects when there is nobody, and when the connection is cut", async () => {
  await using fixture = new Fixture();
  fixture.connector.down = true;
  const error = await rejection(fixture.subscriber.connect("nowhere:1"), "ConnectFailed");
  assertEquals(await fixture.subscriber.closed, { kind: "connectFailed", error });

  fixture.connector.down = false;
  const connecting = fixture.subscriber.connect();
  const publisher = await fixture.connector.accept();
  await publisher.next(Command.DefineOperationalModes);
  publisher.channel.close();
  await rejection(connecting, "ConnectionLost");
  assertEquals(fixture.connector.attempts, 2);
});

Deno.test("a connector's own error becomes an SttpError with its cause", async () => {
  const cause = new Error("no route");
  await using fixture = new Fixture({ connector: () => Promise.reject(cause) });
  const error = await rejection(fixture.subscriber.connect(), "ConnectFailed");
  assertStrictEquals(error.cause, cause);
});

Deno.test("an address that can't be read is a TypeError", async () => {
  const subscriber = new Subscriber();
  await assertRejects(() => subscriber.connect("no port:x"), TypeError);
  await assertRejects(() => subscriber.connect("localhost:0"), RangeError, "port 0");
  assertEquals(subscriber.state, "idle");
});

Deno.test("with retry the first connection is tried again; a refusal is not", async () => {
  await using fixture = new Fixture({ reconnect: { jitter: 0 } });
  fixture.connector.down = true;
  const connecting = fixture.subscriber.connect("x:1", { retry: true });
  await settle();
  fixture.clock.advance(1000);
  await settle();
  fixture.connector.down = false;
  fixture.clock.advance(2000);
  const publisher = await fixture.connector.accept();
  assertEquals(fixture.connector.attempts, 3);
  await publisher.next(Command.DefineOperationalModes);
  await publisher.next(Command.Subscribe);
  await publisher.respond(Response.Failed, Command.Subscribe, "no");
  await rejection(connecting, "Refused");
});

Deno.test("a refused connection and refused modes end the run without another attempt", async () => {
  for (
    const [command, code, what] of [
      [Command.Connect, "Refused", "the connection"],
      [Command.DefineOperationalModes, "UnsupportedVersion", "the operational modes"],
    ] as const
  ) {
    await using fixture = new Fixture();
    const connecting = fixture.subscriber.connect();
    const publisher = await fixture.connector.accept();
    await publisher.respond(Response.Failed, command, "go away");
    const error = await rejection(connecting, code);
    assertEquals(error.message, `the publisher refused ${what}: go away`);
    assertEquals(await fixture.subscriber.closed, { kind: "refused", error });
    assertEquals(fixture.connector.attempts, 1);
  }
});

Deno.test("connect() is aborted: before, while connecting, while waiting for an answer", async () => {
  await using fixture = new Fixture();
  const reason = new Error("changed my mind");
  const before = AbortSignal.abort(reason);
  assertStrictEquals(
    (await rejection(fixture.subscriber.connect("x:1", { signal: before }), "Aborted")).cause,
    reason,
  );
  assertEquals(fixture.connector.attempts, 0);

  const controller = new AbortController();
  const connecting = fixture.subscriber.connect("x:1", { signal: controller.signal });
  const publisher = await fixture.connector.accept();
  await publisher.next(Command.DefineOperationalModes);
  await publisher.next(Command.Subscribe);
  controller.abort(reason);
  assertStrictEquals((await rejection(connecting, "Aborted")).cause, reason);
  assertEquals(await publisher.nextOrEnd(), undefined);

  const opening = Promise.withResolvers<AbortSignal>();
  await using slow = new Fixture({
    connector: (_address, { signal }) => {
      opening.resolve(signal);
      return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    },
  });
  const second = new AbortController();
  const waiting = slow.subscriber.connect("x:1", { signal: second.signal });
  await opening.promise;
  second.abort(reason);
  await rejection(waiting, "Aborted");
});

Deno.test("a channel that opens after the abort is closed", async () => {
  const opening = Promise.withResolvers<void>();
  const [near, far] = createChannelPair();
  await using fixture = new Fixture({ connector: () => opening.promise.then(() => near) });
  const connecting = fixture.subscriber.connect();
  const rejected = rejection(connecting, "Closed");
  const disconnecting = fixture.subscriber.disconnect();
  opening.resolve();
  await rejected;
  await disconnecting;
  assertEquals(await far.read(new Uint8Array(10)), null);
});

Deno.test("one run at a time; after the end another, with the same handles", async () => {
  await using fixture = new Fixture();
  const publisher = await fixture.connected([1, 2]);
  const { closed } = fixture.subscriber;
  await rejection(fixture.subscriber.connect(), "InvalidState");
  await fixture.subscriber.disconnect();
  await fixture.subscriber.disconnect();
  assertEquals(await closed, { kind: "disconnected" });
  assertStrictEquals(fixture.subscriber.closed, closed);
  assertEquals(await publisher.nextOrEnd(), undefined);
  assertEquals(fixture.clock.pending, 0);

  await fixture.connected([2, 3]);
  assertEquals(fixture.subscriber.signals.ids(), [signalId(1), signalId(2), signalId(3)]);
  assertEquals(fixture.subscriber.stats().connections, 2);
  assert(fixture.subscriber.closed !== closed);
});

Deno.test("the order of cache and Succeeded does not matter, nor an answer that is late", async () => {
  await using fixture = new Fixture();
  const connecting = fixture.subscriber.connect();
  const publisher = await fixture.connector.accept();
  await publisher.next(Command.DefineOperationalModes);
  await publisher.next(Command.Subscribe);
  await publisher.respond(Response.Succeeded, Command.Subscribe);
  await settle();
  assertEquals(fixture.subscriber.state, "preparing");
  await publisher.send(cacheFrame(cacheOf([4]), 2, 0xff));
  await connecting;
  assertEquals(fixture.subscriber.stats().signals, 1);
});

Deno.test("a subscription without any cache is one after a while", async () => {
  await using fixture = new Fixture();
  const connecting = fixture.subscriber.connect();
  const publisher = await fixture.connector.accept();
  await publisher.next(Command.DefineOperationalModes);
  await publisher.next(Command.Subscribe);
  await publisher.respond(Response.Succeeded, Command.Subscribe, "0 signals");
  await settle();
  fixture.clock.advance(2000);
  await connecting;
  assertEquals(fixture.subscriber.stats().signals, 0);
});

/** Caches that can't be used, and why. */
const badCaches: readonly (readonly [Uint8Array, string])[] = [
  [new Uint8Array(50).fill(0xee), "MalformedCache"],
  [cacheOf([1, 2, 3]), "LimitExceeded"],
];

Deno.test("a cache that can't be used fails its subscription, before or after Succeeded, and is not confirmed", async () => {
  for (const [cache, code] of badCaches) {
    for (const isFirst of [true, false]) {
      await using fixture = new Fixture({ limits: { cacheEntries: 2 } });
      const rejected = rejection(fixture.subscriber.connect(), code);
      const publisher = await fixture.connector.accept();
      await publisher.next(Command.DefineOperationalModes);
      await publisher.next(Command.Subscribe);
      if (isFirst) await publisher.send(cacheFrame(cache));
      await publisher.respond(Response.Succeeded, Command.Subscribe).catch(() => {});
      await settle();
      if (!isFirst) await publisher.send(cacheFrame(cache));
      const error = await rejected;
      assertMatch(error.message, /signal index cache that can't be used: /);
      assertEquals(await publisher.nextOrEnd(), undefined);
      assertEquals(fixture.subscriber.stats().dropped.malformedCache, 1);
    }
  }
});

Deno.test("cache and Succeeded in one frame: the answer comes too late to hide the cache", async () => {
  await using fixture = new Fixture();
  const rejected = rejection(fixture.subscriber.connect(), "MalformedCache");
  const publisher = await fixture.connector.accept();
  await publisher.next(Command.DefineOperationalModes);
  await publisher.next(Command.Subscribe);
  const succeeded = responseFrame(Response.Succeeded, Command.Subscribe);
  await publisher.send(oneFrame([succeeded, cacheFrame(new Uint8Array(50).fill(0xee))]));
  await rejected;
});

Deno.test("a cache that can't be used on a running subscription ends the connection, and the next goes on", async () => {
  await using fixture = new Fixture({ reconnect: { jitter: 0 } });
  const { subscriber, clock } = fixture;
  const publisher = await fixture.connected([1]);
  await publisher.send(compactFrame(batchOf([0], 7)), cacheFrame(new Uint8Array(50).fill(0xee), 2, 1));
  const { value: batch } = await subscriber.batches().next();
  assertEquals([...subscriber.measurementsOf(batch!)].map(({ value }) => value), [7]);
  assertEquals(await publisher.nextOrEnd(), undefined);
  await settle();
  assertEquals(fixture.event("connectionLost").error.code, "MalformedCache");
  clock.advance(1000);
  await (await fixture.connector.accept()).accept([1]);
  await settle();
  assertEquals(subscriber.state, "connected");
});

Deno.test("a new subscription whose cache can't be used is not asked for again", async () => {
  await using fixture = new Fixture({ filter: "A" });
  const publisher = await fixture.connected([1]);
  const rejected = rejection(fixture.subscriber.subscribe({ filter: "B" }), "MalformedCache");
  await publisher.next(Command.Subscribe);
  await publisher.send(cacheFrame(new Uint8Array(50).fill(0xee), 2, 1));
  await rejected;
  assertEquals(fixture.subscriber.subscription, { filter: "A" });
});

Deno.test("version 1: caches have no index and are not confirmed", async () => {
  await using fixture = new Fixture({ version: 1 });
  const connecting = fixture.subscriber.connect();
  const publisher = await fixture.connector.accept();
  await publisher.accept([3], { version: 1 });
  await connecting;
  await publisher.send(compactFrame(batchOf([0], 1)));
  const { value } = await fixture.subscriber.measurements().next();
  assertEquals(value, { signalId: signalId(3), ticks: 638_500_000_000_000_000n, value: 1, flags: 0 });
  const unsubscribing = fixture.subscriber.unsubscribe();
  await publisher.next(Command.Unsubscribe);
  await publisher.respond(Response.Succeeded, Command.Unsubscribe);
  await unsubscribing;
});

Deno.test("resubscribing: options not given stay, refused ones are forgotten, and data goes on", async () => {
  await using fixture = new Fixture({ filter: "A", throttled: true });
  const publisher = await fixture.connected([1]);
  const resubscribing = fixture.subscriber.subscribe({ filter: "B", publishInterval: 2 });
  const request = decodeSubscribe((await publisher.next(Command.Subscribe)).body, "utf-8");
  assertEquals([request.filterExpression, request.throttled, request.publishInterval], ["B", true, 2]);
  await publisher.subscribed([2], { cacheIndex: 1 });
  await resubscribing;

  const failing = fixture.subscriber.subscribe({ filter: "C(" });
  await publisher.next(Command.Subscribe);
  await publisher.respond(Response.Failed, Command.Subscribe, "no such thing");
  assertEquals(
    (await rejection(failing, "Refused")).message,
    "the publisher refused to subscribe: no such thing",
  );
  assertEquals(fixture.subscriber.subscription, { filter: "B", throttled: true, publishInterval: 2 });
  await publisher.send(compactFrame(batchOf([0], 5), 0x10));
  const { value } = await fixture.subscriber.measurements().next();
  assertEquals([value?.signalId, value?.value], [signalId(2), 5]);
});

/** How the publisher greets that never tells by flags which cache it means. */
const withoutFlags = "STTP v2 client connection accepted: requested operational modes applied.";

Deno.test("no CacheIndex flags: a cache under the other index is followed by a command that changes nothing", async () => {
  await using fixture = new Fixture({ processingInterval: 25 });
  const publisher = await fixture.connected([1], withoutFlags);
  const resubscribing = fixture.subscriber.subscribe({ filter: "B" });
  await publisher.next(Command.Subscribe);
  await publisher.subscribed([2], { cacheIndex: 1 });
  await resubscribing;
  const { body } = await publisher.next(Command.UpdateProcessingInterval);
  assertEquals(body, new Uint8Array([0, 0, 0, 25]));
  const measurements = fixture.subscriber.measurements();
  await publisher.send(compactFrame(batchOf([0], 1)));
  assertEquals((await measurements.next()).value?.signalId, signalId(1));
  await publisher.respond(Response.Failed, Command.UpdateProcessingInterval, "can't");
  await publisher.send(compactFrame(batchOf([0], 2)));
  assertEquals((await measurements.next()).value?.signalId, signalId(2));
});

Deno.test("no CacheIndex flags: a publisher that does not answer that command is given 5 s", async () => {
  await using fixture = new Fixture();
  const publisher = await fixture.connected([1], withoutFlags);
  const resubscribing = fixture.subscriber.subscribe({ filter: "B" });
  await publisher.next(Command.Subscribe);
  await publisher.subscribed([2], { cacheIndex: 1 });
  await resubscribing;
  await publisher.next(Command.UpdateProcessingInterval);
  const measurements = fixture.subscriber.measurements();
  fixture.clock.advance(4999);
  await publisher.send(compactFrame(batchOf([0], 1)));
  assertEquals((await measurements.next()).value?.signalId, signalId(1));
  fixture.clock.advance(1);
  await settle();
  await publisher.send(compactFrame(batchOf([0], 2)));
  assertEquals((await measurements.next()).value?.signalId, signalId(2));
});

Deno.test("a subscription that fails leaves what the next connection subscribes to as it was", async () => {
  await using fixture = new Fixture({ filter: "A", commandTimeout: 100 });
  const { subscriber, clock } = fixture;
  const first = await fixture.connected();
  await assertRejects(() => subscriber.subscribe({ processingInterval: 1.5 }), RangeError);
  await assertRejects(() => subscriber.subscribe({ filter: "}" }), TypeError);
  const late = subscriber.subscribe({ filter: "B" });
  await first.next(Command.Subscribe);
  clock.advance(100);
  await rejection(late, "TimedOut");
  assertEquals(subscriber.subscription, { filter: "A" });
  const lost = subscriber.subscribe({ filter: "C" });
  await first.next(Command.Subscribe);
  first.channel.close();
  await rejection(lost, "ConnectionLost");
  assertEquals(subscriber.subscription, { filter: "C" });
});

Deno.test("a refused first subscription is not asked for at the next connection", async () => {
  await using fixture = new Fixture({ autoSubscribe: false });
  const { subscriber, clock } = fixture;
  const connecting = subscriber.connect();
  const first = await fixture.connector.accept();
  await first.next(Command.DefineOperationalModes);
  await connecting;
  const refused = subscriber.subscribe({ filter: "B" });
  await first.next(Command.Subscribe);
  await first.respond(Response.Failed, Command.Subscribe, "no");
  await rejection(refused, "Refused");
  first.channel.close();
  await settle();
  clock.advance(1000);
  const second = await fixture.connector.accept();
  await second.next(Command.DefineOperationalModes);
  await settle();
  assertEquals(subscriber.state, "connected");
});

Deno.test("two calls of subscribe() take turns", async () => {
  await using fixture = new Fixture();
  const publisher = await fixture.connected([1]);
  const first = fixture.subscriber.subscribe({ filter: "B" });
  const second = fixture.subscriber.subscribe({ filter: "C" });
  await publisher.next(Command.Subscribe);
  await settle();
  await publisher.subscribed([2]);
  await first;
  const request = decodeSubscribe((await publisher.next(Command.Subscribe)).body, "utf-8");
  assertEquals(request.filterExpression, "C");
  await publisher.subscribed([3]);
  await second;
});

Deno.test("subscribe() before there is a connection says what the next one is for", async () => {
  await using fixture = new Fixture({ autoSubscribe: false });
  await fixture.subscriber.subscribe({ filter: "LATER" });
  const connecting = fixture.subscriber.connect();
  const publisher = await fixture.connector.accept();
  await publisher.next(Command.DefineOperationalModes);
  const request = decodeSubscribe((await publisher.next(Command.Subscribe)).body, "utf-8");
  assertEquals(request.filterExpression, "LATER");
  await publisher.subscribed([1]);
  await connecting;
});

Deno.test("subscribe() is aborted; its late answer does not disturb the next", async () => {
  await using fixture = new Fixture({ filter: "A" });
  const publisher = await fixture.connected([1]);
  const controller = new AbortController();
  const aborted = fixture.subscriber.subscribe({ filter: "B" }, { signal: controller.signal });
  await publisher.next(Command.Subscribe);
  controller.abort();
  await rejection(aborted, "Aborted");
  const next = fixture.subscriber.subscribe({ filter: "C" });
  await settle();
  await publisher.subscribed([2]);
  await publisher.next(Command.Subscribe);
  await publisher.respond(Response.Failed, Command.Subscribe, "for C");
  assertEquals((await rejection(next, "Refused")).message, "the publisher refused to subscribe: for C");
});

Deno.test("a subscription that was aborted may still come about: its format is known, and it can be ended", async () => {
  await using fixture = new Fixture();
  const publisher = await fixture.connected([1]);
  const controller = new AbortController();
  const aborted = fixture.subscriber.subscribe({ includeTime: false }, { signal: controller.signal });
  await publisher.next(Command.Subscribe);
  controller.abort();
  await rejection(aborted, "Aborted");
  await publisher.subscribed([2], { cacheIndex: 1 });
  const untimed = { includeTime: false, useMillisecondResolution: false };
  await publisher.send(compactFrame(batchOf([0], 4), 0x10, untimed));
  assertEquals((await fixture.subscriber.measurements().next()).value?.signalId, signalId(2));
  const unsubscribing = fixture.subscriber.unsubscribe();
  await publisher.next(Command.Unsubscribe);
  await publisher.respond(Response.Succeeded, Command.Unsubscribe);
  await unsubscribing;
});

Deno.test("signals that are not granted", async () => {
  await using fixture = new Fixture();
  fixture.watch();
  const connecting = fixture.subscriber.connect();
  const publisher = await fixture.connector.accept();
  await publisher.next(Command.DefineOperationalModes);
  await publisher.next(Command.Subscribe);
  const entries = [{ index: 0, signalId: signalId(1), source: "", id: 1n }];
  const cache = SignalIndexCache.from(entries, { unauthorized: [signalId(8), signalId(9)] });
  await publisher.send(cacheFrame(encodeSignalIndexCache(cache)));
  await publisher.respond(Response.Succeeded, Command.Subscribe);
  await connecting;
  assertEquals(fixture.subscriber.unauthorized, [signalId(8), signalId(9)]);
  await settle();
  assertEquals(fixture.event("signals"), { kind: "signals", cacheIndex: 0, signals: 1, unauthorized: 2 });
});

Deno.test("unsubscribe() ends it for this connection and the next", async () => {
  await using fixture = new Fixture({ reconnect: { jitter: 0 } });
  const publisher = await fixture.connected([1]);
  const unsubscribing = fixture.subscriber.unsubscribe();
  await publisher.next(Command.Unsubscribe);
  await publisher.respond(Response.Succeeded, Command.Unsubscribe);
  await unsubscribing;
  publisher.channel.close();
  await settle();
  fixture.clock.advance(1000);
  const second = await fixture.connector.accept();
  await second.next(Command.DefineOperationalModes);
  await settle();
  assertEquals(fixture.subscriber.state, "connected");
  const subscribing = fixture.subscriber.subscribe();
  await second.next(Command.Subscribe);
  await second.subscribed([1]);
  await subscribing;
});

Deno.test("unsubscribe() does not wait long for a publisher that never answers it", async () => {
  await using fixture = new Fixture();
  const publisher = await fixture.connected([1]);
  const unsubscribing = fixture.subscriber.unsubscribe();
  await publisher.next(Command.Unsubscribe);
  fixture.clock.advance(1000);
  await unsubscribing;
  assertEquals((await fixture.kinds()).at(-1), "unsubscribed");
});

Deno.test("no answer in time, and an answer after that", async () => {
  await using fixture = new Fixture({ autoSubscribe: false, commandTimeout: 3000 });
  await fixture.subscriber.connect();
  const publisher = await fixture.connector.accept();
  await publisher.next(Command.DefineOperationalModes);
  const refreshing = fixture.subscriber.refreshMetadata();
  const timedOut = rejection(refreshing, "TimedOut");
  await publisher.next(Command.MetadataRefresh);
  fixture.clock.advance(3000);
  await timedOut;
  await publisher.respond(Response.Succeeded, Command.MetadataRefresh, metadataXml("A"));
  await settle();
  assertEquals(fixture.subscriber.stats().dropped.unexpectedResponse, 1);
  assertEquals(fixture.subscriber.metadata, undefined);
});

Deno.test("the metadata asked for last stays, even when it comes to be read first", async () => {
  await using fixture = new Fixture({ autoSubscribe: false });
  await fixture.subscriber.connect();
  const publisher = await fixture.connector.accept();
  await publisher.next(Command.DefineOperationalModes);
  const first = fixture.subscriber.refreshMetadata();
  const second = fixture.subscriber.refreshMetadata();
  await publisher.next(Command.MetadataRefresh);
  await publisher.respond(Response.Succeeded, Command.MetadataRefresh, metadataXml("A"));
  await publisher.next(Command.MetadataRefresh);
  await publisher.respond(Response.Succeeded, Command.MetadataRefresh, metadataXml("B"));
  assertEquals([deviceOf(await first), deviceOf(await second)], ["A", "B"]);
  assertEquals(deviceOf(fixture.subscriber.metadata), "B");
});

Deno.test("a change of configuration: metadata and subscription anew; several at once only once more", async () => {
  await using fixture = new Fixture({ autoRequestMetadata: true, filter: "F" });
  fixture.watch();
  const connecting = fixture.subscriber.connect();
  const publisher = await fixture.connector.accept();
  await publisher.next(Command.DefineOperationalModes);
  const serve = async (device: string, ids: readonly number[], before = ""): Promise<void> => {
    await publisher.next(Command.MetadataRefresh);
    if (before !== "") await publisher.respond(Response.ConfigurationChanged, Command.Subscribe);
    await publisher.respond(Response.Succeeded, Command.MetadataRefresh, metadataXml(device));
    await publisher.next(Command.Subscribe);
    await publisher.subscribed(ids);
  };
  await serve("A", [1]);
  await connecting;
  await publisher.respond(Response.ConfigurationChanged, Command.Subscribe);
  await publisher.respond(Response.ConfigurationChanged, Command.Subscribe);
  await serve("B", [1, 2], "again");
  await serve("C", [1, 2, 3]);
  await settle();
  assertEquals(deviceOf(fixture.subscriber.metadata), "C");
  assertEquals(fixture.subscriber.stats().signals, 3);
  assertEquals(fixture.subscriber.stats().configurationChanges, 3);
  // Nothing more is asked for.
  await fixture.subscriber.disconnect();
  assertEquals(await publisher.nextOrEnd(), undefined);
});

Deno.test("a change of configuration after which the filter fails: the old subscription goes on", async () => {
  await using fixture = new Fixture();
  const publisher = await fixture.connected([1]);
  await publisher.respond(Response.ConfigurationChanged, Command.Subscribe);
  await publisher.next(Command.Subscribe);
  await publisher.respond(Response.Failed, Command.Subscribe, "no such column");
  await settle();
  assertEquals(
    fixture.event("subscribeFailed").error.message,
    "the publisher refused to subscribe: no such column",
  );
  await publisher.send(compactFrame(batchOf([0], 3)));
  assertEquals((await fixture.subscriber.measurements().next()).value?.value, 3);
});

Deno.test("texts: UTF-8, and with a length in front", async () => {
  await using fixture = new Fixture();
  const connecting = fixture.subscriber.connect();
  const publisher = await fixture.connector.accept();
  await publisher.next(Command.DefineOperationalModes);
  await publisher.next(Command.Subscribe);
  await publisher.respond(Response.Failed, Command.Subscribe, "\u0000\u0000\u0000\u0007Z\u00fcrich");
  assertEquals(
    (await rejection(connecting, "Refused")).message,
    "the publisher refused to subscribe: Z\u00fcrich",
  );
});

Deno.test("responses that nobody asked for are counted by their kind", async () => {
  await using fixture = new Fixture();
  const publisher = await fixture.connected([1]);
  await publisher.respond(Response.Succeeded, Command.Subscribe, "again");
  await publisher.respond(Response.Failed, Command.MetadataRefresh, "what");
  await publisher.respond(Response.Failed, 0x42, "unknown command");
  for (const code of [0x42, 0x8b, 0xf0]) await publisher.respond(code, Command.Subscribe);
  for (const code of [Response.UpdateCipherKeys, Response.BufferBlock, Response.Notify, 0xe0, 0xef]) {
    await publisher.respond(code, Command.Subscribe);
  }
  await publisher.respond(Response.UpdateBaseTimes, Command.Subscribe, "short");
  await publisher.respond(Response.DataStartTime, Command.Subscribe, "short");
  await publisher.respond(Response.NoOP, Command.Subscribe);
  await settle();
  const { dropped } = fixture.subscriber.stats();
  assertEquals(dropped.unexpectedResponse, 5);
  assertEquals(dropped.unknownResponse, 3);
  assertEquals(dropped.malformedResponse, 5);
  assertEquals(Object.values(dropped).reduce((sum, count) => sum + count), 13);
  assertEquals(fixture.subscriber.state, "connected");
});

Deno.test("DataStartTime and ProcessingComplete are told", async () => {
  await using fixture = new Fixture();
  const publisher = await fixture.connected([1]);
  const ticks = new Uint8Array([8, 0xdc, 0x68, 0x5d, 0xf9, 0x16, 0x40, 0]);
  await publisher.respond(Response.DataStartTime, Command.Subscribe, ticks);
  await publisher.respond(Response.ProcessingComplete, Command.Subscribe, "done");
  await settle();
  assertEquals(fixture.event("dataStartTime").ticks, 638_500_000_000_000_000n);
  assertEquals(fixture.event("processingComplete").message, "done");
});

Deno.test("a malformed frame is counted, its good part used, and the next is read", async () => {
  await using fixture = new Fixture();
  const publisher = await fixture.connected([1]);
  const good = compactFrame(batchOf([0], 1));
  const bad = new Uint8Array(good.length + 7);
  bad.set(good);
  bad.set([Response.NoOP, 2, 0, 0, 0, 9, 0], good.length);
  new DataView(bad.buffer).setUint32(0, bad.length - 4);
  await publisher.send(bad, new Uint8Array(4), compactFrame(batchOf([0], 2)));
  const { value: batch } = await fixture.subscriber.batches().next();
  assertEquals([...fixture.subscriber.measurementsOf(batch!)].map(({ value }) => value), [1, 2]);
  assertEquals(fixture.subscriber.stats().dropped.malformedFrame, 2);
});

Deno.test("a frame that is too long, and one that is cut, end the connection", async () => {
  await using fixture = new Fixture({ reconnect: false, limits: { responseFrameLength: 1000 } });
  const publisher = await fixture.connected([1]);
  await publisher.send(new Uint8Array([0, 0, 3, 0xe9]));
  const reason = await fixture.subscriber.closed;
  assertEquals(reason.kind === "lost" && reason.error.code, "FrameTooLong");

  const second = await fixture.connected([1]);
  await second.send(new Uint8Array([0, 0, 1, 0, 0x80]));
  second.channel.close();
  const end = await fixture.subscriber.closed;
  assertEquals(end.kind === "lost" && end.error.code, "ConnectionLost");
});

Deno.test("an HTTP server is no publisher", async () => {
  await using fixture = new Fixture();
  const connecting = fixture.subscriber.connect();
  const publisher = await fixture.connector.accept();
  await publisher.send(new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n"));
  const error = await rejection(connecting, "MalformedFrame");
  assertMatch(error.message, /a web server$/);
});

Deno.test("a TLS server is told at once, although its alert could be the length of a frame", async () => {
  await using fixture = new Fixture();
  const connecting = fixture.subscriber.connect();
  const publisher = await fixture.connector.accept();
  await publisher.send(Uint8Array.of(0x15, 3, 3, 0), Uint8Array.of(2, 2, 0x46));
  assertMatch((await rejection(connecting, "MalformedFrame")).message, /TLS/);
});

Deno.test("silence: any byte is a sign of life, none for the time-out ends the connection", async () => {
  await using fixture = new Fixture({ reconnect: false, heartbeatTimeout: 20_000 });
  const publisher = await fixture.connected([1]);
  for (let i = 0; i < 5; i++) {
    fixture.clock.advance(19_999);
    await publisher.send(responseFrame(Response.NoOP, Command.Subscribe));
    await settle();
  }
  assertEquals(fixture.subscriber.state, "connected");
  fixture.clock.advance(20_000);
  const reason = await fixture.subscriber.closed;
  assertEquals(reason.kind === "lost" && reason.error.code, "TimedOut");
});

Deno.test("silence is no reason when there is no time-out", async () => {
  await using fixture = new Fixture({ heartbeatTimeout: 0 });
  await fixture.connected([1]);
  fixture.clock.advance(1e9);
  await settle();
  assertEquals(fixture.subscriber.state, "connected");
});

Deno.test("reconnection: delays grow, jitter stays in its bounds, a connection that lasts starts over", async () => {
  await using fixture = new Fixture({ reconnect: { initialDelay: 100, maxDelay: 400, jitter: 0.5 } });
  const publisher = await fixture.connected([1]);
  fixture.connector.down = true;
  publisher.channel.close();
  for (const [attempt, base] of [[1, 100], [2, 200], [3, 400], [4, 400]] as const) {
    await settle();
    const { attempt: counted, delayMilliseconds } = fixture.event("reconnecting");
    assertEquals(counted, attempt);
    assertGreater(delayMilliseconds, base / 2);
    assert(delayMilliseconds <= base);
    assertEquals(fixture.subscriber.state, "waiting");
    if (attempt === 4) fixture.connector.down = false;
    fixture.clock.advance(delayMilliseconds);
  }
  for (const [lasting, attempt] of [[399, 5], [401, 1]] as const) { // jitter makes instants fractions, so not 400
    const next = await fixture.connector.accept();
    await next.accept([1]);
    await settle();
    assertEquals(fixture.subscriber.state, "connected");
    fixture.clock.advance(lasting);
    next.channel.close();
    await settle();
    assertEquals(fixture.event("reconnecting").attempt, attempt);
    fixture.clock.advance(400);
  }
});

Deno.test("reconnection: gives up after the last retry, with the last error", async () => {
  await using fixture = new Fixture({ reconnect: { jitter: 0, maxRetries: 2 } });
  const publisher = await fixture.connected([1]);
  fixture.connector.down = true;
  publisher.channel.close();
  await settle();
  fixture.clock.advance(1000);
  await settle();
  fixture.clock.advance(2000);
  const reason = await fixture.subscriber.closed;
  assertEquals(reason.kind === "lost" && reason.error.code, "ConnectFailed");
  assertEquals(fixture.connector.attempts, 3);
});

Deno.test("reconnection: iteration, handles and subscription go on", async () => {
  await using fixture = new Fixture({ filter: "F", reconnect: { jitter: 0 } });
  const publisher = await fixture.connected([1, 2]);
  const measurements = fixture.subscriber.measurements();
  await publisher.send(compactFrame(batchOf([1], 5)));
  assertEquals((await measurements.next()).value?.signalId, signalId(2));
  publisher.channel.close();
  await settle();
  fixture.clock.advance(1000);
  const second = await fixture.connector.accept();
  await second.next(Command.DefineOperationalModes);
  assertEquals(decodeSubscribe((await second.next(Command.Subscribe)).body, "utf-8").filterExpression, "F");
  await second.subscribed([9, 2]);
  await second.send(compactFrame(batchOf([1], 6)));
  const { value } = await measurements.next();
  assertEquals([value?.signalId, value?.value], [signalId(2), 6]);
  assertEquals(fixture.subscriber.signals.handleOf(signalId(2)), 1);
});

Deno.test("reconnection: where the last TSSC packet number is the end, a new connection starts afresh", async () => {
  const packets = 65_536;
  for (const [greeting, ends] of [["\0\0\0\x05hello", true], ["hello", false]] as const) {
    await using fixture = new Fixture({ reconnect: { jitter: 0 } });
    const publisher = await fixture.connected([1], greeting);
    const encoder = new TsscEncoder();
    for (let from = 0; from < packets; from += 256) {
      const frames = Array.from({ length: 256 }, (_, i) => tsscFrame(encoder, batchOf([0], from + i)));
      await publisher.send(oneFrame(frames));
    }
    assertEquals((await fixture.kinds()).includes("connectionLost"), ends, greeting);
    assertEquals(fixture.subscriber.stats().measurements, packets, "the last packet counts");
    if (ends) {
      assertMatch(fixture.event("connectionLost").error.message, /TSSC packets are at number 65,535$/);
      fixture.clock.advance(1000);
      const next = await fixture.connector.accept();
      await next.accept([1], { greeting });
      await next.send(tsscFrame(new TsscEncoder(), batchOf([0], 1)));
    } else {
      await publisher.send(tsscFrame(encoder, batchOf([0], 1)));
    }
    await settle();
    const { measurements, connections, dropped } = fixture.subscriber.stats();
    assertEquals(
      [measurements, connections, dropped.outOfSequence],
      [packets + 1, ends ? 2 : 1, 0],
      greeting,
    );
  }
});

Deno.test("reconnection: a refusal ends it, a refused subscription does not", async () => {
  await using fixture = new Fixture({ reconnect: { jitter: 0 } });
  const publisher = await fixture.connected([1]);
  publisher.channel.close();
  await settle();
  fixture.clock.advance(1000);
  const second = await fixture.connector.accept();
  await second.next(Command.DefineOperationalModes);
  await second.next(Command.Subscribe);
  await second.respond(Response.Failed, Command.Subscribe, "not now");
  await settle();
  assertEquals(fixture.event("subscribeFailed").error.message, "the publisher refused to subscribe: not now");
  assertEquals(fixture.subscriber.state, "connected");
  await second.respond(Response.ConfigurationChanged, Command.Subscribe);
  await second.next(Command.Subscribe);
  await second.subscribed([1]);
  second.channel.close();
  await settle();
  fixture.clock.advance(2000);
  const third = await fixture.connector.accept();
  await third.respond(Response.Failed, Command.Connect, "too many connections");
  third.channel.close();
  const reason = await fixture.subscriber.closed;
  assertEquals(reason.kind, "refused");
  // The connection was refused, which is more than that its subscription was.
  assertEquals((await fixture.kinds()).filter((kind) => kind === "subscribeFailed").length, 1);
});

Deno.test("reconnection: disconnect() ends the wait, and the iteration", async () => {
  await using fixture = new Fixture();
  const publisher = await fixture.connected([1]);
  const next = fixture.subscriber.batches().next();
  publisher.channel.close();
  await settle();
  assertEquals(fixture.subscriber.state, "waiting");
  await fixture.subscriber.disconnect();
  assertEquals(await next, { done: true, value: undefined });
  assertEquals(await fixture.subscriber.closed, { kind: "disconnected" });
});

Deno.test("calls while the connection is away: subscribe is kept for the next, refresh rejects", async () => {
  await using fixture = new Fixture({ reconnect: { jitter: 0 } });
  const publisher = await fixture.connected([1]);
  publisher.channel.close();
  await settle();
  await rejection(fixture.subscriber.refreshMetadata(), "Closed");
  await fixture.subscriber.subscribe({ filter: "NEW" });
  fixture.clock.advance(1000);
  const second = await fixture.connector.accept();
  await second.next(Command.DefineOperationalModes);
  assertEquals(decodeSubscribe((await second.next(Command.Subscribe)).body, "utf-8").filterExpression, "NEW");
});

Deno.test("calls that wait when the connection goes reject with the reason", async () => {
  await using fixture = new Fixture();
  const publisher = await fixture.connected([1]);
  const subscribing = fixture.subscriber.subscribe({ filter: "B" });
  await publisher.next(Command.Subscribe);
  publisher.channel.close();
  await rejection(subscribing, "ConnectionLost");
  assertEquals(fixture.subscriber.subscription.filter, "B");
});

Deno.test("stats count what came", async () => {
  await using fixture = new Fixture();
  const publisher = await fixture.connected([1, 2]);
  const frame = compactFrame(batchOf([0, 1]));
  await publisher.send(frame);
  await settle();
  const stats = fixture.subscriber.stats();
  assertEquals(stats.packets, 1);
  assertEquals(stats.dataBytes, frame.length - 10);
  assertEquals(stats.measurements, 2);
  assertEquals(stats.waiting, 2);
  assertEquals(stats.frames, 4);
  assertEquals(stats.caches, 1);
  assertEquals(stats.signals, 2);
  assertEquals(stats.connections, 1);
});
