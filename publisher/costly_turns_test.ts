import { assertEquals, assertRejects } from "@std/assert";
import { ManualClock, SttpError } from "../transport/mod.ts";
import { CostlyTurns } from "./costly_turns.ts";
import { settle } from "./testdata/rig.ts";

const always = (): boolean => true;

Deno.test("after what was costly nothing of the kind begins for as long as it took", async () => {
  const clock = new ManualClock();
  const turns = new CostlyTurns(clock);
  const began: number[] = [];
  const costly = (milliseconds: number): Promise<number> =>
    turns.run(() => {
      began.push(clock.monotonic());
      clock.advance(milliseconds);
      return Promise.resolve(milliseconds);
    }, always);
  const all = Promise.all([costly(10), costly(500), costly(10), costly(2)]);
  await settle();
  assertEquals(began, [0, 10]);
  clock.advance(499);
  await settle();
  assertEquals(began, [0, 10]);
  clock.advance(1);
  await settle();
  assertEquals(began, [0, 10, 1010, 1020]);
  assertEquals(await all, [10, 500, 10, 2]);
  assertEquals(clock.pending, 0);
});

Deno.test("what waits in the middle of its work holds up nobody, and what fails neither", async () => {
  const turns = new CostlyTurns(new ManualClock());
  const gate = Promise.withResolvers<string>();
  const slow = turns.run(() => gate.promise, always);
  const failing = turns.run(() => {
    throw new SttpError("Refused", "no");
  }, always);
  await assertRejects(() => failing, SttpError, "no");
  assertEquals(await turns.run(() => Promise.resolve("quick"), always), "quick");
  gate.resolve("slow");
  assertEquals(await slow, "slow");
});

Deno.test("nothing is done for who is gone, and nobody waits behind it", async () => {
  const clock = new ManualClock();
  const turns = new CostlyTurns(clock);
  await turns.run(() => Promise.resolve(clock.advance(1000)), always);
  let isThere = true;
  let done = 0;
  const gone = Array.from({ length: 3 }, () =>
    assertRejects(
      () => turns.run(() => Promise.resolve(done++), () => isThere),
      SttpError,
      "before its turn",
    ));
  await settle();
  isThere = false;
  clock.advance(1000);
  await Promise.all(gone);
  assertEquals(await turns.run(() => Promise.resolve(done), always), 0);
});
