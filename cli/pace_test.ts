import { assertEquals } from "@std/assert";
import { ManualClock, MeasurementBatch, Ticks } from "../mod.ts";
import { paced, type PaceOptions } from "./pace.ts";

const start = Ticks.parse("2020-01-01T00:00:00Z");

/** One batch for each list of times in milliseconds. */
async function* batchesOf(...lists: number[][]): AsyncGenerator<MeasurementBatch, void> {
  for (const times of lists) {
    const batch = new MeasurementBatch();
    times.forEach((time, i) => batch.add(i, start + BigInt(time) * Ticks.PerMillisecond, time));
    yield await Promise.resolve(batch);
  }
}

/** Plays, moving the clock on whenever it is waited for. @returns When each batch went, and the values in it. */
async function play(lists: number[][], options: Partial<PaceOptions> = {}): Promise<[number, number[]][]> {
  const clock = new ManualClock();
  const went: [number, number[]][] = [];
  const stepping = {
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    schedule: (delay: number, callback: () => void) => {
      queueMicrotask(() => {
        clock.advance(delay);
        callback();
      });
      return () => {};
    },
  };
  const signal = new AbortController().signal;
  const given = { speed: 1, retime: false, signal, clock: stepping, ...options };
  for await (const { values, length, ticks } of paced(batchesOf(...lists), given)) {
    went.push([clock.monotonic(), [...values.subarray(0, length)]]);
    if (options.retime) assertEquals(ticks[0], Ticks.now(clock));
  }
  return went;
}

Deno.test("measurements go when they are due, those of one time together", async () => {
  assertEquals(await play([[0, 0, 100, 100], [100, 250]]), [[0, [0, 0]], [100, [100, 100]], [100, [100]], [
    250,
    [250],
  ]]);
});

Deno.test("faster, slower, and without waiting", async () => {
  assertEquals(await play([[0, 100, 250]], { speed: 10 }), [[0, [0]], [10, [100]], [25, [250]]]);
  assertEquals(await play([[0, 100]], { speed: 0.5 }), [[0, [0]], [200, [100]]]);
  assertEquals(await play([[0, 100, 250], [300]], { speed: Infinity }), [[0, [0, 100, 250]], [0, [300]]]);
});

Deno.test("what is out of order goes at once", async () => {
  assertEquals(await play([[100, 0, 50, 200]]), [[0, [100, 0, 50]], [100, [200]]]);
});

Deno.test("times can be moved to those at which they go", async () => {
  assertEquals((await play([[0, 100], [300]], { retime: true })).length, 3);
});

Deno.test("it ends when told to, also while it waits", async () => {
  const stop = new AbortController();
  const clock = new ManualClock();
  const playing = paced(batchesOf([0, 100], [200]), { speed: 1, retime: false, signal: stop.signal, clock });
  assertEquals((await playing.next()).value?.length, 1);
  const waiting = playing.next();
  await new Promise((resolve) => setTimeout(resolve, 0));
  stop.abort();
  // The one that was waited for is not handed on early.
  assertEquals((await waiting).done, true);
  assertEquals(clock.pending, 0);
});
