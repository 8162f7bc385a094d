/** What a publisher sends beside data, in order or out of it, or does not send. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { BaseTimes, encodeBaseTimes } from "../transport/wire/base_times.ts";
import { Command, Response } from "../transport/wire/codes.ts";
import { deviceOf, Fixture, metadataXml, rejection } from "./testdata/fixture.ts";
import { batchOf, compactFrame, responseFrame, settle } from "./testdata/scripted_publisher.ts";

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

Deno.test("a long answer is kept as it came, without a copy, whatever comes after it", async () => {
  await using fixture = new Fixture();
  const publisher = await fixture.connected([1]);
  const ask = async (number: number, length: number): Promise<Uint8Array> => {
    const answer = fixture.subscriber.sendUserCommand(number);
    await publisher.next(Command.UserCommand00 + number);
    const body = new Uint8Array(length).fill(number);
    await publisher.respond(Response.UserResponse00 + number, Command.UserCommand00 + number, body);
    return await answer;
  };
  const mebibyte = 1024 * 1024;
  const answers = [
    await ask(1, mebibyte),
    await ask(2, mebibyte + 1),
    await ask(3, 3 * mebibyte),
    await ask(4, 9),
  ];
  assertEquals(answers.map(({ length }) => length), [mebibyte, mebibyte + 1, 3 * mebibyte, 9]);
  answers.forEach((answer, i) => assert(answer.every((byte) => byte === i + 1)));
  const isWhole = answers.map(({ buffer, length }) => buffer.byteLength === length);
  assertEquals(
    isWhole,
    [true, false, false, true],
    "those that are not the whole of their memory were not copied",
  );
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
  await settle();
  // Not at once: the publisher may go on like this for ever.
  await publisher.respond(Response.ConfigurationChanged, Command.Subscribe);
  await settle();
  fixture.clock.advance(999);
  await settle();
  assertEquals(fixture.subscriber.stats().metadataRefreshes, 2);
  fixture.clock.advance(1);
  await serve("C", [1, 2, 3]);
  await settle();
  assertEquals(deviceOf(fixture.subscriber.metadata), "C");
  assertEquals(fixture.subscriber.stats().signals, 3);
  assertEquals(fixture.subscriber.stats().configurationChanges, 4);
  // Nothing more is asked for.
  await fixture.subscriber.disconnect();
  assertEquals(await publisher.nextOrEnd(), undefined);
});

Deno.test("metadata that is being read when the connection ends is not read to its end", async () => {
  await using fixture = new Fixture({ autoRequestMetadata: true });
  fixture.watch();
  const connecting = fixture.subscriber.connect();
  const publisher = await fixture.connector.accept();
  await publisher.accept([1], { metadata: metadataXml("A") });
  await connecting;
  await publisher.respond(Response.ConfigurationChanged, Command.Subscribe);
  await publisher.next(Command.MetadataRefresh);
  const row = "<DeviceDetail><Acronym>B</Acronym></DeviceDetail>";
  const long = metadataXml("B").replace(row, row.repeat(400_000));
  await publisher.respond(Response.Succeeded, Command.MetadataRefresh, long);
  publisher.channel.close();
  await settle();
  // No work is left: the next connection's metadata would be read at the same time.
  assertEquals((await fixture.kinds()).at(-1), "reconnecting");
  assertEquals(fixture.subscriber.stats().metadataRefreshes, 1);
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

Deno.test("of an endless text 65,536 characters are kept", async () => {
  await using fixture = new Fixture();
  const connecting = fixture.subscriber.connect();
  const publisher = await fixture.connector.accept();
  await publisher.next(Command.DefineOperationalModes);
  await publisher.next(Command.Subscribe);
  await publisher.respond(Response.Failed, Command.Subscribe, "x".repeat(65_537));
  const { message } = await rejection(connecting, "Refused");
  assertEquals(message, `the publisher refused to subscribe: ${"x".repeat(65_536)}`);
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

Deno.test("base times are confirmed to a publisher that is said to wait for it, and to no other", async () => {
  const bases = encodeBaseTimes(new BaseTimes(0, 638_500_000_000_000_000n, 638_500_004_200_000_000n));
  for (const confirmBaseTimes of [true, false]) {
    await using fixture = new Fixture({ confirmBaseTimes });
    const publisher = await fixture.connected([1]);
    await publisher.respond(Response.UpdateBaseTimes, Command.Subscribe, "short");
    await publisher.respond(Response.UpdateBaseTimes, Command.Subscribe, bases);
    await settle();
    if (confirmBaseTimes) {
      assertEquals((await publisher.next(Command.ConfirmUpdateBaseTimes)).body.length, 0);
    }
    const unsubscribing = fixture.subscriber.unsubscribe();
    await publisher.next(Command.Unsubscribe);
    await publisher.respond(Response.Succeeded, Command.Unsubscribe);
    await unsubscribing;
  }
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

Deno.test("who is closed before anything came is told what may be the matter, and not after that", async () => {
  await using fixture = new Fixture({ reconnect: false });
  const hint = "before anything came; it may want TLS, or nobody from this address";
  const connecting = fixture.subscriber.connect();
  (await fixture.connector.accept()).channel.close();
  const closed = await rejection(connecting, "ConnectionLost");
  assert(closed.message.endsWith(hint), closed.message);
  const publisher = await fixture.connected([1]);
  publisher.channel.close();
  const end = await fixture.subscriber.closed;
  assertEquals(end.kind === "lost" && end.error.message, "the publisher closed the connection");
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

for (const years of [1, -3]) {
  Deno.test(`silence is not what passes when the machine's clock is set by ${years} years`, async () => {
    await using fixture = new Fixture({ reconnect: false, heartbeatTimeout: 20_000 });
    const publisher = await fixture.connected([1]);
    fixture.clock.advance(10_000);
    await publisher.send(responseFrame(Response.NoOP, Command.Subscribe));
    await settle();
    fixture.clock.set(fixture.clock.now() + years * 365 * 86_400_000);
    fixture.clock.advance(19_999);
    await settle();
    assertEquals(fixture.subscriber.state, "connected");
    fixture.clock.advance(1);
    const reason = await fixture.subscriber.closed;
    assertEquals(reason.kind === "lost" && reason.error.code, "TimedOut");
  });
}

Deno.test("silence is no reason when there is no time-out", async () => {
  await using fixture = new Fixture({ heartbeatTimeout: 0 });
  await fixture.connected([1]);
  fixture.clock.advance(1e9);
  await settle();
  assertEquals(fixture.subscriber.state, "connected");
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
