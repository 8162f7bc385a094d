import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Steps } from "../metadata/steps.ts";
import { ManualClock } from "../transport/clock.ts";
import { SttpError } from "../transport/errors.ts";
import { nextTurn } from "../transport/next_turn.ts";
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

/** What happened while others had so many turns. */
async function turnsOf(happens: Promise<unknown>): Promise<number> {
  let isOver = false;
  happens.then(() => isOver = true, () => isOver = true);
  let count = 0;
  for (; !isOver; count++) await nextTurn();
  return count;
}

Deno.test("commands that take no time by the clock give way all the same: reading them does take some", async () => {
  const turns = new CommandTurns(new ManualClock());
  const commands = async (): Promise<void> => {
    for (let i = 0; i < 20_000; i++) {
      await turns.next();
      await turns.carryOut(() => Promise.resolve());
    }
  };
  const reads = async (): Promise<void> => {
    for (let i = 0; i < 1_000; i++) {
      await turns.next();
      turns.wasRead(65_536);
    }
  };
  // Ten of 2,000 commands, and 36 of 28 reads.
  const [ofCommands, ofReads] = [await turnsOf(commands()), await turnsOf(reads())];
  assert(ofCommands >= 10 && ofCommands < 20, `${ofCommands} turns for commands`);
  assert(ofReads >= 30 && ofReads < 50, `${ofReads} turns for reads`);
  await turns.idle();
});

Deno.test("however long everything else takes between commands, as many are carried out in a turn", async () => {
  const clock = new ManualClock();
  const turns = new CommandTurns(clock);
  const commands = async (): Promise<void> => {
    for (let i = 0; i < 1_000; i++) {
      await turns.next();
      // Others publish.
      clock.advance(50);
      await turns.carryOut(() => Promise.resolve());
    }
  };
  assert(await turnsOf(commands()) < 5);
});

/** Steps of three milliseconds. */
function* long(clock: ManualClock, count: number, log: (step: number) => void): Steps<number> {
  for (let i = 0; i < count; i++) {
    clock.advance(3);
    log(i);
    yield;
  }
  return count;
}

Deno.test("what takes long of a command is done in steps, one such thing after the other, and others have turns", async () => {
  const clock = new ManualClock();
  const turns = new CommandTurns(clock);
  const order: string[] = [];
  const steps = (name: string, count: number): Steps<number> =>
    long(clock, count, (i) => order.push(`${name}${i}`));
  const always = (): boolean => true;
  const all = Promise.all([
    turns.inSteps(steps("a", 3), always),
    turns.inSteps(steps("b", 2), always),
    flood(turns, clock, 4, (i) => order.push(`command${i}`)),
  ]);
  assert(await turnsOf(all) >= 5);
  assertEquals((await all).slice(0, 2), [3, 2]);
  assertEquals(order.filter((name) => name.startsWith("command")).length, 4);
  assertEquals(order.filter((name) => !name.startsWith("command")), ["a0", "a1", "a2", "b0", "b1"]);
  assert(order.indexOf("command3") < order.indexOf("b1"), `${order}`);
  await turns.idle();
});

Deno.test("what comes of steps is given in a turn of its own", async () => {
  const clock = new ManualClock();
  const turns = new CommandTurns(clock);
  let isNext = false;
  const result = turns.inSteps(long(clock, 1, () => setTimeout(() => isNext = true, 0)), () => true);
  assertEquals([await result, isNext], [1, true]);
});

Deno.test("steps that are not wanted any more, or fail, end there, and what waits goes on", async () => {
  const clock = new ManualClock();
  const turns = new CommandTurns(clock);
  const done: string[] = [];
  const gone = turns.inSteps(long(clock, 5, (i) => done.push(`gone${i}`)), () => done.length < 2);
  const failing = turns.inSteps(
    long(clock, 5, () => {
      throw new SttpError("MalformedText", "no text");
    }),
    () => true,
  );
  const last = turns.inSteps(long(clock, 2, (i) => done.push(`last${i}`)), () => true);
  await assertRejects(() => gone, SttpError, "no longer wanted");
  await assertRejects(() => failing, SttpError, "no text");
  assertEquals([await last, done], [2, ["gone0", "gone1", "last0", "last1"]]);
  await turns.idle();
});
