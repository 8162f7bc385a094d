import { assertEquals } from "@std/assert";
import { nextTurn } from "../transport/next_turn.ts";
import { ManualClock } from "../transport/clock.ts";
import { CommandTurns } from "./command_turns.ts";

/** Carries out so many commands, each of which takes a millisecond, as soon as it may. */
async function flood(
  turns: CommandTurns,
  clock: ManualClock,
  count: number,
  log: (i: number) => void,
): Promise<void> {
  for (let i = 0; i < count; i++) {
    await turns.next();
    await turns.carryOut(() => {
      clock.advance(1);
      log(i);
      return Promise.resolve();
    });
  }
}

Deno.test("commands give way every two milliseconds, and go on in turn", async () => {
  const clock = new ManualClock();
  const turns = new CommandTurns(clock);
  let rounds = 0;
  let isOver = false;
  const others = (async () => {
    for (; !isOver; rounds++) await nextTurn();
  })();
  const order: string[] = [];
  await Promise.all(
    ["a", "b", "c"].map((name) => flood(turns, clock, 20, (i) => order.push(`${name}${i}`))),
  );
  isOver = true;
  await others;
  // Sixty milliseconds of commands: the rest of the program had its turn about thirty times meanwhile.
  assertEquals(rounds >= 25, true, `${rounds} rounds`);
  // Nobody is ahead of anybody by more than what the first slice gave him.
  const done = { a: 0, b: 0, c: 0 };
  for (const entry of order.slice(0, 54)) {
    done[entry[0] as "a"]++;
    assertEquals(Math.max(done.a, done.b, done.c) - Math.min(done.a, done.b, done.c) <= 3, true, `${order}`);
  }
  assertEquals(order.length, 60);
});

Deno.test("a command that waits for something holds up nobody", async () => {
  const clock = new ManualClock();
  const turns = new CommandTurns(clock);
  const answer = Promise.withResolvers<void>();
  let isAnswered = false;
  const waiting = turns.carryOut(async () => {
    clock.advance(5);
    await answer.promise;
    isAnswered = true;
  });
  let count = 0;
  await flood(turns, clock, 10, () => count++);
  assertEquals([count, isAnswered], [10, false]);
  answer.resolve();
  await waiting;
  await turns.idle();
});

Deno.test("while there is time, nothing waits and no timer runs", () => {
  const clock = new ManualClock();
  const turns = new CommandTurns(clock);
  for (let i = 0; i < 1000; i++) {
    assertEquals(turns.next(), undefined);
    turns.carryOut(() => Promise.resolve());
  }
});

Deno.test("after whoever waited last, others have their turn", async () => {
  const clock = new ManualClock();
  const turns = new CommandTurns(clock);
  for (let round = 0; round < 3; round++) {
    await flood(turns, clock, 7, () => clock.advance(3));
    for (let i = 0; i < 5; i++) await nextTurn();
  }
  assertEquals(turns.next(), undefined);
});
