/** Publishers that connect to subscribers that listen. */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { MemoryHistory } from "../../history/mod.ts";
import { Publisher, type PublisherOptions, type PublisherStatus } from "../../publisher/mod.ts";
import { Subscriber, SubscriberListener } from "../../subscriber/mod.ts";
import {
  connectTcp,
  DefaultOperationalModes,
  encodeCommand,
  listenTcp,
  SttpError,
} from "../../transport/mod.ts";
import { Command } from "../../transport/wire/codes.ts";
import { encodeOperationalModes } from "../../transport/wire/operational_modes.ts";
import { TcpProxy } from "../support/tcp_proxy.ts";
import { testCertificates } from "../support/tls.ts";
import { all, dropped, metadataOf, receive, Received, roundOf, ticksOf, until } from "./support.ts";

const hostname = "127.0.0.1";
const reconnect = { initialDelay: 1, maxDelay: 5 };

/** A publisher that does not listen, with signals `first` and on. */
async function publisherOf(size: number, first = 0, options: PublisherOptions = {}): Promise<Publisher> {
  const publisher = new Publisher({ listen: false, ...options });
  publisher.defineMetadata(metadataOf(size, first));
  await publisher.start();
  return publisher;
}

/** Waits until every subscription is confirmed, of which there must be so many. */
async function confirmed(publisher: Publisher, count: number): Promise<void> {
  await until(() =>
    publisher.stats().open.filter(({ subscription }) => subscription?.confirmed).length === count
  );
}

Deno.test("the publisher keeps connecting until somebody listens, and again when that one comes back", async () => {
  // An address and a port that nobody else is given.
  const hostname = "127.0.0.78";
  const port = 20_000 + crypto.getRandomValues(new Uint16Array(1))[0]! % 10_000;
  await using publisher = await publisherOf(20);
  const events: PublisherStatus[] = [];
  const status = publisher.status();
  (async () => {
    for await (const event of status) events.push(event);
  })();
  const link = publisher.connect(`${hostname}:${port}`, { reconnect });
  await until(() => events.filter(({ kind }) => kind === "reconnecting").length >= 3);
  assertEquals(publisher.stats().links[0]?.connections, 0);
  for (let time = 1; time <= 2; time++) {
    await using subscriber = new Subscriber({ filter: all });
    await subscriber.listen({ hostname, port });
    await until(() => publisher.stats().links[0]?.connections === time);
    await confirmed(publisher, 1);
    publisher.publish(roundOf(publisher, 20, time));
    assertEquals((await receive(subscriber, 20)).signals().length, 20);
    assertEquals(link.state, "connected");
  }
  await until(() => link.state === "waiting" || link.state === "connecting");
  await link.close();
  assertEquals([await link.closed, publisher.stats().links], [{ kind: "closed" }, []]);
  assertEquals(publisher.stats().connections.closed, { peerClosed: 2 });
});

Deno.test("several publishers into one application, over TLS; each subscriber outlives its connection", async () => {
  const { ca, authority, server } = await testCertificates();
  await using listener = new SubscriberListener({
    port: 0,
    hostname,
    tls: { ...server, ca },
    subscriber: { filter: all },
  });
  await listener.start();
  await using network = await TcpProxy.open(listener.port);
  const publishers: Publisher[] = [];
  for (let i = 0; i < 3; i++) {
    const own = await authority.issue({ name: `publisher ${i}` });
    const publisher = await publisherOf(10, 10 * i, { tls: { ...own, ca } });
    publisher.connect(network.address, { reconnect });
    publishers.push(publisher);
  }
  const subscribers = new Map<string, Subscriber>();
  for await (const subscriber of listener) {
    subscribers.set(subscriber.peer!.certificate!.name, subscriber);
    if (subscribers.size === 3) break;
  }
  for (let round = 1; round <= 3; round++) {
    for (const [i, publisher] of publishers.entries()) {
      await until(() => publisher.stats().links[0]?.connections === round);
      await confirmed(publisher, 1);
      publisher.publish(roundOf(publisher, 10, round, 10 * i));
      const subscriber = subscribers.get(`publisher ${i}`)!;
      const received = await receive(subscriber, 10);
      assertEquals(received.signals(), Array.from({ length: 10 }, (_, n) => 10 * i + n));
      assertEquals(subscriber.stats().connections, round);
    }
    if (round < 3) network.cut();
  }
  const { publishers: known, connections, refused } = listener.stats();
  assertEquals([known, connections, refused], [3, 9, {}]);
  for (const publisher of publishers) await publisher.stop({ drain: 0 });
  await until(() => listener.stats().connected === 0);
});

Deno.test("one publisher to several listening subscribers, and to those who come by themselves", async () => {
  const publisher = new Publisher({ hostname, port: 0, maxConnections: 1 });
  publisher.defineMetadata(metadataOf(10));
  await publisher.start();
  const listening = Array.from({ length: 3 }, () => new Subscriber({ filter: all }));
  for (const subscriber of listening) {
    publisher.connect((await subscriber.listen({ hostname, port: 0 })).address);
  }
  await confirmed(publisher, 3);
  // Links are not counted to the limit.
  await using coming = new Subscriber({ filter: all });
  await coming.connect(publisher.address);
  await confirmed(publisher, 4);
  await using refused = new Subscriber({ filter: all });
  const { code } = await assertRejects(() => refused.connect(publisher.address), SttpError);
  assertEquals(code, "Refused");
  publisher.publish(roundOf(publisher, 10, 1));
  for (const subscriber of [...listening, coming]) {
    assertEquals((await receive(subscriber, 10)).signals().length, 10);
  }
  const directions = publisher.stats().open.filter(({ state }) => state !== "leaving")
    .map(({ direction }) => direction).sort();
  assertEquals(directions, ["incoming", "outgoing", "outgoing", "outgoing"]);
  assertEquals(publisher.stats().groups.length, 1);
  await publisher.stop();
  assertEquals(publisher.stats().links, []);
  for (const subscriber of listening) await subscriber.disconnect();
});

Deno.test("disconnect() ends a link, stop() ends all of them, and there are none before start()", async () => {
  await using subscriber = new Subscriber({ filter: all });
  const { address } = await subscriber.listen({ hostname, port: 0 });
  const publisher = new Publisher({ listen: false });
  assertThrows(() => publisher.connect(address), SttpError, "stopped, not running");
  await publisher.start();
  assertThrows(() => publisher.connect("no address:x"), TypeError);
  assertThrows(() => publisher.address, SttpError, "does not listen");

  const first = publisher.connect(address, { reconnect });
  await confirmed(publisher, 1);
  publisher.disconnect(1, "not needed");
  assertEquals(await first.closed, { kind: "refused", message: "not needed" });

  const second = publisher.connect(address, { reconnect });
  await confirmed(publisher, 1);
  await publisher.stop();
  assertEquals([await second.closed, second.state], [{ kind: "closed" }, "closed"]);
  assertThrows(() => publisher.connect(address), SttpError);
});

Deno.test("a subscriber that speaks a version which is not supported is refused, and not connected to again", async () => {
  const listener = listenTcp({ hostname, port: 0 });
  await using publisher = await publisherOf(1);
  const link = publisher.connect(listener.address, { reconnect });
  const channel = (await listener.accept())!;
  const modes = encodeOperationalModes({ ...DefaultOperationalModes, version: 9 });
  await channel.write(encodeCommand(Command.DefineOperationalModes, modes));
  const end = await link.closed;
  assertEquals([end.kind, publisher.stats().connections.closed], ["refused", { unsupported: 1 }]);
  channel.close();
  listener.close();
});

Deno.test("somebody who does not speak STTP is tried again, as is somebody who is not trusted", async () => {
  const { ca, client, server, foreign } = await testCertificates();
  const web = Deno.serve({ hostname, port: 0, onListen: () => {} }, () => new Response("hello"));
  await using publisher = await publisherOf(1, 0, { tls: { ...client, ca }, handshakeTimeout: 50 });
  const plain = publisher.connect(`${hostname}:${web.addr.port}`, { tls: false, reconnect });
  await until(() => (publisher.stats().links[0]?.connections ?? 0) >= 2);
  await plain.close();
  await web.shutdown();

  let own = foreign;
  await using subscriber = new Subscriber({ filter: all, tls: () => ({ ...own, ca }) });
  const { address } = await subscriber.listen({ hostname, port: 0 });
  const link = publisher.connect(address, { reconnect });
  await until(() => (publisher.stats().connections.handshakesFailed.untrusted ?? 0) >= 2);
  await until(() => (subscriber.stats().refused.closed ?? 0) >= 2);
  own = server;
  await until(() => link.state === "connected" && subscriber.state === "connected");
});

Deno.test("who is not trusted by a listening subscriber is turned away with a reason", async () => {
  const { ca, client, server, expired } = await testCertificates();
  await using subscriber = new Subscriber({ filter: all, tls: { ...server, ca } });
  const { address, port } = await subscriber.listen({ hostname, port: 0 });
  await using stranger = await publisherOf(1, 0, { tls: { ...expired, ca } });
  stranger.connect(address, { reconnect: false });
  await until(() => subscriber.stats().refused.expired === 1);
  const plain = await connectTcp({ hostname, port });
  await plain.write(new TextEncoder().encode("hello, is there anybody?"));
  await until(() => subscriber.stats().refused.notTls === 1);
  plain.close();
  await using publisher = await publisherOf(1, 0, { tls: { ...client, ca } });
  publisher.connect(address);
  await until(() => subscriber.state === "connected");
});

Deno.test("history of several publishers that connect, each over its connection, in turn with live data", async () => {
  await using listener = new SubscriberListener({
    port: 0,
    hostname,
    subscriber: { filter: all },
    // Not to be taken for one another.
    identify: ({ address }) => address,
  });
  await listener.start();
  const size = 10;
  for (let i = 0; i < 2; i++) {
    const publisher = await publisherOf(size, size * i, { history: new MemoryHistory() });
    for (let round = 0; round < 5; round++) publisher.publish(roundOf(publisher, size, round, size * i));
    publisher.connect(listener.address, { reconnect });
    await confirmed(publisher, 1);
    const { value: subscriber }: IteratorResult<Subscriber> = await listener[Symbol.asyncIterator]().next();
    const found = new Received();
    for await (const batch of subscriber.history({ start: ticksOf(1), stop: ticksOf(3) })) {
      found.add(subscriber, batch);
    }
    assertEquals(found.signals(), Array.from({ length: size }, (_, n) => size * i + n));
    assertEquals([...found.rounds.values()], Array(size).fill([1, 2, 3]));
    // Live again.
    await confirmed(publisher, 1);
    publisher.publish(roundOf(publisher, size, 7, size * i));
    const live = await receive(subscriber, size);
    assertEquals([...live.rounds.values()], Array(size).fill([7]));
    assertEquals([subscriber.stats().connections, dropped(subscriber)], [1, {}]);
    await publisher.stop({ drain: 0 });
    await until(() => subscriber.state === "listening");
    const { code } = await assertRejects(() => subscriber.history({ start: "*-1h" }).next(), SttpError);
    assertEquals(code, "Closed");
  }
});
