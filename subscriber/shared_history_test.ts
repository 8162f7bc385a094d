/** History over the only connection, where the publisher made it: in turn with live data. */
import { assertEquals, assertRejects } from "@std/assert";
import { ManualClock } from "../transport/clock.ts";
import { SttpError } from "../transport/errors.ts";
import { createChannelPair } from "../transport/memory_channel.ts";
import { Command, Response } from "../transport/wire/codes.ts";
import { formatTicks } from "../transport/wire/ticks.ts";
import type { SubscribeRequest } from "../transport/wire/subscribe.ts";
import type { HistoryOptions } from "./history.ts";
import type { SubscriberOptions } from "./options.ts";
import type { SubscriberStatus } from "./status.ts";
import { Subscriber } from "./subscriber.ts";
import { droppedBy } from "./testdata/fixture.ts";
import { batchOf, compactFrame, ScriptedPublisher, settle } from "./testdata/scripted_publisher.ts";

/** The time of the first value in a batch. */
const start = 638_500_000_000_000_000n;

/** Gaps are recovered, and only they and commands take time. */
const recovering = {
  throttled: false,
  heartbeatTimeout: 0,
  commandTimeout: 30_000,
  gapRecovery: { onRecovered: () => {}, settleTime: 1000 },
} satisfies SubscriberOptions;

/** A subscriber to which a publisher has connected, and what it received live. */
class Rig implements AsyncDisposable {
  readonly clock = new ManualClock();
  readonly subscriber: Subscriber;
  readonly live: number[] = [];
  readonly events: SubscriberStatus[] = [];
  publisher!: ScriptedPublisher;
  /** The cache that the next subscription gets. */
  #cacheIndex: 0 | 1 = 0;

  private constructor(options: SubscriberOptions) {
    this.subscriber = new Subscriber({
      autoRequestMetadata: false,
      filter: "live",
      throttled: true,
      clock: this.clock,
      onBatch: ({ values, length }) => void this.live.push(...values.subarray(0, length)),
      ...options,
    });
    const status = this.subscriber.status();
    (async () => {
      for await (const event of status) this.events.push(event);
    })();
  }

  static async start(options: SubscriberOptions = {}): Promise<Rig> {
    const rig = new Rig(options);
    await rig.connect();
    return rig;
  }

  async connect(): Promise<void> {
    const [near, far] = createChannelPair();
    this.subscriber.serve(near);
    this.publisher = new ScriptedPublisher(far);
    this.#cacheIndex = 0;
    await this.publisher.next(Command.DefineOperationalModes);
    await this.subscribed();
    await settle();
  }

  /** Loses the connection for another, whose first value is so many ticks after the start, and lets the gap settle. */
  async lose(after: bigint = 50n): Promise<void> {
    this.publisher.channel.close();
    await settle();
    await this.connect();
    await this.publisher.send(compactFrame(batchOf([0], 2, start + after)));
    await settle();
    this.clock.advance(1000);
  }

  /** Takes a Subscribe and accepts it. */
  async subscribed(): Promise<SubscribeRequest> {
    const request = await this.publisher.nextSubscribe();
    await this.publisher.subscribed([1, 2], { cacheIndex: this.#cacheIndex });
    this.#cacheIndex = this.#cacheIndex === 0 ? 1 : 0;
    await settle();
    return request;
  }

  /** Takes an Unsubscribe, and answers it behind a last value. */
  async unsubscribed(last: number): Promise<void> {
    await this.publisher.next(Command.Unsubscribe);
    await this.send(last);
    await this.publisher.respond(Response.Succeeded, Command.Unsubscribe);
    await settle();
  }

  /** Sends a value by the cache in force. */
  async send(value: number): Promise<void> {
    await this.publisher.send(compactFrame(batchOf([0], value), this.#cacheIndex === 1 ? 0 : 0x10));
    await settle();
  }

  complete(): Promise<void> {
    return this.publisher.respond(Response.ProcessingComplete, Command.Subscribe, "that is all");
  }

  /** Reads history to its end. */
  read(options: Partial<HistoryOptions> = {}, values: number[] = []): Promise<number[]> {
    return (async () => {
      const history = this.subscriber.history({ start: 1n, ...options });
      for await (const batch of history) values.push(...batch.values.subarray(0, batch.length));
      return values;
    })();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.subscriber.disconnect();
    assertEquals(this.clock.pending, 0, "timers are left");
  }
}

Deno.test("history takes the place of live data, and gives it back", async () => {
  await using rig = await Rig.start();
  await rig.send(1);
  const reading = rig.read({ filter: "past", stop: 5n });
  await rig.unsubscribed(2);
  // Too early: it is not for this history.
  await rig.complete();
  const request = await rig.subscribed();
  assertEquals([request.filterExpression, request.throttled, request.processingInterval], ["past", false, 0]);
  for (const value of [10, 11]) await rig.send(value);
  await rig.complete();
  const live = await rig.subscribed();
  assertEquals(await reading, [10, 11]);
  assertEquals([live.filterExpression, live.throttled, live.startTimeConstraint], ["live", true, ""]);
  await rig.send(3);
  // For nobody.
  await rig.complete();
  await rig.send(4);
  assertEquals([rig.live, droppedBy(rig.subscriber), rig.subscriber.state], [[1, 2, 3, 4], {}, "connected"]);
});

Deno.test("ended early: the rest of it is discarded", async () => {
  await using rig = await Rig.start();
  const history = rig.subscriber.history({ start: 1n });
  const first = history.next();
  await rig.unsubscribed(1);
  await rig.subscribed();
  await rig.send(10);
  assertEquals((await first).value?.values[0], 10);
  const ended = history.return!();
  await rig.unsubscribed(11);
  await rig.complete();
  await rig.subscribed();
  await ended;
  await rig.send(2);
  assertEquals([rig.live, droppedBy(rig.subscriber)], [[1, 2], { unexpectedResponse: 1 }]);
});

Deno.test("data behind the end of history, and another end: counted, and no part of what is live", async () => {
  await using rig = await Rig.start();
  const values: number[] = [];
  const reading = rig.read({}, values);
  await rig.unsubscribed(1);
  await rig.subscribed();
  await rig.send(10);
  await rig.complete();
  await rig.send(11);
  await rig.complete();
  await rig.send(12);
  await rig.subscribed();
  assertEquals(await reading, [10]);
  await rig.send(2);
  assertEquals([rig.live, droppedBy(rig.subscriber)], [[1, 2], { unexpectedResponse: 2 }]);
});

Deno.test("a publisher without history refuses, and live data goes on", async () => {
  await using rig = await Rig.start();
  const reading = assertRejects(() => rig.read(), SttpError, "no history here");
  await rig.unsubscribed(1);
  await rig.publisher.next(Command.Subscribe);
  await rig.publisher.respond(Response.Failed, Command.Subscribe, "no history here");
  await rig.subscribed();
  assertEquals((await reading).code, "Refused");
  await rig.send(2);
  assertEquals(rig.live, [1, 2]);
});

Deno.test("a publisher that does not answer Unsubscribe, and history that is aborted before it is accepted", async () => {
  await using rig = await Rig.start();
  const stop = new AbortController();
  const reading = assertRejects(() => rig.read({ signal: stop.signal }), SttpError);
  await rig.publisher.next(Command.Unsubscribe);
  rig.clock.advance(1000);
  assertEquals((await rig.publisher.nextSubscribe()).startTimeConstraint !== "", true);
  // Still live.
  await rig.send(1);
  stop.abort();
  await settle();
  await rig.publisher.next(Command.Unsubscribe);
  // It came about all the same.
  await rig.publisher.subscribed([1, 2], { cacheIndex: 1 });
  await settle();
  await rig.publisher.send(compactFrame(batchOf([0], 10), 0x10));
  await rig.publisher.respond(Response.Succeeded, Command.Unsubscribe);
  await rig.publisher.next(Command.Subscribe);
  await rig.publisher.subscribed([1, 2], { cacheIndex: 0 });
  assertEquals((await reading).code, "Aborted");
  await rig.publisher.send(compactFrame(batchOf([0], 2)));
  await settle();
  assertEquals([rig.live, droppedBy(rig.subscriber)], [[1, 2], { unexpectedResponse: 1 }]);
});

Deno.test("what is asked for meanwhile comes afterwards; so does another reading", async () => {
  await using rig = await Rig.start();
  const first = rig.read({ filter: "first" });
  await rig.unsubscribed(1);
  const second = rig.read({ filter: "second" });
  assertEquals((await rig.subscribed()).filterExpression, "first");
  await rig.subscriber.subscribe({ filter: "other" });
  await rig.publisher.respond(Response.ConfigurationChanged, Command.Subscribe);
  await rig.send(10);
  const changing = rig.subscriber.updateProcessingInterval(33);
  await rig.publisher.next(Command.UpdateProcessingInterval);
  await rig.publisher.respond(Response.Succeeded, Command.UpdateProcessingInterval);
  await changing;
  await rig.complete();
  assertEquals((await rig.subscribed()).filterExpression, "other");
  assertEquals(await first, [10]);
  await rig.unsubscribed(2);
  assertEquals((await rig.subscribed()).filterExpression, "second");
  await rig.send(20);
  await rig.subscriber.unsubscribe();
  await rig.complete();
  assertEquals(await second, [20]);
  await settle();
  // Nothing is wanted live any more.
  await rig.publisher.respond(Response.NoOP, Command.Subscribe);
  const { throttled, processingInterval } = rig.subscriber.subscription;
  assertEquals([rig.live, throttled, processingInterval], [[1, 2], true, undefined]);
});

Deno.test("the connection is lost meanwhile: the reading fails, and the next connection is live", async () => {
  await using rig = await Rig.start();
  const reading = assertRejects(() => rig.read(), SttpError);
  await rig.unsubscribed(1);
  await rig.subscribed();
  rig.publisher.channel.close();
  assertEquals((await reading).code, "ConnectionLost");
  assertEquals((await assertRejects(() => rig.read(), SttpError)).code, "Closed");
  await rig.connect();
  await rig.send(2);
  assertEquals(rig.live, [1, 2]);

  // A reader that leaves off without a word.
  const history = rig.subscriber.history({ start: 1n });
  const pending = history.next();
  await rig.unsubscribed(3);
  await rig.subscribed();
  await rig.send(10);
  await pending;
  await rig.connect();
  await rig.send(4);
  assertEquals(rig.live, [1, 2, 3, 4]);
});

Deno.test("history that falls silent is ended, and live data goes on", async () => {
  await using rig = await Rig.start({ heartbeatTimeout: 0 });
  const values: number[] = [];
  const reading = assertRejects(() => rig.read({}, values), SttpError, "after 1 measurements");
  await rig.unsubscribed(1);
  await rig.subscribed();
  await rig.send(10);
  rig.clock.advance(60_000);
  await rig.unsubscribed(11);
  await rig.complete();
  await rig.subscribed();
  assertEquals((await reading).code, "TimedOut");
  await rig.send(2);
  assertEquals([values, rig.live, droppedBy(rig.subscriber)], [[10], [1, 2], { unexpectedResponse: 1 }]);
});

Deno.test("history may be silent while its pace is such that it has pauses", async () => {
  await using rig = await Rig.start({ heartbeatTimeout: 0 });
  const change = async (interval: number): Promise<void> => {
    const changing = rig.subscriber.updateProcessingInterval(interval);
    await rig.publisher.next(Command.UpdateProcessingInterval);
    await rig.publisher.respond(Response.Succeeded, Command.UpdateProcessingInterval);
    await changing;
  };
  const reading = assertRejects(() => rig.read(), SttpError);
  await rig.unsubscribed(1);
  await rig.subscribed();
  rig.clock.advance(59_999);
  await change(3_600_000);
  rig.clock.advance(3_600_000);
  await rig.publisher.respond(Response.NoOP, Command.Subscribe);
  // From then on it counts, not before.
  await change(0);
  rig.clock.advance(59_999);
  await rig.send(10);
  rig.clock.advance(59_999);
  await settle();
  rig.clock.advance(1);
  await rig.unsubscribed(11);
  await rig.subscribed();
  assertEquals((await reading).code, "TimedOut");
});

Deno.test("a gap that the publisher does not answer for is not asked for again, and live data goes on", async () => {
  await using rig = await Rig.start(recovering);
  for (const answers of [false, true]) {
    await rig.send(1);
    await rig.lose();
    await rig.unsubscribed(3);
    // The one says nothing at all, the other no more than that.
    if (answers) await rig.subscribed();
    else await rig.publisher.next(Command.Subscribe);
    rig.clock.advance(30_000);
    await settle();
    await rig.publisher.next(Command.Unsubscribe);
    await rig.publisher.respond(Response.Succeeded, Command.Unsubscribe);
    await rig.subscribed();
    await rig.send(4);
    rig.clock.advance(1_000_000);
    await rig.send(5);
  }
  const failures = rig.events.filter((event) => event.kind === "recoveryFailed");
  assertEquals(failures.map(({ error, isTriedAgain }) => [error.code, isTriedAgain]), [
    ["TimedOut", false],
    ["TimedOut", false],
  ]);
  assertEquals(failures.map(({ error }) => error.message.slice(0, 22)), [
    "no answer to Subscribe",
    "the publisher sent not",
  ]);
});

Deno.test("with another address for history live data goes on", async () => {
  const [near, far] = createChannelPair();
  const addresses: string[] = [];
  await using rig = await Rig.start({
    historyAddress: "archive:7165",
    connector: (address) => {
      addresses.push(address);
      return Promise.resolve(near);
    },
  });
  const archive = new ScriptedPublisher(far);
  const reading = rig.read();
  await archive.accept([1]);
  await archive.send(compactFrame(batchOf([0], 10)));
  await archive.respond(Response.ProcessingComplete, Command.Subscribe);
  await rig.send(1);
  assertEquals([await reading, rig.live, addresses], [[10], [1], ["archive:7165"]]);
});

Deno.test("what history kept from coming live is a gap, too", async () => {
  const recovered: number[] = [];
  await using rig = await Rig.start({
    throttled: false,
    gapRecovery: {
      onRecovered: ({ values, length }) => void recovered.push(...values.subarray(0, length)),
      settleTime: 1000,
    },
  });
  const reading = rig.read();
  await rig.unsubscribed(1);
  await rig.subscribed();
  await rig.complete();
  await rig.subscribed();
  await reading;
  await rig.publisher.send(compactFrame(batchOf([0], 2, start + 50n)));
  await settle();
  rig.clock.advance(1000);
  await rig.unsubscribed(3);
  const { startTimeConstraint, stopTimeConstraint } = await rig.subscribed();
  assertEquals([startTimeConstraint, stopTimeConstraint], [formatTicks(start), formatTicks(start + 50n)]);
  await rig.publisher.send(compactFrame(batchOf([0, 0, 0], 10, start), 0x10));
  await rig.complete();
  await rig.subscribed();
  assertEquals([rig.live, recovered], [[1, 2, 3], [11, 12]]);
});

Deno.test("history that is aborted while live data is being ended: what is missed meanwhile is a gap", async () => {
  await using rig = await Rig.start({
    throttled: false,
    gapRecovery: { onRecovered: () => {}, settleTime: 1000 },
  });
  const stop = new AbortController();
  const reading = assertRejects(() => rig.read({ signal: stop.signal }), SttpError);
  await rig.publisher.next(Command.Unsubscribe);
  stop.abort();
  await settle();
  // Before the answer it is still live.
  await rig.send(1);
  await rig.publisher.respond(Response.Succeeded, Command.Unsubscribe);
  await rig.subscribed();
  assertEquals((await reading).code, "Aborted");
  await rig.publisher.send(compactFrame(batchOf([0], 2, start + 50n), 0x10));
  await settle();
  rig.clock.advance(1000);
  await rig.unsubscribed(3);
  const { startTimeConstraint, stopTimeConstraint } = await rig.subscribed();
  assertEquals([startTimeConstraint, stopTimeConstraint], [formatTicks(start), formatTicks(start + 50n)]);
  await rig.complete();
  await rig.subscribed();
  assertEquals(rig.live, [1, 2, 3]);
});

Deno.test("history that waits for its turn hears at once that it is aborted, and others go on", async () => {
  await using rig = await Rig.start();
  const first = rig.read({ filter: "first" });
  await rig.unsubscribed(1);
  await rig.subscribed();
  const stop = new AbortController();
  const second = assertRejects(() => rig.read({ filter: "second", signal: stop.signal }), SttpError);
  const third = rig.read({ filter: "third" });
  await settle();
  stop.abort();
  assertEquals((await second).code, "Aborted");
  await rig.complete();
  await rig.subscribed();
  assertEquals(await first, []);
  await rig.unsubscribed(2);
  assertEquals((await rig.subscribed()).filterExpression, "third");
  await rig.complete();
  await rig.subscribed();
  assertEquals(await third, []);
});

Deno.test("a publisher that does not answer when live data is to go on loses the connection; the next is live", async () => {
  await using rig = await Rig.start({ commandTimeout: 1000 });
  const reading = rig.read();
  await rig.unsubscribed(1);
  await rig.subscribed();
  await rig.send(10);
  await rig.complete();
  await rig.publisher.next(Command.Subscribe);
  rig.clock.advance(1000);
  assertEquals(await reading, [10]);
  assertEquals(await rig.publisher.nextOrEnd(), undefined);
  await settle();
  const lost = rig.events.find((event) => event.kind === "connectionLost");
  assertEquals([lost?.error.code, rig.subscriber.state], ["TimedOut", "listening"]);
  await rig.connect();
  await rig.send(2);
  assertEquals([rig.live, rig.subscriber.state], [[1, 2], "connected"]);
});

Deno.test("a publisher that refuses live data after history keeps the connection", async () => {
  await using rig = await Rig.start();
  const reading = rig.read();
  await rig.unsubscribed(1);
  await rig.subscribed();
  await rig.complete();
  await rig.publisher.next(Command.Subscribe);
  await rig.publisher.respond(Response.Failed, Command.Subscribe, "no longer");
  assertEquals(await reading, []);
  await rig.publisher.respond(Response.ConfigurationChanged, Command.Subscribe);
  await rig.subscribed();
  await rig.send(2);
  const failed = rig.events.find((event) => event.kind === "subscribeFailed");
  assertEquals([failed?.error.code, rig.live, rig.subscriber.state], ["Refused", [1, 2], "connected"]);
});

for (const isAborted of [false, true]) {
  const why = isAborted ? "is aborted" : "took too long";
  Deno.test(`history that ${why}: its late answer is not taken for that of live data`, async () => {
    await using rig = await Rig.start({ heartbeatTimeout: 0, commandTimeout: 30_000 });
    const stop = new AbortController();
    const reading = assertRejects(() => rig.read({ signal: stop.signal }), SttpError);
    await rig.unsubscribed(1);
    await rig.publisher.next(Command.Subscribe);
    if (isAborted) stop.abort();
    else rig.clock.advance(30_000);
    await rig.publisher.next(Command.Unsubscribe);
    // The publisher still searches its archive.
    rig.clock.advance(29_000);
    await rig.publisher.subscribed([1, 2], { cacheIndex: 1 });
    await rig.publisher.send(compactFrame(batchOf([0], 10), 0x10));
    await settle();
    await rig.publisher.respond(Response.Succeeded, Command.Unsubscribe);
    await rig.publisher.next(Command.Subscribe);
    await rig.publisher.send(compactFrame(batchOf([0], 11), 0x10));
    await rig.publisher.subscribed([1, 2], { cacheIndex: 0 });
    assertEquals((await reading).code, isAborted ? "Aborted" : "TimedOut");
    await rig.publisher.send(compactFrame(batchOf([0], 2)));
    await settle();
    const { unexpectedResponse } = droppedBy(rig.subscriber);
    // Both values; and the answer that came too late to be waited for.
    assertEquals([rig.live, unexpectedResponse], [[1, 2], isAborted ? 2 : 3]);
  });
}

Deno.test("a publisher that answers late and Unsubscribe never: live data goes on a second after the late answer", async () => {
  await using rig = await Rig.start({ heartbeatTimeout: 0, commandTimeout: 30_000 });
  const reading = assertRejects(() => rig.read(), SttpError);
  await rig.unsubscribed(1);
  await rig.publisher.next(Command.Subscribe);
  rig.clock.advance(30_000);
  await rig.publisher.next(Command.Unsubscribe);
  rig.clock.advance(20_000);
  await rig.publisher.respond(Response.Failed, Command.Subscribe, "too much");
  await settle();
  rig.clock.advance(1000);
  await rig.publisher.next(Command.Subscribe);
  await rig.publisher.subscribed([1, 2], { cacheIndex: 1 });
  assertEquals((await reading).code, "TimedOut");
  await rig.publisher.send(compactFrame(batchOf([0], 2), 0x10));
  await settle();
  assertEquals([rig.live, rig.subscriber.state], [[1, 2], "connected"]);
});

Deno.test("a publisher that answers everything late, in order: no history comes as live data", async () => {
  await using rig = await Rig.start({ heartbeatTimeout: 0, commandTimeout: 30_000 });
  const reading = assertRejects(() => rig.read(), SttpError);
  await rig.publisher.next(Command.Unsubscribe);
  await rig.send(1);
  rig.clock.advance(1000);
  await rig.publisher.next(Command.Subscribe);
  rig.clock.advance(30_000);
  await rig.publisher.next(Command.Unsubscribe);
  // The answer to the first Unsubscribe is not that to the second.
  await rig.publisher.respond(Response.Succeeded, Command.Unsubscribe);
  await settle();
  await rig.publisher.subscribed([1, 2], { cacheIndex: 1 });
  await rig.publisher.send(compactFrame(batchOf([0], 10), 0x10));
  await settle();
  await rig.publisher.respond(Response.Succeeded, Command.Unsubscribe);
  await rig.publisher.next(Command.Subscribe);
  await rig.publisher.subscribed([1, 2], { cacheIndex: 0 });
  await rig.publisher.send(compactFrame(batchOf([0], 2)));
  await settle();
  assertEquals([(await reading).code, rig.live], ["TimedOut", [1, 2]]);
});

Deno.test("a publisher that answers neither history nor its end loses one connection for it, not each", async () => {
  await using rig = await Rig.start(recovering);
  await rig.send(1);
  await rig.lose();
  await rig.unsubscribed(3);
  await rig.publisher.next(Command.Subscribe);
  rig.clock.advance(30_000);
  await rig.publisher.next(Command.Unsubscribe);
  rig.clock.advance(30_000);
  assertEquals(await rig.publisher.nextOrEnd(), undefined);
  await settle();
  const told = rig.events.filter(({ kind }) => kind === "recoveryFailed" || kind === "connectionLost");
  assertEquals(told.map((event) => [event.kind, (event as { isTriedAgain?: boolean }).isTriedAgain]), [
    ["connectionLost", undefined],
    ["recoveryFailed", false],
    ["connectionLost", undefined],
  ]);
  // The next one is not asked for history.
  await rig.connect();
  await rig.publisher.send(compactFrame(batchOf([0], 4, start + 90n)));
  await settle();
  rig.clock.advance(1_000_000);
  await settle();
  const command = rig.subscriber.sendUserCommand(0);
  await rig.publisher.next(Command.UserCommand00);
  await rig.publisher.respond(Response.Succeeded, Command.UserCommand00);
  await command;
  // It was lost for something else: the one after it is.
  await rig.lose();
  await rig.unsubscribed(6);
  assertEquals((await rig.subscribed()).startTimeConstraint, formatTicks(start));
  await rig.complete();
});

Deno.test("live data that comes late, when Unsubscribe was given up: the turn of history is a gap all the same", async () => {
  await using rig = await Rig.start(recovering);
  let cache = 0;
  /** Takes a Subscribe, accepts it, and tells the times that it asks for, from the start on. */
  const asked = async (): Promise<string> => {
    const request = await rig.publisher.nextSubscribe();
    await rig.publisher.subscribed([1, 2], { cacheIndex: cache = 1 - cache });
    await settle();
    return `${request.startTimeConstraint} ${request.stopTimeConstraint}`;
  };
  const send = async (value: number, ticks: bigint): Promise<void> => {
    await rig.publisher.send(compactFrame(batchOf([0], value, start + ticks), cache === 1 ? 0x10 : 0));
    await settle();
  };
  const times = (from: bigint, to: bigint): string =>
    `${formatTicks(start + from)} ${formatTicks(start + to)}`;
  await send(1, 0n);
  // Unsubscribe is not answered, and what was sent before it takes long to come; so it is in each turn.
  let last = 10n;
  const turn = async (seconds: number, ranges: number): Promise<string[]> => {
    const asks: string[] = [];
    await rig.publisher.next(Command.Unsubscribe);
    rig.clock.advance(1000);
    await settle();
    await send(2, last);
    // Longer than the settle time, too.
    rig.clock.advance(5000);
    await settle();
    for (let i = 0; i < ranges; i++) {
      asks.push(await asked());
      rig.clock.advance(1000 * seconds);
      await rig.complete();
      await settle();
    }
    assertEquals(await asked(), " ");
    await send(3, last += 1000n);
    rig.clock.advance(1000);
    await settle();
    last += 10n;
    return asks;
  };
  const reading = rig.read({ stop: 2n });
  assertEquals((await turn(50, 1)).length, 1);
  await reading;
  // The gap is from what came last to what comes first after it.
  const asks = await turn(1, 2);
  assertEquals(asks, [times(0n, 10n), times(10n, 1010n)]);
  // Its own turns become no shorter, so they come to an end.
  await turn(1, 2);
  rig.clock.advance(1_000_000);
  await send(4, last);
  const { open, filled } = rig.subscriber.stats().gaps;
  assertEquals([open, filled, rig.subscriber.state], [2, 4, "connected"]);
});

Deno.test("a connection that is lost while onRecovered is busy is not there any more", async () => {
  const busy = Promise.withResolvers<void>();
  await using rig = await Rig.start({
    ...recovering,
    gapRecovery: { ...recovering.gapRecovery, onRecovered: () => busy.promise },
  });
  await rig.send(1);
  await rig.lose(100n);
  await rig.unsubscribed(3);
  await rig.subscribed();
  await rig.publisher.send(compactFrame(batchOf([0], 50, start + 50n), 0x10));
  await settle();
  rig.publisher.channel.close();
  await settle();
  assertEquals(rig.subscriber.peer, undefined);
  await rig.subscriber.unsubscribe();
  await rig.subscriber.subscribe({ filter: "other" });
  busy.resolve();
  await settle();
  const [near, far] = createChannelPair();
  rig.subscriber.serve(near);
  const next = new ScriptedPublisher(far);
  await next.next(Command.DefineOperationalModes);
  assertEquals(
    (await next.nextSubscribe()).filterExpression,
    "other",
  );
});
