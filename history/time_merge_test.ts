import { assertEquals } from "@std/assert";
import { MeasurementBatch } from "../transport/wire/batch.ts";
import { TimeMerge } from "./time_merge.ts";

/** A batch of these times, whose values tell the batch. */
function batchOf(value: number, ...times: bigint[]): MeasurementBatch {
  const batch = new MeasurementBatch();
  for (const time of times) batch.add(0, time, value);
  return batch;
}

function merged(most: number, ...batches: MeasurementBatch[]): [bigint, number][][] {
  const merge = new TimeMerge();
  batches.forEach((batch, number) => merge.add(number, batch));
  const pieces: [bigint, number][][] = [];
  for (let piece; (piece = merge.take(most)) !== undefined;) {
    pieces.push(Array.from(piece.ticks, (time, i) => [time, piece!.values[i]!]));
  }
  return pieces;
}

Deno.test("batches are merged in order of time, of equal times the earlier batch first", () => {
  assertEquals(merged(10, batchOf(1, 3n, 5n, 5n, 9n), batchOf(2), batchOf(3, 1n, 5n, 9n), batchOf(4, 5n)), [[
    [1n, 3],
    [3n, 1],
    [5n, 1],
    [5n, 1],
    [5n, 3],
    [5n, 4],
    [9n, 1],
    [9n, 3],
  ]]);
});

Deno.test("pieces have the size that was asked for, the last what is left", () => {
  const pieces = merged(2, batchOf(1, 1n, 2n, 3n), batchOf(2, 1n, 4n));
  assertEquals(pieces, [[[1n, 1], [1n, 2]], [[2n, 1], [3n, 1]], [[4n, 2]]]);
  assertEquals(merged(2), []);
});

Deno.test("a batch is asked for when its turn comes, and comes in the same order then", () => {
  const merge = new TimeMerge();
  merge.expect(2, 4n);
  merge.add(1, batchOf(1, 1n, 4n, 4n, 5n));
  merge.expect(0, 5n);
  assertEquals(merge.due, undefined);
  assertEquals([...merge.take(10)!.ticks], [1n, 4n, 4n]);
  assertEquals([merge.take(10), merge.due], [undefined, 2]);
  merge.add(2, batchOf(2, 4n, 6n));
  assertEquals([...merge.take(10)!.values], [2]);
  assertEquals(merge.due, 0);
  merge.add(0, batchOf(0, 5n, 5n));
  assertEquals([...merge.take(10)!.values], [0, 0, 1, 2]);
  assertEquals([merge.take(10), merge.due], [undefined, undefined]);
});

/** How many measurements are looked at while so many batches are merged whose measurements take turns. */
function looksOf(parts: number, measurements: number): number {
  const merge = new TimeMerge();
  let looks = 0;
  for (let number = 0; number < parts; number++) {
    const batch = new MeasurementBatch();
    for (let i = number; i < measurements; i += parts) batch.add(0, BigInt(i), i);
    const words = batch.tickWords;
    Object.defineProperty(batch, "tickWords", {
      get(): Int32Array {
        looks++;
        return words;
      },
    });
    merge.add(number, batch);
  }
  looks = 0;
  const values: number[] = [];
  for (let piece; (piece = merge.take(100)) !== undefined;) values.push(...piece.values);
  assertEquals(values, Array.from({ length: measurements }, (_, i) => i));
  return looks;
}

Deno.test("very many batches that overlap take little more than a few, and come in the same order", () => {
  // Sixteen times as many take four steps more each time.
  assertEquals(looksOf(1024, 4096) < 2 * looksOf(64, 4096), true);
});

Deno.test("many batches, expected and added in any order, come in that of their times", () => {
  const merge = new TimeMerge();
  /** Of each batch, the times, in an order that only looks random. */
  const timesOf = (number: number): bigint[] =>
    [0, 5, 5, 40].slice(number % 3).map((time) => BigInt((number * 73) % 101 + time));
  const numbers = [...Array(100).keys()];
  const add = (number: number): void => merge.add(number, batchOf(number, ...timesOf(number)));
  for (const number of numbers) merge.expect(number, timesOf(number)[0]!);
  // Before it is their turn; one in ten has nothing that is wanted.
  for (const number of numbers) if (number % 4 === 1) add(number);
  for (const number of numbers) if (number % 10 === 0) merge.add(number, batchOf(number));
  const found: [bigint, number][] = [];
  for (;;) {
    for (let due; (due = merge.due) !== undefined;) add(due);
    const piece = merge.take(7);
    if (piece === undefined) break;
    for (let i = 0; i < piece.length; i++) found.push([piece.ticks[i]!, piece.values[i]!]);
  }
  const expected = numbers.filter((number) => number % 10 !== 0)
    .flatMap((number) => timesOf(number).map((time): [bigint, number] => [time, number]))
    .sort(([a, number], [b, other]) => Number(a - b) || number - other);
  assertEquals(found, expected);
});

Deno.test("a piece takes no look at the batches that it has nothing of", () => {
  const merge = new TimeMerge();
  let looks = 0;
  for (let number = 0; number < 1000; number++) {
    const batch = batchOf(number, BigInt(number));
    Object.defineProperty(batch, "length", {
      get(): number {
        looks++;
        return 1;
      },
    });
    merge.add(number, batch);
  }
  looks = 0;
  for (let number = 0; number < 1000; number++) assertEquals([...merge.take(1)!.values], [number]);
  assertEquals(merge.take(1), undefined);
  assertEquals(looks < 10_000, true, `${looks} looks`);
});
