import { assertEquals, assertMatch, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { until } from "../tests/integration/support.ts";
import { withFolder } from "../tests/support/folder.ts";
import { fillDisk } from "../tests/support/full_disk.ts";
import { SttpError } from "../transport/errors.ts";
import { Command, Response } from "../transport/wire/codes.ts";
import {
  decodeNotification,
  encodeNotificationHash,
  type NotificationMessage,
} from "../transport/wire/notification.ts";
import { FileNotificationStore, type NotificationStore } from "./notification_store.ts";
import { identityOf } from "./notifications.ts";
import { Publisher } from "./publisher.ts";
import { Rig, type ScriptedPeer, settle } from "./testdata/rig.ts";

/** Notifications that came before the answer to Subscribe. */
const early = new WeakMap<ScriptedPeer, NotificationMessage[]>();

/** A subscriber that has subscribed to nothing under this name. */
async function come(rig: Rig, source: string, bufferLimit?: number): Promise<ScriptedPeer> {
  const peer = await rig.agree({}, bufferLimit);
  await peer.subscribe({ assemblyInfo: { source, version: "1", updatedOn: "" } });
  await answered(peer);
  return peer;
}

async function answered(peer: ScriptedPeer): Promise<void> {
  await peer.expectCache();
  const notifications = early.get(peer) ?? [];
  early.set(peer, notifications);
  for (;;) {
    const response = (await peer.receive())!;
    if (response.code === Response.Succeeded) return;
    assertEquals(response.code, Response.Notify);
    notifications.push(decodeNotification(response.body, "utf-8"));
  }
}

async function notification(peer: ScriptedPeer): Promise<NotificationMessage> {
  return early.get(peer)!.shift() ?? decodeNotification(await peer.expect(Response.Notify), "utf-8");
}

/** Nothing has been sent that was not looked at. */
async function silent(peer: ScriptedPeer): Promise<void> {
  assertEquals(early.get(peer), []);
  await peer.send(0x42);
  await peer.expect(Response.Failed, 0x42);
}

async function confirm(peer: ScriptedPeer, hash: number): Promise<void> {
  await peer.send(Command.ConfirmNotification, encodeNotificationHash(hash));
  await settle();
}

Deno.test("a subscriber is known by certificate, else by source and host", () => {
  const certificate = { name: "scada", fingerprint: "00", validTo: 0 };
  assertEquals(identityOf({ address: "192.0.2.1:5", certificate }, "x"), "certificate:scada");
  assertEquals(identityOf({ address: "192.0.2.1:5", certificate }, undefined), "certificate:scada");
  assertEquals(identityOf({ address: "192.0.2.1:5" }, "x"), "client:x@192.0.2.1");
  assertEquals(identityOf({ address: "[2001:DB8::0:1]:6" }, ""), "client:@2001:db8::1");
  assertEquals(identityOf({ address: "a pipe" }, "x"), "client:x@a pipe");
  assertEquals(identityOf({ address: "192.0.2.1:5" }, undefined), undefined);
  assertEquals(identityOf({ address: "h:1" }, "y".repeat(5000))?.length, "client:@h".length + 256);
});

Deno.test("notified now, and again with every connection until confirmed", async () => {
  await using rig = await Rig.start();
  assertEquals(rig.publisher.notify("nobody is here"), 0);
  const first = await come(rig, "a");
  assertEquals(rig.publisher.notify("one"), 1);
  assertEquals(rig.publisher.notify("two"), 1);
  const one = await notification(first);
  const two = await notification(first);
  assertEquals([one.text, two.text], ["one", "two"]);
  await confirm(first, two.hash);
  first.channel.close();
  await settle();
  // For who is away, too.
  assertEquals(rig.publisher.notify("three"), 1);

  const second = await come(rig, "a");
  assertEquals(await notification(second), one);
  const three = await notification(second);
  assertEquals(three.text, "three");
  await confirm(second, one.hash);
  await confirm(second, three.hash);
  second.channel.close();
  await settle();

  await silent(await come(rig, "a"));
  assertEquals(rig.publisher.stats().notifications, {
    subscribers: 1,
    pending: 0,
    confirmed: 3,
    givenUp: 0,
  });
});

Deno.test("a notification that is read as nothing but text is text: one peer does", async () => {
  await using rig = await Rig.start();
  const peer = await come(rig, "a");
  const hashes = new Set<string>();
  for (let i = 0; i < 95; i++) {
    rig.publisher.notify(`text ${i}`);
    const body = await peer.expect(Response.Notify);
    const text = new TextDecoder("utf-8", { fatal: true }).decode(body);
    assertMatch(text, new RegExp(`^[ -~]{4}text ${i}$`));
    hashes.add(text.slice(0, 4));
  }
  assertEquals(hashes.size, 95);
});

Deno.test("confirmed late, twice, or never sent", async () => {
  await using rig = await Rig.start();
  const peer = await come(rig, "a");
  rig.publisher.notify("one");
  const { hash } = await notification(peer);
  await confirm(peer, hash + 1);
  await confirm(peer, hash);
  await confirm(peer, hash);
  assertEquals(rig.connection().events["confirmation without a notification"], 2);
  await peer.send(Command.ConfirmNotification, Uint8Array.of(1, 2));
  assertStringIncludes(await peer.expectText(Response.Failed, Command.ConfirmNotification), "2 bytes");
  rig.publisher.notify("two");
  assertEquals((await notification(peer)).text, "two");
  assertEquals(rig.publisher.stats().notifications.confirmed, 1);
});

Deno.test("one subscriber alone is notified by its identity; a second subscription does not repeat anything", async () => {
  await using rig = await Rig.start();
  const a = await come(rig, "a");
  const b = await come(rig, "b");
  const identity = rig.connection(2).identity!;
  assertStringIncludes(identity, "client:b@");
  assertEquals(rig.publisher.notify("for b", { to: identity }), 1);
  assertEquals(rig.publisher.notify("for nobody", { to: "client:c@x" }), 0);
  assertEquals((await notification(b)).text, "for b");
  await b.confirmCache();
  await b.subscribe({ assemblyInfo: { source: "other", version: "1", updatedOn: "" } });
  await answered(b);
  await silent(b);
  await silent(a);
});

Deno.test("who never confirms keeps the latest; who comes under ever new names is forgotten, others notified", async () => {
  await using rig = await Rig.start({ notifications: { maxPending: 3, maxSubscribers: 2 } });
  const status = rig.publisher.status();
  let peer = await come(rig, "a");
  for (let i = 0; i < 10; i++) rig.publisher.notify(`${i}`);
  peer.channel.close();
  await settle();
  peer = await come(rig, "a");
  for (const text of ["7", "8", "9"]) assertEquals((await notification(peer)).text, text);
  peer.channel.close();
  await settle();
  for (let i = 0; i < 20; i++) {
    rig.clock.advance(1);
    const other = await come(rig, `name ${i}`);
    other.channel.close();
    await settle();
  }
  assertEquals(rig.publisher.stats().notifications, {
    subscribers: 2,
    pending: 0,
    confirmed: 0,
    givenUp: 10,
  });
  await rig.publisher.stop({ drain: 0 });
  const givenUp: number[] = [];
  for await (const event of status) {
    if (event.kind === "notificationsGivenUp") givenUp.push(event.count);
  }
  assertEquals(givenUp, [1, 1, 1, 1, 1, 1, 1, 3]);
});

Deno.test("a subscriber that does not read gets no more than a few at a time, and all of them in the end", async () => {
  await using rig = await Rig.start({ controlQueueLimit: 65_536 });
  const peer = await come(rig, "a", 100);
  for (let i = 0; i < 50; i++) rig.publisher.notify(`${i}`.padEnd(16_384, "."));
  await settle();
  const { controlBytes } = rig.connection().queue;
  assertEquals(controlBytes > 0 && controlBytes < 65_536, true, `${controlBytes}`);
  for (let i = 0; i < 50; i++) assertEquals(parseInt((await notification(peer)).text), i);
});

Deno.test("what is wrong with a notification or an option", async () => {
  await using rig = await Rig.start();
  assertThrows(() => rig.publisher.notify(""), TypeError);
  assertThrows(() => rig.publisher.notify("\u00fc".repeat(8193)), RangeError, "16386");
  assertThrows(() => new Publisher({ notifications: { maxPending: 0 } }), RangeError, "maxPending");
  assertThrows(() => new Publisher({ notifications: { size: 1 } as never }), TypeError, "size");
});

Deno.test("a file keeps what is not confirmed over the life of a publisher", async () => {
  const path = await Deno.makeTempFile();
  await Deno.remove(path);
  const options = { notifications: { store: new FileNotificationStore(path) } };
  {
    await using rig = await Rig.start(options);
    const peer = await come(rig, "a");
    rig.publisher.notify("one");
    rig.publisher.notify("two");
    await confirm(peer, (await notification(peer)).hash);
  }
  const [saved] = await new FileNotificationStore(path).load();
  assertEquals(saved?.pending.map(({ text }) => text), ["two"]);
  {
    await using rig = await Rig.start(options);
    rig.publisher.notify("three");
    const peer = await come(rig, "a");
    const two = await notification(peer);
    const three = await notification(peer);
    assertEquals([two.text, three.text], ["two", "three"]);
    await confirm(peer, two.hash);
    await confirm(peer, three.hash);
  }
  assertEquals((await new FileNotificationStore(path).load())[0]?.pending, []);
  for (const text of ["", "[", "{}", '[{"subscriber":"a","lastSeen":1,"pending":[{"hash":"x"}]}]']) {
    await Deno.writeTextFile(path, text);
    const publisher = new Publisher({ listen: false, ...options });
    const error = await assertRejects(() => publisher.start(), SttpError);
    assertEquals([error.code, publisher.state], ["MalformedText", "stopped"]);
  }
  await Deno.remove(path);
});

Deno.test("a full disk: what the file held stays, the publisher tells, and all is saved when there is room", () =>
  withFolder(async (folder) => {
    const path = `${folder}/notifications.json`;
    const saved = async (): Promise<string[]> =>
      (await new FileNotificationStore(path).load()).flatMap(({ pending }) =>
        pending.map(({ text }) => text)
      );
    await using rig = await Rig.start({ notifications: { store: new FileNotificationStore(path) } });
    const status = rig.publisher.status();
    await come(rig, "a");
    rig.publisher.notify("one");
    await until(async () => (await saved()).length === 1);
    const empty = await fillDisk(`${path}.new`);
    rig.publisher.notify("two");
    for await (const event of status) if (event.kind === "notificationsNotSaved") break;
    assertEquals(await saved(), ["one"]);
    await empty();
    rig.publisher.notify("three");
    await until(async () => (await saved()).length > 1);
    assertEquals(await saved(), ["one", "two", "three"]);
  }));

Deno.test("a store that fails is reported, and tried again with the next change", async () => {
  const saved: number[] = [];
  const store: NotificationStore = {
    load: () => Promise.resolve([]),
    save: (subscribers) => {
      saved.push(subscribers[0]!.pending.length);
      return saved.length === 1 ? Promise.reject(new Error("disk full")) : Promise.resolve();
    },
  };
  const messages: string[] = [];
  await using rig = await Rig.start({ notifications: { store } });
  const status = rig.publisher.status();
  await come(rig, "a");
  await settle();
  rig.publisher.notify("one");
  rig.publisher.notify("two");
  await settle();
  await rig.publisher.stop({ drain: 0 });
  for await (const event of status) if (event.kind === "notificationsNotSaved") messages.push(event.message);
  assertEquals(messages, ["disk full"]);
  assertEquals(saved, [0, 2, 2]);
});

Deno.test("what is notified just when all has been saved is saved, too", async () => {
  for (let turns = 0; turns < 6; turns++) {
    let saved: string[] = [];
    let last: (() => void) | undefined;
    const store: NotificationStore = {
      load: () => Promise.resolve([]),
      save: ([subscriber]) => {
        saved = subscriber!.pending.map(({ text }) => text);
        const done = Promise.resolve();
        const notify = last;
        last = undefined;
        let turn = done;
        for (let i = 0; i < turns; i++) turn = turn.then(() => {});
        if (notify !== undefined) turn.then(notify);
        return done;
      },
    };
    await using rig = await Rig.start({ notifications: { store } });
    await come(rig, "a");
    await settle();
    last = () => rig.publisher.notify("second");
    rig.publisher.notify("first");
    await settle();
    assertEquals(saved, ["first", "second"], `${turns} turns after the save before`);
  }
});
