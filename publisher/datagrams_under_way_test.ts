import { assertEquals } from "@std/assert";
import { ManualClock } from "../transport/clock.ts";
import { DatagramsUnderWay } from "./datagrams_under_way.ts";

function create(travelTime = 1000): { clock: ManualClock; underWay: DatagramsUnderWay; freed: () => number } {
  const clock = new ManualClock();
  let freed = 0;
  const underWay = new DatagramsUnderWay({ clock, travelTime: () => travelTime, onFree: () => freed++ });
  return { clock, underWay, freed: () => freed };
}

Deno.test("a cache is free when its last datagram has had its time to arrive", () => {
  const { clock, underWay, freed } = create();
  clock.advance(5000);
  underWay.ended(0, 4600, undefined);
  assertEquals([underWay.isFree(0), underWay.isFree(1)], [false, true]);
  clock.advance(599);
  assertEquals([underWay.isFree(0), freed()], [false, 0]);
  clock.advance(1);
  assertEquals([underWay.isFree(0), freed(), clock.pending], [true, 1, 0]);
});

Deno.test("that time begins when the system has taken it, however late that is", async () => {
  const { clock, underWay, freed } = create();
  const { promise, resolve } = Promise.withResolvers<void>();
  underWay.ended(1, 0, promise);
  clock.advance(60_000);
  assertEquals(underWay.isFree(1), false);
  resolve();
  await promise;
  clock.advance(999);
  assertEquals([underWay.isFree(1), freed()], [false, 0]);
  clock.advance(1);
  assertEquals([underWay.isFree(1), freed()], [true, 1]);
});

Deno.test("a cache is free at once when no datagram was sent, or the last one long ago", () => {
  const { clock, underWay, freed } = create();
  clock.advance(1000);
  underWay.ended(0, -Infinity, undefined);
  underWay.ended(1, 0, undefined);
  assertEquals([underWay.isFree(0), underWay.isFree(1), freed(), clock.pending], [true, true, 0, 0]);
});

Deno.test("without a time to arrive only what the system has not taken is waited for", async () => {
  const { underWay, freed } = create(0);
  underWay.ended(0, 0, undefined);
  assertEquals(underWay.isFree(0), true);
  const { promise, resolve } = Promise.withResolvers<void>();
  underWay.ended(0, 0, promise);
  assertEquals([underWay.isFree(0), freed()], [false, 0]);
  resolve();
  await promise;
  assertEquals([underWay.isFree(0), freed()], [true, 1]);
});

Deno.test("a cache whose data went on meanwhile waits for its new last datagram only", async () => {
  const { clock, underWay, freed } = create();
  const { promise, resolve } = Promise.withResolvers<void>();
  underWay.ended(0, 0, promise);
  clock.advance(500);
  underWay.ended(0, 500, undefined);
  resolve();
  await promise;
  clock.advance(500);
  underWay.ended(0, 1000, undefined);
  clock.advance(999);
  assertEquals([underWay.isFree(0), freed()], [false, 0]);
  clock.advance(1);
  assertEquals([underWay.isFree(0), freed(), clock.pending], [true, 1, 0]);
});

Deno.test("nothing comes of a wait, nor is a timer left, when the session is over", async () => {
  const { clock, underWay, freed } = create();
  const { promise, resolve } = Promise.withResolvers<void>();
  underWay.ended(0, 0, promise);
  underWay.ended(1, 0, undefined);
  underWay.close();
  resolve();
  await promise;
  clock.advance(5000);
  assertEquals([freed(), clock.pending], [0, 0]);
});
