import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { assertEquals } from "@std/assert";
import { type Clock, ManualClock } from "../transport/mod.ts";
import { KeptByAge } from "./kept_by_age.ts";

setFlagsFromString("--expose-gc");
const collect: () => void = runInNewContext("gc");

/** Whether nothing has a value any more. What is looked at stays until the end of the event loop's turn. */
async function isGone(value: WeakRef<object>): Promise<boolean> {
  await new Promise((resolve) => setTimeout(resolve, 0));
  collect();
  return value.deref() === undefined;
}

Deno.test("a value is let go of once it is too old, also when nobody asks, and at the end at once", async () => {
  const clock = new ManualClock();
  const kept = new KeptByAge(clock, 100, () => ({}));
  const make = (): WeakRef<object> => new WeakRef(kept.get().value);
  assertEquals(clock.pending, 0);
  const forgotten = make();
  clock.advance(50);
  kept.forget();
  assertEquals([await isGone(forgotten), clock.pending], [true, 0]);
  // The end of the one before is not that of the next.
  const tooOld = make();
  clock.advance(99);
  assertEquals([await isGone(tooOld), clock.pending], [false, 1]);
  clock.advance(1);
  assertEquals([await isGone(tooOld), clock.pending], [true, 0]);
  const last = make();
  kept.close();
  assertEquals([await isGone(last), clock.pending], [true, 0]);
  // Answers that are still made then keep nothing.
  assertEquals([await isGone(make()), clock.pending], [true, 0]);
});

Deno.test("a timer that comes late keeps nothing in use for longer", () => {
  let time = 0;
  const timers = new Set<object>();
  const clock: Clock = {
    now: () => time,
    monotonic: () => time,
    schedule(): () => void {
      const timer = {};
      timers.add(timer);
      return () => void timers.delete(timer);
    },
  };
  let made = 0;
  const kept = new KeptByAge(clock, 100, () => ++made);
  kept.get();
  time = 100;
  assertEquals([kept.get().value, timers.size], [2, 1]);
});

Deno.test("a value is made when it is first asked for, and again once it is too old or forgotten", () => {
  const clock = new ManualClock();
  const start = clock.monotonic();
  let made = 0;
  const kept = new KeptByAge(clock, 100, () => ++made);
  assertEquals(made, 0);
  assertEquals(kept.get(), { value: 1, at: start });
  clock.advance(99);
  assertEquals(kept.get(), { value: 1, at: start });
  clock.advance(1);
  assertEquals(kept.get(), { value: 2, at: start + 100 });
  kept.forget();
  assertEquals(made, 2);
  assertEquals(kept.get(), { value: 3, at: start + 100 });
});
