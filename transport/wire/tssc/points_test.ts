import { assert, assertEquals } from "@std/assert";
import { Field, ORIGIN, PointTable } from "./points.ts";

Deno.test("PointTable: finds what was added, and nothing else", () => {
  const points = new PointTable();
  const handles = new Map<number, number>();
  // Dense, sparse, negative (an index over 2^31 as int32) and multiples of a large power of two.
  for (let i = 0; i < 3000; i++) {
    for (const index of [i, (i * 0x9e37_79b1) | 0, -1 - i, i << 20]) {
      if (points.find(index) === ORIGIN) {
        handles.set(index, points.add(index));
      }
      assertEquals(points.find(index), handles.get(index));
    }
  }
  assertEquals(points.size, handles.size);
  assertEquals(new Set(handles.values()).size, handles.size);
  for (const [index, handle] of handles) {
    assertEquals(points.find(index), handle);
    assertEquals(points.words[handle + Field.NextIndex], (index + 1) | 0);
  }
  assertEquals(points.find(123_456_789), ORIGIN);
});

Deno.test("PointTable: storage follows the number of points, not their indexes", () => {
  const points = new PointTable();
  const before = points.words.length;
  points.add(0x7fff_ffff);
  points.add(-0x8000_0000);
  assertEquals(points.words.length, before);
  for (let i = 0; i < 1000; i++) points.add(i << 16);
  assert(points.words.length <= 2 * 1003 * 16);
});

Deno.test("PointTable: resets one after the other cost as much as the points between them", () => {
  const points = new PointTable();
  for (let i = 0; i < 10_000; i++) points.add(i);
  const full = points.words.length;
  points.reset();
  assertEquals(points.words.length, full);
  points.add(5);
  points.reset();
  assert(points.words.length < full / 64);
  for (let i = 0; i < 10_000; i++) points.add(i);
  assertEquals([points.words.length, points.find(9_999) > ORIGIN, points.size], [full, true, 10_000]);
});

Deno.test("PointTable: a point starts over after reset, even where its place was used", () => {
  const points = new PointTable();
  const fresh = points.words.slice(points.add(7), points.add(8));
  const handle = points.find(7);
  for (let code = 0; code < 6; code++) points.count(handle, code);
  assert(points.isDue(handle));
  points.adapt(handle);
  points.words[handle + Field.Value1] = 1;
  points.reset();
  assertEquals(points.size, 0);
  assertEquals(points.find(7), ORIGIN);
  assertEquals(points.words.slice(points.add(7), points.add(8)), fresh);
});

Deno.test("PointTable: favourites follow the codes that are counted, after 6, 21, 101 and 101 more", () => {
  const points = new PointTable();
  const handle = points.add(0);
  assertEquals([20, 21, 22, 0].map((code) => points.wordLength(handle, code)), [1, 2, 3, 8]);
  for (const period of [6, 21, 101, 101]) {
    for (let n = 1; n <= period; n++) {
      assert(!points.isDue(handle));
      points.count(handle, n % 3 === 0 ? 31 : 5);
    }
    assert(points.isDue(handle));
    points.adapt(handle);
    // Two favourites cost least; a third would lengthen every other code's word and serve none.
    assertEquals([5, 31, 20].map((code) => points.wordLength(handle, code)), [1, 2, 7]);
  }
});

Deno.test("PointTable: codes all alike frequent have no favourite", () => {
  const points = new PointTable();
  const handle = points.add(0);
  for (let code = 0; code < 6; code++) points.count(handle, code);
  points.adapt(handle);
  for (let n = 0; n < 21; n++) points.count(handle, n);
  points.adapt(handle);
  for (let code = 0; code < 32; code++) assertEquals(points.wordLength(handle, code), 5);
});
