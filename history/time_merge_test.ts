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
