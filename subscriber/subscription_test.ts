/** Subscribing, replacing a subscription, ending it. */
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { Command, Response } from "../transport/wire/codes.ts";
import { encodeSignalIndexCache, SignalIndexCache } from "../transport/wire/signal_index_cache.ts";
import type { SubscribeRequest } from "../transport/wire/subscribe.ts";
import { Fixture, rejection } from "./testdata/fixture.ts";
import {
  batchOf,
  cacheFrame,
  cacheOf,
  compactFrame,
  oneFrame,
  responseFrame,
  settle,
  signalId,
} from "./testdata/scripted_publisher.ts";

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
  const request = await publisher.nextSubscribe();
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
  const { subscriber } = fixture;
  const connecting = subscriber.connect();
  const first = await fixture.connector.accept();
  await first.next(Command.DefineOperationalModes);
  await connecting;
  const refused = subscriber.subscribe({ filter: "B" });
  await first.next(Command.Subscribe);
  await first.respond(Response.Failed, Command.Subscribe, "no");
  await rejection(refused, "Refused");
  const second = await fixture.reconnected(first);
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
  const request = await publisher.nextSubscribe();
  assertEquals(request.filterExpression, "C");
  await publisher.subscribed([3]);
  await second;
});

Deno.test("of calls that overlap each begins with what the one before has come to", async () => {
  await using fixture = new Fixture({ filter: "A" });
  const { subscriber } = fixture;
  const publisher = await fixture.connected([1]);
  const refuse = async (): Promise<SubscribeRequest> => {
    const request = await publisher.nextSubscribe();
    await publisher.respond(Response.Failed, Command.Subscribe, "no");
    return request;
  };
  const requests = [
    rejection(subscriber.subscribe({ filter: "B" }), "Refused"),
    rejection(subscriber.subscribe({ throttled: true }), "Refused"),
    rejection(subscriber.subscribe({ filter: "C" }), "Refused"),
  ];
  const changing = subscriber.updateProcessingInterval(5);
  const last = rejection(subscriber.subscribe({ filter: "D" }), "Refused");
  const expressions = [await refuse(), await refuse(), await refuse()].map((request) =>
    request.filterExpression
  );
  await publisher.next(Command.UpdateProcessingInterval);
  await publisher.respond(Response.Succeeded, Command.UpdateProcessingInterval);
  expressions.push((await refuse()).filterExpression);
  await Promise.all([...requests, changing, last]);
  assertEquals(expressions, ["B", "A", "C", "D"]);
  assertEquals(subscriber.subscription, { filter: "A", processingInterval: 5 });
});

Deno.test("unsubscribe() after a subscribe() that is refused: there is no subscription at the next connection", async () => {
  await using fixture = new Fixture({ filter: "A", reconnect: { jitter: 0 } });
  const { subscriber } = fixture;
  const publisher = await fixture.connected([1]);
  const refused = rejection(subscriber.subscribe({ filter: "B" }), "Refused");
  const unsubscribing = subscriber.unsubscribe();
  await publisher.next(Command.Subscribe);
  await publisher.respond(Response.Failed, Command.Subscribe, "no");
  await refused;
  await publisher.next(Command.Unsubscribe);
  await publisher.respond(Response.Succeeded, Command.Unsubscribe);
  await unsubscribing;
  const second = await fixture.reconnected(publisher);
  await second.next(Command.DefineOperationalModes);
  await settle();
  assertEquals([subscriber.state, subscriber.subscription], ["connected", { filter: "A" }]);
});

Deno.test("unsubscribe() that is refused leaves the subscription, here and at the next connection", async () => {
  await using fixture = new Fixture({ filter: "A", reconnect: { jitter: 0 } });
  const publisher = await fixture.connected([1]);
  const refused = rejection(fixture.subscriber.unsubscribe(), "Refused");
  await publisher.next(Command.Unsubscribe);
  await publisher.respond(Response.Failed, Command.Unsubscribe, "no");
  await refused;
  await (await fixture.reconnected(publisher)).accept([1]);
});

Deno.test("what waits for its turn when the connection is lost is for the next", async () => {
  await using fixture = new Fixture({ filter: "A", reconnect: { jitter: 0 } });
  const publisher = await fixture.connected([1]);
  const lost = rejection(fixture.subscriber.subscribe({ filter: "B" }), "ConnectionLost");
  const waiting = fixture.subscriber.subscribe({ throttled: true }).catch((error) => error.code);
  await publisher.next(Command.Subscribe);
  publisher.channel.close();
  await lost;
  await waiting;
  assertEquals(fixture.subscriber.subscription, { filter: "B", throttled: true });
});

Deno.test("subscribe() before there is a connection says what the next one is for", async () => {
  await using fixture = new Fixture({ autoSubscribe: false });
  await fixture.subscriber.subscribe({ filter: "LATER" });
  const connecting = fixture.subscriber.connect();
  const publisher = await fixture.connector.accept();
  await publisher.next(Command.DefineOperationalModes);
  const request = await publisher.nextSubscribe();
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
  const second = await fixture.reconnected(publisher);
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

Deno.test("those who wait for their turn hear at once that they are aborted, and nothing is sent of them", async () => {
  await using fixture = new Fixture({ filter: "A" });
  const { subscriber } = fixture;
  const publisher = await fixture.connected([1]);
  const stop = new AbortController();
  const { signal } = stop;
  const first = subscriber.subscribe({ filter: "B" });
  const firstCommand = subscriber.sendUserCommand(0, Uint8Array.of(1));
  const waiting = [
    subscriber.subscribe({ filter: "C" }, { signal }),
    subscriber.unsubscribe({ signal }),
    subscriber.sendUserCommand(0, Uint8Array.of(2), { signal }),
  ].map((promise) => rejection(promise, "Aborted"));
  await settle();
  stop.abort();
  await Promise.all(waiting);
  const codes = [(await publisher.next()).code, (await publisher.next()).code];
  assertEquals(codes.sort(), [Command.Subscribe, Command.UserCommand00]);
  await publisher.subscribed([2], { cacheIndex: 1 });
  await publisher.respond(Response.UserResponse00, Command.UserCommand00);
  await Promise.all([first, firstCommand]);
  await subscriber.disconnect();
  // The confirmation of the cache at most.
  const rest = await publisher.nextOrEnd();
  assertEquals(rest?.code ?? Command.ConfirmUpdateSignalIndexCache, Command.ConfirmUpdateSignalIndexCache);
  if (rest !== undefined) assertEquals(await publisher.nextOrEnd(), undefined);
});
