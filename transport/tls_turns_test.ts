import { assertEquals } from "@std/assert";
import { ManualClock } from "./clock.ts";
import { HandshakeTurns } from "./tls_turns.ts";

/** Lets promises that are settled be seen to, and no timer. */
async function microtasks(): Promise<void> {
  for (let i = 0; i < 100; i++) await undefined;
}

/** Waits until something is so; the test runner ends what never comes to be. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
}

Deno.test("networks take turns, those of one in order, one at a time", async () => {
  const turns = new HandshakeTurns(new ManualClock());
  const order: string[] = [];
  let running = 0;
  const work = async (network: string, name: string): Promise<void> => {
    const end = await turns.take(network);
    assertEquals(++running, 1);
    order.push(name);
    await undefined;
    running--;
    end();
  };
  const first = Array.from({ length: 4 }, (_, i) => work("a", `a${i}`));
  await Promise.all([...first, work("b", "b0"), work("b", "b1"), work("c", "c0")]);
  assertEquals(order, ["a0", "a1", "b0", "c0", "a2", "b1", "a3"]);
  turns.close();
});

Deno.test("after two milliseconds of work everything else has a turn", async () => {
  const clock = new ManualClock();
  const turns = new HandshakeTurns(clock);
  const done: number[] = [];
  const everybody = Array.from({ length: 5 }, async (_, i) => {
    const end = await turns.take("a");
    clock.advance(1);
    done.push(i);
    end();
  });
  await microtasks();
  assertEquals(done, [0, 1]);
  // What was used counts for those who come later in the same turn of the event loop, too.
  const late = turns.take("b").then((end) => {
    done.push(9);
    end();
  });
  await microtasks();
  assertEquals(done, [0, 1]);
  await Promise.all([...everybody, late]);
  assertEquals(done, [0, 1, 2, 9, 3, 4]);
  turns.close();
});

Deno.test("who does not give its turn back has it until the event loop's next, and ends no other's later", async () => {
  const turns = new HandshakeTurns(new ManualClock());
  const kept = await turns.take("a");
  let others = 0;
  const first = turns.take("b").then(() => others++);
  turns.take("b").then(() => others++);
  await microtasks();
  assertEquals(others, 0);
  await first;
  // No timer comes in between.
  kept();
  await microtasks();
  assertEquals(others, 1);
  await until(() => others === 2);
  turns.close();
});

Deno.test("once closed, nobody waits and no timer is left", async () => {
  const turns = new HandshakeTurns(new ManualClock());
  await turns.take("a");
  let others = 0;
  turns.take("b").then((end) => {
    others++;
    end();
  });
  turns.giveWay().then(() => others++);
  turns.close();
  await microtasks();
  assertEquals(others, 2);
  // Nor when it has been closed.
  await turns.take("a");
  await turns.giveWay();
});
