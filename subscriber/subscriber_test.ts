/** Connecting, getting metadata, and the end of it. */
import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { createChannelPair } from "../transport/memory_channel.ts";
import { Command, Response } from "../transport/wire/codes.ts";
import { gzip } from "../transport/wire/gzip.ts";
import { decodeMetadataRefresh } from "../transport/wire/metadata_refresh.ts";
import { decodeOperationalModes } from "../transport/wire/operational_modes.ts";
import { deviceOf, Fixture, metadataXml, rejection } from "./testdata/fixture.ts";
import { Subscriber } from "./subscriber.ts";
import { settle, signalId } from "./testdata/scripted_publisher.ts";

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
  const request = await publisher.nextSubscribe();
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
  await second.accept([1], { metadata: metadataXml("SHELBY") });
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
