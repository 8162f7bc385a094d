/** History over a connection of its own, and publishers that leave off in the middle of it. */
import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { SttpError } from "../transport/errors.ts";
import { Command, Response } from "../transport/wire/codes.ts";
import type { MeasurementBatch } from "../transport/wire/batch.ts";
import type { HistoryOptions } from "./history.ts";
import { Subscriber } from "./subscriber.ts";
import { Fixture, rejection } from "./testdata/fixture.ts";
import { batchOf, compactFrame, type ScriptedPublisher, settle } from "./testdata/scripted_publisher.ts";

/** What a reading fails with that is ended by `disconnect()`. */
const disconnected = "the subscriber was disconnected";

/** A history that is being read, up to the publisher's having accepted it after so many milliseconds. */
async function reading(
  fixture: Fixture,
  options: Partial<HistoryOptions> = {},
  acceptedAfter = 0,
): Promise<{
  publisher: ScriptedPublisher;
  batches: AsyncIterator<MeasurementBatch>;
  first: Promise<IteratorResult<MeasurementBatch>>;
}> {
  const batches = fixture.subscriber.history({ start: 1n, ...options });
  const first = batches.next();
  const publisher = await fixture.connector.accept();
  await publisher.next(Command.DefineOperationalModes);
  await publisher.next(Command.Subscribe);
  await pass(fixture, publisher, acceptedAfter);
  await publisher.subscribed([1]);
  await settle();
  return { publisher, batches, first };
}

/** Lets time pass, in which the publisher says that it is there. */
async function pass(fixture: Fixture, publisher: ScriptedPublisher, milliseconds: number): Promise<void> {
  const step = 15_000;
  for (let left = milliseconds; left > 0; left -= step) {
    await publisher.respond(Response.NoOP, Command.Subscribe).catch(() => {});
    await settle();
    fixture.clock.advance(Math.min(left, step));
    await settle();
  }
}

/** Whether a promise has settled. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  promise.then(() => settled = true, () => settled = true);
  await settle();
  return settled;
}

Deno.test("a publisher that is there and falls silent in the middle of history: TimedOut, and the connection ends", async () => {
  await using fixture = new Fixture();
  const { publisher, batches, first } = await reading(fixture);
  await publisher.send(compactFrame(batchOf([0, 0], 1)));
  assertEquals((await first).value.length, 2);
  const next = batches.next();
  await pass(fixture, publisher, 59_999);
  assertEquals(await isSettled(next), false);
  fixture.clock.advance(1);
  const { message } = await rejection(next, "TimedOut");
  assertStringIncludes(
    message,
    "nothing of its history for 60000 ms, after 2 measurements; more of it or its end",
  );
  assertEquals(await publisher.nextOrEnd(), undefined);
  assertEquals((await batches.next()).done, true);
});

Deno.test("neither subscribing counts as silence nor what the reader does meanwhile", async () => {
  await using fixture = new Fixture();
  const { publisher, batches, first } = await reading(fixture, {}, 50_000);
  await pass(fixture, publisher, 50_000);
  await publisher.send(compactFrame(batchOf([0], 1)));
  assertEquals((await first).value.values[0], 1);
  await pass(fixture, publisher, 600_000);
  const next = batches.next();
  await pass(fixture, publisher, 59_999);
  await publisher.send(compactFrame(batchOf([0], 2)));
  assertEquals((await next).value.values[0], 2);
  const last = batches.next();
  await pass(fixture, publisher, 50_000);
  await publisher.respond(Response.ProcessingComplete, Command.Subscribe, "that is all");
  assertEquals((await last).done, true);
});

for (
  const [options, limit] of [
    [{}, 60_000],
    [{ silenceTimeout: 7000 }, 7000],
    [{ silenceTimeout: 0 }, undefined],
    [{ processingInterval: -1 }, undefined],
    [{ processingInterval: 33 }, undefined],
    [{ processingInterval: -1, silenceTimeout: 90_000 }, 90_000],
  ] as const
) {
  Deno.test(`how long history may be silent with ${JSON.stringify(options)}: ${limit ?? "for ever"}`, async () => {
    await using fixture = new Fixture();
    const { publisher, first } = await reading(fixture, options);
    if (limit === undefined) {
      await pass(fixture, publisher, 200_000);
      await publisher.send(compactFrame(batchOf([0], 1)));
      assertEquals((await first).value.values[0], 1);
      publisher.channel.close();
    } else {
      await pass(fixture, publisher, limit - 1);
      assertEquals(await isSettled(first), false);
      fixture.clock.advance(1);
      await rejection(first, "TimedOut");
    }
  });
}

Deno.test("history that is silent may be aborted, and end with its connection", async () => {
  await using fixture = new Fixture();
  const stop = new AbortController();
  const aborted = await reading(fixture, { signal: stop.signal });
  await pass(fixture, aborted.publisher, 30_000);
  stop.abort();
  await rejection(aborted.first, "Aborted");
  const lost = await reading(fixture);
  await pass(fixture, lost.publisher, 30_000);
  lost.publisher.channel.close();
  await rejection(lost.first, "ConnectionLost");
  // Timers are not left, which the fixture looks for.
});

Deno.test("a silence that can't be meant", async () => {
  await using fixture = new Fixture();
  const read = (options: object): unknown => fixture.subscriber.history({ start: 1n, ...options });
  assertThrows(() => read({ silenceTimeout: -1 }), RangeError, "silenceTimeout must be a number from 0");
  assertThrows(() => read({ silenceTimeout: NaN }), RangeError);
  assertThrows(() => read({ silenceTimeout: 2 ** 31 }), RangeError);
  assertThrows(() => read({ silenceTimeout: "1s" }), TypeError, '"silenceTimeout" must be a number');
});

Deno.test("disconnect() ends history that is being read, connected to, or left half-read; another may follow", async () => {
  await using fixture = new Fixture();
  const { subscriber } = fixture;
  await fixture.connected([1]);
  const half = await reading(fixture);
  await half.publisher.send(compactFrame(batchOf([0], 1)));
  assertEquals((await half.first).value.values[0], 1);
  const waiting = await reading(fixture);
  const waitingEnd = rejection(waiting.first, "Closed");
  // This one does not get an answer to its Subscribe.
  const asking = rejection(subscriber.history({ start: 1n }).next(), "Closed");
  const publisher = await fixture.connector.accept();
  await publisher.next(Command.DefineOperationalModes);
  await publisher.next(Command.Subscribe);
  await subscriber.disconnect();
  for (const peer of [half.publisher, waiting.publisher, publisher]) {
    assertEquals(await peer.nextOrEnd(), undefined);
  }
  await Promise.all([waitingEnd, asking]);
  assertEquals((await rejection(half.batches.next(), "Closed")).message, disconnected);

  // Without a run it is read as well, and ended as well.
  const late = await reading(fixture);
  await late.publisher.send(compactFrame(batchOf([0], 2)));
  assertEquals((await late.first).value.values[0], 2);
  const end = rejection(late.batches.next(), "Closed");
  await subscriber.disconnect();
  assertEquals([await late.publisher.nextOrEnd(), (await end).message], [undefined, disconnected]);
});

Deno.test("who disconnects while another does waits for the same", async () => {
  const opening = Promise.withResolvers<never>();
  const subscriber = new Subscriber({ connector: () => opening.promise });
  const reading = rejection(subscriber.history({ start: 1n }).next(), "Closed");
  await settle();
  let ended = 0;
  const ends = [1, 2].map(() => subscriber.disconnect().then(() => ended++));
  await settle();
  assertEquals(ended, 0);
  opening.reject(new SttpError("ConnectFailed", "nobody answers"));
  await Promise.all([...ends, reading]);
});

Deno.test("disconnect() ends the making of a connection for history", async () => {
  const { promise, resolve } = Promise.withResolvers<AbortSignal>();
  const subscriber = new Subscriber({
    connector: (_address, { signal }) => {
      resolve(signal);
      return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    },
  });
  const first = rejection(subscriber.history({ start: 1n }).next(), "Closed");
  assertEquals((await promise).aborted, false);
  await subscriber.disconnect();
  assertEquals((await first).message, disconnected);
});
