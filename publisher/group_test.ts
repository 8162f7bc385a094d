import { assertEquals } from "@std/assert";
import { ManualClock } from "../transport/clock.ts";
import { decodeBaseTimes } from "../transport/wire/base_times.ts";
import { MeasurementBatch } from "../transport/wire/batch.ts";
import { DataPacketFlags, Response } from "../transport/wire/codes.ts";
import { CompactDecoder } from "../transport/wire/compact.ts";
import { FrameReader, readResponses } from "../transport/wire/frame.ts";
import { decodePacketHeader } from "../transport/wire/data_packet.ts";
import { ticksNow } from "../transport/wire/ticks.ts";
import { TsscDecoder } from "../transport/wire/tssc/mod.ts";
import { BufferPool } from "./buffer_pool.ts";
import type { Delivery } from "./delivery.ts";
import { Group, type GroupEnvironment, Member, type MemberSink } from "./group.ts";
import type { OutboundFrame } from "./outbound_queue.ts";
import { parcelSize } from "./parcel.ts";
import { Router } from "./router.ts";
import { SearchSpace } from "./search_space.ts";
import { SignalSet } from "./signal_set.ts";
import { tssc } from "./testdata/delivery.ts";

const compact: Delivery = { ...tssc, tssc: false };

/** A member's end: what it was sent, and whether it is ready or full. */
class FakeSink implements MemberSink {
  idle = true;
  isDatagram = false;
  hasDatagramsUnderWay = false;
  isMoving = false;
  isClosed = false;
  isFull = false;
  readonly frames: OutboundFrame[] = [];
  readonly log: string[] = [];
  readonly baseTimes: Uint8Array[] = [];
  detached = 0;

  sendData(frame: OutboundFrame): boolean {
    if (this.isFull) return false;
    this.frames.push(frame);
    this.log.push(`${frame.measurements}`);
    return true;
  }

  sendDataStartTime(ticks: bigint): void {
    this.log.push(`start ${ticks}`);
  }

  sendBaseTimes(frame: Uint8Array): void {
    this.baseTimes.push(frame);
    this.log.push("base times");
  }

  countDetached(measurements: number): void {
    this.detached += measurements;
  }

  attached(missed: number): void {
    this.detached += missed;
    this.log.push(`attached after ${missed}`);
  }

  leaveOut(): void {
    this.log.push("leave out");
  }

  /** The bodies of its packets. */
  get packets(): Uint8Array[] {
    const bodies: Uint8Array[] = [];
    for (const { bytes } of this.frames) {
      const frames = new FrameReader({ maxLength: 40_000, readSize: bytes.length });
      frames.writable().set(bytes);
      frames.commit(bytes.length);
      for (let payload; (payload = frames.next()) !== undefined;) {
        for (const { code, body } of readResponses(payload)) {
          assertEquals(code, Response.DataPacket);
          bodies.push(body.slice());
        }
      }
      assertEquals(frames.buffered, 0);
    }
    return bodies;
  }

  /** The sequence numbers of its TSSC packets. */
  get sequences(): number[] {
    return this.packets.map((body) => (body[6]! << 8) | body[7]!);
  }

  /** Everything that its packets decode to; fails on any packet out of sequence or with a wrong count. */
  decoded(): MeasurementBatch {
    const decoder = new TsscDecoder();
    const into = new MeasurementBatch();
    for (const body of this.packets) {
      const { count, payload } = decodePacketHeader(body);
      assertEquals(decoder.decode(payload, into), count);
    }
    assertEquals(into.length, this.frames.reduce((sum, { measurements }) => sum + measurements, 0));
    return into;
  }
}

function createEnvironment(
  options: Partial<GroupEnvironment> = {},
): GroupEnvironment & { clock: ManualClock } {
  const maxPacketSize = options.maxPacketSize ?? 32_767;
  return {
    searches: new SearchSpace(),
    parcelBuffers: new BufferPool(parcelSize(maxPacketSize)),
    maxPacketSize,
    maxPublishInterval: 0,
    recentTicks: () => undefined,
    ...options,
    clock: new ManualClock(),
  };
}

/** Signals 0 to `size - 1`. */
function signals(size: number): SignalSet {
  return new SignalSet(Int32Array.from({ length: size }, (_, i) => i));
}

/** One value for each of `size` signals. */
function batchOf(size: number, ticks = 1000n, value = 1): MeasurementBatch {
  const batch = new MeasurementBatch(size);
  for (let i = 0; i < size; i++) batch.add(i, ticks, value + i, 0);
  return batch;
}

function join(group: Group, cacheIndex: 0 | 1 = 0): { member: Member; sink: FakeSink } {
  const sink = new FakeSink();
  const member = new Member(sink, cacheIndex);
  group.join(member);
  return { member, sink };
}

function publish(group: Group, batch: MeasurementBatch): void {
  group.publish(batch);
  group.flushWhenDue();
}

Deno.test("one encoding serves all members, in the same memory", () => {
  const group = new Group(1, signals(3), tssc, createEnvironment());
  const sinks = [join(group), join(group), join(group)].map(({ sink }) => sink);
  publish(group, batchOf(3));
  publish(group, batchOf(3, 2000n));
  assertEquals(group.snapshot().packets, 2);
  assertEquals(sinks[0]!.log, ["attached after 0", "start 1000", "3", "3"]);
  for (const sink of sinks) {
    assertEquals(sink.frames.map(({ bytes }) => bytes), sinks[0]!.frames.map(({ bytes }) => bytes));
    assertEquals(sink.frames[0]!.bytes === sinks[0]!.frames[0]!.bytes, true);
  }
  const decoded = sinks[2]!.decoded();
  assertEquals([...decoded.signals.subarray(0, 6)], [0, 1, 2, 0, 1, 2]);
  assertEquals([...decoded.ticks.subarray(0, 6)], [1000n, 1000n, 1000n, 2000n, 2000n, 2000n]);
  group.dispose();
});

Deno.test("members on different caches get packets that differ in one bit", () => {
  const group = new Group(1, signals(3), tssc, createEnvironment());
  const on1 = join(group, 1).sink;
  const on0 = join(group, 0).sink;
  const alsoOn1 = join(group, 1).sink;
  publish(group, batchOf(3));
  const [a, b] = [on0.frames[0]!.bytes, on1.frames[0]!.bytes];
  assertEquals(a[10], DataPacketFlags.Compressed);
  assertEquals(b[10], DataPacketFlags.Compressed | DataPacketFlags.CacheIndex);
  assertEquals(a.subarray(11), b.subarray(11));
  assertEquals(b === alsoOn1.frames[0]!.bytes, true);
  group.dispose();
});

Deno.test("a large publication is cut into packets within the limit", () => {
  const group = new Group(1, signals(5000), tssc, createEnvironment({ maxPacketSize: 1000 }));
  const { sink } = join(group);
  publish(group, batchOf(5000));
  assertEquals(sink.packets.length > 5, true);
  for (const body of sink.packets) assertEquals(body.length <= 1000, true);
  assertEquals(sink.frames.length < sink.packets.length / 2, true, "several packets to a parcel");
  assertEquals(group.snapshot().packets, sink.packets.length);
  assertEquals(sink.decoded().length, 5000);
  group.dispose();
});

Deno.test("a late joiner resets the encoder at the next publication; several coalesce", () => {
  const group = new Group(1, signals(3), tssc, createEnvironment());
  const first = join(group).sink;
  publish(group, batchOf(3));
  publish(group, batchOf(3));
  const [second, third] = [join(group).sink, join(group).sink];
  assertEquals(group.snapshot().resets, 1);
  publish(group, batchOf(3, 7000n));
  assertEquals(group.snapshot().resets, 2);
  assertEquals(first.sequences, [0, 1, 0]);
  assertEquals(second.sequences, [0]);
  assertEquals(third.log, ["attached after 0", "start 7000", "3"]);
  assertEquals([first.decoded().length, second.decoded().length], [9, 3]);
  group.dispose();
});

Deno.test("joining storms share resets, and what they wait through is counted", () => {
  const environment = createEnvironment();
  const group = new Group(1, signals(2), tssc, environment);
  const sinks = [join(group).sink];
  for (let i = 0; i < 50; i++) {
    publish(group, batchOf(2));
    sinks.push(join(group).sink);
  }
  assertEquals(group.snapshot().resets, 8);
  environment.clock.advance(500);
  publish(group, batchOf(2));
  assertEquals(group.snapshot().resets, 9);
  sinks.forEach((sink, i) => {
    const published = 2 * (51 - i);
    assertEquals(sink.decoded().length + sink.detached, published, `member ${i}`);
  });
  assertEquals(sinks.every((sink) => sink.frames.length > 0), true);
  group.dispose();
});

Deno.test("an overflow detaches; the member is back at a reset when it has drained", () => {
  const environment = createEnvironment();
  const group = new Group(1, signals(4), tssc, environment);
  const good = join(group).sink;
  const { member, sink: slow } = join(group);
  publish(group, batchOf(4));
  slow.isFull = true;
  publish(group, batchOf(4));
  slow.isFull = false;
  assertEquals(group.snapshot().detachedMembers, 1);
  publish(group, batchOf(4));
  publish(group, batchOf(4));
  assertEquals(group.missedBy(member), 8);
  group.memberIdle(member);
  // Not so soon after the reset that let it in: nobody else should pay for one that flaps.
  publish(group, batchOf(4));
  assertEquals(slow.frames.length, 1);
  environment.clock.advance(500);
  publish(group, batchOf(4, 9000n));
  assertEquals(slow.log.slice(-2), ["attached after 12", "4"]);
  assertEquals(slow.sequences, [0, 0]);
  assertEquals(slow.decoded().ticks[4], 9000n);
  assertEquals(good.decoded().length, 24);
  assertEquals(good.sequences, [0, 1, 2, 3, 4, 0]);
  assertEquals(group.missedBy(member), 0);
  group.dispose();
});

Deno.test("while all are slow nothing is encoded, and everything is counted", () => {
  const group = new Group(1, signals(4), tssc, createEnvironment());
  const { member, sink } = join(group);
  sink.isFull = true;
  publish(group, batchOf(4));
  assertEquals(group.snapshot().packets, 1);
  for (let i = 0; i < 10; i++) publish(group, batchOf(4));
  const { bytes, encoded, measurements, packets } = group.snapshot();
  assertEquals([packets, encoded, measurements], [1, 4, 44]);
  assertEquals(bytes > 0, true);
  assertEquals(group.missedBy(member), 40);
  group.leave(member);
  assertEquals(sink.detached, 40);
  group.dispose();
});

Deno.test("an overflow in the middle of a publication is counted to the measurement", () => {
  const group = new Group(1, signals(3000), tssc, createEnvironment({ maxPacketSize: 1000 }));
  const { member, sink } = join(group);
  let lost = 0;
  sink.sendData = (frame) => {
    if (sink.frames.length === 2) {
      lost = frame.measurements;
      return false;
    }
    sink.frames.push(frame);
    return true;
  };
  publish(group, batchOf(3000));
  assertEquals(sink.decoded().length + lost + group.missedBy(member), 3000);
  assertEquals(lost > 0, true);
  group.dispose();
});

Deno.test("while all members are busy a packet stays open for more", () => {
  const environment = createEnvironment();
  const group = new Group(1, signals(3), tssc, environment);
  const a = join(group);
  const b = join(group);
  publish(group, batchOf(3));
  a.sink.idle = b.sink.idle = false;
  publish(group, batchOf(3));
  publish(group, batchOf(3));
  assertEquals(a.sink.frames.length, 1);
  b.sink.idle = true;
  group.memberIdle(b.member);
  assertEquals(a.sink.frames.map(({ measurements }) => measurements), [3, 6]);
  assertEquals(b.sink.decoded().length, 9);
  group.dispose();
});

Deno.test("members on different caches get every packet of a parcel marked", () => {
  const group = new Group(1, signals(3000), tssc, createEnvironment({ maxPacketSize: 1000 }));
  const sinks = [join(group, 0).sink, join(group, 1).sink];
  publish(group, batchOf(3000));
  for (const [cacheIndex, sink] of sinks.entries()) {
    const flags = sink.packets.map((body) => body[0]);
    assertEquals(flags.length > 2, true);
    assertEquals(
      new Set(flags),
      new Set([DataPacketFlags.Compressed + cacheIndex * DataPacketFlags.CacheIndex]),
    );
    assertEquals(sink.decoded().length, 3000);
  }
  group.dispose();
});

Deno.test("a full parcel goes even when all are busy", () => {
  const group = new Group(1, signals(3000), tssc, createEnvironment({ maxPacketSize: 1000 }));
  const { sink } = join(group);
  publish(group, batchOf(1));
  sink.idle = false;
  publish(group, batchOf(3000));
  const before = sink.frames.length;
  assertEquals(before > 1, true);
  group.flush();
  assertEquals(sink.frames.length, before + 1);
  assertEquals(sink.decoded().length, 3001);
  group.dispose();
});

Deno.test("a timer that comes early does not leave measurements behind", () => {
  const environment = createEnvironment({ maxPublishInterval: 20 });
  const { clock } = environment;
  const early = {
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    schedule: (delay: number, callback: () => void) => clock.schedule(delay - 0.5, callback),
  };
  const group = new Group(1, signals(3), tssc, { ...environment, clock: early });
  const { sink } = join(group);
  publish(group, batchOf(3));
  clock.advance(19.5);
  assertEquals(sink.frames.map(({ measurements }) => measurements), [3]);
  group.dispose();
});

Deno.test("maxPublishInterval gathers publications while members are ready", () => {
  const environment = createEnvironment({ maxPublishInterval: 20 });
  const { clock } = environment;
  const group = new Group(1, signals(3), tssc, environment);
  const { member, sink } = join(group);
  publish(group, batchOf(3));
  clock.advance(19);
  publish(group, batchOf(3));
  assertEquals(sink.frames.length, 0);
  clock.advance(1);
  assertEquals(sink.frames.map(({ measurements }) => measurements), [6]);
  assertEquals(clock.pending, 0);
  // When nobody is ready at that moment, it goes as soon as somebody is.
  publish(group, batchOf(3));
  sink.idle = false;
  clock.advance(50);
  assertEquals(sink.frames.length, 1);
  sink.idle = true;
  group.memberIdle(member);
  assertEquals(sink.frames.length, 2);
  publish(group, batchOf(3));
  group.dispose();
  assertEquals(clock.pending, 0);
});

Deno.test("who leaves takes what was published before", () => {
  const group = new Group(1, signals(3), tssc, createEnvironment());
  const a = join(group);
  const b = join(group);
  publish(group, batchOf(3));
  a.sink.idle = b.sink.idle = false;
  publish(group, batchOf(3));
  group.leave(a.member);
  group.leave(a.member);
  assertEquals(a.sink.decoded().length, 6);
  publish(group, batchOf(3));
  group.flush();
  assertEquals([a.sink.decoded().length, b.sink.decoded().length], [6, 9]);
  assertEquals(group.size, 1);
  group.dispose();
});

Deno.test("compact members join without a reset and learn the base times first", () => {
  const environment = createEnvironment();
  const { clock } = environment;
  const group = new Group(1, signals(2), compact, environment);
  const first = join(group);
  const now = ticksNow(clock);
  publish(group, batchOf(2, now + 5_000_000n));
  const late = join(group);
  publish(group, batchOf(2, now + 6_000_000n));
  assertEquals(late.sink.log, ["base times", "attached after 0", `start ${now + 6_000_000n}`, "2"]);
  assertEquals(first.sink.frames[0]!.bytes[10], DataPacketFlags.Compact);
  const decoder = new CompactDecoder({ includeTime: true, useMillisecondResolution: false });
  decoder.baseTimes = decodeBaseTimes(late.sink.baseTimes[0]!.subarray(10));
  assertEquals([decoder.baseTimes.timeIndex, decoder.baseTimes.base(0)], [0, now]);
  const into = new MeasurementBatch();
  const { payload, count } = decodePacketHeader(late.sink.frames[0]!.bytes.subarray(10));
  assertEquals(payload.length, 2 * 13);
  decoder.decode(payload, count, into);
  assertEquals(into.ticks[1], now + 6_000_000n);
  group.dispose();
  assertEquals(clock.pending, 0);
});

Deno.test("base times rotate every 420 s, every 60 s in milliseconds, with an open packet closed first", () => {
  for (const [useMillisecondResolution, interval] of [[false, 420_000], [true, 60_000]] as const) {
    const environment = createEnvironment();
    const { clock } = environment;
    const group = new Group(1, signals(2), { ...compact, useMillisecondResolution }, environment);
    const { sink } = join(group);
    const start = ticksNow(clock);
    publish(group, batchOf(2));
    sink.idle = false;
    publish(group, batchOf(2));
    clock.advance(interval - 1);
    assertEquals(sink.baseTimes.length, 1);
    clock.advance(1);
    assertEquals(sink.log.slice(-2), ["2", "base times"]);
    const rotated = decodeBaseTimes(sink.baseTimes[1]!.subarray(10));
    const step = BigInt(interval) * 10_000n;
    assertEquals([rotated.timeIndex, rotated.base(1), rotated.base(0)], [1, start + step, start + 2n * step]);
    group.dispose();
    assertEquals(clock.pending, 0);
  }
});

Deno.test("a peer that can't read the TimeIndex flag never gets it: base time 0 is renewed", () => {
  const environment = createEnvironment();
  const { clock } = environment;
  const group = new Group(1, signals(1), { ...compact, oneBaseTime: true }, environment);
  const { sink } = join(group);
  for (const minutes of [7, 14, 21]) {
    clock.advance(420_000);
    const renewed = decodeBaseTimes(sink.baseTimes.at(-1)!.subarray(10));
    assertEquals([renewed.timeIndex, renewed.base(0)], [0, ticksNow(clock)], `after ${minutes} minutes`);
    const batch = batchOf(1);
    batch.ticks[0] = ticksNow(clock) + 1n;
    publish(group, batch);
    const flags = sink.frames.at(-1)!.bytes[15];
    assertEquals(flags, 0x40, `after ${minutes} minutes`);
  }
  group.dispose();
});

Deno.test("the first base time is the timestamp last published, unless the local clock is asked for", () => {
  const environment = createEnvironment({ recentTicks: () => 1234n });
  const recent = new Group(1, signals(1), compact, environment);
  const local = new Group(2, signals(1), { ...compact, useLocalClock: true }, environment);
  const bases = [recent, local].map((group) =>
    decodeBaseTimes(join(group).sink.baseTimes[0]!.subarray(10)).base(0)
  );
  assertEquals(bases, [1234n, ticksNow(environment.clock)]);
  recent.dispose();
  local.dispose();
});

Deno.test("without time there are no base times and no timers", () => {
  const environment = createEnvironment();
  const group = new Group(1, signals(2), { ...compact, includeTime: false }, environment);
  const { sink } = join(group);
  publish(group, batchOf(2));
  assertEquals(sink.frames[0]!.bytes.length, 15 + 2 * 9);
  assertEquals(sink.baseTimes.length, 0);
  assertEquals(environment.clock.pending, 0);
});

Deno.test("a compact member that overflowed learns what base times are in force when it is back", () => {
  const environment = createEnvironment();
  const group = new Group(1, signals(1), compact, environment);
  const { member, sink } = join(group);
  sink.isFull = true;
  publish(group, batchOf(1));
  environment.clock.advance(420_000);
  assertEquals(sink.baseTimes.length, 1);
  sink.isFull = false;
  group.memberIdle(member);
  publish(group, batchOf(1));
  assertEquals(sink.log.slice(-3, -1), ["base times", "attached after 0"]);
  assertEquals(decodeBaseTimes(sink.baseTimes[1]!.subarray(10)).timeIndex, 1);
  group.dispose();
});

Deno.test("a throttled group sends the latest values on its beat", () => {
  const environment = createEnvironment();
  const { clock } = environment;
  const throttle = { interval: 250, checkTime: false, lagTime: 0, leadTime: 0, useLocalClock: false };
  const group = new Group(1, signals(3), { ...tssc, throttle }, environment);
  const { sink } = join(group);
  for (let i = 0; i < 5; i++) publish(group, batchOf(2, BigInt(i), 10 * i));
  clock.advance(249);
  assertEquals(sink.frames.length, 0);
  clock.advance(1);
  const decoded = sink.decoded();
  assertEquals([...decoded.values.subarray(0, decoded.length)], [40, 41]);
  clock.advance(500);
  assertEquals(sink.frames.length, 1, "nothing new, nothing sent");
  publish(group, batchOf(1, 9n, 7));
  clock.advance(250);
  assertEquals(sink.frames.map(({ measurements }) => measurements), [2, 1]);
  group.dispose();
  assertEquals(clock.pending, 0);
});

const everySecond: Delivery = {
  ...tssc,
  throttle: { interval: 1000, checkTime: false, lagTime: 0, leadTime: 0, useLocalClock: false },
};

/** What a member got, as `signal=value`. */
function received(sink: FakeSink): string {
  const { signals, values, length } = sink.decoded();
  return Array.from({ length }, (_, i) => `${signals[i]}=${values[i]}`).join(" ");
}

Deno.test("who leaves a throttled group takes what waits for the beat, once; the others get it on the beat", () => {
  const environment = createEnvironment();
  const group = new Group(1, signals(3), everySecond, environment);
  const [first, second, third] = [join(group), join(group), join(group)];
  publish(group, batchOf(3));
  environment.clock.advance(1000);
  publish(group, batchOf(2, 2000n, 5));
  group.leave(first.member);
  group.leave(second.member, new SignalSet(Int32Array.of(-1, 1, 2)));
  assertEquals(received(first.sink), "0=1 1=2 2=3 0=5 1=6");
  assertEquals(received(second.sink), "0=1 1=2 2=3 1=6", "and nothing of what it may not have any more");
  environment.clock.advance(1000);
  assertEquals(received(third.sink), "0=1 1=2 2=3 0=5 1=6");
  assertEquals(third.sink.sequences, [0, 1], "the encoder goes on");
  for (const { sink } of [first, second, third]) assertEquals(sink.detached, 0);
  group.leave(third.member);
  assertEquals(third.sink.frames.length, 2, "nothing waits");
  group.dispose();
  assertEquals(environment.clock.pending, 0);
});

Deno.test("who comes to a throttled group gets what is published from then on, the others all of it", () => {
  const environment = createEnvironment();
  const group = new Group(1, signals(4), everySecond, environment);
  const first = join(group);
  publish(group, batchOf(4));
  const second = join(group);
  publish(group, batchOf(1, 2000n, 11));
  const [third, gone] = [join(group), join(group)];
  publish(group, batchOf(2, 3000n, 21));
  group.leave(gone.member);
  assertEquals(group.size, 3);
  assertEquals(received(gone.sink), "0=21 1=22");
  environment.clock.advance(1000);
  // Signal 0 has a newer value than the one that only the first two should get.
  assertEquals(received(first.sink), "2=3 3=4 0=21 1=22");
  for (const { sink } of [second, third]) {
    assertEquals(received(sink), "0=21 1=22");
    assertEquals(sink.detached, 0);
  }
  const fourth = join(group);
  publish(group, batchOf(1, 4000n, 31));
  environment.clock.advance(1000);
  for (const { sink } of [first, second, third, fourth]) assertEquals(received(sink).endsWith("0=31"), true);
  group.dispose();
});

Deno.test("who comes and goes between two beats makes nothing come sooner to others", () => {
  const environment = createEnvironment();
  const group = new Group(1, signals(3), everySecond, environment);
  const { sink } = join(group);
  for (let i = 0; i < 100; i++) {
    publish(group, batchOf(3, BigInt(i), i));
    group.leave(join(group).member);
  }
  assertEquals(sink.frames.length, 0);
  environment.clock.advance(1000);
  assertEquals(received(sink), "0=99 1=100 2=101");
  assertEquals(group.snapshot().resets, 1);
  group.dispose();
});

Deno.test("what waits for the beat is counted for who can't be sent it", () => {
  const environment = createEnvironment();
  const group = new Group(1, signals(3), everySecond, environment);
  const [slow, closed] = [join(group), join(group)];
  slow.sink.isFull = true;
  publish(group, batchOf(3));
  environment.clock.advance(1000);
  publish(group, batchOf(2));
  closed.sink.isClosed = true;
  for (const { member } of [slow, closed]) group.leave(member);
  assertEquals([slow.sink.detached, closed.sink.detached], [2, 2]);
  group.dispose();
});

Deno.test("what waits for the beat is encoded once for all who leave at the same moment", async () => {
  const environment = createEnvironment();
  const group = new Group(1, signals(3), everySecond, environment);
  const members = [join(group), join(group), join(group, 1), join(group), join(group), join(group)];
  const [first, second, other, fewer, later, last] = members;
  publish(group, batchOf(3));
  group.leave(first!.member);
  group.leave(second!.member);
  group.leave(other!.member);
  group.leave(fewer!.member, new SignalSet(Int32Array.of(0, -1, 2)));
  assertEquals(first!.sink.frames[0] === second!.sink.frames[0], true, "the very same frame");
  assertEquals(other!.sink.packets[0]![0], DataPacketFlags.Compressed + DataPacketFlags.CacheIndex);
  publish(group, batchOf(1, 2000n, 9));
  group.leave(later!.member);
  assertEquals(
    [first, second, other, fewer, later].map((member) => received(member!.sink)),
    ["0=1 1=2 2=3", "0=1 1=2 2=3", "0=1 1=2 2=3", "0=1 2=3", "0=9 1=2 2=3"],
  );
  await Promise.resolve();
  group.leave(last!.member);
  assertEquals(received(last!.sink), "0=9 1=2 2=3");
  assertEquals(last!.sink.frames[0] === later!.sink.frames[0], false, "it was not kept");
  group.dispose();
});

Deno.test("who leaves at another moment gets what is stale by then as stale", async () => {
  const environment = createEnvironment();
  const throttle = { interval: 60_000, checkTime: true, lagTime: 5, leadTime: 5, useLocalClock: true };
  const group = new Group(1, signals(1), { ...tssc, throttle }, environment);
  const [first, second] = [join(group), join(group)];
  publish(group, batchOf(1, ticksNow(environment.clock)));
  group.leave(first.member);
  await Promise.resolve();
  environment.clock.advance(6000);
  group.leave(second.member);
  assertEquals([received(first.sink), received(second.sink)], ["0=1", "0=NaN"]);
  group.dispose();
});

Deno.test("what waits for the beat needs no base times, whatever way it goes to who leaves", () => {
  const environment = createEnvironment();
  const group = new Group(1, signals(2), { ...everySecond, tssc: false }, environment);
  const [stream, datagrams] = [join(group), join(group)];
  datagrams.sink.hasDatagramsUnderWay = true;
  const ticks = ticksNow(environment.clock);
  publish(group, batchOf(2, ticks));
  for (const { member } of [stream, datagrams]) group.leave(member);
  for (const { sink } of [stream, datagrams]) {
    assertEquals(sink.log, ["base times", `start ${ticks}`, "2"], "those that it got when it came");
    const { count, payload } = decodePacketHeader(sink.packets[0]!);
    const batch = new MeasurementBatch();
    new CompactDecoder({ includeTime: true, useMillisecondResolution: false }).decode(payload, count, batch);
    assertEquals([batch.length, batch.ticks[0], batch.ticks[1]], [2, ticks, ticks]);
  }
  group.dispose();
  assertEquals(environment.clock.pending, 0);
});

Deno.test("of what waits for the beat, all is counted that comes behind what is too much for who leaves", () => {
  const group = new Group(1, signals(3000), everySecond, createEnvironment({ maxPacketSize: 1000 }));
  const [fast, slow] = [join(group), join(group)];
  publish(group, batchOf(3000));
  group.leave(fast.member);
  slow.sink.isFull = true;
  group.leave(slow.member);
  assertEquals(fast.sink.decoded().length, 3000);
  // A queue itself counts what it has no room for.
  assertEquals(slow.sink.detached, 3000 - fast.sink.frames[0]!.measurements);
  assertEquals(fast.sink.frames.length > 1, true);
  group.dispose();
});

Deno.test("the router groups by signals and form, and groups end with their last member", async () => {
  const environment = createEnvironment();
  const router = new Router(environment);
  const sink = new FakeSink();
  const placements = [
    router.join(signals(3), tssc, new Member(sink, 0)),
    router.join(signals(3), { ...tssc }, new Member(sink, 1)),
    router.join(signals(2), tssc, new Member(sink, 0)),
    router.join(signals(3), compact, new Member(sink, 0)),
    router.join(new SignalSet(Int32Array.of(2, 1, 0)), tssc, new Member(sink, 0)),
  ];
  assertEquals(placements.map(({ group }) => group.id), [1, 1, 2, 3, 4]);
  router.publish(batchOf(3));
  await undefined;
  assertEquals(router.snapshot().map(({ packets, members }) => [packets, members]), [[1, 2], [1, 1], [1, 1], [
    1,
    1,
  ]]);
  for (const placement of [...placements, placements[0]!]) router.leave(placement);
  assertEquals(router.snapshot(), []);
  assertEquals(environment.clock.pending, 0);
  assertEquals(router.join(signals(3), tssc, new Member(sink, 0)).group.id, 5);
});

Deno.test("what is published in one go leaves together, and for everybody", async () => {
  const router = new Router(createEnvironment());
  const sinks = [new FakeSink(), new FakeSink()];
  router.join(signals(3), tssc, new Member(sinks[0]!, 0));
  router.join(signals(2), tssc, new Member(sinks[1]!, 0));
  for (let i = 0; i < 5; i++) router.publish(batchOf(3, BigInt(i)));
  assertEquals(sinks.map(({ frames }) => frames.length), [0, 0]);
  await undefined;
  assertEquals(sinks.map(({ frames }) => frames.map(({ measurements }) => measurements)), [[15], [10]]);
  router.publish(batchOf(3));
  await undefined;
  assertEquals(sinks.map(({ frames }) => frames.length), [2, 2]);
  router.flush();
});

Deno.test("what a group remembers of batches goes with it", () => {
  const environment = createEnvironment();
  const group = new Group(1, new SignalSet(Int32Array.of(0, 1)), tssc, environment);
  const member = new Member(new FakeSink(), 0);
  group.join(member);
  const batch = new MeasurementBatch();
  batch.add(1, 1_000n, 1, 0);
  group.publish(batch, 1);
  assertEquals(environment.searches.kept > 0, true);
  group.leave(member);
  group.dispose();
  assertEquals(environment.searches.kept, 0);
});
