import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import fc from "fast-check";
import { ManualClock } from "../transport/clock.ts";
import { SttpError } from "../transport/errors.ts";
import { MeasurementBatch } from "../transport/wire/batch.ts";
import { fromUnixMilliseconds, ticksNow } from "../transport/wire/ticks.ts";
import { BatchIterator, Delivery } from "./delivery.ts";
import { type Frame, type FrameOptions, FrameSorter, SortedFrames } from "./frames.ts";
import { settle } from "./testdata/scripted_publisher.ts";

/** Midnight of 2024-01-01, where a ManualClock starts. */
const start = fromUnixMilliseconds(1_704_067_200_000);
const second = 10_000_000n;
const millisecond = 10_000n;

/** `[signal, offset in ticks, value]` */
type Row = [number, bigint, number];

function batchOf(rows: readonly Row[]): MeasurementBatch {
  const batch = new MeasurementBatch();
  for (const [signal, offset, value] of rows) batch.add(signal, start + offset, value, 0);
  return batch;
}

/** A frame as `offset: signal=value …`. */
function shown(frame: Frame | undefined): string | undefined {
  if (frame === undefined) return undefined;
  const { ticks, measurements } = frame;
  const parts = Array.from(
    { length: measurements.length },
    (_, i) => `${measurements.signals[i]}=${measurements.values[i]}`,
  );
  return `${ticks - start}: ${parts.join(" ")}`;
}

function sorterOf(rows: readonly Row[], options: FrameOptions = {}, now: bigint = start): FrameSorter {
  const sorter = new FrameSorter(options);
  const batch = batchOf(rows);
  assertEquals(sorter.add(batch, 0, now), batch.length);
  return sorter;
}

function taken(sorter: FrameSorter, now: bigint, flush: boolean = false): (string | undefined)[] {
  const frames: (string | undefined)[] = [];
  for (let frame = sorter.take(now, flush); frame !== undefined; frame = sorter.take(now, flush)) {
    frames.push(shown(frame));
  }
  return frames;
}

Deno.test("measurements of one instant come together, frames in order of time", () => {
  const sorter = sorterOf([[1, 333_333n, 10], [0, 0n, 1], [1, 0n, 2], [0, 333_333n, 9], [0, 666_667n, 5]]);
  assertEquals(taken(sorter, start, true), ["0: 0=1 1=2", "333333: 1=10 0=9", "666667: 0=5"]);
  assertEquals(sorter.stats(), { frames: 3, early: 0, late: 0, future: 0, replaced: 0 });
});

Deno.test("timestamps round to the nearest frame, over the end of a second, too", () => {
  const sorter = sorterOf([
    [0, 0n, 1],
    [1, 166_666n, 2],
    [2, 166_667n, 3],
    [3, second - 166_667n, 4],
    [4, second - 166_666n, 5],
    [5, second + 1n, 6],
  ]);
  assertEquals(taken(sorter, start, true), [
    "0: 0=1 1=2",
    "333333: 2=3",
    "9666667: 3=4",
    "10000000: 4=5 5=6",
  ]);
});

Deno.test("every frame of a second has its own whole place", () => {
  for (const framesPerSecond of [1, 7, 30, 50, 60, 120, 1000]) {
    const rows = Array.from(
      { length: framesPerSecond },
      (_, i): Row => [0, BigInt(Math.round(i * 1e7 / framesPerSecond)), i],
    );
    const sorter = sorterOf(rows, { framesPerSecond });
    const frames = taken(sorter, start, true);
    assertEquals(frames, rows.map(([, offset, value]) => `${offset}: 0=${value}`));
  }
});

Deno.test("times are exact at both ends of the range, and leap-second bits are no time", () => {
  const sorter = new FrameSorter({ framesPerSecond: 1000, leadTime: 0 });
  const batch = new MeasurementBatch();
  const end = 3_155_378_975_999_990_000n;
  const leap = -(2n ** 63n);
  batch.add(0, end, 1, 0);
  batch.add(1, end + leap, 2, 0);
  batch.add(0, 0n, 3, 0);
  sorter.add(batch, 0, end);
  const first = sorter.take(end, true);
  assertEquals([first?.ticks, first?.measurements.length], [0n, 1]);
  const last = sorter.take(end, true);
  assertEquals([last?.ticks, last?.measurements.length], [end, 2]);
  assertEquals(last?.measurements.ticks[1], end + leap);
});

Deno.test("local clock: a frame is due when the lag time has passed", () => {
  const sorter = sorterOf([[0, 0n, 1], [0, 333_333n, 2]], { lagTime: 2 });
  assertEquals(sorter.dueIn(start), 2000);
  assertEquals(taken(sorter, start + 2n * second - 1n), []);
  assertEquals(sorter.dueIn(start + 2n * second - 1n), 1);
  assertEquals(taken(sorter, start + 2n * second), ["0: 0=1"]);
  assertEquals(sorter.dueIn(start + 2n * second), 34);
  assertEquals(taken(sorter, start + 2n * second + 333_333n), ["333333: 0=2"]);
  assertEquals(sorter.dueIn(start + 3n * second), undefined);
});

Deno.test("latest timestamp: frames follow the data, whatever the local clock says", () => {
  const options = { lagTime: 1, useLocalClockAsRealTime: false };
  const now = start + 1000n * second;
  const sorter = sorterOf([[0, 0n, 1], [0, 333_333n, 2]], options, now);
  assertEquals(taken(sorter, now), []);
  assertEquals(sorter.dueIn(now), undefined);
  sorter.add(batchOf([[0, second, 3]]), 0, now);
  assertEquals(taken(sorter, now), ["0: 0=1"]);
  sorter.add(batchOf([[0, second + 400n * millisecond, 4]]), 0, now);
  assertEquals(taken(sorter, now), ["333333: 0=2"]);
});

Deno.test("late: what comes after its frame was handed over is counted, not delivered", () => {
  const sorter = sorterOf([[0, 333_333n, 1]], { lagTime: 1 });
  assertEquals(taken(sorter, start + 2n * second).length, 1);
  sorter.add(batchOf([[1, 333_333n, 2], [1, 0n, 3], [1, 666_667n, 4]]), 0, start + 2n * second);
  assertEquals(taken(sorter, start + 2n * second), ["666667: 1=4"]);
  assertEquals(sorter.stats(), { frames: 2, early: 0, late: 2, future: 0, replaced: 0 });
});

Deno.test("future: beyond the lead time is counted, not delivered; up to it is", () => {
  const sorter = sorterOf([[0, 3n * second, 1], [0, 3n * second + 333_333n, 2], [0, 1000n * second, 3]], {
    leadTime: 3,
  });
  assertEquals(taken(sorter, start, true), ["30000000: 0=1"]);
  assertEquals(sorter.stats(), { frames: 1, early: 0, late: 0, future: 2, replaced: 0 });
});

Deno.test("one measurement a signal: the last to arrive replaces the others", () => {
  const sorter = sorterOf([
    [0, 0n, 1],
    [1, 0n, 2],
    [0, 1n, 3],
    [0, 333_333n, 4],
    // Out of order: back in the first frame, for a signal that is in there and for one that is not.
    [0, 2n, 5],
    [2, 333_333n, 6],
    [2, 0n, 7],
    [2, 1n, 8],
  ]);
  assertEquals(taken(sorter, start, true), ["0: 0=5 1=2 2=8", "333333: 0=4 2=6"]);
  assertEquals(sorter.stats().replaced, 3);
});

Deno.test("frames that are used again are empty", () => {
  const sorter = new FrameSorter({ lagTime: 0 });
  for (let i = 0n; i < 5n; i++) {
    const now = start + i * second;
    sorter.add(batchOf([[Number(i), i * second, Number(i)]]), 0, now);
    assertEquals(taken(sorter, now), [`${i * second}: ${i}=${i}`]);
  }
});

Deno.test("no more frames are open than lag and lead time can need: the oldest goes first", () => {
  const sorter = new FrameSorter({
    framesPerSecond: 1,
    lagTime: 1,
    leadTime: 1,
    useLocalClockAsRealTime: false,
  });
  const now = start + 1000n * second;
  const batch = batchOf(Array.from({ length: 5 }, (_, i): Row => [0, BigInt(i) * second, i]));
  assertEquals(sorter.add(batch, 0, now), 3);
  assertEquals(shown(sorter.take(now, false)), "0: 0=0");
  assertEquals(sorter.add(batch, 3, now), 4);
});

/** One measurement each of signals `from` to below `to`, in the first frame or in a later one. */
function rowsOf(from: number, to: number, frame: number): Row[] {
  return Array.from({ length: to - from }, (_, i): Row => [from + i, BigInt(frame) * second, i]);
}

Deno.test("measurements in open frames have a limit: for one more the oldest frame goes early", () => {
  const sorter = new FrameSorter({ framesPerSecond: 1, leadTime: 10, maxMeasurements: 200 });
  // 70 and 66 as they are, and 64 for a few: as many as may be.
  const fit = batchOf([...rowsOf(0, 70, 1), ...rowsOf(0, 66, 2), ...rowsOf(0, 3, 3)]);
  assertEquals(sorter.add(fit, 0, start), fit.length);
  assertEquals(sorter.take(start, false), undefined);
  // What takes no more room has its place still: in the place of another, and among the few.
  const more = batchOf([...rowsOf(0, 70, 1), ...rowsOf(3, 64, 3), [66, 2n * second, 0], [
    67,
    2n * second,
    0,
  ]]);
  assertEquals(sorter.add(more, 0, start), more.length - 2);
  assertEquals(sorter.stats(), { frames: 0, early: 0, late: 0, future: 0, replaced: 70 });
  const first = sorter.take(start, false);
  assertEquals([first?.ticks, first?.measurements.length], [start + second, 70]);
  assertEquals(sorter.take(start, false), undefined);
  assertEquals(sorter.add(more, more.length - 2, start), more.length);
  // 132 are in use: a fourth frame has room, a fifth has not, and what comes for the first is late.
  assertEquals(sorter.add(batchOf([[0, second, 0], [0, 4n * second, 0]]), 0, start), 2);
  assertEquals(sorter.add(batchOf([[0, 5n * second, 0]]), 0, start), 0);
  assertEquals(sorter.take(start, false)?.measurements.length, 68);
  assertEquals(sorter.stats(), { frames: 2, early: 2, late: 1, future: 0, replaced: 70 });
  // Those whose time has come are not early.
  assertEquals([...taken(sorter, start + 8n * second)].length, 1);
  assertEquals(sorter.stats().early, 2);
});

Deno.test("frames that are used again do not all keep the room of the largest there were", () => {
  const maxMeasurements = 16_384;
  const sorter = new FrameSorter({ framesPerSecond: 1, leadTime: 63, maxMeasurements });
  // 64 frames at a time, of which each is the large one once.
  let room = 0;
  for (let round = 0; round <= 64; round++) {
    const from = 64 * round;
    const now = start + BigInt(from) * second;
    for (let i = 0; i < 64; i++) sorter.add(batchOf(rowsOf(0, i === round ? 4096 : 1, from + i)), 0, now);
    room = 0;
    let frame = sorter.take(now, true);
    for (; frame !== undefined; frame = sorter.take(now, true)) room += frame.measurements.capacity;
  }
  assertEquals(sorter.stats(), { frames: 65 * 64, early: 0, late: 0, future: 0, replaced: 0 });
  assert(room <= 3 * maxMeasurements, `${room}`);
});

Deno.test("iteration: the batch in which there was no more room goes on after the frame that gave way", async () => {
  const fixture = new Fixture({ framesPerSecond: 1, leadTime: 60, maxMeasurements: 64 });
  await fixture.arrive([0, second, 1], [0, 2n * second, 2], [0, 3n * second, 3], [1, second, 4]);
  assertEquals(fixture.got, ["10000000: 0=1", "20000000: 0=2"]);
  fixture.delivery.end();
  await fixture.ended;
  assertEquals(fixture.got.at(-1), "30000000: 0=3");
  assertEquals(fixture.frames.stats(), { frames: 3, early: 2, late: 1, future: 0, replaced: 0 });
});

Deno.test("wrong options are refused", () => {
  assertThrows(() => new FrameSorter({ maxMeasurements: 63 }), RangeError);
  assertThrows(() => new FrameSorter({ maxMeasurements: 2 ** 30 + 1 }), RangeError);
  assertThrows(() => new FrameSorter({ framesPerSecond: 1001 }), RangeError);
  assertThrows(() => new FrameSorter({ framesPerSecond: 29.97 }), RangeError);
  assertThrows(() => new FrameSorter({ lagTime: -1 }), RangeError);
  assertThrows(() => new FrameSorter({ leadTime: NaN }), RangeError);
  assertThrows(() => new FrameSorter({ fps: 1 } as FrameOptions), TypeError);
  assertThrows(() => new FrameSorter({ useLocalClockAsRealTime: "no" } as never), TypeError);
});

class Fixture {
  readonly clock = new ManualClock();
  readonly delivery = new Delivery({ capacity: 1000, overflow: "pause" });
  readonly frames: SortedFrames;
  readonly got: (string | undefined)[] = [];
  readonly ended: Promise<void>;

  constructor(options: FrameOptions) {
    this.frames = new SortedFrames(new BatchIterator(this.delivery), new FrameSorter(options), this.clock);
    this.ended = this.#collect();
  }

  async #collect(): Promise<void> {
    for await (const frame of this.frames) this.got.push(shown(frame));
  }

  async arrive(...rows: readonly Row[]): Promise<void> {
    this.delivery.filling.append(batchOf(rows));
    this.delivery.commit();
    await settle();
  }

  async advance(milliseconds: number): Promise<void> {
    this.clock.advance(milliseconds);
    await settle();
  }
}

Deno.test("iteration: frames come when their time has come, to the millisecond", async () => {
  const fixture = new Fixture({ lagTime: 1 });
  await fixture.arrive([0, 0n, 1], [0, 333_333n, 2]);
  await fixture.advance(999);
  assertEquals(fixture.got, []);
  await fixture.arrive([1, 0n, 3]);
  await fixture.advance(1);
  assertEquals(fixture.got, ["0: 0=1 1=3"]);
  await fixture.advance(33);
  assertEquals(fixture.got.length, 1);
  await fixture.advance(1);
  assertEquals(fixture.got, ["0: 0=1 1=3", "333333: 0=2"]);
  fixture.delivery.end();
  await fixture.ended;
  assertEquals(fixture.clock.pending, 0);
});

Deno.test("iteration: at the end all frames come", async () => {
  const fixture = new Fixture({ lagTime: 1 });
  await fixture.arrive([0, 333_333n, 2], [0, 0n, 1]);
  await fixture.arrive([0, 666_667n, 3]);
  fixture.delivery.end();
  await fixture.ended;
  assertEquals(fixture.got, ["0: 0=1", "333333: 0=2", "666667: 0=3"]);
  assertEquals(fixture.frames.stats().frames, 3);
  assertEquals(fixture.clock.pending, 0);
});

Deno.test("iteration: what waited while the consumer was slow is not late", async () => {
  const clock = new ManualClock();
  const delivery = new Delivery({ capacity: 1000, overflow: "pause" });
  const frames = new SortedFrames(new BatchIterator(delivery), new FrameSorter({ lagTime: 1 }), clock);
  delivery.filling.append(batchOf([[0, 0n, 1]]));
  clock.advance(10_000);
  assertEquals(shown((await frames.next()).value), "0: 0=1");
  delivery.filling.append(batchOf([[0, 333_333n, 2], [1, 333_333n, 3], [0, 666_667n, 4]]));
  clock.advance(10_000);
  assertEquals(shown((await frames.next()).value), "333333: 0=2 1=3");
  assertEquals(shown((await frames.next()).value), "666667: 0=4");
  assertEquals(frames.stats().late, 0);
  await frames.return();
  assertEquals(ticksNow(clock), start + 20n * second);
});

Deno.test("iteration: a flood of old frames passes through in order, bounded", async () => {
  const fixture = new Fixture({
    framesPerSecond: 1,
    lagTime: 1,
    leadTime: 1,
    useLocalClockAsRealTime: false,
  });
  await fixture.advance(100_000);
  await fixture.arrive(...Array.from({ length: 50 }, (_, i): Row => [0, BigInt(i) * second, i]));
  assertEquals(fixture.got.length, 49);
  fixture.delivery.end();
  await fixture.ended;
  assertEquals(fixture.got, Array.from({ length: 50 }, (_, i) => `${BigInt(i) * second}: 0=${i}`));
});

Deno.test("iteration: breaking out leaves the measurements to the next", async () => {
  const clock = new ManualClock();
  const delivery = new Delivery({ capacity: 1000, overflow: "pause" });
  const frames = new SortedFrames(new BatchIterator(delivery), new FrameSorter({ lagTime: 0 }), clock);
  delivery.filling.append(batchOf([[0, 0n, 1]]));
  for await (const frame of frames) {
    assertEquals(shown(frame), "0: 0=1");
    break;
  }
  delivery.filling.append(batchOf([[0, 0n, 2]]));
  assertEquals((await new BatchIterator(delivery).next()).value?.length, 1);
  assertEquals((await frames.next()).done, true);
});

Deno.test("iteration: a next() that is refused while another waits leaves no timer", async () => {
  const clock = new ManualClock();
  const delivery = new Delivery({ capacity: 1000, overflow: "pause" });
  const frames = new SortedFrames(
    new BatchIterator(delivery),
    new FrameSorter({ lagTime: 1 }),
    clock,
  );
  delivery.filling.append(batchOf([[0, 0n, 1]]));
  const waiting = frames.next();
  assertEquals((await assertRejects(() => frames.next(), SttpError)).code, "InvalidState");
  assertEquals(clock.pending, 1);
  delivery.end();
  assertEquals((await waiting).value?.measurements.length, 1);
  assertEquals(clock.pending, 0);
});

Deno.test("any measurements are sorted as one by one, by their times in 64 bits", () => {
  const row = fc.tuple(
    fc.oneof(fc.nat({ max: 6 }), fc.nat({ max: 5000 })),
    fc.oneof(fc.bigInt({ min: 0n, max: 3n * second }), fc.constantFrom(0n, 333_333n, -second, 7n * second)),
    fc.nat({ max: 1000 }),
  );
  const rate = fc.constantFrom(1, 7, 30, 60, 1000);
  fc.assert(fc.property(fc.array(row, { maxLength: 200 }), rate, (rows, framesPerSecond) => {
    const frames = new Map<bigint, Map<number, number>>();
    let replaced = 0;
    let future = 0;
    for (const [signal, offset, value] of rows) {
      const ticks = start + offset;
      const rounded = Math.round(Number(ticks % second) * framesPerSecond / 1e7);
      const key = ticks / second * BigInt(framesPerSecond) + BigInt(rounded);
      if (key > (start / second + 5n) * BigInt(framesPerSecond)) {
        future++;
        continue;
      }
      const frame = frames.get(key) ?? new Map<number, number>();
      if (frame.has(signal)) replaced++;
      frames.set(key, frame.set(signal, value));
    }
    const expected = [...frames].sort(([a], [b]) => a < b ? -1 : 1).map(([, frame]) =>
      [...frame].map(([signal, value]) => `${signal}=${value}`).join(" ")
    );
    const sorter = sorterOf(rows, { framesPerSecond });
    assertEquals(taken(sorter, start, true).map((frame) => frame?.replace(/^.*: /, "")), expected);
    assertEquals(sorter.stats(), { frames: frames.size, early: 0, late: 0, future, replaced });
  }));
});

/** How many steps it takes to sort a batch. */
function stepsOf(batch: MeasurementBatch): number {
  const steps = new FrameSorter().addSteps(batch, 0, start);
  let count = 1;
  while (!steps.next().done) count++;
  return count;
}

Deno.test("many measurements are sorted in steps, and so is a full frame looked through for one in disorder", () => {
  const all = rowsOf(0, 10_000, 0);
  const inOrder = stepsOf(batchOf(all));
  assert(inOrder >= 10_000 / 256, `${inOrder}`);
  const inDisorder = stepsOf(batchOf([...all, [0, second, 1], [0, 0n, 2]]));
  assert(inDisorder >= 2 * inOrder - 1, `${inDisorder}`);
});

/** How often everything else has its turn until something is done. */
async function turnsDuring(work: () => Promise<unknown>): Promise<number> {
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  await work();
  clearInterval(timer);
  return turns;
}

/** Gives frames of a second as soon as there are measurements of the one behind. */
function bySecond(): FrameSorter {
  return new FrameSorter({ framesPerSecond: 1, lagTime: 1, leadTime: 1, useLocalClockAsRealTime: false });
}

Deno.test("iteration: everything else has its turn while a large batch is sorted", async () => {
  const delivery = new Delivery({ capacity: 1000, overflow: "pause" });
  const frames = new SortedFrames(new BatchIterator(delivery), new FrameSorter(), new ManualClock());
  for (let i = 0; i < 500_000; i++) delivery.filling.add(i % 1000, start + BigInt(i % 100) * 333_334n, i);
  delivery.end();
  assert(await turnsDuring(() => frames.next()) > 0);
  assertEquals((await frames.next()).value?.measurements.length, 10);
  await frames.return();
});

Deno.test("iteration: who ends it, or asks again, while a large batch is sorted", async () => {
  const delivery = new Delivery({ capacity: 1000, overflow: "pause" });
  const frames = new SortedFrames(new BatchIterator(delivery), new FrameSorter(), new ManualClock());
  for (let i = 0; i < 500_000; i++) delivery.filling.add(i % 1000, start + BigInt(i % 100) * 333_334n, i);
  delivery.end();
  const first = frames.next();
  await assertRejects(() => frames.next(), SttpError, "another next() sorts");
  assertEquals((await first).value?.measurements.length, 10);
  const next = new SortedFrames(new BatchIterator(delivery), new FrameSorter(), new ManualClock());
  await frames.return();
  for (let i = 0; i < 500_000; i++) delivery.filling.add(i % 1000, start + BigInt(i % 100) * 333_334n, i);
  const sorting = next.next();
  await next.return();
  assertEquals([await sorting, await next.next()], new Array(2).fill({ done: true, value: undefined }));
});

Deno.test("iteration: at its end no timer is left, nor where it is aborted", async () => {
  const source = (): Delivery => new Delivery({ capacity: 1000, overflow: "pause" });
  const delivery = source();
  for (let i = 0; i < 2_000; i++) delivery.filling.add(i, start, i);
  delivery.end();
  const frames = new SortedFrames(new BatchIterator(delivery), new FrameSorter(), new ManualClock());
  for await (const frame of frames) assertEquals(frame.measurements.length, 2_000);
  const abort = new AbortController();
  const another = source();
  for (let i = 0; i < 2_000; i++) another.filling.add(0, BigInt(i + 1) * second, i);
  const batches = new BatchIterator(another, abort.signal);
  const aborted = new SortedFrames(batches, bySecond(), new ManualClock());
  await aborted.next();
  abort.abort();
  await assertRejects(async () => {
    for await (const _ of aborted);
  }, SttpError);
});

Deno.test("iteration: everything else has its turn while many frames are taken that are there already", async () => {
  const delivery = new Delivery({ capacity: 1000, overflow: "pause" });
  const frames = new SortedFrames(new BatchIterator(delivery), bySecond(), new ManualClock());
  for (let i = 0; i < 30_000; i++) delivery.filling.add(0, BigInt(i + 1) * second, i);
  delivery.end();
  let count = 0;
  const turns = await turnsDuring(async () => {
    for await (const _ of frames) count++;
  });
  assertEquals(count, 30_000);
  assert(turns > 0);
});

Deno.test("iteration: frames come although there is always more to sort", async () => {
  let polls = 0;
  const batches = {
    done: false,
    poll: () => (polls++, batchOf([[polls, 0n, polls]])),
    return: () => Promise.resolve({ done: true, value: undefined }),
  };
  const frames = new SortedFrames(
    batches as unknown as BatchIterator,
    new FrameSorter({ lagTime: 0 }),
    new ManualClock(),
  );
  assertEquals(shown((await frames.next()).value), "0: 1=1 2=2");
  await frames.return();
});
