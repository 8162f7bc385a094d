import { assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { SttpError } from "../transport/errors.ts";
import type { MeasurementBatch } from "../transport/wire/batch.ts";
import { BatchIterator, Delivery, type DeliveryOptions } from "./delivery.ts";
import { settle } from "./testdata/scripted_publisher.ts";

function fill(delivery: Delivery, ...values: number[]): void {
  for (const value of values) delivery.filling.add(value, BigInt(value), value, value);
  delivery.trim();
}

function deliveryOf(options: Partial<DeliveryOptions> = {}): Delivery {
  return new Delivery({ capacity: 4, overflow: "pause", ...options });
}

/** The signals of a batch, each of which must still be with its own time, value and flags. */
function signalsOf(batch: MeasurementBatch | undefined): number[] {
  const { signals, ticks, values, flags, length } = batch!;
  const found = [...signals.subarray(0, length)];
  for (const column of [ticks, values, flags]) {
    assertEquals(Array.from(column.subarray(0, length), Number), found);
  }
  return found;
}

async function nextSignals(iterator: AsyncIterator<MeasurementBatch>): Promise<number[]> {
  return signalsOf((await iterator.next()).value);
}

Deno.test("batches change places and nothing is made anew", async () => {
  const delivery = deliveryOf();
  const batches = new BatchIterator(delivery);
  const seen = new Set<MeasurementBatch>();
  for (let i = 0; i < 6; i++) {
    fill(delivery, i);
    delivery.commit();
    const { value } = await batches.next();
    assertEquals(signalsOf(value), [i]);
    seen.add(value!);
  }
  assertEquals(seen.size, 2);
});

Deno.test("what comes while the consumer is busy arrives as one batch", async () => {
  const delivery = deliveryOf();
  const batches = new BatchIterator(delivery);
  const first = batches.next();
  fill(delivery, 1);
  delivery.commit();
  assertEquals(signalsOf((await first).value), [1]);
  for (const value of [2, 3]) {
    fill(delivery, value);
    delivery.commit();
  }
  assertEquals(await nextSignals(batches), [2, 3]);
});

Deno.test("the room that a stalled consumer's batches took is given back when batches stay small", () => {
  const delivery = deliveryOf({ capacity: 100_000 });
  /** Delivers a batch. @returns How many measurements there is room for, in both. */
  const room = (length: number): number => {
    for (let i = 0; i < length; i++) delivery.filling.add(i, BigInt(i), i, i);
    const batch = delivery.poll()!;
    assertEquals(signalsOf(batch), Array.from({ length }, (_, i) => i));
    return batch.capacity + delivery.filling.capacity;
  };
  assertEquals(room(10), 2 * 4096);
  for (let i = 0; i < 1100; i++) assertEquals(room(1), 2 * 4096, "it never gets less than it was");
  room(60_000);
  const large = room(60_000);
  assertEquals(large, 2 * 65_536);

  // What is used now and then stays.
  for (let i = 0; i < 2; i++) {
    for (let j = 0; j < 990; j++) assertEquals(room(2), large);
    assertEquals(room(65_536 / 8), large);
  }
  // One batch after the other: the one that is lent is not touched.
  let rooms = new Set<number>();
  for (let i = 0; i < 2100; i++) rooms.add(room(2));
  assertEquals([...rooms], [large, 65_536 + 4096, 2 * 4096]);
  // The same when only one of them is large.
  room(60_000);
  rooms = new Set();
  for (let i = 0; i < 1100; i++) rooms.add(room(2));
  assertEquals([...rooms], [65_536 + 4096, 2 * 4096]);
});

Deno.test("a batch stays as it is until the next is asked for", async () => {
  const delivery = deliveryOf();
  const batches = new BatchIterator(delivery);
  fill(delivery, 1);
  const { value: batch } = await batches.next();
  fill(delivery, 2);
  delivery.commit();
  await settle();
  assertEquals(signalsOf(batch), [1]);
});

Deno.test("a waiting consumer gets what comes at once, and only when it is committed", async () => {
  const delivery = deliveryOf();
  const batches = new BatchIterator(delivery);
  let got = false;
  const next = batches.next().then((result) => {
    got = true;
    return result;
  });
  fill(delivery, 1, 2);
  await settle();
  assertEquals(got, false);
  delivery.commit();
  assertEquals(signalsOf((await next).value), [1, 2]);
});

Deno.test("pause: full at its capacity, room when the consumer takes the batch", async () => {
  const delivery = deliveryOf();
  const batches = new BatchIterator(delivery);
  fill(delivery, 1, 2, 3);
  assertEquals(delivery.full, false);
  fill(delivery, 4);
  assertEquals(delivery.full, true);
  let room = false;
  const waiting = delivery.room().then(() => room = true);
  await settle();
  assertEquals(room, false);
  assertEquals(await nextSignals(batches), [1, 2, 3, 4]);
  await waiting;
  assertEquals(delivery.full, false);
});

Deno.test("pause: a hold stretches the capacity, and its beginning wakes who waits for room", async () => {
  const delivery = deliveryOf();
  fill(delivery, 1, 2, 3, 4);
  const waiting = delivery.room();
  delivery.hold();
  await waiting;
  assertEquals(delivery.full, false);
  fill(delivery, ...Array(12).keys());
  assertEquals(delivery.full, true);
  delivery.release();
});

Deno.test("dropOldest: keeps the newest, never more than its capacity, and counts the others", () => {
  let dropped = 0;
  const delivery = deliveryOf({
    capacity: 8,
    overflow: "dropOldest",
    onDropped: (count) => dropped += count,
  });
  for (let i = 0; i < 20; i++) {
    fill(delivery, i);
    assertEquals(delivery.full, false);
  }
  const kept = signalsOf(delivery.poll());
  assertEquals(kept.length <= 8, true);
  assertEquals(kept, Array.from({ length: kept.length }, (_, i) => 20 - kept.length + i));
  assertEquals(dropped, 20 - kept.length);
});

Deno.test("dropOldest: one packet over the capacity leaves the newest of it", () => {
  let dropped = 0;
  const delivery = deliveryOf({ overflow: "dropOldest", onDropped: (count) => dropped += count });
  fill(delivery, ...Array(10).keys());
  assertEquals(signalsOf(delivery.poll()), [6, 7, 8, 9]);
  assertEquals(dropped, 6);
});

Deno.test("the end: what is left is delivered first", async () => {
  const delivery = deliveryOf();
  fill(delivery, 1);
  delivery.end();
  const batches = new BatchIterator(delivery);
  assertEquals(await nextSignals(batches), [1]);
  assertEquals(await batches.next(), { done: true, value: undefined });
  assertEquals(await batches.next(), { done: true, value: undefined });
});

Deno.test("the end wakes a consumer and whoever waits for room", async () => {
  const delivery = deliveryOf();
  const next = new BatchIterator(delivery).next();
  delivery.end();
  assertEquals((await next).done, true);

  const full = deliveryOf();
  fill(full, 1, 2, 3, 4);
  const room = full.room();
  full.end();
  await room;
});

Deno.test("after a new start it goes on", async () => {
  const delivery = deliveryOf();
  delivery.end();
  delivery.start();
  const next = new BatchIterator(delivery).next();
  fill(delivery, 1);
  delivery.commit();
  assertEquals(signalsOf((await next).value), [1]);
});

Deno.test("an iteration ends with its run, even if the next has begun since; what it was lent stays as it is", async () => {
  let dropped = 0;
  const delivery = deliveryOf({ onDropped: (count) => dropped += count });
  const early = new BatchIterator(delivery);
  const waiting = nextSignals(early);
  delivery.start();
  fill(delivery, 1, 2, 3);
  delivery.commit();
  assertEquals(await waiting, [1, 2, 3]);
  fill(delivery, 4, 5);
  const lent = (await early.next()).value!;
  fill(delivery, 6);
  delivery.end();
  delivery.start();
  const next = new BatchIterator(delivery);
  assertEquals(await nextSignals(next), [6]);
  fill(delivery, 7);
  assertEquals(await nextSignals(next), [7]);
  assertEquals(signalsOf(lent), [4, 5]);
  assertEquals((await early.next()).done, true);
  delivery.giveBack(lent, 1);
  assertEquals(dropped, 1);
  // Nor does its end take anything from the one that goes on.
  await early.return();
  assertEquals(
    (await assertRejects(() => new BatchIterator(delivery).next(), SttpError)).code,
    "InvalidState",
  );
});

Deno.test("an iteration that waits at the end ends, although the next run begins at once", async () => {
  const delivery = deliveryOf();
  const waiting = new BatchIterator(delivery).next();
  delivery.end();
  delivery.start();
  assertEquals((await waiting).done, true);
});

Deno.test("one iteration at a time; the next goes on where the one before ended", async () => {
  const delivery = deliveryOf();
  const first = new BatchIterator(delivery);
  fill(delivery, 1);
  assertEquals(await nextSignals(first), [1]);
  const error = await assertRejects(() => new BatchIterator(delivery).next(), SttpError);
  assertEquals(error.code, "InvalidState");
  await first.return();
  fill(delivery, 2);
  assertEquals(await nextSignals(new BatchIterator(delivery)), [2]);
});

Deno.test("two waits at a time are refused", async () => {
  const delivery = deliveryOf();
  const batches = new BatchIterator(delivery);
  const waiting = batches.next();
  const error = await assertRejects(() => batches.next(), SttpError);
  assertEquals(error.code, "InvalidState");
  delivery.end();
  assertEquals((await waiting).done, true);
});

Deno.test("return() ends a wait", async () => {
  const delivery = deliveryOf();
  const batches = new BatchIterator(delivery);
  const waiting = batches.next();
  await batches.return();
  assertEquals((await waiting).done, true);
});

Deno.test("an AbortSignal ends a wait, and refuses further ones", async () => {
  const delivery = deliveryOf();
  const controller = new AbortController();
  const batches = new BatchIterator(delivery, controller.signal);
  const waiting = batches.next();
  const reason = new Error("enough");
  controller.abort(reason);
  const error = await assertRejects(() => waiting, SttpError);
  assertEquals(error.code, "Aborted");
  assertStrictEquals(error.cause, reason);
  fill(delivery, 1);
  assertEquals(await nextSignals(new BatchIterator(delivery)), [1]);

  const late = await assertRejects(() => new BatchIterator(delivery, controller.signal).next(), SttpError);
  assertEquals(late.code, "Aborted");
});

Deno.test("giveBack: the rest of a batch comes again", () => {
  const delivery = deliveryOf();
  fill(delivery, 1, 2, 3);
  delivery.giveBack(delivery.poll()!, 1);
  fill(delivery, 4);
  assertEquals(delivery.waiting, 3);
  assertEquals(signalsOf(delivery.poll()), [2, 3]);
  const last = delivery.poll()!;
  assertEquals(signalsOf(last), [4]);
  delivery.giveBack(last, 1);
  assertEquals(delivery.poll(), undefined);
});

Deno.test("a function: called for what was committed, the batch lent until it returns", () => {
  const got: number[][] = [];
  const delivery = deliveryOf({
    onBatch: (batch) => {
      got.push(signalsOf(batch));
    },
  });
  fill(delivery, 1);
  assertEquals(got, []);
  delivery.commit();
  fill(delivery, 2, 3);
  delivery.commit();
  delivery.commit();
  assertEquals(got, [[1], [2, 3]]);
  assertThrows(() => delivery.consumer.claim({}), SttpError, "onBatch");
});

Deno.test("a function that returns a promise gets the next batch when it settles", async () => {
  const got: number[][] = [];
  const busy = Promise.withResolvers<void>();
  const delivery = deliveryOf({
    onBatch: (batch) => {
      got.push(signalsOf(batch));
      return got.length === 1 ? busy.promise : undefined;
    },
  });
  fill(delivery, 1);
  delivery.commit();
  fill(delivery, 2);
  delivery.commit();
  fill(delivery, 3);
  delivery.commit();
  await settle();
  assertEquals(got, [[1]]);
  busy.resolve();
  await settle();
  assertEquals(got, [[1], [2, 3]]);
});

Deno.test("a function that throws or rejects is reported and goes on being called", async () => {
  const reported: unknown[] = [];
  const onError = (event: ErrorEvent): void => {
    reported.push(event.error);
    event.preventDefault();
  };
  globalThis.addEventListener("error", onError);
  const thrown = new Error("thrown");
  const rejected = new Error("rejected");
  let calls = 0;
  const delivery = deliveryOf({
    onBatch: () => {
      calls++;
      if (calls === 1) throw thrown;
      if (calls === 2) return Promise.reject(rejected);
    },
  });
  for (const value of [1, 2, 3]) {
    fill(delivery, value);
    delivery.commit();
    await settle();
  }
  globalThis.removeEventListener("error", onError);
  assertEquals(calls, 3);
  assertEquals(reported, [thrown, rejected]);
});

Deno.test("the end is waited for by a function that is busy: it still gets the rest", async () => {
  const got: number[][] = [];
  const busy = Promise.withResolvers<void>();
  const delivery = deliveryOf({
    onBatch: (batch) => {
      got.push(signalsOf(batch));
      return busy.promise;
    },
  });
  fill(delivery, 1);
  delivery.commit();
  fill(delivery, 2);
  delivery.end();
  busy.resolve();
  await settle();
  assertEquals(got, [[1], [2]]);
});
