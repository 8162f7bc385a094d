import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { SignalSet } from "./signal_set.ts";
import { allVisible, noneVisible, Visibility } from "./visibility.ts";

const some = (...bits: number[]): Visibility => new Visibility(Uint8Array.from(bits));

function shown(visibility: Visibility): number[] {
  return [0, 1, 2, 3, 4].filter((handle) => visibility.has(handle));
}

Deno.test("what is visible, and what is in two", () => {
  assertEquals(shown(some(1, 0, 1)), [0, 2]);
  assertEquals(shown(allVisible), [0, 1, 2, 3, 4]);
  assertEquals(shown(noneVisible), []);
  assertEquals(shown(some(1, 0, 1).and(some(1, 1, 0, 1))), [0]);
  assertEquals(shown(some(1, 0, 1).and(allVisible)), [0, 2]);
  assertEquals(shown(allVisible.and(some(1, 0, 1))), [0, 2]);
  assertEquals(shown(some(1, 0, 1).and(noneVisible)), []);
});

Deno.test("equal is what has the same signals, whoever made it", () => {
  assert(some(1, 0, 1).equals(some(1, 0, 1, 0, 0)));
  assertEquals(some(1, 0, 1).key, some(1, 0, 1, 0, 0).key);
  assert(noneVisible.equals(some(0, 0)));
  assert(!some(1, 0, 1).equals(some(1, 1, 0)));
  assert(!some(1, 1, 1).equals(allVisible), "of signals to come it knows nothing");
});

Deno.test("a list loses what is hidden, and the indexes of the rest stay", () => {
  const set = new SignalSet(Int32Array.of(4, 0, 2));
  const rest = set.visible(some(1, 0, 0, 0, 1));
  assertEquals([...rest.handles], [4, 0, -1]);
  assertEquals([rest.size, rest.count, set.count], [3, 2, 3]);
  assertEquals([4, 0, 2].map((handle) => rest.indexOf(handle)), [0, 1, -1]);
  const less = rest.visible(some(1));
  assertEquals([...less.handles], [-1, 0, -1]);
  assertEquals(less.visible(noneVisible).count, 0);
});

Deno.test("a list that loses nothing is itself; those who share one go on sharing it", () => {
  const set = new SignalSet(Int32Array.of(4, 0, 2));
  assertStrictEquals(set.visible(allVisible), set);
  assertStrictEquals(set.visible(some(1, 0, 1, 0, 1)), set);
  const visibility = some(1);
  assertStrictEquals(set.visible(visibility), set.visible(visibility));
});
