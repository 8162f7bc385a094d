import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { IndexTable } from "./index_table.ts";

Deno.test("a table of indexes holds what a Map does, up to as many as there may be", () => {
  const index = fc.oneof(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 0x7fff_ffff }));
  fc.assert(
    fc.property(
      fc.array(fc.tuple(index, fc.nat({ max: 0x7fff_fffe }))),
      fc.array(index),
      (entries, others) => {
        const map = new Map(entries);
        const table = new IndexTable(map.size);
        for (const [index, number] of entries) table.set(index, number);
        for (const index of [...map.keys(), ...others]) assertEquals(table.get(index), map.get(index) ?? -1);
      },
    ),
  );
});

Deno.test("indexes that follow each other, or are far apart, do not get into each other's way", () => {
  for (const stride of [1, 4, 4096, 65_536]) {
    const count = 30_000;
    const table = new IndexTable(count);
    for (let i = 0; i < count; i++) table.set(i * stride, i);
    for (let i = 0; i < count; i++) assertEquals(table.get(i * stride), i);
  }
});
