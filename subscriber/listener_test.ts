import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import type { Channel, ChannelListener, PeerInfo } from "../transport/channel.ts";
import { ManualClock } from "../transport/clock.ts";
import { SttpError } from "../transport/errors.ts";
import { Command, Response } from "../transport/wire/codes.ts";
import { until } from "../tests/integration/support.ts";
import { metadataXml } from "./testdata/fixture.ts";
import { createChannelPair } from "../transport/memory_channel.ts";
import {
  SubscriberListener,
  type SubscriberListenerOptions,
  type SubscriberListenerStatus,
} from "./listener.ts";
import type { Subscriber } from "./subscriber.ts";
import { ScriptedPublisher, settle } from "./testdata/scripted_publisher.ts";

/** A listener in memory, with its events, and publishers that connect from any address with any certificate. */
class Rig implements AsyncDisposable {
  readonly listener: SubscriberListener;
  readonly events: SubscriberListenerStatus[] = [];
  readonly clock: ManualClock = new ManualClock();
  readonly #publishers: ScriptedPublisher[] = [];
  #accept: PromiseWithResolvers<Channel | null> = Promise.withResolvers();

  private constructor(options: SubscriberListenerOptions) {
    this.listener = new SubscriberListener({
      subscriber: { autoRequestMetadata: false, filter: "x" },
      listen: (): ChannelListener => ({
        address: "memory:0",
        port: 7,
        accept: () => this.#accept.promise,
        close: () => this.#accept.resolve(null),
      }),
      clock: this.clock,
      ...options,
    });
    const status = this.listener.status();
    (async () => {
      for await (const event of status) this.events.push(event);
    })();
  }

  static async start(options: SubscriberListenerOptions = {}): Promise<Rig> {
    const rig = new Rig(options);
    await rig.listener.start();
    return rig;
  }

  /** Something happens to the listener. */
  async happens(outcome: Channel | Error): Promise<void> {
    const accepted = this.#accept;
    this.#accept = Promise.withResolvers();
    if (outcome instanceof Error) accepted.reject(outcome);
    else accepted.resolve(outcome);
    await settle();
  }

  /** A publisher connects. */
  async connect(address = "192.0.2.1:1000", name?: string): Promise<ScriptedPublisher> {
    const [near, far] = createChannelPair();
    const peer: PeerInfo = name === undefined
      ? { address }
      : { address, certificate: { name, fingerprint: `fingerprint of ${name}`, validTo: 0 } };
    await this.happens({
      peer,
      read: (into) => near.read(into),
      write: (bytes) => near.write(bytes),
      close: () => near.close(),
    });
    const publisher = new ScriptedPublisher(far);
    this.#publishers.push(publisher);
    return publisher;
  }

  /** A publisher connects, and is subscribed to. */
  async connected(address?: string, name?: string): Promise<ScriptedPublisher> {
    const publisher = await this.connect(address, name);
    await publisher.accept([1]);
    await settle();
    return publisher;
  }

  /** The events' kinds, with what they are about. */
  kinds(): string[] {
    return this.events.map((event) => {
      if (event.kind === "connected") return `${event.publisher.address} ${event.isNew ? "new" : "known"}`;
      return event.kind === "refused" ? `${event.address} ${event.reason}` : event.kind;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.listener.stop();
    for (const { channel } of this.#publishers) channel.close();
    assertEquals(this.clock.pending, 0);
  }
}

async function lose(publisher: ScriptedPublisher): Promise<void> {
  publisher.channel.close();
  await settle();
}

Deno.test("a subscriber for each publisher, given once", async () => {
  await using rig = await Rig.start();
  const { listener } = rig;
  assertEquals([listener.address, listener.port], ["memory:0", 7]);
  const given = listener[Symbol.asyncIterator]();
  const waiting = given.next();
  await rig.connected("192.0.2.1:1000");
  await rig.connected("192.0.2.2:1000");
  const first = (await waiting).value as Subscriber;
  const second = (await given.next()).value as Subscriber;
  assertEquals([first, second].map(({ peer }) => peer?.address), ["192.0.2.1:1000", "192.0.2.2:1000"]);
  assertEquals(listener.subscribers, [first, second]);
  const end = given.next();
  await listener.stop();
  assertEquals(await end, { value: undefined, done: true });
  assertEquals([first.state, second.state], ["idle", "idle"]);
  assertEquals(rig.kinds(), ["started", "192.0.2.1:1000 new", "192.0.2.2:1000 new", "stopped"]);
});

Deno.test("a publisher that comes back from the same host finds its subscriber, if it has been missed", async () => {
  await using rig = await Rig.start();
  const first = await rig.connected("192.0.2.1:1000");
  // Another one from there, while the first is connected.
  await rig.connected("192.0.2.1:1001");
  await lose(first);
  assertEquals(rig.listener.stats(), {
    address: "memory:0",
    publishers: 2,
    connected: 1,
    connections: 2,
    refused: {},
  });
  await rig.connected("192.0.2.1:1002");
  await rig.connected("192.0.2.3:1000");
  assertEquals(rig.kinds().slice(1), [
    "192.0.2.1:1000 new",
    "192.0.2.1:1001 new",
    "192.0.2.1:1002 known",
    "192.0.2.3:1000 new",
  ]);
  assertEquals(rig.listener.subscribers.map((subscriber) => subscriber.stats().connections).sort(), [
    1,
    1,
    2,
  ]);
});

Deno.test("a certificate tells who it is, from any host; its newest connection counts", async () => {
  await using rig = await Rig.start();
  const first = await rig.connected("192.0.2.1:1000", "SHELBY");
  await rig.connected("192.0.2.1:1001", "LOWELL");
  // The connection before may be dead without our knowing yet.
  await rig.connected("198.51.100.9:1000", "SHELBY");
  assertEquals(await first.nextOrEnd(), undefined);
  // Without a certificate it is somebody else.
  await rig.connected("192.0.2.1:1002");
  assertEquals(rig.kinds().slice(1), [
    "192.0.2.1:1000 new",
    "192.0.2.1:1001 new",
    "198.51.100.9:1000 known",
    "192.0.2.1:1002 new",
  ]);
  assertEquals(
    rig.listener.subscribers.map(({ peer }) => peer?.certificate?.name).sort(),
    ["LOWELL", "SHELBY", undefined],
  );
});

Deno.test("the application may tell who is who, what to subscribe to, and whom it does not want", async () => {
  const asked: string[] = [];
  await using rig = await Rig.start({
    identify: ({ address }) => address.endsWith("0") ? "even" : undefined,
    subscriber: ({ address }) => {
      asked.push(address);
      if (address.startsWith("198.")) return undefined;
      if (address.startsWith("203.")) throw new Error("the list can't be read");
      return { filter: `FILTER ${address}`, autoRequestMetadata: false };
    },
  });
  await rig.connect("192.0.2.1:10");
  await rig.connect("192.0.2.7:20");
  const unwanted = await rig.connect("198.51.100.1:11");
  const failed = await rig.connect("203.0.113.1:11");
  assertEquals([await unwanted.nextOrEnd(), await failed.nextOrEnd()], [undefined, undefined]);
  assertEquals(asked, ["192.0.2.1:10", "198.51.100.1:11", "203.0.113.1:11"]);
  assertEquals(rig.listener.subscribers.map(({ subscription }) => subscription.filter), [
    "FILTER 192.0.2.1:10",
  ]);
  assertEquals(rig.listener.stats().refused, { unwanted: 2 });
  assertEquals(rig.kinds().slice(1), [
    "192.0.2.1:10 new",
    "192.0.2.7:20 known",
    "198.51.100.1:11 unwanted",
    "203.0.113.1:11 unwanted",
  ]);
});

Deno.test("one more than allowed takes the place of the one that is away the longest, if any is", async () => {
  await using rig = await Rig.start({ maxPublishers: 2 });
  const given = rig.listener[Symbol.asyncIterator]();
  const first = await rig.connected("192.0.2.1:1");
  const second = await rig.connected("192.0.2.2:1");
  const third = await rig.connect("192.0.2.3:1");
  assertEquals(await third.nextOrEnd(), undefined);
  const [one, two] = [(await given.next()).value as Subscriber, (await given.next()).value as Subscriber];
  await lose(second);
  await lose(first);
  // The first came back in between: the second is away the longest.
  await lose(await rig.connected("192.0.2.1:2"));
  await rig.connected("192.0.2.3:2");
  assertEquals([one.state, two.state], ["listening", "idle"]);
  assertEquals(await two.closed, { kind: "disconnected" });
  assertEquals(rig.listener.stats(), {
    address: "memory:0",
    publishers: 2,
    connected: 1,
    connections: 4,
    refused: { tooMany: 1 },
  });
});

Deno.test("a newcomer takes the place of a stranger that says nothing, before that of a publisher that is away", async () => {
  await using rig = await Rig.start({ maxPublishers: 3 });
  await lose(await rig.connected("192.0.2.1:1"));
  const stranger = await rig.connect("198.51.100.1:1");
  await lose(await rig.connect("198.51.100.2:1"));
  const addresses = (): (string | undefined)[] => rig.listener.subscribers.map(({ peer }) => peer?.address);
  // First the stranger that is gone, then the one that says nothing.
  await rig.connected("192.0.2.2:1");
  assertEquals(addresses(), [undefined, "198.51.100.1:1", "192.0.2.2:1"]);
  await rig.connected("192.0.2.3:1");
  assertEquals(addresses(), [undefined, "192.0.2.2:1", "192.0.2.3:1"]);
  while (!stranger.ended) await stranger.nextOrEnd();
  // However many there are, the publisher that was away finds its subscriber again.
  await rig.connected("192.0.2.1:2");
  assertEquals(rig.kinds().at(-1), "192.0.2.1:2 known");
  for (let i = 1; i < 9; i++) await rig.connect(`198.51.100.1:${i}`);
  assertEquals(rig.listener.stats().refused, { tooMany: 8 });
});

Deno.test("strangers without end give way to each other, and never take a known publisher's place", async () => {
  await using rig = await Rig.start({ maxPublishers: 2 });
  await lose(await rig.connected("192.0.2.1:1"));
  for (let i = 1; i < 9; i++) await rig.connect(`198.51.100.${i}:1`);
  assertEquals(rig.listener.subscribers.map(({ peer }) => peer?.address), [undefined, "198.51.100.8:1"]);
  await rig.connected("192.0.2.1:2");
  assertEquals(rig.kinds().at(-1), "192.0.2.1:2 known");
});

Deno.test("strangers that are connected give way, whatever their subscribers have come to", async () => {
  // These ask for nothing by themselves, so that they are ready at once.
  const subscriber = { autoRequestMetadata: false, autoSubscribe: false };
  await using rig = await Rig.start({ maxPublishers: 2, subscriber });
  for (let i = 1; i < 4; i++) await rig.connect(`198.51.100.${i}:1`);
  assertEquals(rig.listener.subscribers.map(({ state }) => state), ["connected", "connected"]);
  assertEquals(rig.kinds().slice(1), ["198.51.100.1:1 new", "198.51.100.2:1 new", "198.51.100.3:1 new"]);
});

Deno.test("strangers that refuse the subscription give way before a publisher that is away", async () => {
  await using rig = await Rig.start({ maxPublishers: 2 });
  await lose(await rig.connected("192.0.2.1:1"));
  const stranger = await rig.connect("198.51.100.1:1");
  await stranger.next(Command.DefineOperationalModes);
  await stranger.next(Command.Subscribe);
  await stranger.respond(Response.Failed, Command.Subscribe, "no");
  await settle();
  await rig.connected("192.0.2.2:1");
  await rig.connected("192.0.2.1:2");
  assertEquals(rig.kinds().at(-1), "192.0.2.1:2 known");
});

Deno.test("who gave its metadata is known, although nothing was subscribed to", async () => {
  await using rig = await Rig.start({ maxPublishers: 2, subscriber: {} });
  const publisher = await rig.connect("192.0.2.1:1");
  await publisher.next(Command.DefineOperationalModes);
  await publisher.respond(Response.Succeeded, Command.DefineOperationalModes, "hello");
  await publisher.next(Command.MetadataRefresh);
  await publisher.respond(Response.Succeeded, Command.MetadataRefresh, metadataXml("SHELBY"));
  await until(() => rig.listener.subscribers[0]?.metadata !== undefined);
  await lose(publisher);
  for (let i = 1; i < 4; i++) await rig.connect(`198.51.100.${i}:1`);
  await rig.connect("192.0.2.1:2");
  assertEquals(rig.kinds().at(-1), "192.0.2.1:2 known");
});

Deno.test("connections from one address are counted, whatever their ports, and given back", async () => {
  await using rig = await Rig.start({ maxConnectionsPerAddress: 2 });
  const first = await rig.connected("192.0.2.1:1");
  await rig.connected("[::ffff:192.0.2.1]:2", "SHELBY");
  const third = await rig.connect("192.0.2.1:3");
  assertEquals(await third.nextOrEnd(), undefined);
  assertEquals(rig.listener.stats().refused, { perAddress: 1 });
  await rig.connected("192.0.2.2:3");
  // Who takes its own place is not one more.
  await rig.connected("192.0.2.1:4", "SHELBY");
  assertEquals(rig.listener.stats().refused, { perAddress: 1 });
  await lose(first);
  await rig.connected("192.0.2.1:5");
  await rig.connect("192.0.2.1:6");
  // Known ones count where they came from last.
  await rig.connected("192.0.2.9:1", "SHELBY");
  const lowell = await rig.connected("192.0.2.1:7", "LOWELL");
  // Nor does one that is away.
  await lose(lowell);
  await rig.connected("192.0.2.1:8", "CORDOVA");
  assertEquals(rig.kinds().slice(1), [
    "192.0.2.1:1 new",
    "[::ffff:192.0.2.1]:2 new",
    "192.0.2.1:3 perAddress",
    "192.0.2.2:3 new",
    "192.0.2.1:4 known",
    "192.0.2.1:5 known",
    "192.0.2.1:6 perAddress",
    "192.0.2.9:1 known",
    "192.0.2.1:7 new",
    "192.0.2.1:8 new",
  ]);
});

Deno.test("a subscriber that was forgotten or ended is not given any more", async () => {
  await using rig = await Rig.start({ maxPublishers: 2 });
  await lose(await rig.connected("192.0.2.1:1"));
  await rig.connected("192.0.2.2:1");
  await rig.connected("192.0.2.3:1");
  const [second] = rig.listener.subscribers;
  assertEquals(second?.peer?.address, "192.0.2.2:1");
  await second!.disconnect();
  await settle();
  assertEquals(rig.listener.stats().publishers, 1);
  const { value } = await rig.listener[Symbol.asyncIterator]().next();
  assertEquals((value as Subscriber).peer?.address, "192.0.2.3:1");
  // The publisher of the one that ended is new when it comes again.
  await rig.connected("192.0.2.2:2");
  assertEquals(rig.kinds().at(-1), "192.0.2.2:2 new");
});

Deno.test("a failure to take in a connection is reported, and is not the end", async () => {
  await using rig = await Rig.start();
  await rig.happens(new SttpError("ConnectionLost", "too many open files"));
  assertEquals(rig.events.at(-1), { kind: "acceptFailed", message: "too many open files" });
  rig.clock.advance(100);
  await settle();
  await rig.connected();
  assertEquals(rig.listener.stats().connections, 1);
});

Deno.test("starting and stopping, in every order", async () => {
  const listener = new SubscriberListener({ port: 0, hostname: "127.0.0.1" });
  assertEquals(await Array.fromAsync(listener), []);
  await listener.stop();
  assertThrows(() => listener.address, SttpError, "not started");
  for (let i = 0; i < 2; i++) {
    const starting = listener.start();
    await assertRejects(() => listener.start(), SttpError, "not stopped");
    await starting;
    const other = new SubscriberListener({ port: listener.port, hostname: "127.0.0.1" });
    const { code } = await assertRejects(() => other.start(), SttpError, listener.address);
    assertEquals(code, "ConnectFailed");
    await listener.stop();
  }
});

Deno.test("stopped while it starts, and by two at a time: nothing listens afterwards", async () => {
  const opened = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<null>();
  const listener = new SubscriberListener({
    listen: async () => {
      await opened.promise;
      return { address: "memory:0", port: 7, accept: () => closed.promise, close: () => {} };
    },
  });
  const starting = listener.start();
  const order: string[] = [];
  const stopping = [1, 2].map((n) => listener.stop().then(() => order.push(`stopped ${n}`)));
  opened.resolve();
  await starting;
  await until(() => listener.stats().address === null);
  stopping.push(listener.stop().then(() => order.push("stopped 3")));
  await assertRejects(() => listener.start(), SttpError, "not stopped");
  await settle();
  order.push("closed");
  closed.resolve(null);
  await Promise.all(stopping);
  assertEquals(order.toSorted(), ["closed", "stopped 1", "stopped 2", "stopped 3"]);
  assertEquals(order[0], "closed");
});

Deno.test("stopped while it starts, which fails: it can be started again", async () => {
  const opening = Promise.withResolvers<never>();
  const listener = new SubscriberListener({ listen: () => opening.promise });
  const starting = assertRejects(() => listener.start(), SttpError, "in use");
  const stopping = listener.stop();
  opening.reject(new SttpError("ConnectFailed", "the address is in use"));
  await starting;
  await stopping;
  await assertRejects(() => listener.start(), SttpError, "in use");
});

Deno.test("options are checked", () => {
  const wrong: [unknown, typeof TypeError | typeof RangeError, string][] = [
    [{ ports: 1 }, TypeError, '"ports"'],
    [{ port: "1" }, TypeError, '"port" must be a number'],
    [{ identify: "name" }, TypeError, "identify"],
    [{ maxPublishers: 0 }, RangeError, "maxPublishers"],
    [{ maxConnectionsPerAddress: 0 }, RangeError, "maxConnectionsPerAddress"],
    [{ maxPublishers: 1.5 }, RangeError, "maxPublishers"],
    [{ handshakeTimeout: 0 }, RangeError, "handshakeTimeout"],
    [{ subscriber: { filte: "x" } }, TypeError, "filte"],
    [{ tls: { ca: "nothing" } }, TypeError, "ca"],
  ];
  for (const [options, error, message] of wrong) {
    assertThrows(() => new SubscriberListener(options as SubscriberListenerOptions), error, message);
  }
});
