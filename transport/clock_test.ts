import { assert, assertEquals } from "@std/assert";
import { ManualClock, systemClock } from "./clock.ts";

Deno.test("a manual clock moves only when told to", () => {
  const clock = new ManualClock(1000);
  assertEquals([clock.now(), clock.monotonic()], [1000, 0]);
  clock.advance(250);
  assertEquals([clock.now(), clock.monotonic()], [1250, 250]);
});

Deno.test("setting a manual clock moves nothing but what it shows", () => {
  const clock = new ManualClock(1000);
  const fired: number[] = [];
  clock.schedule(100, () => fired.push(clock.now()));
  clock.advance(50);
  clock.set(10);
  assertEquals([clock.now(), clock.monotonic(), fired.length], [10, 50, 0]);
  clock.advance(50);
  assertEquals(fired, [60]);
});

Deno.test("callbacks come in order, each at its time", () => {
  const clock = new ManualClock();
  const calls: string[] = [];
  const note = (name: string) => () => calls.push(`${name} at ${clock.monotonic()}`);
  clock.schedule(30, note("third"));
  clock.schedule(10, note("first"));
  clock.schedule(20, note("second"));
  clock.schedule(10, note("first again"));
  clock.schedule(-5, note("at once"));
  clock.advance(25);
  assertEquals(calls, ["at once at 0", "first at 10", "first again at 10", "second at 20"]);
  assertEquals(clock.pending, 1);
  clock.advance(5);
  assertEquals(calls.at(-1), "third at 30");
  assertEquals(clock.pending, 0);
});

Deno.test("a callback may schedule another that falls due in the same move", () => {
  const clock = new ManualClock();
  const times: number[] = [];
  const tick = (): void => {
    times.push(clock.monotonic());
    clock.schedule(10, tick);
  };
  clock.schedule(10, tick);
  clock.advance(35);
  assertEquals(times, [10, 20, 30]);
  assertEquals(clock.monotonic(), 35);
});

Deno.test("a cancelled callback never comes, and may be cancelled again", () => {
  const clock = new ManualClock();
  let called = false;
  const cancel = clock.schedule(10, () => called = true);
  cancel();
  cancel();
  clock.advance(100);
  assertEquals([called, clock.pending], [false, 0]);
});

Deno.test("the system's clock calls back, cancels, and does not go back", async () => {
  const before = systemClock.monotonic();
  await new Promise<void>((resolve) => {
    const cancelled = systemClock.schedule(0, () => {
      throw new Error("called although cancelled");
    });
    cancelled();
    // Its timers do not keep the process alive: something else must.
    const alive = setInterval(() => {}, 1000);
    systemClock.schedule(1, () => {
      clearInterval(alive);
      resolve();
    });
  });
  assert(systemClock.monotonic() >= before);
  const earliest = Date.now();
  const now = systemClock.now();
  assert(earliest <= now && now <= Date.now());
});
