import { assertEquals } from "@std/assert";
import { LowestFirst } from "./lowest.ts";

Deno.test("the lowest comes first, whatever the order in which they came", () => {
  const heap = new LowestFirst();
  assertEquals(heap.lowest, Infinity);
  heap.removeLowest();
  // All orders of six numbers, two of them equal, with one removed on the way.
  const orders = (rest: number[]): number[][] =>
    rest.length === 0
      ? [[]]
      : rest.flatMap((number, i) => orders(rest.toSpliced(i, 1)).map((more) => [number, ...more]));
  for (const order of orders([-2, 0, 0, 2.5, 2 ** 40, 7])) {
    for (const number of order.slice(0, 3)) heap.add(number);
    const first = heap.lowest;
    heap.removeLowest();
    for (const number of order.slice(3)) heap.add(number);
    const rest: number[] = [];
    for (; heap.lowest < Infinity; heap.removeLowest()) rest.push(heap.lowest);
    assertEquals(first, Math.min(...order.slice(0, 3)));
    assertEquals(rest, order.toSpliced(order.indexOf(first), 1).sort((a, b) => a - b));
  }
  heap.add(1);
  heap.clear();
  assertEquals(heap.lowest, Infinity);
});
