import { assertEquals } from "@std/assert";
import { MeasurementBatch } from "../transport/wire/batch.ts";
import { sortByTime } from "./time_order.ts";
import { TimeWindow } from "./time_window.ts";

/** What it may hold: what it is cut at, and a block. */
const BOUND = 131_072 + 65_536;

/** A batch of these times, whose values count on from `value`. */
function batchOf(value: number, times: bigint[]): MeasurementBatch {
  const batch = new MeasurementBatch();
  for (const time of times) batch.add(0, time, value++);
  return batch;
}

/** What came through a window, and how. */
interface Passed {
  readonly found: [bigint, number][];
  /** The most that it held at a time. */
  readonly held: number;
  /** How often a block was read. */
  readonly reads: number;
  /** How often all blocks were offered. */
  readonly rounds: number;
}

/** Has a window put blocks, each in order of time, in order. */
function passThrough(window: TimeWindow, blocks: MeasurementBatch[]): Passed {
  const found: [bigint, number][] = [];
  let held = 0;
  let reads = 0;
  let rounds = 0;
  const take = (): void => {
    for (let piece; (piece = window.take(4096)) !== undefined;) {
      assertEquals(piece.capacity, piece.length);
      for (let i = 0; i < piece.length; i++) found.push([piece.ticks[i]!, piece.values[i]!]);
    }
  };
  do {
    rounds++;
    blocks.forEach((batch, n) => {
      if (!window.overlaps(batch.ticks[0], batch.ticks[batch.length - 1])) return;
      if (!window.addRest(BigInt(n))) {
        reads++;
        window.add(BigInt(n), batch);
      }
      held = Math.max(held, window.length);
      if (window.isFull) take();
    });
    take();
  } while (window.next());
  return { found, held, reads, rounds };
}

/** What is expected of blocks: all in order of time, of equal times in their own. */
function inOrder(blocks: MeasurementBatch[]): [bigint, number][] {
  return blocks.flatMap((batch) =>
    Array.from(batch.ticks.subarray(0, batch.length), (time, i) => ({ batch, time, i }))
  )
    .sort((a, b) => Number(a.time - b.time))
    .map(({ batch, time, i }) => [time, batch.values[i]!]);
}

Deno.test("what is wanted of blocks comes in order of time, of equal times the earlier block first", () => {
  const blocks = [[3n, 5n, 5n, 9n], [1n, 5n, 9n], [5n], [10n]].map((times, n) => batchOf(10 * n, times));
  const window = new TimeWindow(2n, 9n);
  const expected = [[3n, 0], [5n, 1], [5n, 2], [5n, 11], [5n, 20], [9n, 3], [9n, 12]];
  const { found, reads, rounds } = passThrough(window, blocks);
  assertEquals([found, reads, rounds], [expected, 3, 1]);
  assertEquals(window.next(), false);
  window.open();
  assertEquals(passThrough(window, blocks).found, expected);
});

for (const [count, size] of [[900, 450], [20, 20_000]] as const) {
  Deno.test(`${count} blocks that all overlap go through a window that holds some of their measurements`, () => {
    // Each measurement comes between those of other blocks; many times are the same.
    const step = 10_000_000 / size;
    const blocks = Array.from({ length: count }, (_, n) => {
      const later = (n * 7919) % Math.floor(step);
      return batchOf(size * n, Array.from({ length: size }, (_, i) => BigInt(Math.floor(i * step) + later)));
    });
    const { found, held, rounds } = passThrough(new TimeWindow(0n, 20_000_000n), blocks);
    assertEquals(found.length, count * size);
    const expected = inOrder(blocks);
    assertEquals(
      found.findIndex(([time, value], i) => time !== expected[i]![0] || value !== expected[i]![1]),
      -1,
    );
    assertEquals(
      [held <= BOUND, rounds >= 3, rounds <= 20],
      [true, true, true],
      `${held} in ${rounds} rounds`,
    );
  });
}

Deno.test("of a block that was kept for later nothing is missing when the window was made shorter since", () => {
  let value = 0;
  const evenly = (count: number, span: number): MeasurementBatch => {
    const batch = batchOf(
      value,
      Array.from({ length: count }, (_, i) => BigInt(Math.floor(i * span / count))),
    );
    value += count;
    return batch;
  };
  // The first ends the window amid the second, and what comes then amid the first.
  const blocks = [evenly(33_000, 1_000_000), evenly(20_000, 2_000_000)];
  for (let n = 0; n < 4; n++) blocks.push(evenly(20_400, 1_000_000));
  blocks.push(evenly(6480, 1_000_000));
  const { found } = passThrough(new TimeWindow(0n, 10_000_000n), blocks);
  assertEquals(found.length, value);
  const expected = inOrder(blocks);
  assertEquals(
    found.findIndex(([time, value], i) => time !== expected[i]![0] || value !== expected[i]![1]),
    -1,
  );
});

Deno.test("blocks of a single time come in their order, and a few thousand are held", () => {
  const blocks = [
    batchOf(0, [8n, 10n]),
    ...Array.from({ length: 60 }, (_, n) => batchOf(5000 * n, Array(5000).fill(9n))),
    batchOf(7, [7n, 9n, 9n, 11n]),
  ];
  const { found, held, rounds } = passThrough(new TimeWindow(0n, 20n), blocks);
  assertEquals(found, inOrder(blocks));
  assertEquals([held <= BOUND, rounds <= 5], [true, true], `${held} in ${rounds} rounds`);
  // From its time on, the first round comes to them.
  const frozen = passThrough(new TimeWindow(9n, 9n), blocks.slice(1, -1));
  assertEquals([frozen.found.length, frozen.held <= 40_000, frozen.reads], [300_000, true, 60]);
});

Deno.test("blocks that follow each other are read once each, and held one or two at a time", () => {
  // A thousand signals at a time: each block ends amid those of one time.
  const blocks = Array.from({ length: 12 }, (_, n) => {
    const times = Array.from({ length: 65_536 }, (_, i) => BigInt(Math.floor((n * 65_536 + i) / 1000)));
    return batchOf(n * 65_536, times);
  });
  const { found, held, reads } = passThrough(new TimeWindow(0n, 10_000_000n), blocks);
  assertEquals(found.length, 12 * 65_536);
  assertEquals(found.findIndex(([, value], i) => value !== i), -1);
  assertEquals([reads, held <= BOUND], [12, true]);
});

Deno.test("sorting keeps the order of what has the same time, leap-second bits or not", () => {
  const leap = 1n << 63n;
  const batch = new MeasurementBatch();
  const expected: { time: bigint; value: number; ticks: bigint }[] = [];
  for (let n = 0; n < 5000; n++) {
    // Times that differ in low bits, in high ones, and not at all; as a signed number with the leap-second bit.
    const time = BigInt((n * 7919) % 101) << BigInt(6 * (n % 10));
    const ticks = n % 3 === 0 ? BigInt.asIntN(64, time | leap) : time;
    batch.add(n % 7, ticks, n, n);
    expected.push({ time, value: n, ticks });
  }
  sortByTime(batch);
  expected.sort((a, b) => a.time < b.time ? -1 : a.time > b.time ? 1 : a.value - b.value);
  assertEquals([...batch.ticks.subarray(0, 5000)], expected.map(({ ticks }) => ticks));
  assertEquals([...batch.values.subarray(0, 5000)], expected.map(({ value }) => value));
  assertEquals([...batch.flags.subarray(0, 5000)], expected.map(({ value }) => value));
  assertEquals([...batch.signals.subarray(0, 5000)], expected.map(({ value }) => value % 7));
});
