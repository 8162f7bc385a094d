import { assertEquals, assertGreater, assertLess, assertRejects } from "@std/assert";
import { nextTurn } from "../transport/next_turn.ts";
import type { Steps } from "../metadata/steps.ts";
import { ManualClock, SttpError } from "../transport/mod.ts";
import { settle } from "./testdata/rig.ts";
import { type Task, Turns } from "./turns.ts";

const always = (): boolean => true;

/** Work on a clock of the test's own, and what was done when. */
class Shop {
  readonly clock: ManualClock = new ManualClock();
  /** What was published; by default something in each turn. */
  published: () => number = () => ++this.#count;
  readonly turns: Turns = new Turns(this.clock, () => this.published());
  /** Name and time of each step that was done. */
  readonly done: string[] = [];
  /** What steps were told that they waited. */
  readonly waited: number[] = [];
  #count = 0;

  /** Something that takes so many steps of so many milliseconds, and so many bytes more with each. */
  task(name: string, steps: number, milliseconds: number, length: number = 10, bytes?: number): Task<string> {
    const { clock, done, waited } = this;
    function* begin(): Steps<string> {
      for (let i = 0; i < steps; i++) {
        done.push(`${name} ${clock.monotonic()}`);
        clock.advance(milliseconds);
        waited.push((yield bytes) ?? 0);
      }
      return name;
    }
    return { key: name, length, begin };
  }

  /** Asks for it. */
  ask(host: string, name: string, steps: number, milliseconds: number, length?: number): Promise<string> {
    return this.turns.run(this.task(name, steps, milliseconds, length), { host, isWanted: always });
  }

  /** Asks for what takes so many steps of a slice, and half a megabyte more with each. */
  askLarge(host: string, name: string, steps: number, isWanted: () => boolean = always): Promise<string> {
    return this.turns.run(this.task(name, steps, 4, 0, 512 * 1024), { host, isWanted });
  }

  /** Lets so much time pass, besides that which is worked, millisecond by millisecond. */
  async pass(milliseconds: number): Promise<void> {
    for (let i = 0; i < milliseconds; i++) {
      await settle();
      this.clock.advance(1);
    }
    await settle();
  }

  /** The names of what was done, in order. */
  get names(): string[] {
    return this.done.map((step) => step.split(" ")[0]!);
  }
}

Deno.test("what takes long is done in slices, and after each as much time passes for who publishes", async () => {
  const shop = new Shop();
  const result = shop.ask("192.0.2.1", "a", 10, 1);
  await settle();
  assertEquals(shop.done, ["a 0", "a 1", "a 2", "a 3"]);
  await shop.pass(3);
  assertEquals(shop.done.length, 4, "time for others");
  await shop.pass(1);
  assertEquals(shop.done.slice(4), ["a 8", "a 9", "a 10", "a 11"]);
  await shop.pass(4);
  assertEquals(await result, "a");
  assertEquals(shop.waited, [0, 0, 0, 4, 0, 0, 0, 4, 0, 0], "it is told how long it waited");
  assertEquals(shop.clock.pending, 0);
});

Deno.test("while nothing is published, slices follow each other with a turn of the event loop in between", async () => {
  const shop = new Shop();
  let published = 0;
  shop.published = () => published;
  const turns: number[] = [];
  const result = shop.ask("192.0.2.1", "a", 12, 1);
  const steps = (): number => shop.done.length;
  while (steps() < 12) {
    const before = steps();
    await nextTurn();
    if (steps() > before) turns.push(steps());
    // Something is published once, and as much time passes as the slice took: the clock stands.
    if (steps() === 8 && published === 0) {
      published++;
      await settle();
      assertEquals(steps(), 8);
      await shop.pass(4);
    }
  }
  assertEquals(await result, "a");
  assertEquals(turns.slice(0, 2), [4, 8]);
  assertEquals(shop.waited, [0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0]);
});

Deno.test("who asks when others have had their time since the last slice does not wait", async () => {
  const { clock, turns } = new Shop();
  const task = (key: string): Task<string> => ({
    key,
    length: 0,
    // deno-lint-ignore require-yield
    *begin(): Steps<string> {
      clock.advance(90);
      return key;
    },
  });
  const asker = { host: "a", isWanted: always };
  assertEquals(await turns.run(task("first"), asker), "first");
  await turns.idle();
  clock.advance(90);
  assertEquals(await turns.run(task("second"), asker), "second");
  const third = turns.run(task("third"), asker);
  await settle();
  assertEquals(clock.monotonic(), 270, "this one waits, as what was published had no time yet");
  clock.advance(90);
  assertEquals(await third, "third");
});

Deno.test("a step that takes longer than a slice is followed by as much time", async () => {
  const shop = new Shop();
  const all = Promise.all([shop.ask("a", "long", 1, 90), shop.ask("b", "short", 1, 1)]);
  await settle();
  assertEquals(shop.done, ["long 0"]);
  shop.clock.advance(89);
  await settle();
  assertEquals(shop.done, ["long 0"]);
  await shop.pass(2);
  assertEquals(shop.done, ["long 0", "short 180"]);
  assertEquals(await all, ["long", "short"]);
});

Deno.test("many small pieces of work are costly, too: in between others have their time", async () => {
  const shop = new Shop();
  const all = Array.from({ length: 7 }, (_, n) => shop.ask(`192.0.2.${n}`, `${n}`, 1, 2));
  for (const expected of [2, 4, 6, 7]) {
    await settle();
    assertEquals(shop.done.length, expected);
    shop.clock.advance(4);
  }
  await Promise.all(all);
});

Deno.test("slices go to the host that had the least, and there to what had the least", async () => {
  const shop = new Shop();
  const evil = Array.from({ length: 3 }, (_, n) => shop.ask("192.0.2.66", `evil${n}`, 8, 4));
  await shop.pass(8);
  assertEquals(shop.names, ["evil0", "evil1", "evil2"]);
  const good = [shop.ask("192.0.2.1", "good", 2, 4), shop.ask("192.0.2.66", "small", 1, 1)];
  await shop.pass(12);
  // What is new goes before what had a slice; then each host has every other one.
  assertEquals(shop.names.slice(3, 6), ["good", "small", "evil0"]);
  await shop.pass(8);
  assertEquals(shop.names.slice(6, 7), ["good"]);
  await shop.pass(4 * 24);
  await Promise.all([...good, ...evil]);
});

Deno.test("what has a long text waits until there is room for it; what has none does not wait for it", async () => {
  const shop = new Shop();
  const long = 3 * 1024 ** 2;
  const all = [
    shop.ask("a", "first", 3, 4, long),
    shop.ask("b", "second", 1, 4, long),
    shop.ask("c", "third", 1, 1),
  ];
  await shop.pass(40);
  assertEquals(shop.names, ["first", "third", "first", "first", "second"]);
  await Promise.all(all);
  // Nothing is too long to be done at all.
  const longest = shop.ask("a", "longest", 1, 1, 100 * long);
  await shop.pass(10);
  assertEquals(await longest, "longest");
});

Deno.test("what has a short text is not kept waiting by texts that are long, or many", async () => {
  for (const [count, length] of [[2, 2 * 1024 ** 2], [140, 32_000]] as const) {
    const shop = new Shop();
    shop.published = () => 0;
    let isWanted = true;
    const asker = { host: "evil", isWanted: () => isWanted };
    const all: Promise<unknown>[] = Array.from({ length: count }, (_, n) =>
      assertRejects(
        () => shop.turns.run(shop.task(`evil${n}`, 500, 4, length), asker),
        SttpError,
        "no longer wanted",
      ));
    while (shop.done.length < 2 * count) await nextTurn();
    all.push(shop.ask("good", "good", 1, 4));
    const before = shop.done.length;
    while (!shop.names.includes("good")) {
      assertLess(shop.done.length - before, 10, `behind ${count} texts`);
      await nextTurn();
    }
    isWanted = false;
    await Promise.all(all);
  }
});

Deno.test("of what takes much memory one is done after the other, and what takes little goes on", async () => {
  const shop = new Shop();
  const all = [
    shop.askLarge("a", "a1", 5),
    shop.askLarge("a", "a2", 5),
    shop.askLarge("b", "b1", 5),
    shop.askLarge("c", "c1", 5),
    shop.ask("d", "small", 6, 4),
  ];
  await shop.pass(4 * 30);
  await Promise.all(all);
  // With the third step it is more than little.
  const left = new Map<string, number>();
  const begun = new Set<string>();
  for (const name of shop.names.filter((name) => name !== "small")) {
    const steps = (left.get(name) ?? 5) - 1;
    left.set(name, steps);
    if (steps < 2) begun.add(name);
    if (steps === 0) begun.delete(name);
    assertEquals(begun.size <= 1, true, `${shop.names}`);
  }
  assertLess(shop.names.lastIndexOf("small"), shop.names.lastIndexOf("a2"), `${shop.names}`);
});

Deno.test("what takes much memory and has begun is as urgent as what waits for it", async () => {
  const shop = new Shop();
  let isWanted = true;
  const all = [shop.ask("evil", "before", 20, 4)];
  await shop.pass(8 * 20);
  all.push(shop.askLarge("evil", "evil", 7));
  // It began before there was anybody else.
  await shop.pass(8 * 3);
  const other = assertRejects(
    () => shop.turns.run(shop.task("other", 100, 4), { host: "other", isWanted: () => isWanted }),
    SttpError,
    "no longer wanted",
  );
  all.push(shop.askLarge("good", "good", 5));
  await shop.pass(8 * 24);
  assertEquals(shop.names.filter((name) => name === "good").length, 5, `${shop.names}`);
  isWanted = false;
  await shop.pass(8);
  await Promise.all([...all, other]);
});

Deno.test("who is gone keeps nobody from much memory", async () => {
  const shop = new Shop();
  let isThere = true;
  const gone = assertRejects(
    () => shop.askLarge("a", "gone", 50, () => isThere),
    SttpError,
    "no longer wanted",
  );
  await shop.pass(4 * 8);
  const next = shop.askLarge("b", "next", 5);
  await shop.pass(4 * 12);
  assertEquals(shop.names.filter((name) => name === "next").length, 3, "as much as is little");
  isThere = false;
  await shop.pass(4 * 8);
  assertEquals([await next, await gone instanceof SttpError], ["next", true]);
});

Deno.test("who asks for the same while it is under way gets the one result", async () => {
  const shop = new Shop();
  let isThere = true;
  const asked = [
    assertRejects(
      () => shop.turns.run(shop.task("a", 3, 4), { host: "a", isWanted: () => isThere }),
      SttpError,
      "no longer wanted",
    ),
    shop.ask("b", "a", 3, 4),
  ];
  await settle();
  isThere = false;
  asked.push(shop.ask("c", "a", 3, 4));
  await shop.pass(24);
  assertEquals(shop.names, ["a", "a", "a"], "one who is gone does not end it for the others");
  assertEquals((await Promise.all(asked)).slice(1), ["a", "a"]);
  const again = shop.ask("c", "a", 1, 1);
  await shop.pass(4);
  assertEquals([await again, shop.done.length], ["a", 4], "once it is done, it is done anew");
});

Deno.test("who joins what another host asked for waits no longer than if it had asked first", async () => {
  const shop = new Shop();
  const all = [shop.ask("evil", "long", 1, 16), shop.ask("other", "other", 12, 4)];
  await settle();
  all.push(shop.ask("evil", "mine", 2, 4), shop.ask("evil", "popular", 2, 4));
  await shop.pass(16);
  assertEquals(shop.names, ["long", "other"]);
  all.push(shop.ask("good", "popular", 2, 4));
  await shop.pass(4 * 7);
  assertEquals(shop.names.slice(2, 4), ["other", "popular"], "an equal share is no more than other had");
  assertLess(shop.names.indexOf("popular"), shop.names.indexOf("mine"), `${shop.names}`);
  await shop.pass(4 * 20);
  await Promise.all(all);
});

Deno.test("who comes under ever new addresses keeps nobody waiting longer than as many as wait at a time", async () => {
  const shop = new Shop();
  const all = [shop.ask("good", "before", 10, 4), shop.ask("good", "good", 10, 4)];
  await shop.pass(4 * 4);
  let hosts = 0;
  const isUnderWay = (): boolean => shop.names.filter((name) => name === "before").length < 10;
  while (isUnderWay()) {
    assertLess(hosts, 100, "it starves");
    // Two more of them wait at any time.
    for (let i = 0; i < 2; i++) all.push(shop.ask(`2001:db8::${++hosts}`, `evil ${hosts}`, 1, 4));
    await shop.pass(8);
  }
  shop.published = () => 0;
  await shop.pass(4);
  await Promise.all(all);
  assertEquals(shop.clock.pending, 0);
});

Deno.test("the addresses of a network of IPv6 are one host", async () => {
  const shop = new Shop();
  const all = [
    shop.ask("2001:db8:1:2::1", "a", 1, 4),
    shop.ask("2001:db8:1:2:ffff::1", "b", 1, 4),
    shop.ask("192.0.2.1", "d", 1, 4),
    shop.ask("2001:db8:1:3::1", "c", 1, 4),
  ];
  await shop.pass(4 * 8);
  await Promise.all(all);
  assertEquals(shop.names, ["a", "d", "c", "b"]);
});

Deno.test("all that take little take little together: what has begun is finished first, and what takes hardly any goes on", async () => {
  const shop = new Shop();
  let held = 0;
  let most = 0;
  const isThere = new Map<string, boolean>();
  const half = 512 * 1024;
  const task = (key: string, steps: number): Task<string> => ({
    key,
    length: 0,
    *begin(): Steps<string> {
      let mine = 0;
      try {
        for (let i = 0; i < steps; i++) {
          shop.clock.advance(4);
          mine += half;
          held += half;
          most = Math.max(most, held);
          yield half;
        }
        return key;
      } finally {
        held -= mine;
      }
    },
  });
  const done: string[] = [];
  const ask = async (n: number): Promise<void> => {
    const key = `${n}`;
    isThere.set(key, true);
    // Every tenth takes more than little, once.
    const steps = n % 10 === 0 ? 5 : 2;
    const asker = { host: `192.0.2.${n}`, isWanted: () => isThere.get(key)! };
    done.push(await shop.turns.run(task(key, steps), asker));
  };
  const all = Array.from({ length: 80 }, (_, n) => ask(n));
  await shop.pass(4 * 79);
  assertEquals([done.length, held], [0, 80 * half], "what is new begins while there is room for it");
  const small = shop.ask("good", "small", 1, 4);
  await shop.pass(4 * 12);
  assertEquals(await Promise.race([small, "late"]), "small");
  for (let n = 80; n < 150; n++) all.push(ask(n));
  await shop.pass(4 * 24);
  assertGreater(done.length, 2, "then one is finished after the other");
  shop.published = () => 0;
  await shop.pass(4);
  await Promise.all(all);
  assertEquals([done.length, held], [150, 0]);
  // A step more than there is room for, what is being finished, and the large one.
  assertLess(most, (48 + 0.5 + 1.5 + 2.5) * 1024 ** 2 + 1);
});

Deno.test("it counts how long it takes to find out whose turn it is, and who is gone is asked once a slice", async () => {
  const { clock, turns } = new Shop();
  let asked = 0;
  let done = 0;
  const isWanted = (): boolean => {
    asked++;
    clock.advance(0.125);
    return true;
  };
  const task = (n: number): Task<void> => ({
    key: `${n}`,
    length: 0,
    // deno-lint-ignore require-yield
    *begin(): Steps<void> {
      done++;
      clock.advance(0.125);
    },
  });
  const all = Array.from({ length: 24 }, (_, n) => turns.run(task(n), { host: `${n}`, isWanted }));
  await settle();
  assertEquals([asked, done], [24, 8]);
  clock.advance(3.75);
  await settle();
  assertEquals([asked, done], [24, 8], "others have as much time as both took");
  clock.advance(0.25);
  await settle();
  assertEquals([asked, done], [40, 24]);
  await Promise.all(all);
});

Deno.test("what is done on somebody's account counts for him, whoever asked for it first", async () => {
  const shop = new Shop();
  const all = [
    shop.ask("evil", "long", 12, 4),
    shop.ask("fresh", "long", 12, 4),
    shop.ask("good", "mine", 4, 4),
  ];
  await shop.pass(4 * 9);
  assertEquals(shop.names.filter((name) => name === "mine").length, 4, `${shop.names}`);
  await shop.pass(4 * 10);
  await Promise.all(all);
});

Deno.test("nothing goes on for who is gone, and nobody waits behind it", async () => {
  const shop = new Shop();
  let isThere = true;
  const gone = Array.from({ length: 3 }, (_, n) =>
    assertRejects(
      () => shop.turns.run(shop.task(`${n}`, 1_000, 4), { host: "a", isWanted: () => isThere }),
      SttpError,
      "no longer wanted",
    ));
  await settle();
  isThere = false;
  const next = shop.ask("a", "next", 1, 1);
  await shop.pass(4);
  await Promise.all(gone);
  assertEquals([await next, shop.names], ["next", ["0", "next"]]);
});

Deno.test("what fails is told to all who asked, and holds up nobody", async () => {
  const { turns, ...shop } = new Shop();
  const failing: Task<string> = {
    key: "failing",
    length: 0,
    // deno-lint-ignore require-yield
    *begin(): Steps<string> {
      throw new SttpError("Refused", "no");
    },
  };
  const asker = { host: "a", isWanted: always };
  await Promise.all([1, 2].map(() => assertRejects(() => turns.run(failing, asker), SttpError, "no")));
  const broken = { ...failing, begin: () => JSON.parse("{") };
  await assertRejects(() => turns.run(broken, asker), SyntaxError);
  const fine: Task<number> = {
    key: "fine",
    length: 0,
    // deno-lint-ignore require-yield
    *begin(): Steps<number> {
      return 1;
    },
  };
  assertEquals(await turns.run(fine, asker), 1);
  assertEquals(shop.clock.pending, 0);
});
