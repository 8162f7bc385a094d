/** Subscribers that ask for data over UDP, and do not all behave. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { MemoryHistory } from "../history/memory_history.ts";
import { decryptPayload } from "../transport/cipher.ts";
import { createChannelPair } from "../transport/memory_channel.ts";
import { type DatagramSocket, openUdp } from "../transport/udp.ts";
import { decodeBaseTimes } from "../transport/wire/base_times.ts";
import { MeasurementBatch } from "../transport/wire/batch.ts";
import { type CipherKeys, decodeCipherKeys } from "../transport/wire/cipher_keys.ts";
import { Command, DataPacketFlags, Response } from "../transport/wire/codes.ts";
import { CompactDecoder, type CompactFormat } from "../transport/wire/compact.ts";
import { decodePacketHeader } from "../transport/wire/data_packet.ts";
import { decodeBufferBlockHead, encodeBufferBlockConfirmation } from "../transport/wire/buffer_block.ts";
import { encodeCommand, readResponses } from "../transport/wire/frame.ts";
import type { OperationalModes } from "../transport/wire/operational_modes.ts";
import type { SubscriptionOptions } from "../transport/wire/subscribe.ts";
import { encodeText } from "../transport/wire/text.ts";
import { ticksNow } from "../transport/wire/ticks.ts";
import type { PublisherOptions } from "./options.ts";
import { Rig, ScriptedPeer, settle, signalId } from "./testdata/rig.ts";

const ALL = "FILTER ActiveMeasurements WHERE True";

/** A rig, and a subscriber on this machine with a UDP port. */
class Fixture implements AsyncDisposable {
  readonly rig: Rig;
  readonly peer: ScriptedPeer;
  readonly datagrams: Uint8Array[] = [];
  readonly sources = new Set<string>();
  #socket!: DatagramSocket;

  private constructor(rig: Rig, address: string) {
    this.rig = rig;
    const [near, far] = createChannelPair();
    rig.publisher.serve({
      peer: { address },
      read: (into) => near.read(into),
      write: (bytes) => near.write(bytes),
      close: () => near.close(),
    });
    this.peer = new ScriptedPeer(far);
  }

  static async open(
    options: PublisherOptions = {},
    address = "127.0.0.1:5000",
    size?: number,
  ): Promise<Fixture> {
    const fixture = new Fixture(await Rig.start({ hostname: "127.0.0.1", ...options }, size), address);
    fixture.#socket = await openUdp({
      hostname: "127.0.0.1",
      onDatagram: (datagram, { hostname, port }) => {
        fixture.datagrams.push(datagram);
        fixture.sources.add(`${hostname}:${port}`);
      },
    });
    return fixture;
  }

  /** A subscriber that has been sent a datagram. Its clock may go on for long. */
  static async withDatagram(): Promise<Fixture> {
    const fixture = await Fixture.open({ heartbeatInterval: 1e6 });
    await fixture.agree();
    await fixture.subscribe();
    await fixture.rig.publish([0]);
    await fixture.nextPacket();
    return fixture;
  }

  get dataChannel(): { localPort: number } {
    return { localPort: this.#socket.port };
  }

  async agree(modes: Partial<OperationalModes> = {}): Promise<void> {
    await this.peer.defineModes(modes);
    await this.peer.expect(Response.Succeeded, Command.DefineOperationalModes);
  }

  /** Subscribes to everything over UDP, up to the confirmation. @returns The answer. */
  async subscribe(options: SubscriptionOptions = {}): Promise<string> {
    const answer = await this.ask(options);
    await this.confirmCache();
    return answer;
  }

  /** The same without the confirmation. */
  async ask(options: SubscriptionOptions = {}): Promise<string> {
    await this.peer.subscribe({ filterExpression: ALL, dataChannel: this.dataChannel, ...options });
    return await this.accepted();
  }

  /** The same where payloads are encrypted from this subscription on. @returns The keys, which come before the cache. */
  async askForKeys(): Promise<CipherKeys> {
    await this.peer.subscribe({ filterExpression: ALL, dataChannel: this.dataChannel });
    const keys = await this.expectKeys();
    await this.accepted();
    return keys;
  }

  /** What comes for a subscription: its cache and the answer, which is returned. */
  async accepted(): Promise<string> {
    await this.peer.expectCache();
    return await this.peer.expectText(Response.Succeeded, Command.Subscribe);
  }

  /** Confirms a cache, where the version has that. */
  async confirmCache(): Promise<void> {
    if (this.peer.modes.version > 1) await this.peer.confirmCache();
    await settle();
  }

  /** The next datagram's data packet. */
  async nextPacket(): Promise<Uint8Array> {
    for (let turns = 0; this.datagrams.length === 0; turns++) {
      assert(turns < 2000, "no datagram has come");
      await settle();
    }
    const [only, ...more] = [...readResponses(this.datagrams.shift()!)];
    assertEquals([only!.code, only!.inResponseTo, more.length], [Response.DataPacket, Command.Subscribe, 0]);
    return only!.body;
  }

  async expectKeys(): Promise<CipherKeys> {
    return decodeCipherKeys(await this.peer.expect(Response.UpdateCipherKeys));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.rig[Symbol.asyncDispose]();
    this.peer.channel.close();
    await this.#socket.close();
  }
}

/** What a packet holds, as `signal=value`. */
function measurementsOf(body: Uint8Array, keys?: CipherKeys, format?: CompactFormat): string {
  let plain = body;
  if (keys !== undefined) {
    const isOdd = (body[0]! & DataPacketFlags.CipherIndex) !== 0;
    const payload = decryptPayload(body.subarray(1), isOdd ? keys.odd : keys.even);
    assert(payload !== undefined, "encrypted with another key");
    plain = new Uint8Array([body[0]!, ...payload]);
  }
  const { flags, count, payload } = decodePacketHeader(plain);
  assertEquals(flags & DataPacketFlags.Compressed, 0);
  const batch = new MeasurementBatch();
  new CompactDecoder(format ?? { includeTime: true, useMillisecondResolution: false }).decode(
    payload,
    count,
    batch,
  );
  return Array.from({ length: batch.length }, (_, i) => `${batch.signals[i]}=${batch.values[i]}`).join(" ");
}

Deno.test("data goes out in compact form, to the command channel's host, from one port", async () => {
  await using fixture = await Fixture.open();
  const { rig, peer } = fixture;
  await fixture.agree();
  assertStringIncludes(await fixture.subscribe(), "compact format over UDP with 8 signals");
  await peer.expect(Response.UpdateBaseTimes);
  for (let round = 0; round < 3; round++) {
    await rig.publish([0, 1], 1000n, round);
    if (round === 0) await peer.expect(Response.DataStartTime);
    assertEquals(measurementsOf(await fixture.nextPacket()), `0=${round} 1=${round + 1}`);
  }
  assertEquals(fixture.sources.size, 1);
  const { dataChannel, cipher, sent, subscription } = rig.connection();
  assertEquals(dataChannel, {
    to: `127.0.0.1:${fixture.dataChannel.localPort}`,
    from: [...fixture.sources][0]!,
    datagrams: 3,
    bytes: 3 * (11 + 2 * 17),
    measurements: 6,
    errors: 0,
    lastError: null,
  });
  assertEquals([cipher, sent.measurements, subscription!.format], [null, 6, "compact format"]);
});

Deno.test("the key may be port", async () => {
  await using fixture = await Fixture.open();
  await fixture.agree();
  const text = encodeText(
    `filterExpression={${ALL}}; dataChannel={interface=0.0.0.0; PORT=${fixture.dataChannel.localPort}}`,
    "utf-8",
  );
  const body = new Uint8Array(5 + text.length);
  body[0] = 2;
  new DataView(body.buffer).setUint32(1, text.length);
  body.set(text, 5);
  await fixture.peer.send(Command.Subscribe, body);
  assertMatch(await fixture.accepted(), /over UDP/);
});

Deno.test("a subscription that can't have its data over UDP fails, and the one before goes on", async () => {
  const cases: [PublisherOptions, string, RegExp][] = [
    [{ udp: false }, "127.0.0.1:5000", /over TCP only/],
    [{}, "memory:5", /memory:5, which is not an IP address/],
    [{ udp: { hostname: "192.0.2.1" } }, "127.0.0.1:5000", /192\.0\.2\.1/],
  ];
  for (const [options, address, message] of cases) {
    await using fixture = await Fixture.open(options, address);
    const { peer, rig } = fixture;
    await fixture.agree();
    await peer.subscribe({ filterExpression: ALL });
    await fixture.accepted();
    await peer.confirmCache();
    await peer.subscribe({ filterExpression: ALL, dataChannel: fixture.dataChannel });
    assertMatch(await peer.expectText(Response.Failed, Command.Subscribe), message);
    await rig.publish([0, 1]);
    await peer.expect(Response.DataStartTime);
    assertEquals(await peer.expectData(), [2, 0]);
    assertEquals(rig.connection().dataChannel, null);
  }
});

Deno.test("timestamps are written in full for two seconds, then as offsets, then around each rotation in full", async () => {
  await using fixture = await Fixture.open({ heartbeatInterval: 1e6 });
  const { rig, peer } = fixture;
  const { clock } = rig;
  await fixture.agree();
  await fixture.subscribe({ useMillisecondResolution: true });
  const start = ticksNow(clock);
  let baseTimes = decodeBaseTimes(await peer.expect(Response.UpdateBaseTimes));
  assertEquals([baseTimes.timeIndex, baseTimes.base(0), baseTimes.base(1)], [0, start, start + 600_000_000n]);
  const lengths: [second: number, length: number][] = [];
  const read = async (): Promise<void> => {
    await rig.publish([3], ticksNow(clock) + 5_000_000n);
    if (lengths.length === 0) await peer.expect(Response.DataStartTime);
    const body = await fixture.nextPacket();
    lengths.push([clock.monotonic() / 1000, body.length - 5]);
    const decoder = new CompactDecoder({ includeTime: true, useMillisecondResolution: true });
    decoder.baseTimes = baseTimes;
    const batch = new MeasurementBatch();
    decoder.decode(body.subarray(5), 1, batch);
    assertEquals(batch.ticks[0], ticksNow(clock) + 5_000_000n);
  };
  for (
    const [seconds, expectsUpdate] of [[0], [1], [1], [55], [1], [2, true], [1], [1], [55], [1], [2, true], [
      2,
    ]]
  ) {
    clock.advance(1000 * Number(seconds));
    await settle();
    if (expectsUpdate) baseTimes = decodeBaseTimes(await peer.expect(Response.UpdateBaseTimes));
    await read();
  }
  assertEquals(lengths, [
    [0, 17],
    [1, 17],
    [2, 11],
    [57, 11],
    [58, 17],
    [60, 17],
    [61, 17],
    [62, 11],
    [117, 11],
    [118, 17],
    [120, 17],
    [122, 11],
  ]);
});

Deno.test("payloads are encrypted: keys come before the cache, and data under the even one", async () => {
  await using fixture = await Fixture.open({ udp: { encrypt: true } });
  const { rig } = fixture;
  await fixture.agree();
  const keys = await fixture.askForKeys();
  await fixture.confirmCache();
  await rig.publish([0, 1]);
  const body = await fixture.nextPacket();
  assertEquals((body.length - 1) % 16, 0);
  assertEquals(measurementsOf(body, keys), "0=1 1=2");
  assertEquals(rig.connection().cipher, { index: 0, rotations: 0 });
});

Deno.test("rotation: on request and by timer; a subscriber confirms at once, twice, late or never", async () => {
  await using fixture = await Fixture.open({
    udp: { encrypt: true, keyRotationInterval: 4000 },
    heartbeatInterval: 1e6,
  });
  const { rig, peer } = fixture;
  await fixture.agree();
  let keys = await fixture.askForKeys();
  await fixture.confirmCache();
  await peer.expect(Response.UpdateBaseTimes);
  const confirm = async (): Promise<void> => {
    await peer.send(Command.ConfirmUpdateCipherKeys);
    await settle();
  };
  const indexInUse = async (): Promise<number> => {
    await rig.publish([2]);
    const body = await fixture.nextPacket();
    assertEquals(measurementsOf(body, keys), "2=3");
    return body[0]! & DataPacketFlags.CipherIndex;
  };
  assertEquals(await indexInUse(), 0);
  await peer.expect(Response.DataStartTime);

  // Confirmed twice, and then on request.
  await confirm();
  await confirm();
  await peer.send(Command.RotateCipherKeys);
  assertMatch(await peer.expectText(Response.Failed, Command.RotateCipherKeys), /within the last second/);
  rig.clock.advance(1000);
  await peer.send(Command.RotateCipherKeys);
  keys = await fixture.expectKeys();
  assertEquals(keys.cipherIndex, 1);
  await peer.expectText(Response.Succeeded, Command.RotateCipherKeys);
  assertEquals(await indexInUse(), 0);
  await confirm();
  assertEquals(await indexInUse(), DataPacketFlags.CipherIndex);

  // By timer, never confirmed.
  rig.clock.advance(4000);
  keys = await fixture.expectKeys();
  assertEquals(keys.cipherIndex, 0);
  assertEquals(await indexInUse(), DataPacketFlags.CipherIndex);
  rig.clock.advance(2000);
  assertEquals(await indexInUse(), 0);

  // The next, and the confirmation of the last, late.
  rig.clock.advance(2000);
  keys = await fixture.expectKeys();
  await confirm();
  assertEquals(await indexInUse(), 0);
  await confirm();
  assertEquals(await indexInUse(), DataPacketFlags.CipherIndex);
  const { cipher, events } = rig.connection();
  assertEquals(cipher, { index: 1, rotations: 3 });
  assertEquals(events["confirmation without cipher keys"], 1);
});

Deno.test("keys stay in force for the session: back on the command channel TSSC is encrypted as well", async () => {
  await using fixture = await Fixture.open({ udp: { encrypt: true } });
  const { rig, peer } = fixture;
  await fixture.agree();
  // First without: nothing is encrypted.
  await peer.subscribe({ filterExpression: ALL });
  await fixture.accepted();
  await fixture.confirmCache();
  await rig.publish([0, 1]);
  await peer.expect(Response.DataStartTime);
  assertEquals(await peer.expectData(), [2, 0]);

  const keys = await fixture.askForKeys();
  // The keys are out, so what still goes over the command channel is encrypted, too.
  await rig.publish([0, 1]);
  const encrypted = await peer.expect(Response.DataPacket);
  assertEquals(encrypted[0], DataPacketFlags.Compressed);
  assertEquals(
    decryptPayload(encrypted.subarray(1), keys.even)!.subarray(0, 7),
    new Uint8Array([0, 0, 0, 2, 85, 0, 1]),
  );
  await fixture.confirmCache();
  await peer.expect(Response.UpdateBaseTimes);
  await rig.publish([0, 1], 1000n, 5);
  await peer.expect(Response.DataStartTime);
  const body = await fixture.nextPacket();
  assertEquals(body[0]! & DataPacketFlags.CacheIndex, DataPacketFlags.CacheIndex);
  assertEquals(measurementsOf(body, keys), "0=5 1=6");

  await peer.subscribe({ filterExpression: ALL });
  await fixture.accepted();
  await fixture.confirmCache();
  assertEquals(rig.connection().dataChannel, null);
  await rig.publish([0, 1]);
  await peer.expect(Response.DataStartTime);
  const last = decryptPayload((await peer.expect(Response.DataPacket)).subarray(1), keys.even)!;
  assertEquals(last.subarray(0, 7), new Uint8Array([0, 0, 0, 2, 85, 0, 0]));
  assertEquals(rig.connection().cipher, { index: 0, rotations: 0 });
});

Deno.test("without encryption there are no keys to rotate or confirm", async () => {
  await using fixture = await Fixture.open();
  const { peer, rig } = fixture;
  await fixture.agree();
  await fixture.subscribe();
  await peer.expect(Response.UpdateBaseTimes);
  await peer.send(Command.RotateCipherKeys);
  assertMatch(await peer.expectText(Response.Failed, Command.RotateCipherKeys), /not encrypted/);
  await peer.send(Command.ConfirmUpdateCipherKeys);
  await settle();
  assertEquals(rig.connection().events["confirmation without cipher keys"], 1);
});

Deno.test("at version 1 data over UDP starts at once, and ends with Unsubscribe", async () => {
  await using fixture = await Fixture.open();
  const { rig, peer } = fixture;
  await fixture.agree({ version: 1 });
  await fixture.subscribe({ includeTime: false });
  await rig.publish([0, 1]);
  const format = { includeTime: false, useMillisecondResolution: false };
  assertEquals(measurementsOf(await fixture.nextPacket(), undefined, format), "0=1 1=2");
  await peer.expect(Response.DataStartTime);
  await peer.send(Command.Unsubscribe);
  await peer.expect(Response.Succeeded, Command.Unsubscribe);
  await rig.publish([0, 1]);
  await settle();
  assertEquals([fixture.datagrams.length, rig.connection().dataChannel?.datagrams], [0, 1]);
});

Deno.test("every datagram of a burst that is too long for the queue is counted", async () => {
  await using fixture = await Fixture.open({ udp: { maxDatagramLength: 512, queueLimit: 32_768 } });
  const { rig, peer } = fixture;
  await fixture.agree();
  await fixture.subscribe();
  await peer.expect(Response.UpdateBaseTimes);
  const batch = new MeasurementBatch();
  for (let i = 0; i < 5000; i++) batch.add(i % 8, 1000n, i);
  rig.publisher.publish(batch);
  for (let measurements = 0; measurements < 1500;) {
    const body = await fixture.nextPacket();
    assert(body.length + 6 <= 512);
    measurements += decodePacketHeader(body).count;
  }
  const overflow = rig.connection().dropped["overflow"]!;
  assert(overflow > 2000, `${overflow} dropped`);
  while (rig.connection().dataChannel!.measurements < 5000 - overflow) await settle();
  assertEquals(rig.connection().dropped, { overflow });
  assertEquals(rig.connection().dataChannel!.measurements, 5000 - overflow);
});

Deno.test("a second subscription over UDP while one is unconfirmed", async () => {
  await using fixture = await Fixture.open({ udp: { encrypt: true } });
  const { rig, peer } = fixture;
  await fixture.agree();
  await peer.subscribe({ filterExpression: ALL, dataChannel: fixture.dataChannel });
  await peer.subscribe({
    filterExpression: "FILTER TOP 2 ActiveMeasurements WHERE True",
    dataChannel: fixture.dataChannel,
  });
  const keys = await fixture.expectKeys();
  await fixture.accepted();
  await peer.expect(Response.Succeeded);
  await peer.confirmCache();
  await peer.expect(Response.UpdateBaseTimes);
  await peer.expectCache();
  await rig.publish([1, 2]);
  assertEquals(measurementsOf(await fixture.nextPacket(), keys), "1=2 2=3");
  await fixture.confirmCache();
  await rig.publish([1, 2]);
  const body = await fixture.nextPacket();
  assertEquals(body[0]! & DataPacketFlags.CacheIndex, DataPacketFlags.CacheIndex);
  assertEquals(measurementsOf(body, keys), "1=2");
});

/** Publishes a value of signal 0 with the present time. @returns Bytes of the measurement: 17, or 13 with an offset. */
async function lengthOfNext(of: Pick<Fixture, "rig" | "nextPacket">): Promise<number> {
  await of.rig.publish([0], ticksNow(of.rig.clock) + 1n);
  return (await of.nextPacket()).length - 5;
}

Deno.test("however late a cache is confirmed, no datagram is overtaken by base times that it does not mean", async () => {
  await using fixture = await Fixture.open({ heartbeatInterval: 1e6 });
  const { rig, peer } = fixture;
  await fixture.agree();
  await fixture.subscribe();
  await peer.expect(Response.UpdateBaseTimes);
  rig.clock.advance(10_000);
  assertEquals(await lengthOfNext(fixture), 13);
  await peer.expect(Response.DataStartTime);
  await fixture.ask({ filterExpression: "PPA:1" });
  rig.clock.advance(3000);
  assertEquals(await lengthOfNext(fixture), 13, "under the base times that are there");
  await fixture.confirmCache();
  assertEquals(await lengthOfNext(fixture), 17);
  await peer.expect(Response.DataStartTime);
  rig.clock.advance(1900);
  assertEquals(await lengthOfNext(fixture), 17);
  // Nothing came before this, nor comes between.
  rig.clock.advance(100);
  const { timeIndex } = decodeBaseTimes(await peer.expect(Response.UpdateBaseTimes));
  assertEquals(timeIndex, 0);
  rig.clock.advance(1900);
  assertEquals(await lengthOfNext(fixture), 17);
  rig.clock.advance(100);
  assertEquals(await lengthOfNext(fixture), 13);
});

Deno.test("base times that a subscriber would take for those of its next subscription are not sent", async () => {
  await using fixture = await Fixture.open({ heartbeatInterval: 1e6 });
  const { rig, peer } = fixture;
  await fixture.agree();
  await fixture.subscribe();
  await peer.expect(Response.UpdateBaseTimes);
  assertEquals(await lengthOfNext(fixture), 17);
  await peer.expect(Response.DataStartTime);
  await fixture.subscribe({ filterExpression: "PPA:1; PPA:2" });
  rig.clock.advance(1000);
  await fixture.ask({ filterExpression: "PPA:1" });
  rig.clock.advance(60_000);
  assertEquals(await lengthOfNext(fixture), 17);
  await peer.expect(Response.DataStartTime);
  await fixture.confirmCache();
  rig.clock.advance(4000);
  await peer.expect(Response.UpdateBaseTimes);
  assertEquals(await lengthOfNext(fixture), 13);
});

Deno.test("what is left when signals are taken away goes on without a gap, though there is no room for a new cache", async () => {
  await using fixture = await Fixture.open(
    {
      heartbeatInterval: 1e6,
      limits: { allSubscriptionsLength: 1_000_000 },
    },
    undefined,
    2000,
  );
  const { rig, peer } = fixture;
  await fixture.agree();
  await fixture.subscribe();
  await peer.expect(Response.UpdateBaseTimes);
  rig.clock.advance(2000);
  assertEquals(await lengthOfNext(fixture), 13);
  await peer.expect(Response.DataStartTime);
  rig.publisher.setAccess({ signals: [{ deny: "PPA:2" }] });
  await rig.publish([0, 1]);
  assertEquals(measurementsOf(await fixture.nextPacket()), "0=1");
  await peer.expect(Response.ConfigurationChanged);
  rig.clock.advance(2000);
  await peer.expect(Response.UpdateBaseTimes);
  assertEquals(await lengthOfNext(fixture), 17);
  rig.clock.advance(2000);
  assertEquals(await lengthOfNext(fixture), 13);
  const { dropped, subscription } = rig.connection();
  assertEquals([dropped, subscription?.signals, subscription?.confirmed], [{}, 1999, true]);
});

Deno.test("who does not confirm a cache keeps the others from short timestamps for a minute, and gets no data after that", async () => {
  await using fixture = await Fixture.open({ heartbeatInterval: 1e9, stallTimeout: 0 });
  const { rig, peer } = fixture;
  const other = await rig.subscribe(ALL, { compressPayloadData: false });
  const nextPacket = async (): Promise<Uint8Array> => {
    for (;;) {
      const { code, body } = (await other.receive())!;
      if (code === Response.DataPacket) return body;
    }
  };
  const others = { rig, nextPacket };
  const dropped = (): unknown => rig.publisher.stats().open.map((connection) => connection.dropped);
  await fixture.agree();
  await fixture.subscribe({ filterExpression: "PPA:1" });
  await peer.expect(Response.UpdateBaseTimes);
  rig.clock.advance(2000);
  assertEquals(await lengthOfNext(others), 13);
  await fixture.nextPacket();
  await peer.expect(Response.DataStartTime);
  await fixture.subscribe();
  rig.clock.advance(1000);
  await peer.subscribe({ filterExpression: "PPA:2", dataChannel: fixture.dataChannel });
  await countUntil(peer, Response.Succeeded, Response.Failed);
  assertEquals(await lengthOfNext(others), 17);
  rig.clock.advance(1000);
  rig.clock.advance(59_999);
  assertEquals(await lengthOfNext(others), 17);
  for (let i = 0; i < 2; i++) assertEquals(measurementsOf(await fixture.nextPacket()), "0=1");
  rig.clock.advance(1);
  rig.clock.advance(2000);
  assertEquals(await lengthOfNext(others), 13);
  assertEquals(dropped(), [{ detached: 1 }, {}]);
  await rig.publish([0, 1]);
  rig.publisher.setAccess({ signals: [{ deny: "PPA:3" }] });
  assertEquals(dropped(), [{ detached: 3 }, {}]);
  await rig.publish([0, 1]);
  await fixture.confirmCache();
  assertEquals(dropped(), [{ detached: 5 }, {}]);
  await rig.publish([1]);
  assertEquals(measurementsOf(await fixture.nextPacket()), "0=2");
});

Deno.test("who got no data for want of a confirmation gets the latest values with it, of all its signals", async () => {
  await using fixture = await Fixture.open({
    heartbeatInterval: 1e9,
    stallTimeout: 0,
    latestOnSubscribe: true,
  });
  const { rig, peer } = fixture;
  await rig.subscribe(ALL, { compressPayloadData: false });
  await fixture.agree();
  await fixture.subscribe({ filterExpression: "PPA:1" });
  await peer.expect(Response.UpdateBaseTimes);
  await rig.publish([0, 1]);
  assertEquals(measurementsOf(await fixture.nextPacket()), "0=1");
  await peer.expect(Response.DataStartTime);
  await fixture.subscribe();
  assertEquals(measurementsOf(await fixture.nextPacket()), "1=2");
  await peer.subscribe({ filterExpression: "PPA:2", dataChannel: fixture.dataChannel });
  await countUntil(peer, Response.Succeeded, Response.Failed);
  rig.clock.advance(2000);
  rig.clock.advance(60_000);
  const batch = new MeasurementBatch();
  batch.add(1, ticksNow(rig.clock), 21);
  rig.publisher.publish(batch);
  await settle();
  assertEquals(rig.publisher.stats().open.map(({ dropped }) => dropped), [{ detached: 1 }, {}]);
  await peer.confirmCache();
  assertEquals(measurementsOf(await fixture.nextPacket()), "0=21");
});

Deno.test("base times of what is left of a subscription are not sent while the next one's cache is not confirmed", async () => {
  await using fixture = await Fixture.open({ heartbeatInterval: 1e9, stallTimeout: 0 });
  const { rig, peer } = fixture;
  await fixture.agree();
  await fixture.subscribe();
  await peer.expect(Response.UpdateBaseTimes);
  rig.clock.advance(10_000);
  await fixture.ask({ filterExpression: "PPA:2" });
  rig.publisher.setAccess({ signals: [{ deny: "PPA:3" }] });
  await peer.expect(Response.ConfigurationChanged);
  await settle();
  rig.clock.advance(3000);
  assertEquals(await lengthOfNext(fixture), 17);
  await peer.expect(Response.DataStartTime);
  // Nobody waits for its confirmation.
  rig.clock.advance(60_000);
  rig.clock.advance(60_000);
  assertEquals(await lengthOfNext(fixture), 17);
  assertEquals(rig.connection().dropped, {});
  await fixture.confirmCache();
  rig.clock.advance(2000);
  await peer.expect(Response.UpdateBaseTimes);
});

/** Publishes so much that many datagrams wait. @returns Whether the system has taken or refused all of them. */
function publishMany(rig: Rig, published: number = 50_000): () => boolean {
  const batch = new MeasurementBatch();
  for (let i = 0; i < published; i++) batch.add(i % 8, 1000n, i);
  rig.publisher.publish(batch);
  return () => {
    const { dropped, dataChannel } = rig.connection();
    const gone = dataChannel!.measurements + (dropped["overflow"] ?? 0) + (dropped["datagram"] ?? 0);
    return gone === published;
  };
}

/** Reads responses up to one of a kind. @returns How many of another kind came before it. */
async function countUntil(peer: ScriptedPeer, last: Response, counted: Response): Promise<number> {
  for (let count = 0;;) {
    const response = await peer.receive();
    if (response === undefined || response.code === last) return count;
    if (response.code === counted) count++;
  }
}

Deno.test("a cache takes no other's place before the last datagram that refers to that has had a second to arrive", async () => {
  await using fixture = await Fixture.open({ udp: { maxDatagramLength: 512, queueLimit: 1 << 22 } });
  const { rig, peer } = fixture;
  await fixture.agree();
  await fixture.subscribe();
  await peer.expect(Response.UpdateBaseTimes);
  await fixture.ask({ filterExpression: "PPA:1" });
  const haveGone = publishMany(rig);
  await peer.confirmCache();
  await peer.subscribe({ filterExpression: "PPA:2", dataChannel: fixture.dataChannel });
  while (!haveGone()) await settle();
  await settle();
  rig.clock.advance(999);
  // There are no keys to rotate, which is said behind all that was sent.
  await peer.send(Command.RotateCipherKeys);
  assertEquals(await countUntil(peer, Response.Failed, Response.UpdateSignalIndexCache), 0);
  rig.clock.advance(1);
  await countUntil(peer, Response.UpdateSignalIndexCache, Response.Failed);
  await fixture.confirmCache();
  assertEquals(rig.connection().subscription?.filter, "PPA:2");
});

/** Another subscriber of the same host that wants its data at the same port: it has asked, and nothing was read of it. */
async function another({ rig, dataChannel }: Fixture, filterExpression: string): Promise<ScriptedPeer> {
  const peer = rig.connectAs({ address: "127.0.0.1:5001" });
  await peer.defineModes();
  await peer.expect(Response.Succeeded, Command.DefineOperationalModes);
  await peer.subscribe({ filterExpression, dataChannel });
  return peer;
}

/** Whether the next connection to this port gets its first cache a second after the last datagram, and no sooner. */
async function expectFirstCacheToWait({ rig }: Fixture, peer: ScriptedPeer): Promise<void> {
  await peer.expect(Response.Succeeded, Command.Subscribe);
  rig.clock.advance(999);
  // There are no keys to rotate, which is said behind all that was sent.
  await peer.send(Command.RotateCipherKeys);
  assertEquals(await countUntil(peer, Response.Failed, Response.UpdateSignalIndexCache), 0);
  rig.clock.advance(1);
  await peer.expectCache();
}

Deno.test("the first cache of a connection waits for what the one before sent to its port", async () => {
  await using fixture = await Fixture.withDatagram();
  fixture.peer.channel.close();
  while (fixture.rig.publisher.stats().open.length > 0) await settle();
  await expectFirstCacheToWait(fixture, await another(fixture, "PPA:2"));
});

Deno.test("so does that of the connection after, where the one between was sent nothing", async () => {
  await using fixture = await Fixture.withDatagram();
  await (await another(fixture, "PPA:3")).expect(Response.Succeeded, Command.Subscribe);
  await expectFirstCacheToWait(fixture, await another(fixture, "PPA:2"));
});

Deno.test("who wants data at the port of another connection of its host takes its place", async () => {
  await using fixture = await Fixture.withDatagram();
  const { rig } = fixture;
  const peer = await another(fixture, "PPA:2");
  await expectFirstCacheToWait(fixture, peer);
  await peer.confirmCache();
  await settle();
  assertEquals(rig.publisher.stats().recentlyClosed.map(({ closed }) => closed?.reason), ["replaced"]);
  await rig.publish([0, 1], 2000n);
  assertEquals(measurementsOf(await fixture.nextPacket()), "0=2");
  await settle();
  assertEquals(fixture.datagrams.length, 0);
});

Deno.test("who has no data sent to its port any more stays when another takes it", async () => {
  await using fixture = await Fixture.open({ heartbeatInterval: 1e6 });
  const { rig } = fixture;
  await fixture.agree();
  await fixture.subscribe();
  await fixture.peer.send(Command.Unsubscribe);
  await countUntil(fixture.peer, Response.Succeeded, Response.NoOP);
  await (await another(fixture, "PPA:2")).expectCache();
  await settle();
  assertEquals(rig.publisher.stats().open.length, 2);
});

Deno.test("the port of a connection is nobody's a second after its last datagram", async () => {
  await using fixture = await Fixture.withDatagram();
  fixture.peer.channel.close();
  while (fixture.rig.publisher.stats().open.length > 0) await settle();
  fixture.rig.clock.advance(1000);
  await (await another(fixture, "PPA:2")).expectCache();
});

Deno.test("a buffer block that is sent when history is over has its second to arrive, too", async () => {
  await using fixture = await Fixture.open({
    heartbeatInterval: 1e6,
    bufferBlocks: { confirmation: false },
    history: new MemoryHistory(),
  });
  const { rig, peer } = fixture;
  await fixture.agree({ compressPayloadData: false });
  await fixture.subscribe({ startTimeConstraint: "2024-01-01", stopTimeConstraint: "2024-01-02" });
  await countUntil(peer, Response.ProcessingComplete, Response.Failed);
  rig.clock.advance(5000);
  assertEquals(rig.publisher.publishBufferBlock(signalId(3), new Uint8Array(10)), 1);
  while (rig.connection().dataChannel!.datagrams < 1) await settle();
  await fixture.subscribe({ filterExpression: "PPA:1" });
  await peer.subscribe({ filterExpression: "PPA:2", dataChannel: fixture.dataChannel });
  await peer.expect(Response.Succeeded);
  rig.clock.advance(999);
  // There are no keys to rotate, which is said behind all that was sent.
  await peer.send(Command.RotateCipherKeys);
  assertEquals(await countUntil(peer, Response.Failed, Response.UpdateSignalIndexCache), 0);
  rig.clock.advance(1);
  await countUntil(peer, Response.UpdateSignalIndexCache, Response.Failed);
});

Deno.test("at version 1 the only cache is replaced when the system has taken all datagrams that refer to it", async () => {
  await using fixture = await Fixture.open({ udp: { maxDatagramLength: 512, queueLimit: 1 << 22 } });
  const { rig, peer } = fixture;
  await fixture.agree({ version: 1 });
  await peer.subscribe({ filterExpression: ALL, dataChannel: fixture.dataChannel });
  await countUntil(peer, Response.Succeeded, Response.Failed);
  const haveGone = publishMany(rig);
  await peer.subscribe({ filterExpression: "PPA:2", dataChannel: fixture.dataChannel });
  // The other one was before that answer.
  await countUntil(peer, Response.UpdateSignalIndexCache, Response.Failed);
  assertEquals(haveGone(), true);
  assertEquals(rig.connection().subscription?.confirmed, true);
});

Deno.test("at version 1 what is published while the only cache waits is counted, and only that", async () => {
  await using fixture = await Fixture.open({ udp: { maxDatagramLength: 512, queueLimit: 1 << 22 } });
  const { rig, peer } = fixture;
  const { dataChannel } = fixture;
  const detached = (): number => rig.connection().dropped["detached"] ?? 0;
  const isInForce = (): boolean => rig.connection().subscription?.confirmed === true;
  await fixture.agree({ version: 1 });
  await peer.subscribe({ filterExpression: ALL, dataChannel });
  await countUntil(peer, Response.Succeeded, Response.Failed);
  // Far more than the system takes while this goes on.
  publishMany(rig, 200_000);
  await peer.subscribe({ filterExpression: "PPA:1; PPA:2; PPA:3", dataChannel });
  await countUntil(peer, Response.Succeeded, Response.Failed);
  // Many datagrams still have their turn before the cache has.
  assertEquals(isInForce(), false);
  await rig.publish([0, 1, 2, 3]);
  rig.publisher.setAccess({ signals: [{ deny: "PPA:1" }] });
  assertEquals([isInForce(), detached()], [false, 3], "PPA:1 to PPA:3 are the signals 0 to 2");
  await rig.publish([0, 1, 2, 3]);
  await peer.send(Command.Unsubscribe);
  while (rig.connection().subscription !== null) await settle();
  assertEquals(detached(), 5);
  await rig.publish([0, 1, 2, 3]);
  await peer.subscribe({ filterExpression: "PPA:2", dataChannel });
  while (rig.connection().subscription === null) await settle();
  let missed = 5;
  for (; !isInForce(); missed++) await rig.publish([1]);
  assertEquals(missed > 5, true);
  const { dropped, dataChannel: before } = rig.connection();
  assertEquals(dropped["detached"], missed);
  await rig.publish([1]);
  while (rig.connection().dataChannel!.measurements === before!.measurements) await settle();
  assertEquals(detached(), missed);
  const { sent } = rig.connection();
  assertEquals(sent.measurements + (dropped["overflow"] ?? 0) + (dropped["datagram"] ?? 0), 200_001);
});

Deno.test("at version 1 what was published while the only cache waited comes behind it, as the latest value", async () => {
  await using fixture = await Fixture.open({
    latestOnSubscribe: true,
    udp: { maxDatagramLength: 512, queueLimit: 1 << 22 },
  });
  const { rig, peer } = fixture;
  const { dataChannel } = fixture;
  await fixture.agree({ version: 1 });
  await peer.subscribe({ filterExpression: ALL, dataChannel });
  await countUntil(peer, Response.Succeeded, Response.Failed);
  publishMany(rig, 200_000);
  await peer.subscribe({ filterExpression: "PPA:1; PPA:2", dataChannel });
  await countUntil(peer, Response.Succeeded, Response.Failed);
  await rig.publish([0]);
  assertEquals(rig.connection().subscription?.confirmed, false);
  await countUntil(peer, Response.UpdateSignalIndexCache, Response.Failed);
  const gone = (): number => {
    const { sent, dropped } = rig.connection();
    return sent.measurements + (dropped["overflow"] ?? 0) + (dropped["datagram"] ?? 0);
  };
  for (let i = 0; i < 1000 && gone() < 200_002; i++) await settle();
  assertEquals(
    [gone(), rig.connection().dropped["detached"]],
    [200_002, 1],
    "one for each of the two signals",
  );
});

Deno.test("a frame that is no command does not stop the data", async () => {
  await using fixture = await Fixture.open();
  const { rig, peer } = fixture;
  await fixture.agree();
  await fixture.subscribe();
  await peer.channel.write(encodeCommand(0x42));
  await peer.channel.write(new Uint8Array(4));
  await settle();
  await rig.publish([7]);
  assertEquals(measurementsOf(await fixture.nextPacket()), "7=8");
});

Deno.test("buffer blocks are not sent again while their datagrams wait, and then not all at once", async () => {
  await using fixture = await Fixture.open();
  const { rig, peer } = fixture;
  await fixture.agree({ compressPayloadData: false });
  await fixture.subscribe();
  const retransmitted = (): number => rig.connection().bufferBlocks!.retransmitted;
  for (let i = 0; i < 20; i++) rig.publisher.publishBufferBlock(signalId(0), new Uint8Array(15_000));
  rig.clock.advance(5000);
  assertEquals(retransmitted(), 0);
  while (rig.connection().dataChannel!.datagrams < 25) await settle();
  // 64 KiB for now, whatever is confirmed.
  assertEquals(retransmitted(), 5);
  await peer.send(Command.ConfirmBufferBlock, encodeBufferBlockConfirmation(19));
  await settle();
  assertEquals([retransmitted(), rig.connection().bufferBlocks!.confirmed], [5, 1]);
  rig.clock.advance(10);
  assertEquals(retransmitted(), 10);
});

Deno.test("measurements that still wait when the connection ends are counted, and not sent", async () => {
  await using fixture = await Fixture.open();
  const { rig } = fixture;
  await fixture.agree();
  await fixture.subscribe();
  const batch = new MeasurementBatch();
  for (let i = 0; i < 50_000; i++) batch.add(i % 8, 1000n, i);
  rig.publisher.publish(batch);
  // Datagrams are on their way, and none has left.
  await undefined;
  rig.publisher.disconnect(rig.connection().id);
  await settle();
  const { sent, dropped, recentlyClosed, published } = rig.publisher.stats();
  assertEquals([published.measurements, sent.measurements, dropped], [50_000, 0, { closed: 50_000 }]);
  assertEquals(recentlyClosed[0]!.dataChannel!.measurements, 0);
  // One may have been with the system already.
  await settle();
  assert(fixture.datagrams.length <= 1, `${fixture.datagrams.length} datagrams`);
});

for (const confirmation of [true, false]) {
  const name = confirmation ? "confirmed" : "not confirmed";
  Deno.test(`buffer blocks that datagrams have no room for come over TCP: none is lost, ${name}`, async () => {
    await using fixture = await Fixture.open({ udp: { queueLimit: 65_536 }, bufferBlocks: { confirmation } });
    const { rig, peer } = fixture;
    await fixture.agree({ compressPayloadData: false });
    await fixture.subscribe();
    for (let i = 0; i < 10; i++) rig.publisher.publishBufferBlock(signalId(0), new Uint8Array(15_000));
    const sequences: number[] = [];
    const take = (body: Uint8Array): number => sequences.push(decodeBufferBlockHead(body).sequence);
    while (sequences.length < 6) {
      const response = (await peer.receive())!;
      if (response.code === Response.BufferBlock) take(response.body);
    }
    while (fixture.datagrams.length < 4) await settle();
    for (const datagram of fixture.datagrams) for (const { body } of readResponses(datagram)) take(body);
    assertEquals(sequences, [4, 5, 6, 7, 8, 9, 0, 1, 2, 3]);
  });
}
