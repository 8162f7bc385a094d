import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { type Clock, ManualClock } from "../transport/clock.ts";
import { Beat } from "./beat.ts";

/** A clock whose timers are late. */
class LateClock implements Clock {
  readonly manual: ManualClock = new ManualClock();
  /** By how many milliseconds the next timer is late. */
  lateness: () => number = () => 0;

  now(): number {
    return this.manual.now();
  }

  monotonic(): number {
    return this.manual.monotonic();
  }

  schedule(delay: number, callback: () => void): () => void {
    return this.manual.schedule(Math.max(0, delay) + this.lateness(), callback);
  }
}

/** Numbers from 0 to 1 that are the same in each run. */
function numbers(): () => number {
  let state = 1;
  return () => (state = state * 48_271 % 2_147_483_647) / 2_147_483_647;
}

/** When the beats were, over so many intervals. */
function beats(clock: LateClock, interval: number, count: number): number[] {
  const times: number[] = [clock.monotonic()];
  const beat = new Beat(clock, interval, () => times.push(clock.monotonic()));
  clock.manual.advance(interval * count + interval / 2);
  beat.stop();
  assertEquals(clock.manual.pending, 0);
  return times;
}

function gaps(times: readonly number[]): number[] {
  return times.slice(1).map((time, i) => time - times[i]!);
}

Deno.test("timers late by up to 9 %: every interval is kept to 10 %, and none of ten thousand is lost", () => {
  for (const interval of [10, 33.3, 1000]) {
    const clock = new LateClock();
    const random = numbers();
    clock.lateness = () => 0.09 * interval * random();
    const times = beats(clock, interval, 10_000);
    for (const gap of gaps(times)) {
      assert(gap >= 0.9 * interval - 1e-6 && gap <= 1.1 * interval + 1e-6, `${gap} of ${interval}`);
    }
    assertEquals(times.length, 10_001);
    assertAlmostEquals(times.at(-1)!, 10_000 * interval, 0.1 * interval);
  }
});

Deno.test("a timer that is always late by the same is no drift", () => {
  const clock = new LateClock();
  clock.lateness = () => 5;
  const times = beats(clock, 100, 1000);
  assertEquals(times.length, 1001);
  assertEquals(times.at(-1), 100_005);
});

Deno.test("one that is very late is made up for bit by bit", () => {
  const clock = new LateClock();
  let late = 60;
  clock.lateness = () => {
    const lateness = late;
    late = 0;
    return lateness;
  };
  assertEquals(beats(clock, 100, 9), [0, 160, 250, 340, 430, 520, 610, 700, 800, 900]);
});

Deno.test("what a sleeping machine missed is not made up for", () => {
  const clock = new LateClock();
  let late = 1234;
  clock.lateness = () => {
    const lateness = late;
    late = 0;
    return lateness;
  };
  assertEquals(beats(clock, 100, 20), [0, 1334, 1424, 1514, 1604, 1700, 1800, 1900, 2000]);
});
