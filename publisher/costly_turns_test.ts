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
    turns.run("192.0.2.1", () => {
      began.push(clock.monotonic());
      clock.advance(milliseconds);
      return Promise.resolve(milliseconds);
    }, always);
  const all = Promise.all([costly(10), costly(490), costly(10), costly(2)]);
  await settle();
  assertEquals(began, [0, 10]);
  clock.advance(499);
  await settle();
  assertEquals(began, [0, 10]);
  clock.advance(1);
  await settle();
  assertEquals(began, [0, 10, 1000, 1010]);
  assertEquals(await all, [10, 490, 10, 2]);
  assertEquals(clock.pending, 0);
});

Deno.test("many small pieces of work are costly, too: in between others have their time", async () => {
  const clock = new ManualClock();
  const turns = new CostlyTurns(clock);
  let done = 0;
  const all = Array.from({ length: 7 }, (_, n) =>
    turns.run(`192.0.2.${n}`, () => {
      done++;
      clock.advance(4);
      return Promise.resolve();
    }, always));
  for (const expected of [3, 6, 7]) {
    await settle();
    assertEquals(done, expected);
    clock.advance(12);
  }
  await Promise.all(all);
});

Deno.test("a host that asks for what is costly on many connections holds up its own", async () => {
  const clock = new ManualClock();
  const turns = new CostlyTurns(clock);
  const order: string[] = [];
  const ask = (host: string, milliseconds: number): Promise<void> =>
    turns.run(host, () => {
      order.push(host);
      clock.advance(milliseconds);
      return Promise.resolve();
    }, always);
  const all = Array.from({ length: 5 }, () => ask("192.0.2.66", 2000));
  await settle();
  // Comes when four others wait.
  all.push(ask("192.0.2.1", 20), ask("192.0.2.1", 1));
  for (let i = 0; i < 10; i++) {
    clock.advance(2000);
    await settle();
  }
  await Promise.all(all);
  const [evil, good] = ["192.0.2.66", "192.0.2.1"];
  assertEquals(order, [evil, good, good, evil, evil, evil, evil]);
});

Deno.test("what waits in the middle of its work holds up nobody, and what fails neither", async () => {
  const turns = new CostlyTurns(new ManualClock());
  const gate = Promise.withResolvers<string>();
  const slow = turns.run("a", () => gate.promise, always);
  const failing = turns.run("a", () => {
    throw new SttpError("Refused", "no");
  }, always);
  await assertRejects(() => failing, SttpError, "no");
  assertEquals(await turns.run("a", () => Promise.resolve("quick"), always), "quick");
  gate.resolve("slow");
  assertEquals(await slow, "slow");
});

Deno.test("nothing is done for who is gone, and nobody waits behind it", async () => {
  const clock = new ManualClock();
  const turns = new CostlyTurns(clock);
  await turns.run("a", () => Promise.resolve(clock.advance(1000)), always);
  let isThere = true;
  let done = 0;
  const gone = Array.from({ length: 3 }, () =>
    assertRejects(
      () => turns.run("a", () => Promise.resolve(done++), () => isThere),
      SttpError,
      "before its turn",
    ));
  await settle();
  isThere = false;
  clock.advance(1000);
  await Promise.all(gone);
  assertEquals(await turns.run("a", () => Promise.resolve(done), always), 0);
});
