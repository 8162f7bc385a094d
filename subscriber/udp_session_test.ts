/** A subscriber whose publisher sends data over UDP and rotates keys as a test says. */
import { assertEquals, assertRejects } from "@std/assert";
import { encryptPayload, generateCipherKey } from "../transport/cipher.ts";
import { ManualClock } from "../transport/clock.ts";
import { SttpError } from "../transport/errors.ts";
import { type DatagramSocket, openUdp } from "../transport/udp.ts";
import { BaseTimes, encodeBaseTimes } from "../transport/wire/base_times.ts";
import { type CipherKeys, encodeCipherKeys } from "../transport/wire/cipher_keys.ts";
import { Command, DataPacketFlags, Response } from "../transport/wire/codes.ts";
import type { SubscribeRequest } from "../transport/wire/subscribe.ts";
import type { SubscriberOptions } from "./options.ts";
import type { SubscriberStatus } from "./status.ts";
import { Subscriber } from "./subscriber.ts";
import {
  batchOf,
  compactFrame,
  responseFrame,
  ScriptedConnector,
  type ScriptedPublisher,
  settle,
} from "./testdata/scripted_publisher.ts";

/** A subscriber, its publisher's command channel, and the socket that the publisher's datagrams leave from. */
class Fixture implements AsyncDisposable {
  readonly connector = new ScriptedConnector();
  readonly subscriber: Subscriber;
  readonly events: SubscriberStatus[] = [];
  readonly values: number[] = [];
  publisher!: ScriptedPublisher;
  request!: SubscribeRequest;
  #socket!: DatagramSocket;

  private constructor(options: SubscriberOptions) {
    this.subscriber = new Subscriber({
      autoRequestMetadata: false,
      clock: new ManualClock(),
      connector: this.connector.connect,
      // The command channel is in memory and has no address.
      udp: { interface: "127.0.0.1", sources: ["127.0.0.1"] },
      onBatch: (batch) => {
        this.values.push(...batch.values.subarray(0, batch.length));
      },
      ...options,
    });
  }

  /** Subscribed to signals 1 and 2. @param keys Sent before the cache. */
  static async subscribed(keys?: CipherKeys, options: SubscriberOptions = {}): Promise<Fixture> {
    const fixture = new Fixture(options);
    fixture.#socket = await openUdp({ hostname: "127.0.0.1" });
    (async () => {
      for await (const event of fixture.subscriber.status()) fixture.events.push(event);
    })();
    const connecting = fixture.subscriber.connect();
    const publisher = await fixture.connector.accept();
    fixture.publisher = publisher;
    await publisher.next(Command.DefineOperationalModes);
    fixture.request = await publisher.nextSubscribe();
    if (keys !== undefined) {
      await publisher.respond(Response.UpdateCipherKeys, Command.Subscribe, encodeCipherKeys(keys));
      await publisher.next(Command.ConfirmUpdateCipherKeys);
    }
    await publisher.subscribed([1, 2]);
    await connecting;
    return fixture;
  }

  /** Sends a data packet with values `value` and `value + 1`, and waits until it is dealt with. */
  async send(value: number, keys?: CipherKeys, isOdd = false): Promise<void> {
    const { datagrams } = this.subscriber.stats().udp;
    this.sendDatagram(packetOf(value, keys, isOdd));
    while (this.subscriber.stats().udp.datagrams === datagrams) await settle();
  }

  sendDatagram(datagram: Uint8Array): void {
    const port = this.request.dataChannel!.localPort;
    this.#socket.send(datagram, { hostname: "127.0.0.1", port }, () => {});
  }

  get dropped(): Record<string, number> {
    return Object.fromEntries(
      Object.entries(this.subscriber.stats().dropped).filter(([, count]) => count > 0),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.subscriber.disconnect();
    this.publisher.channel.close();
    await this.#socket.close();
  }
}

function packetOf(value: number, keys?: CipherKeys, isOdd = false, flags = 0): Uint8Array {
  const frame = compactFrame(batchOf([0, 1], value), flags);
  if (keys === undefined) return frame.subarray(4);
  const body = frame.subarray(10);
  const sealed = encryptPayload(body.subarray(1), isOdd ? keys.odd : keys.even, 1);
  sealed[0] = body[0]! | (isOdd ? DataPacketFlags.CipherIndex : 0);
  return responseFrame(Response.DataPacket, Command.Subscribe, sealed).subarray(4);
}

function newKeys(cipherIndex: 0 | 1 = 0): CipherKeys {
  return { cipherIndex, even: generateCipherKey(), odd: generateCipherKey() };
}

Deno.test("the publisher is told where to send, and data comes there", async () => {
  await using fixture = await Fixture.subscribed();
  const { dataChannel } = fixture.request;
  assertEquals(dataChannel!.interface, "127.0.0.1");
  const told = fixture.events.find(({ kind }) => kind === "dataChannel");
  assertEquals(told, { kind: "dataChannel", address: `127.0.0.1:${dataChannel!.localPort}` });
  await fixture.send(10);
  // Over the command channel, too, as it pleases.
  await fixture.publisher.send(compactFrame(batchOf([0, 1], 20)));
  await settle();
  assertEquals([fixture.values, fixture.dropped], [[10, 11, 20, 21], {}]);
});

Deno.test("a subscription that replaces another keeps the port; packets of the old cache are still read", async () => {
  await using fixture = await Fixture.subscribed();
  const port = fixture.request.dataChannel!.localPort;
  const subscribing = fixture.subscriber.subscribe({ filter: "other" });
  fixture.request = await fixture.publisher.nextSubscribe();
  assertEquals(fixture.request.dataChannel!.localPort, port);
  await fixture.publisher.subscribed([3, 4], { cacheIndex: 1 });
  await subscribing;
  await fixture.send(10);
  fixture.sendDatagram(packetOf(20, undefined, false, DataPacketFlags.CacheIndex));
  while (fixture.values.length < 4) await settle();
  assertEquals([fixture.values, fixture.dropped], [[10, 11, 20, 21], {}]);
});

Deno.test("equal datagrams are the same one, until base times change or where times are not exact", async () => {
  await using exact = await Fixture.subscribed();
  await exact.send(10);
  await exact.send(10);
  assertEquals([exact.values, exact.dropped], [[10, 11], { repeatedDatagram: 1 }]);
  const bases = encodeBaseTimes(new BaseTimes(0, 1n, 2n));
  await exact.publisher.respond(Response.UpdateBaseTimes, Command.Subscribe, bases);
  await settle();
  await exact.send(10);
  assertEquals(exact.values, [10, 11, 10, 11]);

  for (const options of [{ useMillisecondResolution: true }, { includeTime: false }]) {
    await using fixture = await Fixture.subscribed(undefined, options);
    const format = { includeTime: true, useMillisecondResolution: false, ...options };
    const { datagrams } = fixture.subscriber.stats().udp;
    for (let i = 0; i < 3; i++) fixture.sendDatagram(compactFrame(batchOf([0, 1], 5), 0, format).subarray(4));
    while (fixture.subscriber.stats().udp.datagrams < datagrams + 3) await settle();
    assertEquals([fixture.values, fixture.dropped], [[5, 6, 5, 6, 5, 6], {}]);
  }
});

Deno.test("keys are confirmed, told, and rotated in the middle of a burst", async () => {
  const first = newKeys();
  await using fixture = await Fixture.subscribed(first);
  await fixture.send(10, first);
  const second = { ...first, cipherIndex: 1, odd: generateCipherKey() } as const;
  await fixture.publisher.respond(Response.UpdateCipherKeys, Command.Subscribe, encodeCipherKeys(second));
  await fixture.publisher.next(Command.ConfirmUpdateCipherKeys);
  // Late, new, and under the odd key that is gone.
  await fixture.send(20, first);
  await fixture.send(30, second, true);
  await fixture.send(40, first, true);
  const third = { ...second, cipherIndex: 0, even: generateCipherKey() } as const;
  await fixture.publisher.respond(Response.UpdateCipherKeys, Command.Subscribe, encodeCipherKeys(third));
  await fixture.publisher.next(Command.ConfirmUpdateCipherKeys);
  await fixture.send(50, third);
  await fixture.send(60, second, true);
  await fixture.send(70, first);
  assertEquals(fixture.values, [10, 11, 20, 21, 30, 31, 40, 41, 50, 51, 60, 61, 70, 71]);
  // A publisher that replaces the key in use rather than the other is understood as well.
  assertEquals(fixture.events.filter(({ kind }) => kind === "cipherKeys"), [
    { kind: "cipherKeys", cipherIndex: 0 },
    { kind: "cipherKeys", cipherIndex: 1 },
    { kind: "cipherKeys", cipherIndex: 0 },
  ]);
  assertEquals(fixture.subscriber.stats().cipherKeys, 3);
  assertEquals(fixture.dropped, {});
});

Deno.test("keys do not come over UDP, and malformed ones are not confirmed", async () => {
  const keys = newKeys();
  await using fixture = await Fixture.subscribed(keys);
  const forged = responseFrame(Response.UpdateCipherKeys, Command.Subscribe, encodeCipherKeys(newKeys()));
  const before = fixture.subscriber.stats().udp.datagrams;
  fixture.sendDatagram(forged.subarray(4));
  while (fixture.subscriber.stats().udp.datagrams === before) await settle();
  await fixture.publisher.respond(Response.UpdateCipherKeys, Command.Subscribe, new Uint8Array(100));
  await fixture.publisher.respond(Response.UpdateCipherKeys, Command.Subscribe, new Uint8Array([7]));
  await settle();
  await fixture.send(10, keys);
  assertEquals(fixture.values, [10, 11]);
  assertEquals(fixture.dropped, { unexpectedDatagram: 1, malformedResponse: 2 });
  const unsubscribing = fixture.subscriber.unsubscribe();
  await fixture.publisher.next(Command.Unsubscribe);
  await fixture.publisher.respond(Response.Succeeded, Command.Unsubscribe);
  await unsubscribing;
});

Deno.test("asking for new keys: the answer may come before them or after, or be a refusal", async () => {
  await using fixture = await Fixture.subscribed(newKeys());
  const { publisher, subscriber } = fixture;
  const rotating = subscriber.rotateCipherKeys();
  await publisher.next(Command.RotateCipherKeys);
  await publisher.respond(Response.Succeeded, Command.RotateCipherKeys, "soon");
  await rotating;
  const refused = subscriber.rotateCipherKeys();
  await publisher.next(Command.RotateCipherKeys);
  await publisher.respond(Response.Failed, Command.RotateCipherKeys, "not so fast");
  await assertRejects(() => refused, SttpError, "not so fast");
  // Some publishers say Succeeded whenever their timer rotates.
  await publisher.respond(Response.Succeeded, Command.RotateCipherKeys, "rotated");
  await settle();
  assertEquals(fixture.dropped, {});
  await subscriber.disconnect();
  const error = await assertRejects(() => subscriber.rotateCipherKeys(), SttpError);
  assertEquals(error.code, "Closed");
});

Deno.test("a data packet over UDP before any cache is counted", async () => {
  const connector = new ScriptedConnector();
  const subscriber = new Subscriber({
    autoRequestMetadata: false,
    clock: new ManualClock(),
    connector: connector.connect,
    udp: { interface: "127.0.0.1", sources: ["127.0.0.1"] },
  });
  const connecting = subscriber.connect();
  const publisher = await connector.accept();
  await publisher.next(Command.DefineOperationalModes);
  const { dataChannel } = await publisher.nextSubscribe();
  const socket = await openUdp({ hostname: "127.0.0.1" });
  socket.send(packetOf(1), { hostname: "127.0.0.1", port: dataChannel!.localPort }, () => {});
  while (subscriber.stats().udp.datagrams === 0) await settle();
  assertEquals(subscriber.stats().dropped.noCache, 1);
  await publisher.subscribed([1, 2]);
  await connecting;
  await subscriber.disconnect();
  await socket.close();
});

Deno.test("without an address of the publisher there is no data over UDP", async () => {
  const connector = new ScriptedConnector();
  const subscriber = new Subscriber({ autoRequestMetadata: false, connector: connector.connect, udp: true });
  const error = await assertRejects(() => subscriber.connect(), SttpError, "not an IP address");
  assertEquals(error.code, "ConnectFailed");
  (await connector.accept()).channel.close();
});
