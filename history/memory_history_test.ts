import { assertEquals } from "@std/assert";
import { SignalTable } from "../transport/signal_table.ts";
import { MeasurementBatch } from "../transport/wire/batch.ts";
import { MemoryBlock } from "./memory_block.ts";
import { MemoryHistory } from "./memory_history.ts";
import type { HistoryRequest } from "./source.ts";

const T0 = 638_500_000_000_000_000n;

const signals = new SignalTable();
for (let n = 0; n < 3; n++) signals.add(`9ae6dd95-bddb-5dd8-8717-00000000000${n}`);

function request(handles: number[], start = 0n, stop = 2n * T0): HistoryRequest {
  return { signals, handles: Int32Array.from(handles), start, stop, parameters: "" };
}

/** Records measurements of the three signals by turns; the value is the place among all. */
function record(history: MemoryHistory, times: Iterable<number>, from = 0): void {
  const batch = new MeasurementBatch();
  let place = from;
  for (const time of times) batch.add(place % 3, T0 + BigInt(time), place++);
  history.record(batch, signals);
}

/** The values of what is read, and the lengths of the batches that it came in. */
async function valuesOf(
  batches: AsyncIterable<MeasurementBatch>,
): Promise<{ values: number[]; lengths: number[] }> {
  const values: number[] = [];
  const lengths: number[] = [];
  for await (const batch of batches) {
    assertEquals(batch.capacity, batch.length);
    lengths.push(batch.length);
    values.push(...batch.values);
  }
  return { values, lengths };
}

/** Numbers that only look random. */
function* scattered(count: number, below: number): Generator<number> {
  let state = 1;
  for (let i = 0; i < count; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield Math.floor(state / 2 ** 32 * below);
  }
}

for (
  const [order, times] of [
    ["in order of time", Array.from({ length: 30_000 }, (_, n) => n >> 4)],
    ["all of one time", new Array<number>(30_000).fill(7)],
    ["backwards", Array.from({ length: 30_000 }, (_, n) => 40_000 - n)],
    ["in no order", [...scattered(30_000, 5000)]],
  ] as const
) {
  Deno.test(`what was recorded ${order} comes in order of time, of equal times as recorded, in small pieces`, async () => {
    const history = new MemoryHistory();
    record(history, times.slice(0, 10_000));
    for (let i = 10_000; i < times.length; i += 1000) record(history, times.slice(i, i + 1000), i);
    const expected = times.map((time, place) => ({ time, place }))
      .sort((a, b) => a.time - b.time || a.place - b.place);
    const { values, lengths } = await valuesOf(history.read(request([0, 1, 2])));
    assertEquals(values, expected.map(({ place }) => place));
    assertEquals(Math.max(...lengths) <= 4096, true);
    const some = await valuesOf(history.read(request([1], T0 + 5n, T0 + 1000n)));
    assertEquals(
      some.values,
      expected.filter(({ time, place }) => place % 3 === 1 && time >= 5 && time <= 1000).map(({ place }) =>
        place
      ),
    );
    const range = { first: T0 + BigInt(expected[0]!.time), last: T0 + BigInt(expected.at(-1)!.time) };
    assertEquals(history.range(), range);
  });
}

Deno.test("who reads slowly goes on with what is left, and gets nothing that was recorded since", async () => {
  const history = new MemoryHistory({ capacity: 20_480 });
  const ascending = (from: number, count: number): number[] =>
    Array.from({ length: count }, (_, n) => from + n);
  record(history, ascending(0, 20_480));
  const slow = history.read(request([0, 1, 2]))[Symbol.asyncIterator]();
  const first = await slow.next();
  assertEquals([first.value.length, first.value.values[0]], [4096, 0]);
  // In the place of the oldest 12,288, of which 8192 were still to be read.
  record(history, ascending(20_480, 12_288), 20_480);
  const { values } = await valuesOf({ [Symbol.asyncIterator]: () => slow });
  assertEquals(values, ascending(12_288, 8192));
  assertEquals((await valuesOf(history.read(request([0, 1, 2])))).values, ascending(12_288, 20_480));
  assertEquals([history.stats().recorded, history.stats().bytes], [32_768, 24 * 20_480]);
});

Deno.test("who is overtaken altogether is at the end", async () => {
  const history = new MemoryHistory({ capacity: 16 });
  record(history, [1, 2, 3]);
  const reading = history.read(request([0, 1, 2]))[Symbol.asyncIterator]();
  const found = reading.next();
  record(history, new Array(100).fill(9));
  assertEquals((await found).value?.length, undefined);
});

Deno.test("a piece takes as long to find in a long history as in a short one", async () => {
  const property = Object.getOwnPropertyDescriptor(MemoryBlock.prototype, "range")!;
  let looks = 0;
  Object.defineProperty(MemoryBlock.prototype, "range", {
    ...property,
    get(): unknown {
      looks++;
      return property.get!.call(this);
    },
  });
  try {
    const looksOf = async (blocks: number): Promise<number> => {
      const history = new MemoryHistory();
      record(history, Array.from({ length: 4096 * blocks }, (_, n) => n));
      // Its times are in those of all others: it has something for every piece.
      record(history, [1, 4096 * blocks - 1], 4096 * blocks);
      looks = 0;
      let pieces = 0;
      for await (const _ of history.read(request([0, 1, 2]))) pieces++;
      return looks / pieces;
    };
    assertEquals(await looksOf(80) < 1.5 * await looksOf(10), true);
  } finally {
    Object.defineProperty(MemoryBlock.prototype, "range", property);
  }
});
