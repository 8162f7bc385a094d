import { assertEquals } from "@std/assert";
import { ManualClock } from "../transport/clock.ts";
import { ReadingTurns } from "./reading_turns.ts";

/** Readers, each of whose pieces takes 1 ms of a clock that nothing else moves, and an event loop that turns when told. */
class Scene implements Disposable {
  readonly clock = new ManualClock();
  recorded = 0;
  readonly turns = new ReadingTurns(this.clock, () => this.recorded);
  readonly #setTimeout = globalThis.setTimeout;
  #timers: (() => void)[] = [];
  #log: number[] = [];

  constructor() {
    const later = (callback: () => void): number => this.#timers.push(callback);
    Object.assign(globalThis, { setTimeout: later });
  }

  async read(reader: number, pieces: number, next?: Promise<void>): Promise<void> {
    using _reading = this.turns.enter();
    for (let i = 0; i < pieces; i++) {
      await this.turns.run(() => {
        this.clock.advance(1);
        this.#log.push(reader);
      });
      await next;
    }
  }

  /** What is read until nothing goes on without a turn of the event loop. */
  async settle(): Promise<number[]> {
    for (let i = 0; i < 200; i++) await undefined;
    return this.#log.splice(0);
  }

  /** What is read in the next turn. */
  turn(): Promise<number[]> {
    for (const callback of this.#timers.splice(0)) callback();
    return this.settle();
  }

  [Symbol.dispose](): void {
    globalThis.setTimeout = this.#setTimeout;
  }
}

Deno.test("all readers of a history together have 4 ms, then everybody else a turn; who waited longest goes on", async () => {
  using scene = new Scene();
  const readers = Array.from({ length: 6 }, (_, n) => scene.read(n, 2));
  assertEquals(await scene.settle(), [0, 1, 2, 3]);
  assertEquals(await scene.settle(), []);
  assertEquals(await scene.turn(), [4, 5, 0, 1]);
  assertEquals(await scene.turn(), [2, 3, 4, 5]);
  await Promise.all(readers);
});

Deno.test("while something is recorded, reading rests for as long as it took", async () => {
  using scene = new Scene();
  const reading = Promise.all([scene.read(0, 6), scene.read(1, 6)]);
  assertEquals((await scene.settle()).length, 4);
  scene.recorded++;
  assertEquals(await scene.turn(), []);
  scene.clock.advance(3);
  assertEquals(await scene.settle(), []);
  scene.clock.advance(1);
  assertEquals((await scene.settle()).length, 4);
  // Nothing was recorded since.
  assertEquals((await scene.turn()).length, 4);
  await reading;
  // Who comes later does not go on before the time, either.
  scene.recorded++;
  await scene.turn();
  const late = scene.read(2, 1);
  assertEquals(await scene.settle(), []);
  scene.clock.advance(4);
  assertEquals(await scene.settle(), [2]);
  await late;
  assertEquals([scene.clock.pending, await scene.turn()], [0, []]);
});

Deno.test("a reader that does something else holds nobody up", async () => {
  using scene = new Scene();
  const { promise, resolve } = Promise.withResolvers<void>();
  const slow = scene.read(0, 2, promise);
  const quick = scene.read(1, 5);
  assertEquals(await scene.settle(), [0, 1, 1, 1]);
  assertEquals(await scene.turn(), [1, 1]);
  await quick;
  resolve();
  assertEquals(await scene.settle(), [0]);
  await slow;
});

Deno.test("a reader that fails is told, and the next goes on", async () => {
  using scene = new Scene();
  using _reading = scene.turns.enter();
  const failing = scene.turns.run(() => {
    throw new Error("no");
  });
  const reading = scene.read(1, 2);
  assertEquals(await failing.catch(({ message }) => message), "no");
  assertEquals(await scene.settle(), [1, 1]);
  await reading;
});
