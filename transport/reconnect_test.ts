import { assertEquals, assertGreater } from "@std/assert";
import { ManualClock } from "./clock.ts";
import { Backoff, pause } from "./reconnect.ts";

const options = { initialDelay: 1000, maxDelay: 30_000, maxRetries: Infinity, jitter: 0 };

Deno.test("delays double up to the cap", () => {
  const backoff = new Backoff(options);
  assertEquals(Array.from({ length: 7 }, () => backoff.next()), [
    1000,
    2000,
    4000,
    8000,
    16_000,
    30_000,
    30_000,
  ]);
  assertEquals(backoff.attempt, 7);
});

Deno.test("a connection that lasted starts over, one that broke soon does not", () => {
  const backoff = new Backoff(options);
  backoff.next();
  backoff.lasted(29_999);
  assertEquals(backoff.next(), 2000);
  backoff.lasted(30_000);
  assertEquals(backoff.attempt, 0);
  assertEquals(backoff.next(), 1000);
});

Deno.test("after the last retry there is none", () => {
  const backoff = new Backoff({ ...options, maxRetries: 2 });
  assertEquals([backoff.next(), backoff.next(), backoff.next(), backoff.next()], [
    1000,
    2000,
    undefined,
    undefined,
  ]);
  assertEquals(new Backoff({ ...options, maxRetries: 0 }).next(), undefined);
});

Deno.test("jitter takes off up to its part, evenly", () => {
  const jittered = { ...options, jitter: 0.5 };
  assertEquals(new Backoff(jittered, () => 0).next(), 1000);
  assertEquals(new Backoff(jittered, () => 0.5).next(), 750);
  assertGreater(new Backoff(jittered, () => 1 - Number.EPSILON).next()!, 500);
  for (let i = 0; i < 100; i++) {
    const backoff = new Backoff(jittered);
    for (const base of [1000, 2000, 4000]) {
      const delay = backoff.next()!;
      assertEquals(delay > base / 2 && delay <= base, true, `${delay} for ${base}`);
    }
  }
});

Deno.test("a thousand failures do not overflow the delay", () => {
  const backoff = new Backoff(options);
  for (let i = 0; i < 2000; i++) backoff.next();
  assertEquals(backoff.next(), 30_000);
});

Deno.test("pause: waits for the clock, or ends early, and leaves no timer", async () => {
  const clock = new ManualClock();
  const { signal } = new AbortController();
  let over = false;
  const waiting = pause(clock, 100, signal).then(() => over = true);
  clock.advance(99);
  await Promise.resolve();
  assertEquals(over, false);
  clock.advance(1);
  await waiting;

  const controller = new AbortController();
  const stopped = pause(clock, 100, controller.signal);
  assertEquals(clock.pending, 1);
  controller.abort();
  await stopped;
  assertEquals(clock.pending, 0);
  await pause(clock, 100, controller.signal);
  assertEquals(clock.pending, 0);
});
