import { assert, assertEquals } from "@std/assert";
import { ManualClock } from "../transport/clock.ts";
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
