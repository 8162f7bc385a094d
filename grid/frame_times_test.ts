import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { ManualClock } from "../transport/clock.ts";
import { Ticks } from "../transport/wire/ticks.ts";
import { FrameTimes, pace } from "./frame_times.ts";

const Second = 10_000_000n;
const Start = Ticks.parse("2024-01-01T00:00:00Z");

Deno.test("FrameTimes divides each second evenly, to the nearest tick", () => {
  const times = new FrameTimes(30);
  assertEquals(times.atOrBefore(Start), Start);
  assertEquals(times.after(Start), Start + 333_333n);
  assertEquals(times.after(Start + 333_333n), Start + 666_667n);
  assertEquals(times.after(Start + 666_667n), Start + 1_000_000n);
  assertEquals(times.after(Start + 9_666_667n), Start + Second);
  assertEquals(times.atOrBefore(Start + 666_666n), Start + 333_333n);
});

Deno.test("FrameTimes finds the frames around any time at any rate", () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 1000 }), fc.bigInt(0n, 3n * Second), (rate, offset) => {
    const times = new FrameTimes(rate);
    const ticks = Start + offset;
    const before = times.atOrBefore(ticks);
    const after = times.after(ticks);
    assert(before <= ticks && ticks < after);
    assertEquals(times.after(before), after);
    assertEquals(times.atOrBefore(before), before);
    assertEquals(times.atOrBefore(after), after);
  }));
});

Deno.test("FrameTimes gives as many frames a second as asked", () => {
  for (const rate of [1, 7, 30, 60, 120, 1000]) {
    const times = new FrameTimes(rate);
    let count = 0;
    for (let ticks = Start; ticks < Start + Second; ticks = times.after(ticks)) count++;
    assertEquals(count, rate);
  }
});

/** Moves the clock on in small steps until a promise settles. */
async function drive<T>(clock: ManualClock, promise: Promise<T>): Promise<T> {
  let settled = false;
  const done = () => settled = true;
  promise.then(done, done);
  for (let i = 0; i < 5000 && !settled; i++) {
    clock.advance(1);
    await Promise.resolve();
    await Promise.resolve();
    await Promise.resolve();
  }
  return await promise;
}

Deno.test("pace() yields each frame when it is due, not before", async () => {
  const clock = new ManualClock();
  const frames = pace(new FrameTimes(50), { clock });
  for (let i = 1; i <= 100; i++) {
    const { value } = await drive(clock, frames.next());
    assertEquals(value, Start + BigInt(i) * 200_000n);
    assert(Ticks.fromUnixMilliseconds(clock.now()) >= value!);
    assert(clock.monotonic() <= 20 * i + 2);
  }
  await frames.return();
  assertEquals(clock.pending, 0);
});

Deno.test("pace() catches up after a short delay and goes on from now after a long one", async () => {
  const clock = new ManualClock();
  const frames = pace(new FrameTimes(10), { clock });
  assertEquals((await drive(clock, frames.next())).value, Start + 1_000_000n);
  clock.advance(500);
  assertEquals((await drive(clock, frames.next())).value, Start + 2_000_000n);
  assertEquals((await drive(clock, frames.next())).value, Start + 3_000_000n);
  clock.advance(60_000);
  const { value } = await drive(clock, frames.next());
  assert(value! > Start + 60n * Second, String(value));
  await frames.return();
});

Deno.test("pace() ends when aborted, also while it waits", async () => {
  const clock = new ManualClock();
  const controller = new AbortController();
  const frames = pace(new FrameTimes(1), { clock, signal: controller.signal });
  const waiting = frames.next();
  await Promise.resolve();
  assertEquals(clock.pending, 1);
  controller.abort();
  assertEquals(await waiting, { done: true, value: undefined });
  assertEquals(clock.pending, 0);
  assertEquals(await pace(new FrameTimes(1), { clock, signal: AbortSignal.abort() }).next(), {
    done: true,
    value: undefined,
  });
});
