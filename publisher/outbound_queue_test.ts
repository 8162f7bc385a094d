import { assertEquals, assertLess, assertLessOrEqual } from "@std/assert";
import type { Channel } from "../transport/channel.ts";
import { ManualClock } from "../transport/clock.ts";
import { SttpError } from "../transport/errors.ts";
import { BufferPool } from "./buffer_pool.ts";
import { type OutboundFrame, OutboundQueue } from "./outbound_queue.ts";
import { FRAME_OVERHEAD, QueueMemory } from "./queue_memory.ts";

/** A channel whose writes are recorded and settle when the test says so, unless it is open. */
class GatedChannel implements Channel {
  readonly peer = { address: "gated" };
  readonly writes: Uint8Array[] = [];
  /** What was given to be written, itself. */
  readonly given: Uint8Array[] = [];
  isOpen: boolean;
  #pending: { resolve: () => void; reject: (error: unknown) => void } | undefined;

  constructor(isOpen: boolean) {
    this.isOpen = isOpen;
  }

  read(): Promise<number | null> {
    return Promise.resolve(null);
  }

  write(bytes: Uint8Array): Promise<void> {
    this.writes.push(bytes.slice());
    this.given.push(bytes);
    if (this.isOpen) return Promise.resolve();
    return new Promise((resolve, reject) => this.#pending = { resolve, reject });
  }

  /** Lets the write in progress succeed. */
  release(): void {
    const pending = this.#pending;
    this.#pending = undefined;
    pending?.resolve();
  }

  close(): void {
    this.#pending?.reject(new SttpError("ConnectionLost", "closed"));
    this.#pending = undefined;
  }

  get lengths(): number[] {
    return this.writes.map((bytes) => bytes.length);
  }
}

interface Rig {
  readonly channel: GatedChannel;
  readonly clock: ManualClock;
  readonly queue: OutboundQueue;
  readonly log: string[];
}

interface RigOptions {
  readonly open?: boolean;
  readonly limit?: number;
  readonly controlLimit?: number;
  readonly memory?: QueueMemory;
}

function createRig(options: RigOptions = {}): Rig {
  const channel = new GatedChannel(options.open ?? true);
  const clock = new ManualClock();
  const log: string[] = [];
  const queue = new OutboundQueue({
    channel,
    clock,
    limit: options.limit ?? 1_000_000,
    controlLimit: options.controlLimit ?? 1_000_000,
    buffers: new BufferPool(131_072),
    memory: options.memory ?? new QueueMemory(10_000_000),
    events: {
      onIdle: () => log.push("idle"),
      onDropped: (reason, measurements, bytes) => log.push(`${reason} ${measurements} in ${bytes}`),
      onControlOverflow: () => log.push("control overflow"),
      onFailed: () => log.push("failed"),
    },
  });
  return { channel, clock, queue, log };
}

function data(length: number, measurements: number, fill = 0): OutboundFrame {
  return { bytes: new Uint8Array(length).fill(fill), measurements, holders: 0, droppable: true };
}

/** Long enough for every promise that can settle. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await undefined;
}

Deno.test("what is pushed in one turn goes out in one write, in order", async () => {
  const { channel, queue, log } = createRig();
  queue.pushControl(Uint8Array.of(1, 2));
  queue.pushData(data(3, 7, 3));
  queue.pushControl([Uint8Array.of(4), new Uint8Array(0), Uint8Array.of(5)]);
  assertEquals(queue.idle, false);
  await queue.drained();
  assertEquals(channel.writes, [Uint8Array.of(1, 2, 3, 3, 3, 4, 5)]);
  assertEquals([queue.sentBytes, queue.sentDataBytes, queue.sentMeasurements, queue.writes], [7, 3, 7, 1]);
  assertEquals(log, ["idle"]);
  assertEquals(queue.idle, true);
});

Deno.test("a lone frame and long frames are not copied together with others", async () => {
  const { channel, queue } = createRig({ limit: 10_000_000 });
  queue.pushControl(new Uint8Array(600_000));
  queue.pushData(data(10, 1));
  queue.pushData(data(20, 1));
  await queue.drained();
  // In steps that show progress; the last piece of a long frame may take others along.
  assertEquals(channel.lengths, [262_144, 262_144, 75_712, 30]);
});

Deno.test("a write gathers no more than its buffer holds", async () => {
  const { channel, queue } = createRig({ limit: 10_000_000 });
  for (let i = 0; i < 10; i++) queue.pushData(data(30_000, 1));
  await queue.drained();
  assertEquals(channel.lengths, [120_000, 120_000, 60_000]);
});

Deno.test("overflow drops all data that waits, keeps answers, and counts exactly", async () => {
  const { channel, queue, log } = createRig({ open: false, limit: 100 + 2 * FRAME_OVERHEAD });
  queue.pushData(data(40, 4));
  await settle();
  assertEquals(channel.lengths, [40], "in progress: can't be dropped any more");
  queue.pushControl(Uint8Array.of(9));
  assertEquals(queue.pushData(data(30, 3)), true);
  assertEquals(queue.pushData(data(30, 3)), true);
  assertEquals(queue.dataBytes, 100);
  assertEquals(queue.pushData(data(1, 1)), false);
  assertEquals(log, ["overflow 7 in 61"]);
  assertEquals(queue.dataBytes, 40);
  channel.isOpen = true;
  channel.release();
  await queue.drained();
  assertEquals(channel.writes[1], Uint8Array.of(9));
  assertEquals(queue.sentMeasurements, 4);
});

Deno.test("overflow in the middle of a long frame leaves the rest of it, so that the next one can be read", async () => {
  const length = 600_000;
  const { channel, queue, log } = createRig({ open: false, limit: length + 100 + 2 * FRAME_OVERHEAD });
  queue.pushData(data(length, 60, 7));
  await settle();
  assertEquals(channel.lengths, [262_144], "the first piece is in progress");
  queue.pushData(data(100, 1));
  queue.pushData(data(length, 60));
  assertEquals(log, ["overflow 61 in 600100"]);
  queue.pushControl(Uint8Array.of(9));
  channel.isOpen = true;
  channel.release();
  await queue.drained();
  const sent = channel.writes.flatMap((bytes) => [...bytes]);
  assertEquals([sent.length, sent.lastIndexOf(7), sent.at(-1)], [length + 1, length - 1, 9]);
  assertEquals(queue.sentMeasurements, 60);
});

Deno.test("too many answers are reported once and end the queue", async () => {
  const { channel, queue, log } = createRig({ open: false, controlLimit: 1_100_000 + 4 * FRAME_OVERHEAD });
  queue.pushControl([new Uint8Array(5_000_000), new Uint8Array(5_000_000)]);
  queue.pushControl(new Uint8Array(51_424));
  assertEquals(log, [], "a long answer counts for no more than a mebibyte");
  queue.pushControl(Uint8Array.of(1));
  queue.pushControl(Uint8Array.of(1));
  assertEquals(log, ["control overflow"]);
  assertEquals(queue.controlBytes, 10_051_424);
  queue.close();
  channel.close();
  await queue.drained();
});

Deno.test("answers that were written do not count any more", async () => {
  const { queue, log } = createRig({ controlLimit: 100 + 2 * FRAME_OVERHEAD });
  for (let i = 0; i < 10; i++) {
    queue.pushControl([new Uint8Array(60), new Uint8Array(40)]);
    await queue.drained();
  }
  assertEquals(log, Array(10).fill("idle"));
});

Deno.test("closing counts what waits, and the write in progress when it fails", async () => {
  const { channel, queue, log } = createRig({ open: false });
  queue.pushData(data(40, 4));
  await settle();
  queue.pushData(data(50, 5));
  const over = queue.close();
  assertEquals(log, ["closed 5 in 50"]);
  channel.close();
  await over;
  assertEquals(log, ["closed 5 in 50", "closed 4 in 40", "failed"]);
  queue.pushData(data(60, 6));
  assertEquals(log.at(-1), "closed 6 in 60");
  assertEquals(queue.sentMeasurements, 0);
});

Deno.test("a write that fails ends the queue", async () => {
  const { channel, queue, log } = createRig({ open: false });
  queue.pushData(data(40, 4));
  await settle();
  queue.pushData(data(50, 5));
  channel.close();
  await settle();
  assertEquals(log, ["closed 4 in 40", "closed 5 in 50", "failed"]);
});

Deno.test("waiting for answers to be taken", async () => {
  const { channel, queue } = createRig({ open: false });
  queue.pushControl(new Uint8Array(100));
  let below = false;
  queue.controlBelow(50).then(() => below = true);
  await settle();
  assertEquals(below, false);
  channel.release();
  await settle();
  assertEquals(below, true);
  await queue.controlBelow(0);
});

Deno.test("closing ends the waiting", async () => {
  const { channel, queue } = createRig({ open: false });
  queue.pushControl(new Uint8Array(100));
  const below = queue.controlBelow(50);
  queue.close();
  channel.close();
  await below;
});

Deno.test("a stalled write shows for how long", async () => {
  const { channel, clock, queue } = createRig({ open: false });
  assertEquals(queue.stalledFor, 0);
  queue.pushData(data(10, 1));
  await settle();
  clock.advance(2500);
  assertEquals(queue.stalledFor, 2500);
  // That somebody sets the machine's clock is no stall, and ends none.
  for (const time of [0, 9e12]) {
    clock.set(time);
    assertEquals(queue.stalledFor, 2500);
  }
  channel.release();
  await queue.drained();
  assertEquals(queue.stalledFor, 0);
});

Deno.test("a long backlog drains in order", async () => {
  const { channel, queue } = createRig({ open: false, limit: 10_000_000 });
  for (let i = 0; i < 5000; i++) queue.pushData(data(100, 1, i & 0xff));
  await settle();
  channel.isOpen = true;
  channel.release();
  await queue.drained();
  assertEquals(queue.sentMeasurements, 5000);
  let i = 0;
  for (const bytes of channel.writes) {
    for (let offset = 0; offset < bytes.length; offset += 100, i++) assertEquals(bytes[offset], i & 0xff);
  }
  assertEquals(i, 5000);
});

Deno.test("the account has what waits and what is being written, and nothing of it afterwards", async () => {
  const memory = new QueueMemory(10_000_000);
  const long = 300_000;
  const shared = data(1000, 1);
  const answer = new Uint8Array(long);
  const [one, other] = [createRig({ open: false, memory }), createRig({ open: false, memory })];
  for (const { queue } of [one, other]) queue.pushData(shared);
  await settle();
  for (const { queue } of [one, other]) {
    queue.pushControl(answer);
    queue.pushBounded([Uint8Array.of(1), answer]);
  }
  const both = 1000 + long + 2 * FRAME_OVERHEAD;
  assertEquals([one.channel.lengths, other.channel.lengths], [[1000], [1000]], "being written");
  assertEquals(memory.bytes, both + 2 * (1 + FRAME_OVERHEAD), "each has a byte of its own");
  one.channel.release();
  await settle();
  other.channel.release();
  await settle();
  assertEquals(memory.bytes, both - 1000 - FRAME_OVERHEAD + 2 * (1 + FRAME_OVERHEAD), "the data is written");
  one.channel.isOpen = true;
  one.channel.release();
  await one.queue.drained();
  assertEquals(memory.bytes, long + 1 + 2 * FRAME_OVERHEAD, "what the other still holds");
  other.channel.isOpen = true;
  other.channel.release();
  await other.queue.drained();
  assertEquals(memory.bytes, 0);
});

Deno.test("the end of a long answer is held until it has been written, and so is what is gathered", async () => {
  const memory = new QueueMemory(10_000_000);
  const { channel, queue } = createRig({ open: false, memory });
  queue.pushControl(new Uint8Array(300_000));
  await settle();
  channel.release();
  await settle();
  assertEquals(channel.lengths, [262_144, 37_856]);
  assertEquals(memory.bytes, 300_000 + FRAME_OVERHEAD, "it is one piece of memory");
  queue.pushControl([new Uint8Array(10), new Uint8Array(20)]);
  queue.pushData(data(30, 1));
  channel.release();
  await settle();
  assertEquals(channel.lengths.at(-1), 60);
  assertEquals(memory.bytes, 60 + FRAME_OVERHEAD, "the frames have been copied");
  channel.release();
  await queue.drained();
  assertEquals(memory.bytes, 0);
});

Deno.test("the account has nothing of what was dropped, closed, or could not be written", async () => {
  const memory = new QueueMemory(10_000_000);
  const { channel, queue, log } = createRig({ open: false, memory, limit: 2000 });
  queue.pushData(data(100, 1));
  queue.pushData(data(200, 1));
  assertEquals(queue.pushData(data(1500, 1)), false);
  assertEquals(queue.overflowLimit, 2000);
  assertEquals(memory.bytes, 0, "dropped");

  const frames = [data(100, 1), data(200, 1)];
  queue.pushData(frames[0]!);
  await settle();
  queue.pushData(frames[1]!);
  queue.pushControl(new Uint8Array(300));
  const over = queue.close();
  assertEquals(memory.bytes, 100 + FRAME_OVERHEAD, "closed: the write is still in progress");
  channel.close();
  await over;
  assertEquals(memory.bytes, 0, "failed");
  queue.pushData(frames[0]!);
  queue.pushControl(new Uint8Array(300));
  queue.pushBounded([new Uint8Array(300)]);
  assertEquals([memory.bytes, ...frames.map(({ holders }) => holders)], [0, 0, 0], "closed takes nothing");
  assertEquals(log.slice(-2), ["failed", "closed 1 in 100"]);

  const refused = createRig({ open: false, memory, controlLimit: 1000 });
  refused.queue.pushControl(new Uint8Array(300));
  refused.queue.pushControl(new Uint8Array(300));
  assertEquals(refused.log, ["control overflow"]);
  refused.queue.close();
  assertEquals(memory.bytes, 0);
});

Deno.test("while all queues hold too much, a queue has its share, and of those that there are", () => {
  const memory = new QueueMemory(2_000_000);
  const [hoarder, other, idle] = [
    createRig({ open: false, memory, limit: 10_000_000 }),
    createRig({ open: false, memory, limit: 10_000_000 }),
    createRig({ open: false, memory }),
  ];
  for (let i = 0; i < 4; i++) assertEquals(hoarder.queue.pushData(data(450_000, 1)), true);
  for (let i = 0; i < 3; i++) assertEquals(other.queue.pushData(data(150_000, 1)), true);
  assertEquals(memory.bytes, 2_250_000 + 7 * FRAME_OVERHEAD);
  assertEquals(other.queue.pushData(data(150_000, 1)), true, "it has less than a third");
  assertEquals(hoarder.queue.pushData(data(1, 1)), false);
  assertEquals(hoarder.queue.overflowLimit, 666_666);
  assertEquals(hoarder.log, ["overflow 5 in 1800001"]);
  assertEquals(other.log, []);
  assertEquals(other.queue.pushData(data(1_000_000, 1)), true, "there is room again");

  hoarder.queue.close();
  idle.queue.close();
  idle.queue.close();
  assertEquals(other.queue.pushData(data(400_000, 1)), true);
  assertEquals(other.queue.pushData(data(1, 1)), false, "alone, it has all");
  assertEquals(other.queue.overflowLimit, 2_000_000);
});

Deno.test("who does not read is stuck, and lets go of all that it has not read; for who is gone there is no room to be made", async () => {
  const memory = new QueueMemory(1_000_000);
  const [slow, other] = [createRig({ open: false, memory }), createRig({ memory })];
  for (const length of [362_144, 400_000]) slow.queue.pushControl(new Uint8Array(length));
  slow.queue.pushData(data(100, 1));
  await settle();
  slow.clock.advance(4_999);
  assertEquals(slow.queue.isStuck, false);
  slow.clock.advance(1);
  assertEquals(slow.queue.isStuck, true);
  slow.channel.release();
  await settle();
  assertEquals(slow.queue.isStuck, false, "it has moved");
  slow.clock.advance(5_000);
  assertEquals(slow.queue.held.bytes, 762_144 + 2 * FRAME_OVERHEAD, "of the first the end is being written");

  other.queue.close();
  other.queue.makeRoom([new Uint8Array(900_000)]);
  assertEquals(slow.log, []);
  createRig({ memory }).queue.makeRoom([new Uint8Array(900_000)]);
  assertEquals(slow.log, ["closed 1 in 100", "control overflow"]);
  assertEquals(
    [memory.bytes, slow.queue.held.bytes],
    [0, 0],
    "what is being written does not count any more",
  );
  slow.channel.close();
  await settle();
  assertEquals([memory.bytes, slow.queue.held.bytes], [0, 0], "nor a second time when that is over");
});

Deno.test("short answers are put together while they wait", async () => {
  const memory = new QueueMemory(10_000_000);
  const { channel, queue, log } = createRig({ open: false, memory, controlLimit: 4_000_000 });
  const expected: number[] = [];
  const answer = (length: number): Uint8Array => {
    const bytes = new Uint8Array(length).map((_, i) => expected.length + 3 * i);
    expected.push(...bytes);
    return bytes;
  };
  queue.pushControl(answer(10));
  await settle();
  for (let i = 0; i < 2000; i++) queue.pushControl(answer(30));
  assertEquals(queue.controlBytes, 60_010);
  assertEquals(queue.depth, 15);
  const waiting = memory.bytes;
  assertLess(waiting, 1.2 * 60_000);

  // What is long, or data, stays where it is, and nothing is put in front of it.
  queue.pushControl([answer(300), answer(300)]);
  queue.pushControl(answer(512));
  queue.pushData({ ...data(0, 1), bytes: answer(50) });
  queue.pushControl(answer(512));
  queue.pushControl(answer(513));
  queue.pushControl(answer(5));
  queue.pushControl([answer(6), answer(7)]);
  queue.pushControl([answer(20_000), answer(6)]);
  queue.pushControl(answer(7));
  queue.pushControl(answer(8));
  queue.pushBounded([answer(9)]);
  assertEquals(queue.depth, 15 + 10);
  channel.isOpen = true;
  channel.release();
  await queue.drained();
  assertEquals(channel.writes.flatMap((bytes) => [...bytes]), expected.map((byte) => byte & 0xff));
  assertEquals([memory.bytes, queue.held.bytes, queue.controlBytes], [0, 0, 0]);

  // What they count for is given back, too, and no more than that.
  for (let i = 0; i < 3; i++) {
    for (let j = 0; j < 3000; j++) queue.pushControl(new Uint8Array(10));
    await queue.drained();
  }
  channel.isOpen = false;
  const fit = Math.floor(4_000_000 / (10 + FRAME_OVERHEAD));
  for (let i = 0; i < fit; i++) queue.pushControl(new Uint8Array(10));
  assertEquals(log, Array(4).fill("idle"));
  queue.pushControl(new Uint8Array(10));
  assertEquals(log.at(-1), "control overflow");
  queue.close();
  assertEquals([memory.bytes, queue.held.bytes], [0, 0]);
});

Deno.test("the memory in which short answers wait together doubles up to 4 KiB, and counts as long as it is held", async () => {
  for (const length of [1, 10, 30, 255, 256, 257, 511, 512]) {
    const memory = new QueueMemory(10_000_000);
    const { channel, queue } = createRig({ open: false, memory, controlLimit: 4_000_000 });
    let room = length;
    for (let count = 1; count * length <= 4096; count++) {
      queue.pushControl(new Uint8Array(length));
      if (count * length > room) room = Math.min(2 * room, 4096);
      const held = room + FRAME_OVERHEAD;
      assertEquals([memory.bytes, queue.held.bytes, queue.depth], [held, held, 1], `${count} of ${length}`);
    }
    const taken = Math.floor(4096 / length) * length;
    assertEquals(queue.controlBytes, taken);
    // A lone frame is written where it is.
    await settle();
    assertEquals([channel.lengths, channel.given[0]!.buffer.byteLength], [[taken], room]);
    assertEquals([memory.bytes, queue.held.bytes], [room + FRAME_OVERHEAD, room + FRAME_OVERHEAD]);
    queue.pushControl(new Uint8Array(length));
    const one = length + FRAME_OVERHEAD;
    assertEquals(
      [memory.bytes, queue.depth],
      [room + FRAME_OVERHEAD + one, 1],
      "not to what is being written",
    );
    channel.release();
    await settle();
    assertEquals([memory.bytes, queue.held.bytes], [one, one]);
    channel.release();
    await queue.drained();
    assertEquals([memory.bytes, queue.held.bytes, queue.controlBytes], [0, 0, 0]);
  }
});

Deno.test("short answers of any lengths take no more room together than apart, and come as they were, in order", async () => {
  const memory = new QueueMemory(10_000_000);
  const { channel, queue } = createRig({ open: false, memory, controlLimit: 4_000_000 });
  const expected: number[] = [];
  const numbered = (length: number): Uint8Array => {
    const bytes = new Uint8Array(length).map((_, i) => 7 * expected.length + i);
    expected.push(...bytes);
    return bytes;
  };
  queue.pushControl(numbered(1));
  await settle();
  let apart = 1 + FRAME_OVERHEAD;
  let withData = 0;
  let joined = 0;
  for (let i = 0; i < 1500; i++) {
    const { depth } = queue;
    if (i % 7 === 0) {
      queue.pushData({ ...data(0, 1), bytes: numbered(20) });
      withData += 20 + FRAME_OVERHEAD;
      continue;
    }
    // Very short ones and all others up to such as are just too long, in one piece or in two.
    const pieces = Array.from({ length: 1 + i % 2 }, () => numbered(1 + (i % 5 < 2 ? i % 11 : 31 * i % 257)));
    queue.pushControl(pieces);
    for (const { length } of pieces) apart += length + FRAME_OVERHEAD;
    if (queue.depth === depth) joined++;
    assertLessOrEqual(queue.held.bytes, apart);
    assertEquals(memory.bytes, queue.held.bytes + withData);
  }
  assertEquals(joined > 700, true, `${joined} were put together`);
  channel.isOpen = true;
  channel.release();
  await queue.drained();
  assertEquals(channel.writes.flatMap((bytes) => [...bytes]), expected.map((byte) => byte & 0xff));
  assertEquals([memory.bytes, queue.held.bytes, queue.controlBytes], [0, 0, 0]);
});

Deno.test("a short answer that others wait for, too, is theirs when it is put together with another", async () => {
  const memory = new QueueMemory(10_000_000);
  const [one, other] = [createRig({ open: false, memory }), createRig({ open: false, memory })];
  const room = new Uint8Array(600).fill(7);
  const shared = room.subarray(0, 30);
  for (const { queue } of [one, other]) queue.pushControl(shared);
  assertEquals(memory.bytes, 30 + FRAME_OVERHEAD);
  one.queue.pushControl(new Uint8Array(10).fill(1));
  one.queue.pushControl(new Uint8Array(50).fill(2));
  assertEquals(memory.bytes, 30 + 90 + 2 * FRAME_OVERHEAD, "one has a copy");
  await settle();
  assertEquals(room, new Uint8Array(600).fill(7));
  assertEquals(one.channel.given, [
    Uint8Array.of(...Array(30).fill(7), ...Array(10).fill(1), ...Array(50).fill(2)),
  ]);
  assertEquals(other.channel.given, [shared]);
  other.channel.release();
  await other.queue.drained();
  assertEquals(memory.bytes, 90 + FRAME_OVERHEAD);
  one.channel.release();
  await one.queue.drained();
  assertEquals(memory.bytes, 0);
});

Deno.test("of short answers that wait together nothing counts when the queue is closed, or gives way", async () => {
  for (const way of ["close", "giveWay"] as const) {
    const memory = new QueueMemory(10_000_000);
    const { channel, queue } = createRig({ open: false, memory });
    for (let i = 0; i < 50; i++) queue.pushControl(new Uint8Array(100));
    await settle();
    // Two frames wait behind the write, and data with one behind that.
    for (let i = 0; i < 50; i++) queue.pushControl(new Uint8Array(100));
    queue.pushData(data(100, 1));
    for (let i = 0; i < 3; i++) queue.pushControl(new Uint8Array(100));
    assertEquals(queue.depth, 4);
    queue[way]();
    const writing = way === "close" ? 5000 + FRAME_OVERHEAD : 0;
    assertEquals([memory.bytes, queue.controlBytes], [writing, 5000]);
    channel.close();
    await queue.drained();
    assertEquals([memory.bytes, queue.held.bytes, queue.controlBytes], [0, 0, 0]);
  }
});
