/**
 * Subscribers that do what they should not, over TCP: late, twice, never, in floods and in the wrong state. They get
 * answers, never data under a wrong name, and a well-behaved subscriber beside them loses nothing.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { MemoryHistory } from "../../history/mod.ts";
import type { PublisherOptions } from "../../publisher/mod.ts";
import { type ReceivedResponse, ScriptedPeer } from "../../publisher/testdata/rig.ts";
import type { Subscriber } from "../../subscriber/mod.ts";
import {
  type CipherKeys,
  Command,
  CompactDecoder,
  connectTcp,
  DataPacketFlags,
  decodeBaseTimes,
  decodeBufferBlockHead,
  decodeCacheUpdate,
  decodeCipherKeys,
  decodePacketHeader,
  decodeText,
  decryptPayload,
  encodeBufferBlockConfirmation,
  ManualClock,
  MeasurementBatch,
  openUdp,
  type OperationalModes,
  readResponses,
  Response,
  responseName,
  type SignalIndexCache,
  type SubscriptionOptions,
  TsscDecoder,
} from "../../transport/mod.ts";
import { all, dropped, Meeting, numberOf, Received, signalId, ticksOf, until, valueOf } from "./support.ts";

const size = 24;

/** A publisher, a subscriber that behaves well, and one that does as the test says. */
class Neighbours implements AsyncDisposable {
  readonly meeting: Meeting;
  readonly peer: ScriptedPeer;
  readonly #good: Subscriber;
  readonly #received = new Received();
  readonly #internalErrors: string[] = [];
  #rounds = 0;

  private constructor(meeting: Meeting, good: Subscriber, peer: ScriptedPeer) {
    this.meeting = meeting;
    this.#good = good;
    this.peer = peer;
    (async () => {
      for await (const batch of good.batches()) this.#received.add(good, batch);
    })();
    const status = meeting.publisher.status();
    (async () => {
      for await (const event of status) {
        if (event.kind === "internalError") this.#internalErrors.push(event.message);
      }
    })();
  }

  static async meet(
    modes: Partial<OperationalModes> = {},
    options: PublisherOptions = {},
  ): Promise<Neighbours> {
    const meeting = await Meeting.start(size, options);
    const good = await meeting.subscribed({ heartbeatTimeout: 0 });
    const { port } = meeting.publisher;
    const peer = new ScriptedPeer(await connectTcp({ hostname: "127.0.0.1", port }));
    await peer.defineModes(modes);
    await peer.expect(Response.Succeeded, Command.DefineOperationalModes);
    return new Neighbours(meeting, good, peer);
  }

  /** Publishes so many rounds. */
  async publish(count = 1): Promise<void> {
    this.#rounds += count;
    await this.meeting.publish(count);
  }

  /** Subscribes as one should, to everything; data flows when this is done. */
  async subscribeWell(options: SubscriptionOptions = {}): Promise<void> {
    await this.peer.subscribe({ filterExpression: all, ...options });
    await this.answer(Response.UpdateSignalIndexCache);
    await this.answer(Response.Succeeded);
    await this.peer.confirmCache();
    await this.meeting.confirmed();
  }

  /** The next response with this code, whatever comes before it. */
  async answer(
    code: number,
    isIt: (response: ReceivedResponse) => boolean = () => true,
  ): Promise<ReceivedResponse> {
    for (;;) {
      const response = await this.peer.receive();
      assert(response !== undefined, `the connection ended before ${responseName(code)}`);
      if (response.code === code && isIt(response)) return response;
    }
  }

  /** The well-behaved one has every round of every signal; nothing went wrong inside. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await until(() => this.#received.count >= size * this.#rounds);
      const expected = Array.from({ length: this.#rounds }, (_, round) => round % 100);
      for (let n = 0; n < size; n++) assertEquals(this.#received.rounds.get(n) ?? [], expected);
      assertEquals(dropped(this.#good), {});
      assertEquals(this.#internalErrors, []);
    } finally {
      this.peer.channel.close();
      await this.meeting[Symbol.asyncDispose]();
    }
  }
}

/** Numbers that a seed decides, from 0 to below `limit`. */
function dice(seed: number): (limit: number) => number {
  let state = seed * 0x9e37_79b1;
  return (limit) => {
    state = Math.imul(state ^ state >>> 15, 0x2c1b_3c6d) + 0x1234_5678;
    return (state >>> 8) % limit;
  };
}

/** Follows caches and data as the protocol has them, and insists that every value comes under its own name. */
class Follower {
  readonly #peer: ScriptedPeer;
  readonly #caches: (SignalIndexCache | undefined)[] = [];
  readonly #tssc = [new TsscDecoder(), new TsscDecoder()];
  readonly #compact = new CompactDecoder({ includeTime: true, useMillisecondResolution: false });
  readonly #batch = new MeasurementBatch();
  /** The numbers of the signals in the packet last read. */
  last: number[] = [];
  caches = 0;
  packets = 0;
  failures = 0;
  /** Ends with the connection. */
  readonly done: Promise<void>;

  constructor(peer: ScriptedPeer) {
    this.#peer = peer;
    this.done = this.#read();
  }

  async #read(): Promise<void> {
    for (let response; (response = await this.#peer.receive()) !== undefined;) {
      const { code, body } = response;
      if (code === Response.UpdateSignalIndexCache) this.#takeCache(body);
      else if (code === Response.UpdateBaseTimes) this.#compact.baseTimes = decodeBaseTimes(body);
      else if (code === Response.DataPacket) this.#takePacket(body);
      else if (code === Response.Failed) this.failures++;
    }
  }

  #takeCache(body: Uint8Array): void {
    const { cacheIndex, cache } = decodeCacheUpdate(body, { version: this.#peer.modes.version, gzip: true });
    this.#caches[cacheIndex] = cache;
    this.caches++;
  }

  #takePacket(body: Uint8Array): void {
    const { flags, count, payload } = decodePacketHeader(body);
    const cacheIndex = flags & DataPacketFlags.CacheIndex ? 1 : 0;
    const batch = this.#batch;
    batch.clear();
    const isTssc = (flags & DataPacketFlags.Compressed) !== 0;
    if (isTssc) assertEquals(this.#tssc[cacheIndex]!.decode(payload, batch), count);
    else this.#compact.decode(payload, count, batch);
    const cache = this.#caches[cacheIndex];
    assert(cache !== undefined, "data before its cache");
    const positions = new Map(Array.from(cache.indexes, (index, i) => [index, i]));
    this.last = Array.from(batch.signals.subarray(0, batch.length), (index, i) => {
      const place = positions.get(index);
      assert(place !== undefined, `signal index ${index} is not in its cache`);
      const n = numberOf(cache.signalIds[place]!);
      const round = Number((batch.ticks[i]! - ticksOf(0)) / 333_333n);
      assertEquals([batch.ticks[i], batch.values[i]], [ticksOf(round), valueOf(n, round)], `signal ${n}`);
      return n;
    });
    this.packets++;
  }
}

for (const version of [1, 2, 3] as const) {
  for (const tssc of [true, false]) {
    for (const seed of [1, 2]) {
      const name = `version ${version}, ${tssc ? "TSSC" : "compact"}, seed ${seed}`;
      Deno.test(`whatever a subscriber sends, in whatever order: no value under a wrong name; ${name}`, async () => {
        await using neighbours = await Neighbours.meet({ version, compressPayloadData: tssc });
        const { peer, meeting } = neighbours;
        const follower = new Follower(peer);
        const roll = dice(seed + 10 * version);
        const filters = [
          all,
          "",
          "PPA:1",
          "PPA:2; PPA:1; PPA:20",
          "FILTER TOP 7 ActiveMeasurements WHERE True ORDER BY PointTag DESC",
          "FILTER ActiveMeasurements WHERE (",
        ];
        const subscribe = (): Promise<void> =>
          peer.subscribe({ filterExpression: filters[roll(filters.length)]! });
        const confirm = (): Promise<void> => peer.confirmCache();
        const stray = [
          Command.Connect,
          Command.MetadataRefresh,
          Command.RotateCipherKeys,
          Command.UpdateProcessingInterval,
          Command.DefineOperationalModes,
          Command.ConfirmNotification,
          Command.ConfirmBufferBlock,
          Command.ConfirmUpdateBaseTimes,
          Command.ConfirmUpdateCipherKeys,
          Command.UserCommand00,
          0x42,
        ];
        const actions: readonly (() => Promise<void>)[] = [
          subscribe,
          subscribe,
          confirm,
          confirm,
          confirm,
          async () => {
            for (let i = 0; i < 3; i++) await confirm();
          },
          async () => {
            for (let i = 0; i < 20; i++) await subscribe();
          },
          () => peer.send(Command.Unsubscribe),
          () => peer.send(stray[roll(stray.length)]!, new Uint8Array(roll(6))),
          () => Promise.resolve(),
        ];
        for (let i = 0; i < 95; i++) {
          await actions[roll(actions.length)]!();
          await neighbours.publish();
          // Give it time to be read now and then, so that orders differ.
          if (roll(4) === 0) await new Promise((resolve) => setTimeout(resolve, 2));
        }
        // After all that it can still have what it wants, once it confirms what is asked of it.
        const last = `${all} ORDER BY SignalID`;
        await peer.subscribe({ filterExpression: last });
        let seen = 0;
        await until(async () => {
          for (; seen < follower.caches; seen++) await confirm();
          const { subscription } = meeting.publisher.stats().open.find(({ id }) => id === 2)!;
          return subscription?.filter === last && subscription.confirmed;
        });
        follower.last = [];
        // Not at once: who makes the encoder start anew that often is made to wait for it.
        await until(async () => {
          await neighbours.publish();
          return follower.last.length === size;
        });
        assert(follower.packets > 0 && follower.failures > 0);
        peer.channel.close();
        await follower.done;
      });
    }
  }
}

Deno.test("commands in the wrong state are answered by what is wrong with them, and change nothing", async () => {
  await using neighbours = await Neighbours.meet();
  const { peer, meeting: { publisher } } = neighbours;
  const interval = new Uint8Array(4);
  const refused = async (command: number, body: Uint8Array | undefined, why: string): Promise<void> => {
    await peer.send(command, body);
    const answer = await neighbours.answer(Response.Failed, ({ inResponseTo }) => inResponseTo === command);
    assertStringIncludes(decodeText(answer.body, "utf-8"), why);
  };
  // Without a subscription.
  await refused(Command.UpdateProcessingInterval, interval, "no subscription");
  await refused(Command.RotateCipherKeys, undefined, "not encrypted");
  await refused(Command.Connect, undefined, "Connect");
  await peer.send(Command.Unsubscribe);
  await peer.expect(Response.Succeeded, Command.Unsubscribe);
  for (
    const [command, length] of [
      [Command.ConfirmUpdateSignalIndexCache, 0],
      [Command.ConfirmUpdateCipherKeys, 0],
      [Command.ConfirmUpdateBaseTimes, 0],
      [Command.ConfirmNotification, 4],
      [Command.ConfirmBufferBlock, 4],
    ] as const
  ) await peer.send(command, new Uint8Array(length));
  await refused(0x42, undefined, "0x42");

  // With one that runs.
  await neighbours.subscribeWell();
  const modes = new Uint8Array([0, 0, 2, 2]);
  await refused(Command.DefineOperationalModes, modes, "while there is a subscription");
  await refused(Command.UpdateProcessingInterval, interval.subarray(1), "3 bytes");
  await refused(Command.Subscribe, new Uint8Array(3), "3 bytes");
  await refused(Command.Subscribe, new Uint8Array([2, 0xff, 0xff, 0xff, 0xff]), "4294967295 bytes");
  await refused(Command.ConfirmBufferBlock, interval.subarray(1), "3 bytes");
  await refused(Command.UserCommand15, undefined, "UserCommand15");
  const [, connection] = publisher.stats().open;
  assertEquals(connection!.subscription?.confirmed, true);
  assertEquals(connection!.events["confirmation without a cache"], 1);
  assertEquals(connection!.events["confirmation without cipher keys"], 1);
  assertEquals(connection!.events["confirmation without a notification"], 1);
  assertEquals(connection!.events["confirmation without a buffer block"], 1);
  await neighbours.publish();
  await neighbours.answer(Response.DataPacket);
});

Deno.test("a flood of resubscriptions by who does not read: bounded, answered, and nobody else's matter", async () => {
  await using neighbours = await Neighbours.meet();
  const { peer, meeting: { publisher } } = neighbours;
  const count = 3000;
  const flood = (async () => {
    for (let i = 0; i < count; i++) {
      await peer.subscribe({ filterExpression: i % 2 ? all : `PPA:${i % size}` });
    }
  })();
  let most = 0;
  for (let i = 0; i < 60; i++) {
    await neighbours.publish();
    most = Math.max(most, publisher.stats().open[1]!.queue.controlBytes);
  }
  // What is answered and not read is bounded; the rest of its commands wait on its own side.
  assert(most < 1_000_000, `${most} bytes of answers waited`);
  let answers = 0;
  for (; answers < count; answers++) await neighbours.answer(Response.Succeeded);
  await flood;
  // One cache is out, and of all those that followed the last waits: two confirmations bring it.
  await peer.confirmCache();
  await peer.confirmCache();
  await until(() => publisher.stats().open[1]!.subscription?.confirmed === true);
  assertEquals(publisher.stats().open[1]!.subscription?.filter, all);
  assertEquals(publisher.stats().groups.length, 1);
});

Deno.test("buffer blocks confirmed that were never sent, twice, in no order: each is sent until it is confirmed itself", async () => {
  const clock = new ManualClock();
  await using neighbours = await Neighbours.meet({ compressPayloadData: false }, { clock });
  const { peer, meeting: { publisher } } = neighbours;
  await neighbours.subscribeWell({ bufferBlockRetransmissionTimeout: 1 });
  const confirm = (sequence: number): Promise<void> =>
    peer.send(Command.ConfirmBufferBlock, encodeBufferBlockConfirmation(sequence));
  const count = 20;
  const roll = dice(7);
  const open = new Set<number>();
  for (let i = 0; i < count; i++) {
    publisher.publishBufferBlock(signalId(i), new Uint8Array(100).fill(i));
    open.add(i);
    for (let j = 0; j < 3; j++) await confirm(count + roll(2 ** 31));
    await neighbours.publish();
  }
  const sent = (): Readonly<{ waiting: number; confirmed: number }> =>
    publisher.stats().open[1]!.bufferBlocks!;
  await until(() => publisher.stats().open[1]!.events["confirmation without a buffer block"] === 3 * count);
  assertEquals([sent().waiting, sent().confirmed], [count, 0]);
  // Only what is confirmed comes no more.
  while (open.size > 0) {
    const sequence = [...open][roll(open.size)]!;
    const block = await neighbours.answer(Response.BufferBlock, ({ body }) => {
      clock.advance(250);
      const head = decodeBufferBlockHead(body);
      assert(head.sequence < count);
      return head.sequence === sequence;
    });
    assertEquals(block.body.subarray(-100), new Uint8Array(100).fill(sequence));
    await confirm(sequence);
    await confirm(sequence);
    open.delete(sequence);
    await until(() => sent().confirmed === count - open.size);
  }
  assertEquals(sent().waiting, 0);
});

Deno.test("new cipher keys asked for in a burst and never confirmed: every datagram can be read with the last two", async () => {
  const clock = new ManualClock();
  await using neighbours = await Neighbours.meet({}, {
    clock,
    udp: { encrypt: true },
    heartbeatInterval: 1e9,
  });
  const { peer, meeting: { publisher } } = neighbours;
  const datagrams: Uint8Array[] = [];
  const socket = await openUdp({ hostname: "127.0.0.1", onDatagram: (datagram) => datagrams.push(datagram) });
  const keys: CipherKeys[] = [];
  await peer.subscribe({ filterExpression: all, dataChannel: { localPort: socket.port } });
  keys.push(decodeCipherKeys((await neighbours.answer(Response.UpdateCipherKeys)).body));
  await neighbours.answer(Response.Succeeded);
  await peer.confirmCache();
  await neighbours.meeting.confirmed();
  const used = new Set<boolean>();
  for (let round = 0; round < 30; round++) {
    clock.advance(1000);
    for (let i = 0; i < 5; i++) await peer.send(Command.RotateCipherKeys);
    keys.push(decodeCipherKeys((await neighbours.answer(Response.UpdateCipherKeys)).body));
    // The first is granted, the others come too soon after it.
    for (let i = 0; i < 4; i++) {
      await neighbours.answer(
        Response.Failed,
        ({ inResponseTo }) => inResponseTo === Command.RotateCipherKeys,
      );
    }
    await neighbours.publish();
    await until(() => datagrams.length > 0);
    for (const datagram of datagrams.splice(0)) {
      const [{ body }] = [...readResponses(datagram)] as [ReceivedResponse];
      const isOdd = (body[0]! & DataPacketFlags.CipherIndex) !== 0;
      used.add(isOdd);
      const payload = decryptPayload(body.subarray(1), isOdd ? keys.at(-1)!.odd : keys.at(-1)!.even) ??
        decryptPayload(body.subarray(1), isOdd ? keys.at(-2)!.odd : keys.at(-2)!.even);
      assert(payload !== undefined, `round ${round}: neither key`);
      assertEquals(new DataView(payload.buffer, payload.byteOffset).getUint32(0), size);
    }
  }
  assertEquals([used.size, publisher.stats().open[1]!.cipher!.rotations], [2, 30]);
  await socket.close();
});

Deno.test("history begun, abandoned in the middle, and begun again: it ends once for each, and the last is whole", async () => {
  const history = new MemoryHistory();
  await using neighbours = await Neighbours.meet({ compressPayloadData: false }, { history });
  const { peer, meeting: { publisher } } = neighbours;
  const length = 200_000;
  const batch = new MeasurementBatch(length);
  for (let i = 0; i < length; i++) batch.add(publisher.signals.add(signalId(0)), BigInt(i + 1), i, 0);
  history.record(batch, publisher.signals);
  const past = { startTimeConstraint: "0001-01-01", stopTimeConstraint: "0001-01-02" };
  const ended = async (): Promise<string> =>
    decodeText((await neighbours.answer(Response.ProcessingComplete)).body, "utf-8");
  for (let time = 0; time < 5; time++) {
    // The second measurement would come in an hour, or in two.
    await neighbours.subscribeWell({ ...past, processingInterval: 3_600_000 });
    await neighbours.answer(Response.DataPacket);
    const pace = new Uint8Array(4);
    new DataView(pace.buffer).setUint32(0, 7_200_000);
    for (let i = 0; i < 5; i++) await peer.send(Command.UpdateProcessingInterval, pace);
    await peer.send(Command.Unsubscribe);
    await peer.send(Command.Unsubscribe);
    assertEquals(await ended(), "Replay was cancelled.");
    await neighbours.answer(Response.Succeeded, ({ inResponseTo }) => inResponseTo === Command.Unsubscribe);
    await neighbours.answer(Response.Succeeded, ({ inResponseTo }) => inResponseTo === Command.Unsubscribe);
    await neighbours.publish();
  }
  await neighbours.subscribeWell({ ...past, processingInterval: 0 });
  const decoder = new CompactDecoder({ includeTime: true, useMillisecondResolution: false });
  let read = 0;
  let wrong = 0;
  for (let response; (response = await peer.receive())?.code !== Response.ProcessingComplete;) {
    if (response!.code === Response.UpdateBaseTimes) decoder.baseTimes = decodeBaseTimes(response!.body);
    if (response!.code !== Response.DataPacket) continue;
    const { count, payload } = decodePacketHeader(response!.body);
    batch.clear();
    decoder.decode(payload, count, batch);
    for (let i = 0; i < batch.length; i++) if (batch.ticks[i] !== BigInt(++read)) wrong++;
  }
  assertEquals([read, wrong], [length, 0]);
});
