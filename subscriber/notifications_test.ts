import { assertEquals } from "@std/assert";
import { ManualClock } from "../transport/clock.ts";
import { Command, Response } from "../transport/wire/codes.ts";
import { decodeNotificationHash, encodeNotification } from "../transport/wire/notification.ts";
import { Subscriber } from "./subscriber.ts";
import { ScriptedConnector, type ScriptedPublisher, settle } from "./testdata/scripted_publisher.ts";

class Fixture implements AsyncDisposable {
  readonly clock = new ManualClock();
  readonly connector = new ScriptedConnector();
  readonly subscriber: Subscriber;

  constructor(onNotification?: (text: string) => void | Promise<void>) {
    this.subscriber = new Subscriber({
      autoRequestMetadata: false,
      autoSubscribe: false,
      clock: this.clock,
      connector: this.connector.connect,
      ...onNotification && { onNotification },
    });
  }

  async connected(): Promise<ScriptedPublisher> {
    if (this.subscriber.state === "idle") await this.subscriber.connect();
    const publisher = await this.connector.accept();
    await publisher.next(Command.DefineOperationalModes);
    return publisher;
  }

  async reconnected(before: ScriptedPublisher): Promise<ScriptedPublisher> {
    before.channel.close();
    await settle();
    this.clock.advance(60_000);
    return await this.connected();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.subscriber.disconnect();
    assertEquals(this.clock.pending, 0);
  }
}

function notify(publisher: ScriptedPublisher, hash: number, text: string): Promise<void> {
  return publisher.respond(Response.Notify, Command.Subscribe, encodeNotification({ hash, text }, "utf-8"));
}

async function confirmed(publisher: ScriptedPublisher): Promise<number> {
  return decodeNotificationHash((await publisher.next(Command.ConfirmNotification)).body);
}

Deno.test("a notification is an event, and is confirmed by its hash", async () => {
  await using fixture = new Fixture();
  const status = fixture.subscriber.status();
  const publisher = await fixture.connected();
  await notify(publisher, 0xdeadbeef, "Z\u00fcrich");
  assertEquals(await confirmed(publisher), 0xdeadbeef);
  // The same once more on the same connection: a publisher may make the hash of the text.
  await notify(publisher, 0xdeadbeef, "Z\u00fcrich");
  assertEquals(await confirmed(publisher), 0xdeadbeef);
  assertEquals(fixture.subscriber.stats().notifications, 2);
  await fixture.subscriber.disconnect();
  const texts: string[] = [];
  for await (const event of status) if (event.kind === "notification") texts.push(event.text);
  assertEquals(texts, ["Z\u00fcrich", "Z\u00fcrich"]);
});

Deno.test("one that comes again over the next connection is confirmed, and not handed over twice", async () => {
  const texts: string[] = [];
  await using fixture = new Fixture((text) => void texts.push(text));
  let publisher = await fixture.connected();
  await notify(publisher, 1, "one");
  await confirmed(publisher);
  publisher = await fixture.reconnected(publisher);
  await notify(publisher, 1, "one");
  await notify(publisher, 1, "another");
  assertEquals([await confirmed(publisher), await confirmed(publisher)], [1, 1]);
  assertEquals(texts, ["one", "another"]);
  assertEquals(fixture.subscriber.stats().dropped.repeatedNotification, 1);
});

Deno.test("one that the application fails at is not confirmed, and comes again", async () => {
  const texts: string[] = [];
  await using fixture = new Fixture((text) => {
    texts.push(text);
    if (texts.length === 1) throw new Error("no disk");
  });
  let publisher = await fixture.connected();
  await notify(publisher, 1, "one");
  await notify(publisher, 2, "two");
  assertEquals(await confirmed(publisher), 2);
  publisher = await fixture.reconnected(publisher);
  await notify(publisher, 1, "one");
  assertEquals(await confirmed(publisher), 1);
  assertEquals(texts, ["one", "two", "one"]);
  assertEquals(fixture.subscriber.stats().dropped.refusedNotification, 1);
});

Deno.test("a slow application: so many wait, none twice, and the rest is left to the publisher", async () => {
  const release = Promise.withResolvers<void>();
  const texts: string[] = [];
  await using fixture = new Fixture(async (text) => {
    await release.promise;
    texts.push(text);
  });
  let publisher = await fixture.connected();
  for (let i = 0; i < 20; i++) await notify(publisher, i, `${i}`);
  await settle();
  publisher = await fixture.reconnected(publisher);
  for (let i = 0; i < 100; i++) await notify(publisher, i, `${i}`);
  await settle();
  assertEquals(fixture.subscriber.stats().dropped.refusedNotification, 56);
  release.resolve();
  for (let i = 0; i < 44; i++) assertEquals(await confirmed(publisher), i);
  assertEquals(texts, Array.from({ length: 44 }, (_, i) => `${i}`));
});

Deno.test("the last 1,024 are known again, and none before them", async () => {
  const texts: string[] = [];
  await using fixture = new Fixture((text) => void texts.push(text));
  let publisher = await fixture.connected();
  for (let i = 0; i <= 1024; i++) {
    await notify(publisher, i, `${i}`);
    assertEquals(await confirmed(publisher), i);
  }
  publisher = await fixture.reconnected(publisher);
  for (const i of [1, 0]) {
    await notify(publisher, i, `${i}`);
    assertEquals(await confirmed(publisher), i);
  }
  assertEquals([texts.length, texts.at(-1)], [1026, "0"]);
  assertEquals(fixture.subscriber.stats().dropped.repeatedNotification, 1);
});

Deno.test("malformed and endless notifications are counted", async () => {
  await using fixture = new Fixture();
  const publisher = await fixture.connected();
  await publisher.respond(Response.Notify, Command.Subscribe, "abc");
  await notify(publisher, 1, "x".repeat(65_537));
  await notify(publisher, 2, "x".repeat(65_536));
  assertEquals(await confirmed(publisher), 2);
  assertEquals(fixture.subscriber.stats().dropped.malformedResponse, 2);
});
