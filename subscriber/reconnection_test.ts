/** A connection that is lost and comes back. */
import { assert, assertEquals, assertGreater, assertMatch } from "@std/assert";
import { Command, Response } from "../transport/wire/codes.ts";
import { TsscEncoder } from "../transport/wire/tssc/mod.ts";
import { Fixture, rejection } from "./testdata/fixture.ts";
import {
  batchOf,
  compactFrame,
  oneFrame,
  settle,
  signalId,
  tsscFrame,
} from "./testdata/scripted_publisher.ts";

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
  const second = await fixture.reconnected(publisher);
  await second.next(Command.DefineOperationalModes);
  assertEquals((await second.nextSubscribe()).filterExpression, "F");
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
  const second = await fixture.reconnected(publisher);
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
  assertEquals((await second.nextSubscribe()).filterExpression, "NEW");
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
